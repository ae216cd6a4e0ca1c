//! `portal admin operations`.

use serde_json::json;
use sqlx::PgPool;

use super::{DEAD, Site, TO_ARCHIVE, TO_DISCARD, ids};

#[sqlx::test(migrations = false)]
async fn previewed_started_and_watched_to_its_end(pool: PgPool) {
    let site = Site::start(&pool);
    let preview = site.table(&["operations", "preview", "archive", "--queue", "demo"]);
    assert!(preview.starts_with("selected           4\ntoo many           false\nready              4\n"), "{preview}");
    let (_, items) = preview.split_once("\n\n").unwrap();
    assert_eq!(ids(items).len(), 4, "{preview}");
    let page = site.run(&["operations", "preview", "archive", "--queue", "demo", "--limit", "3"]);
    let cursor = page.stderr.strip_prefix("there are more: --cursor ").unwrap().trim_end();
    let rest = site.table(&["operations", "preview", "archive", "--queue", "demo", "--cursor", cursor]);
    assert_eq!(ids(&rest), ["01JGFJJZ00E008000000000107"]);
    assert!(site.json(&["operations", "list"])["data"].as_array().unwrap().is_empty(), "a preview starts nothing");

    let done = site.run(&["operations", "start", "archive", "--queue", "demo", "--reason", "INC-1", "--watch"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.stdout.contains("\nstate                completed\n"), "{done:?}");
    assert!(done.stderr.contains(" begins\n") && done.stderr.contains("completed: 4/4\n"), "{done:?}");
    let archived = site.table(&["dead-letters", "list", "--state", "archived", "--queue", "demo"]);
    assert_eq!(ids(&archived).len(), 5, "{archived}");
    let id = site.json(&["operations", "list"])["data"][0]["id"].as_str().unwrap().to_owned();
    let results = site.table(&["operations", "items", &id, "--result", "done"]);
    assert!(results.contains(DEAD) && results.contains(TO_DISCARD), "{results}");
    let records = site.table(&["audit", "--target-kind", "operation", "--target-id", &id]);
    assert!(records.contains("INC-1"), "{records}");

    let arguments = ["operations", "start", "restore", DEAD, TO_ARCHIVE, "--reason", "INC-2", "--watch"];
    let restored = site.json(&arguments);
    assert_eq!((&restored["state"], &restored["progress"]["done"]), (&json!("completed"), &json!(2)));
    assert_eq!(site.json(&["dead-letters", "list"])["data"].as_array().unwrap().len(), 2);
}

#[sqlx::test(migrations = false)]
async fn ctrl_c_ends_the_watching_only(pool: PgPool) {
    let site = Site::start(&pool);
    // the queue is paused: the outcome of the first step is waited for
    let arguments =
        ["operations", "start", "retry", "--queue", "demo", "--steps", "1", "--reason", "slowly", "--watch"];
    let watching = site.begin(&arguments);
    watching.wait_for_log("running: 1/4  step 1\n");
    let ended = watching.stop("INT");
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(4), ""), "{ended:?}");
    let operation = site.json(&["operations", "list"])["data"][0].clone();
    let id = operation["id"].as_str().unwrap();
    assert_eq!(operation["state"], json!("running"));
    let hint = format!("to watch it again: portal admin operations watch {id}\n");
    assert!(ended.stderr.contains("goes on without being watched") && ended.stderr.contains(&hint), "{ended:?}");

    let verb = |verb: &str| site.table(&["operations", verb, id, "--reason", "lunch"]);
    assert!(verb("pause").contains("\nstate                paused\n"));
    let paused = site.run(&["operations", "watch", id]);
    assert_eq!(paused.code, Some(4), "{paused:?}");
    assert!(paused.stderr.contains("paused: by dev-admin, lunch\n"), "{paused:?}");
    assert!(paused.stderr.contains(&format!("portal admin operations resume {id} --watch")), "{paused:?}");
    assert!(verb("resume").contains("\nstate                running\n"));

    let watching = site.begin(&["operations", "watch", id, "--output", "json"]);
    watching.wait_for_log("running: 1/4");
    assert!(verb("cancel").contains("\nstate                cancelled\n"));
    let ended = watching.end();
    let last: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((ended.code, &last["state"]), (Some(4), &json!("cancelled")));
    let refused = site.refusal(&["operations", "cancel", id, "--reason", "twice"]);
    assert!(refused.starts_with("operation_ended: ") && refused.contains(" [409, request "), "{refused}");
}

#[sqlx::test(migrations = false)]
async fn what_the_api_refuses_is_said_with_its_place(pool: PgPool) {
    let site = Site::start(&pool);
    let refused = site.refusal(&["operations", "start", "discard", "--reason", "all of them"]);
    assert!(refused.starts_with("filter_empty: ") && refused.contains("; /filter: "), "{refused}");
    let both = site.refusal(&["operations", "start", "discard", DEAD, "--queue", "demo", "--reason", "x"]);
    assert!(both.contains("; /ids: give either ids,"), "{both}");
    let gradual = site.refusal(&["operations", "start", "discard", DEAD, "--stop-share", "2", "--reason", "x"]);
    assert!(gradual.contains("/gradual/stopWhen/share: "), "{gradual}");
    assert!(site.json(&["operations", "list"])["data"].as_array().unwrap().is_empty());
}
