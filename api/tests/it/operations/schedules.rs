//! Schedules on the wire.

use serde_json::{Value, json};
use sqlx::PgPool;

use super::{app, get, post, why};
use crate::app::ADMIN;

fn nightly() -> Value {
    json!({
        "name": "Clean up at night", "definition": "clean-up", "parameters": {"keepDays": 3}, "cron": "30 3 * * *",
        "timeZone": "Europe/Amsterdam", "missed": "once", "reason": "the disk is small"
    })
}

#[sqlx::test(migrations = false)]
async fn a_schedule_is_made_changed_run_and_deleted(pool: PgPool) {
    let app = app(pool).await;
    let made = post(&app, "schedules", nightly()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let id = made.json["id"].as_str().unwrap();
    let path = format!("/v1/admin/schedules/{id}");
    assert_eq!((made.header("location"), made.header("etag")), (path.as_str(), "\"1\""));
    assert_eq!((made.json["nextFires"].as_array().unwrap().len(), &made.json["lastFires"]), (5, &json!([])));
    let shown = [&made.json["missedLimit"], &made.json["enabled"], &made.json["tenantId"], &made.json["createdBy"]];
    assert_eq!(shown[..3], [&json!(100), &json!(true), &Value::Null]);
    let read = get(&app, &format!("schedules/{id}")).await;
    assert_eq!((&read.json, read.header("etag")), (&made.json, "\"1\""));
    assert_eq!(get(&app, "schedules").await.json["data"], json!([made.json]));
    assert_eq!(post(&app, "schedules", nightly()).await.outcome(), (409, "schedule_name_taken"));

    let patch = json!({"enabled": false, "reason": "not tonight"});
    let send = async |tag: &str| app.patch(&path, &patch).role(ADMIN).header("if-match", tag).send().await;
    assert_eq!(send("\"2\"").await.outcome(), (412, "version_conflict"));
    let changed = send("\"1\"").await;
    assert_eq!((changed.status.as_u16(), changed.header("etag")), (200, "\"2\""), "{}", changed.text);
    assert_eq!([&changed.json["nextFires"], &changed.json["reason"]], [&json!([]), &json!("not tonight")]);

    let job = post(&app, &format!("schedules/{id}/run"), why()).await;
    assert_eq!(job.status, 201, "{}", job.text);
    let location = job.header("location").to_owned();
    assert_eq!(app.get(&location).role(ADMIN).send().await.json, job.json);
    let fired = &get(&app, &format!("schedules/{id}")).await.json["lastFires"][0];
    assert_eq!(
        [&fired["jobId"], &fired["cause"], &fired["reason"]],
        [&job.json["id"], &json!("hand"), &json!("because")]
    );

    let delete = async |query: &str| app.call("delete", &format!("{path}{query}")).role(ADMIN).send().await;
    assert_eq!(delete("").await.errors(), ["reason field_missing"]);
    assert_eq!(delete("?reason=%20").await.errors(), ["reason required"]);
    let stale = app.call("delete", &format!("{path}?reason=x")).role(ADMIN).header("if-match", "\"1\"").send().await;
    assert_eq!(stale.outcome(), (412, "version_conflict"));
    let gone = delete("?reason=not%20needed").await;
    assert_eq!((gone.status.as_u16(), gone.text.as_str()), (204, ""));
    assert_eq!(delete("?reason=x").await.outcome(), (404, "schedule_not_found"));
    assert_eq!(app.get(&path).role(ADMIN).send().await.outcome(), (404, "schedule_not_found"));
    assert_eq!(app.get(&location).role(ADMIN).send().await.status, 200, "its jobs stay");
}

#[sqlx::test(migrations = false)]
async fn whatever_is_wrong_with_a_schedule_is_pointed_at(pool: PgPool) {
    let app = app(pool).await;
    let wrong = json!({
        "name": "", "definition": "clean-up", "parameters": {"keepDays": 0}, "cron": "0 0 7 * * *", "timeZone": "CEST+1",
        "missed": "never", "missedLimit": 0, "reason": ""
    });
    let refused = post(&app, "schedules", wrong).await;
    assert_eq!(
        refused.errors(),
        [
            "/cron cron_invalid",
            "/missed missed_invalid",
            "/missedLimit missed_limit_invalid",
            "/name required",
            "/parameters/keepDays parameter_invalid",
            "/reason required",
            "/timeZone time_zone_unknown"
        ]
    );
    let by_hand_only = json!({
        "name": "x", "definition": "rebuild-documents", "tenantId": "demo", "cron": "@daily", "reason": "x"
    });
    assert_eq!(post(&app, "schedules", by_hand_only).await.errors(), ["/definition job_definition_unknown"]);
    let mut never = nightly();
    never["cron"] = json!("0 0 30 2 *");
    assert_eq!(post(&app, "schedules", never).await.errors(), ["/cron cron_never_due"]);
    let made = post(&app, "schedules", nightly()).await;
    let path = format!("/v1/admin/schedules/{}", made.json["id"].as_str().unwrap());
    for (patch, error) in [
        (json!({"cron": "61 * * * *", "reason": "x"}), "/cron cron_invalid"),
        (json!({"parameters": {"days": 1}, "reason": "x"}), "/parameters/days parameter_invalid"),
        (json!({"definition": "clean-up", "reason": "x"}), "/definition unknown_field"),
        (json!({"enabled": false}), "/reason field_missing"),
    ] {
        assert_eq!(app.patch(&path, &patch).role(ADMIN).send().await.errors(), [error]);
    }
    assert_eq!(get(&app, "schedules").await.json["data"], json!([made.json]));
    assert_eq!(app.count("apalis.jobs where job_type = 'maintenance'").await, 0);
}
