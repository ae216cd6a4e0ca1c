//! Job definitions, and jobs started by hand, on the wire.

use serde_json::json;
use sqlx::PgPool;

use super::{app, get, post};
use crate::app::ADMIN;

#[sqlx::test(migrations = false)]
async fn definitions_say_what_they_take(pool: PgPool) {
    let app = app(pool).await;
    let all = get(&app, "job-definitions").await;
    assert_eq!(all.json["data"].as_array().unwrap().len(), domain::schedules::DEFINITIONS.len());
    for definition in all.json["data"].as_array().unwrap() {
        let name = definition["name"].as_str().unwrap();
        assert_eq!(&get(&app, &format!("job-definitions/{name}")).await.json, definition);
        assert_eq!(definition["parameters"]["type"], "object", "{definition}");
    }
    let clean_up = get(&app, "job-definitions/clean-up").await;
    assert_eq!(clean_up.json["startedBy"], json!(["hand", "schedule"]));
    assert_eq!(clean_up.json["parameters"]["properties"]["keepDays"]["maximum"], 3650);
    let missing = get(&app, "job-definitions/cleanup").await;
    assert_eq!(missing.outcome(), (404, "job_definition_not_found"));
}

#[sqlx::test(migrations = false)]
async fn a_job_is_started_once_per_key_and_found_where_it_says(pool: PgPool) {
    let app = app(pool).await;
    let order = json!({
        "definition": "rebuild-documents", "parameters": {"entity": "customers"}, "tenantId": "demo",
        "runAt": "2100-01-01T00:00:00Z", "reason": "documents are missing"
    });
    let send = async || app.post("/v1/admin/jobs", &order).role(ADMIN).header("idempotency-key", "once").send().await;
    let (started, again) = (send().await, send().await);
    assert_eq!(started.status, 201, "{}", started.text);
    assert_eq!((again.status, &again.text), (started.status, &started.text));
    assert_eq!(again.header("idempotency-replayed"), "true");
    let id = started.json["id"].as_str().unwrap();
    assert_eq!(started.header("location"), format!("/v1/admin/jobs/{id}"));
    assert!(!started.headers.contains_key("etag"), "jobs have no versions");
    assert_eq!((&started.json["state"], &started.json["tenant"]), (&json!("scheduled"), &json!("demo")));
    assert_eq!(started.json["payload"], json!({"entity": "customers"}));
    assert_eq!(get(&app, &format!("jobs/{id}")).await.json, started.json);
    assert_eq!(app.count("apalis.jobs where kind = 'rebuild-documents.v1'").await, 1);
    assert_eq!(app.count("schedules.fires where reason = 'documents are missing'").await, 1);
}

#[sqlx::test(migrations = false)]
async fn whatever_is_wrong_starts_nothing_and_is_pointed_at(pool: PgPool) {
    let app = app(pool).await;
    let wrong = json!({
        "definition": "clean-up", "parameters": {"keepDays": 0}, "tenantId": "demo", "runAt": "tomorrow", "reason": " "
    });
    let refused = post(&app, "jobs", wrong).await;
    assert_eq!(
        refused.errors(),
        [
            "/parameters/keepDays parameter_invalid",
            "/reason required",
            "/runAt wrong_type",
            "/tenantId tenant_not_used"
        ]
    );
    let unknown = post(&app, "jobs", json!({"definition": "publish-event.v1", "reason": "x"})).await;
    assert_eq!(unknown.errors(), ["/definition job_definition_unknown"]);
    let array = post(&app, "jobs", json!({"definition": "clean-up", "parameters": [3], "reason": "x"})).await;
    assert_eq!(array.errors()[0], "/parameters wrong_type");
    let unexplained = post(&app, "jobs", json!({"definition": "clean-up", "parameters": {"keepDays": 3}})).await;
    assert_eq!(unexplained.errors(), ["/reason field_missing"]);
    assert_eq!(app.count("schedules.fires").await, 0);
    assert_eq!(app.count("apalis.jobs where job_type = 'maintenance'").await, 0);
}
