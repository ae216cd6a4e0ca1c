//! What operators do with dead letters beside retrying them, and what is written down of it.

use serde_json::{Value, json};
use sqlx::PgPool;

use super::{DEAD, DEAD_TOO, app, get, ids, post, why};
use crate::app::{ADMIN, Answer, STAFF};

#[sqlx::test(migrations = false)]
async fn what_operators_did_is_listed(pool: PgPool) {
    let app = app(pool).await;
    let retry = app.post(&format!("/v1/admin/dead-letters/{DEAD}/retry"), &why()).role(ADMIN);
    let retried = retry.header("x-correlation-id", "night-1").send().await;
    assert_eq!(retried.status, 200, "{}", retried.text);
    post(&app, "queues/demo/pause", why()).await; // refused: it is paused
    let list = get(&app, "audit?correlationId=night-1").await;
    let [record] = list.json["data"].as_array().unwrap().as_slice() else { panic!("{}", list.text) };
    assert_eq!((&record["action"], &record["reason"]), (&json!("retry_dead_letter"), &json!("because")));
    assert_eq!(record["target"], json!({"kind": "dead_letter", "ids": [DEAD]}));
    assert_eq!(record["roles"], json!([ADMIN]));
    assert_eq!(record["requestId"].as_str().unwrap(), retried.header("x-request-id"));
    assert_eq!((&record["before"]["state"], &record["after"]["state"]), (&json!("dead"), &json!("retrying")));
    let actions = |list: &Answer| -> Vec<String> {
        let records = list.json["data"].as_array().unwrap().iter();
        records.map(|record| record["action"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(actions(&get(&app, "audit").await), ["retry_dead_letter", "add_demo_jobs"]);
    assert_eq!(actions(&get(&app, &format!("audit?targetId={DEAD}")).await), ["retry_dead_letter"]);
    assert_eq!(actions(&get(&app, "audit?actor=seed").await), ["add_demo_jobs"]);
    let wrong = get(&app, "audit?action=&from=yesterday&limit=0&target=x").await;
    assert_eq!(wrong.errors(), ["target unknown_parameter"]);
    let wrong = get(&app, "audit?action=&from=yesterday&limit=0&correlationId=a%20b").await;
    assert_eq!(
        wrong.errors(),
        ["action required", "correlationId malformed", "from wrong_type", "limit limit_invalid"]
    );
    let staff = app.get("/v1/admin/audit").role(STAFF).send().await;
    assert_eq!(staff.outcome(), (403, "role_missing"));
}

#[sqlx::test(migrations = false)]
async fn a_dead_letter_is_archived_and_restored(pool: PgPool) {
    let app = app(pool).await;
    let path = |what: &str| format!("dead-letters/{DEAD}/{what}");
    assert_eq!(post(&app, &path("restore"), why()).await.outcome(), (409, "dead_letter_not_put_away"));
    let archived = post(&app, &path("archive"), why()).await.json;
    assert_eq!(archived["state"], "archived");
    let dead = &archived["deadLetter"];
    assert_eq!((&dead["archiveReason"], &dead["discardedAt"]), (&json!("because"), &Value::Null));
    assert_eq!(archived["history"][6]["outcome"], "archived");
    assert_eq!(ids(&get(&app, "dead-letters").await), [DEAD_TOO]);
    assert_eq!(ids(&get(&app, "dead-letters?state=archived").await), [DEAD]);
    assert_eq!(ids(&get(&app, "jobs?state=archived").await), [DEAD]);
    assert_eq!(get(&app, "queues").await.json["data"][0]["counts"]["archived"], 1);
    for what in ["archive", "retry", "discard"] {
        assert_eq!(post(&app, &path(what), why()).await.outcome(), (409, "dead_letter_not_dead"), "{what}");
    }
    let restored = post(&app, &path("restore"), why()).await.json;
    assert_eq!((&restored["state"], &restored["deadLetter"]["archivedAt"]), (&json!("dead"), &Value::Null));
    assert_eq!(post(&app, &path("retry"), json!({})).await.errors(), ["/reason field_missing"]);
    assert_eq!(post(&app, &path("retry"), why()).await.json["state"], "retrying");
    assert_eq!(post(&app, "dead-letters/x/archive", why()).await.outcome(), (404, "dead_letter_not_found"));
}

#[sqlx::test(migrations = false)]
async fn a_dead_letter_is_edited_by_who_has_seen_it(pool: PgPool) {
    let app = app(pool).await;
    let path = format!("/v1/admin/dead-letters/{DEAD}");
    let edit = |tag: Option<&str>, patch: Value| {
        let body = json!({"patch": patch, "reason": "because"});
        let call = app.post(&format!("{path}/edit-and-retry"), &body).role(ADMIN);
        match tag {
            Some(tag) => call.header("if-match", tag).send(),
            None => call.send(),
        }
    };
    let seen = app.get(&path).role(ADMIN).send().await;
    let tag = seen.header("etag").to_owned();
    let again = app.get(&path).role(ADMIN).header("if-none-match", &tag).send().await;
    assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""));
    let right = json!({"hello": "world"});
    assert_eq!(edit(None, right.clone()).await.outcome(), (428, "precondition_required"));
    assert_eq!(edit(Some("\"1\""), right.clone()).await.outcome(), (412, "version_conflict"));
    assert_eq!(edit(Some(&tag), json!({"hello": 5})).await.errors(), ["/patch/hello payload_invalid"]);
    assert_eq!(edit(Some(&tag), json!({"more": 5})).await.errors(), ["/patch/more field_fixed"]);
    assert_eq!(edit(Some(&tag), json!({})).await.outcome(), (422, "patch_changes_nothing"));
    assert_eq!(edit(Some(&tag), json!([1])).await.errors(), ["/patch wrong_type"]);

    let edited = edit(Some(&tag), right.clone()).await;
    assert_eq!((edited.status.as_u16(), &edited.json["state"]), (200, &json!("retrying")), "{}", edited.text);
    assert_eq!(edited.json["payload"], right);
    assert_ne!(edited.header("etag"), tag);
    let kept = &edited.json["edits"][0];
    assert_eq!((&kept["before"], &kept["patch"], &kept["after"]), (&json!({"hello": "operator"}), &right, &right));
    assert_eq!((&kept["reason"], &kept["correction"]), (&json!("because"), &Value::Null));
    assert_eq!(get(&app, &format!("jobs/{DEAD}")).await.json["edits"][0], *kept);
    assert_eq!(edit(Some(&tag), right.clone()).await.outcome(), (412, "version_conflict"));
    assert_eq!(edit(Some("*"), right).await.outcome(), (409, "dead_letter_not_dead"));

    sqlx::query("update jobs.dead_letters set payload = '\\xff00'").execute(&app.owner).await.unwrap();
    let raw = format!("/v1/admin/dead-letters/{DEAD_TOO}/edit-and-retry");
    let body = json!({"patch": {"hello": "world"}, "reason": "because"});
    let refused = app.post(&raw, &body).role(ADMIN).header("if-match", "*").send().await;
    assert_eq!(refused.outcome(), (409, "payload_not_json"));
}
