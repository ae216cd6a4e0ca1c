//! Everything else there is to list, show and change.

use api::examples;
use serde_json::json;
use sqlx::PgPool;

use super::{DEAD, Site, TO_ARCHIVE, TO_DISCARD, TO_EDIT, ids};
use crate::http;

#[sqlx::test(migrations = false)]
async fn dead_letters_are_listed_shown_and_put_away(pool: PgPool) {
    let site = Site::start(&pool);
    let none = site.run(&["dead-letters", "list", "--queue", "nothing"]);
    assert_eq!((none.code, none.stdout.as_str(), none.stderr.as_str()), (Some(0), "", "there is none\n"));
    assert_eq!(site.json(&["dead-letters", "list", "--queue", "nothing"]), json!({"data": [], "next": null}));

    let list = site.table(&["dead-letters", "list", "--error", "REFUSED", "--dead-reason", "exhausted"]);
    assert_eq!(ids(&list), [TO_EDIT, TO_ARCHIVE, TO_DISCARD, DEAD], "{list}");
    assert!(list.starts_with("ID "), "{list}");
    let json = site.run(&["dead-letters", "list", "--output", "json"]);
    assert_eq!(json.stdout, site.get("/v1/admin/dead-letters").text + "\n");
    let page = site.run(&["dead-letters", "list", "--limit", "3"]);
    let cursor = page.stderr.strip_prefix("there are more: --cursor ").unwrap().trim_end();
    assert_eq!(ids(&site.table(&["dead-letters", "list", "--limit", "3", "--cursor", cursor])), [DEAD]);

    let groups = site.table(&["dead-letters", "groups", "--sort", "last_seen"]);
    assert!(groups.contains(" 4 ") && groups.contains("connection refused (os error #)"), "{groups}");
    let shown = site.table(&["dead-letters", "show", DEAD]);
    assert!(shown.contains("\nHISTORY\nATTEMPT  OUTCOME") && shown.contains("\n6        dead "), "{shown}");
    assert!(shown.ends_with("PAYLOAD\n{\n  \"hello\": \"operator\"\n}\n"), "{shown}");

    let put = |verb: &str, id: &str| site.table(&["dead-letters", verb, id, "--reason", "INC-3"]);
    assert!(put("discard", TO_DISCARD).contains("\nstate     discarded\n"));
    assert!(put("restore", TO_DISCARD).contains("\nstate     dead\n"));
    assert!(put("archive", TO_ARCHIVE).contains("\nstate     archived\n"));
    assert!(put("retry", DEAD).contains("\nredrives  1\n"));
    let again = site.refusal(&["dead-letters", "retry", DEAD, "--reason", "INC-3"]);
    assert!(again.starts_with("dead_letter_not_dead: "), "{again}");
}

#[sqlx::test(migrations = false)]
async fn a_payload_is_seen_before_it_is_edited(pool: PgPool) {
    let site = Site::start(&pool);
    let edit = |more: &[&str]| site.run(&[&["dead-letters", "edit", TO_EDIT, "--patch"], more].concat());
    let patch = r#"{"hello": "world"}"#;
    let planned = edit(&[patch, "--dry-run"]);
    let change = "/hello: \"operator\" → \"world\"\n";
    let etag = planned.stdout.strip_prefix(&format!("{change}its ETag, for --if-match: ")).unwrap().trim_end();
    assert_eq!(site.json(&["dead-letters", "show", TO_EDIT])["state"], json!("dead"), "a dry run changes nothing");

    let stale = edit(&[patch, "--reason", "INC-4", "--if-match", "999"]);
    let version = etag.trim_matches('"');
    let expected = format!("version_conflict: it has changed since: its version is {version}; load it again");
    assert!(stale.complaint().starts_with(&expected), "{stale:?}");
    let wrong = edit(&[r#"{"hello": 5}"#, "--reason", "INC-4"]);
    assert!(wrong.stderr.contains("/patch/hello: ") && wrong.stderr.contains("(payload_invalid)"), "{wrong:?}");
    assert_eq!(wrong.code, Some(1));

    let file = std::env::temp_dir().join(format!("portal-patch-{}.json", std::process::id()));
    std::fs::write(&file, patch).unwrap();
    let edited = edit(&[&format!("@{}", file.display()), "--reason", "INC-4"]);
    std::fs::remove_file(&file).unwrap();
    assert_eq!((edited.code, edited.stderr.as_str()), (Some(0), change), "{edited:?}");
    let job = site.json(&["jobs", "show", TO_EDIT]);
    assert_eq!((&job["payload"], &job["edits"][0]["reason"]), (&json!({"hello": "world"}), &json!("INC-4")));
    let shown = site.table(&["jobs", "show", TO_EDIT]);
    assert!(shown.contains("\nEDITS\n") && shown.contains(r#"{"hello":"world"}"#), "{shown}");
}

#[sqlx::test(migrations = false)]
async fn jobs_and_queues(pool: PgPool) {
    let site = Site::start(&pool);
    let (job, to_cancel) = ("01JGFJJZ00E008000000000101", "01JGFJJZ00E008000000000102");
    let jobs = site.table(&["jobs", "list", "--queue", "demo", "--state", "scheduled"]);
    assert_eq!(ids(&jobs), [to_cancel, job], "{jobs}");
    assert!(site.table(&["jobs", "run-now", job, "--reason", "now"]).contains("\nstate     pending\n"));
    assert!(site.table(&["jobs", "cancel", to_cancel, "--reason", "no"]).contains("\nstate     cancelled\n"));
    assert!(site.table(&["jobs", "show", to_cancel]).contains("\nHISTORY\n"));

    assert!(ids(&site.table(&["jobs", "definitions"])).contains(&"clean-up"));
    let run_at = ["--run-at", "2099-01-01T00:00:00Z"];
    let start = ["jobs", "start", "clean-up", "--parameters", r#"{"keepDays": 3}"#, "--reason", "The disk is full"];
    let started = site.json(&[&start[..], &run_at].concat());
    assert_eq!((&started["kind"], &started["state"]), (&json!("clean-up.v1"), &json!("scheduled")), "{started}");
    assert_eq!(started["payload"]["keepDays"], json!(3));
    let wrong = site.refusal(&["jobs", "start", "clean-up", "--parameters", r#"{"keepDays": 0}"#, "--reason", "x"]);
    assert!(wrong.contains("/parameters/keepDays: ") && wrong.contains("(parameter_invalid)"), "{wrong}");

    let queues = site.table(&["queues", "list"]);
    let demo = queues.lines().find(|line| line.starts_with("demo ")).unwrap();
    assert!(ids(&queues).contains(&"outbox") && queues.starts_with("NAME "), "{queues}");
    assert_eq!(demo.split_whitespace().nth(7), Some("4"), "{queues}");
    assert!(site.table(&["queues", "pause", "stock", "--reason", "an upgrade"]).contains("an upgrade\n"));
    assert!(site.refusal(&["queues", "pause", "stock", "--reason", "x"]).starts_with("queue_already_paused: "));
    assert_eq!(site.table(&["queues", "resume", "stock"]), "queue  stock\n");
}

#[sqlx::test(migrations = false)]
async fn schedules_and_stories(pool: PgPool) {
    let site = Site::start(&pool);
    let schedule = json!({"name": "Nightly", "definition": "clean-up", "parameters": {"keepDays": 3},
        "cron": "30 3 * * *", "timeZone": "Europe/Amsterdam", "reason": "The disk is small"});
    let created = http::post(&site.addr, "/v1/admin/schedules", &site.token, &schedule);
    assert_eq!(created.status, 201, "{created:?}");
    let id = created.body["id"].as_str().unwrap();
    assert!(site.table(&["schedules", "list"]).contains("30 3 * * *"));
    let verb = |verb: &str| site.table(&["schedules", verb, id, "--reason", "INC-5"]);
    assert!(verb("disable").contains("\nenabled  false\n"));
    assert!(verb("enable").contains("\nenabled  true\n"));
    assert!(verb("run").contains("\nkind      clean-up.v1\n"));
    let shown = site.table(&["schedules", "show", id]);
    assert!(shown.contains("\nLAST FIRES\n") && shown.contains("\"keepDays\": 3"), "{shown}");
    let records = site.json(&["audit", "--target-id", id, "--limit", "2"]);
    assert_eq!(records["data"][0]["reason"], json!("INC-5"), "{records}");

    let story = site.table(&["timeline", "--order", &examples::ORDER.to_string()]);
    assert!(story.contains("com.offgrid.portal.orders.order-created"), "{story}");
    let nobody = site.refusal(&["timeline", "--correlation-id", "nobody"]);
    assert!(nobody.starts_with("timeline_not_found: "), "{nobody}");
}
