//! `/v1/admin` on the wire. What the commands do is tested in `domain`.

mod groups;
mod handled;
mod schedules;
mod starting;
mod stories;

use api::examples::{
    ARCHIVED_DEAD_LETTER, DEAD_LETTER, DEAD_LETTER_TO_ARCHIVE, DEAD_LETTER_TO_DISCARD, DEAD_LETTER_TO_EDIT, JOB,
    JOB_TO_CANCEL,
};
use domain::kernel::policy::QueuePolicies;
use domain::operations::AddDemoJobs;
use domain::{Ctx, Db, Scope};
use serde_json::{Value, json};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use crate::app::{ADMIN, Answer, App, STAFF};
use crate::description::operations;

const SCHEDULED: &str = "01JGFJJZ00E008000000000101";
const DEAD: &str = "01JGFJJZ00E008000000000103";
const DEAD_TOO: &str = "01JGFJJZ00E008000000000104";

/// The API with four of the demo's jobs, and one event of `demo` waiting in the outbox.
async fn app(owner: PgPool) -> App {
    let dead = vec![DEAD_LETTER, DEAD_LETTER_TO_DISCARD];
    app_with(owner, AddDemoJobs { scheduled: vec![JOB, JOB_TO_CANCEL], dead, archived: Vec::new() }).await
}

async fn app_with(owner: PgPool, demo: AddDemoJobs) -> App {
    let app = App::new(owner).await;
    let options = (*app.owner.connect_options()).clone().username("portal_api").password("portal-test");
    let pool = PgPoolOptions::new().max_connections(2).connect_with(options).await.unwrap();
    let ctx = Ctx {
        scope: Scope::Installation,
        actor: "seed".parse().unwrap(),
        roles: Vec::new(),
        correlation_id: "seed".parse().unwrap(),
        causation_id: "seed".into(),
        traceparent: None,
    };
    let db = Db::new(pool, QueuePolicies::default());
    assert!(domain::run(&db, &ctx, demo.clone()).await.unwrap());
    assert!(!domain::run(&db, &ctx, demo).await.unwrap(), "twice is once");
    app.customer("grace@example.com").await;
    // a group that a worker has served
    sqlx::query("insert into jobs.queues (name) values ('stock')").execute(&app.owner).await.unwrap();
    app
}

async fn get(app: &App, path: &str) -> Answer {
    app.get(&format!("/v1/admin/{path}")).role(ADMIN).send().await
}

async fn post(app: &App, path: &str, body: Value) -> Answer {
    app.post(&format!("/v1/admin/{path}"), &body).role(ADMIN).send().await
}

fn ids(list: &Answer) -> Vec<&str> {
    assert_eq!(list.status, 200, "{}", list.text);
    list.json["data"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap()).collect()
}

fn why() -> Value {
    json!({"reason": "because"})
}

#[sqlx::test(migrations = false)]
async fn every_admin_example_works_as_it_stands(pool: PgPool) {
    let dead = vec![DEAD_LETTER, DEAD_LETTER_TO_DISCARD, DEAD_LETTER_TO_ARCHIVE, DEAD_LETTER_TO_EDIT];
    let archived = vec![ARCHIVED_DEAD_LETTER];
    let app = app_with(pool, AddDemoJobs { scheduled: vec![JOB, JOB_TO_CANCEL], dead, archived }).await;
    // a timeline has no example in its path: it needs one of its parameters; and there is no replay, operation or schedule yet
    let none = ["/v1/admin/timeline", "/replays/{id}", "/operations/{id}", "/schedules/{id}"];
    let admin = operations()
        .into_iter()
        .filter(|o| o.path.starts_with("/v1/admin") && !none.iter().any(|path| o.path.contains(path)));
    let admin: Vec<_> = admin.collect();
    assert_eq!(admin.len(), 27);
    for operation in admin {
        let mut call = app.call(&operation.method, &operation.example_path).role(ADMIN);
        if let Some(body) = &operation.example_body {
            call = call.json(body);
        }
        if operation.raw["responses"]["428"].is_object() {
            call = call.header("if-match", "*");
        }
        let answer = call.send().await;
        let expected = if operation.raw["responses"].get("201").is_some() { 201 } else { 200 };
        assert_eq!(answer.status, expected, "{} {}: {}", operation.method, operation.path, answer.text);
    }
}

#[sqlx::test(migrations = false)]
async fn lists_are_filtered_and_paged(pool: PgPool) {
    let app = app(pool).await;
    let all = get(&app, "jobs").await;
    assert_eq!(ids(&all).len(), 5);
    assert_eq!(all.json["next"], Value::Null);
    let first = get(&app, "jobs?limit=3").await;
    let rest = get(&app, &format!("jobs?limit=3&cursor={}", first.json["next"].as_str().unwrap())).await;
    assert_eq!([ids(&first), ids(&rest)].concat(), ids(&all));

    for (query, count) in [
        ("queue=demo", 4),
        ("queue=outbox", 1),
        ("state=scheduled", 2),
        ("state=dead&queue=demo", 2),
        ("state=running", 0),
        ("kind=publish-event.v1", 1),
        ("tenant=demo", 1),
        ("tenant=globex", 0),
        ("correlationId=seed", 4),
        ("error=CONNECTION%20refused", 2),
        ("error=connection_refused", 0),
        ("reason=exhausted", 2),
        ("createdFrom=2020-01-01T00:00:00Z&createdTo=2020-01-02T00:00:00%2B02:00", 0),
        ("createdFrom=-262143-01-01T00:00:00Z", 422),
    ] {
        let list = get(&app, &format!("jobs?{query}")).await;
        if count == 422 {
            assert_eq!(list.status, 422, "{query}");
        } else {
            assert_eq!(ids(&list).len(), count, "{query}");
        }
    }
    let dead = get(&app, "dead-letters").await;
    assert_eq!(ids(&dead), [DEAD_TOO, DEAD]);
    let fingerprint = dead.json["data"][0]["fingerprint"].as_str().unwrap();
    assert_eq!(ids(&get(&app, &format!("dead-letters?fingerprint={fingerprint}")).await), [DEAD_TOO, DEAD]);
    assert_eq!(ids(&get(&app, "dead-letters?fingerprint=0123456789abcdef").await).len(), 0);
    assert_eq!(ids(&get(&app, "dead-letters?state=discarded").await).len(), 0);
    assert_eq!(ids(&get(&app, "dead-letters?queue=outbox").await).len(), 0);
}

#[sqlx::test(migrations = false)]
async fn wrong_parameters_are_all_named(pool: PgPool) {
    let app = app(pool).await;
    let answer = get(
        &app,
        "jobs?state=lost&tenant=A&correlationId=a%20b&reason=x&createdFrom=yesterday&createdTo=1&limit=0&error=&queue=%00\
         &fingerprint=7",
    )
    .await;
    assert_eq!(answer.outcome(), (422, "validation_failed"));
    let expected = [
        "correlationId malformed",
        "createdFrom wrong_type",
        "createdTo wrong_type",
        "error required",
        "fingerprint malformed",
        "limit limit_invalid",
        "queue control_character",
        "reason unknown_reason",
        "state unknown_state",
        "tenant malformed",
    ];
    assert_eq!(answer.errors(), expected);
    assert_eq!(get(&app, "jobs?status=dead").await.errors(), ["status unknown_parameter"]);
    assert_eq!(get(&app, "jobs?cursor=x").await.outcome(), (422, "cursor_invalid"));
    assert_eq!(get(&app, "dead-letters?state=pending").await.outcome(), (422, "state_invalid"));
}

#[sqlx::test(migrations = false)]
async fn a_job_is_shown_with_everything(pool: PgPool) {
    let app = app(pool).await;
    let dead = get(&app, &format!("dead-letters/{DEAD}")).await.json;
    assert_eq!(dead, get(&app, &format!("jobs/{DEAD}")).await.json);
    assert_eq!((&dead["state"], &dead["reason"], &dead["attempts"]), (&json!("dead"), &json!("exhausted"), &json!(6)));
    assert_eq!(dead["payload"], json!({"hello": "operator"}));
    assert_eq!((&dead["payloadRaw"], &dead["payloadSource"]), (&Value::Null, &json!("job")));
    assert_eq!(dead["deadLetter"]["discardedAt"], Value::Null);
    let outcomes: Vec<_> = dead["history"].as_array().unwrap().iter().map(|a| a["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["failed", "failed", "failed", "failed", "failed", "dead"]);
    assert_eq!(dead["history"][0]["error"], "connection refused (os error 111)");

    let outbox = get(&app, "jobs?queue=outbox").await.json["data"][0].clone();
    assert_eq!((&outbox["state"], &outbox["tenant"]), (&json!("pending"), &json!("demo")));
    let job = get(&app, &format!("jobs/{}", outbox["id"].as_str().unwrap())).await.json;
    for (name, value) in outbox.as_object().unwrap() {
        assert_eq!(&job[name], value, "{name}");
    }
    assert_eq!(job["payload"]["event"]["type"], "com.offgrid.portal.customers.customer-created");
    assert_eq!(job["payload"]["event"]["data"]["customer"]["email"], "grace@example.com");
    let missing: Vec<_> = operations()
        .iter()
        .filter(|o| o.raw["operationId"] == "get_job")
        .flat_map(|_| ["metadata", "maxAttempts", "crashes", "traceparent", "causationId", "blockedBy", "nextRunAt"])
        .filter(|name| job.get(name).is_none())
        .collect();
    assert_eq!(missing, [""; 0]);

    sqlx::query("update jobs.dead_letters set payload = '\\xff00'").execute(&app.owner).await.unwrap();
    let raw = get(&app, &format!("dead-letters/{DEAD}")).await.json;
    assert_eq!((&raw["payload"], &raw["payloadRaw"]), (&Value::Null, &json!("/wA=")));
    for unknown in ["01ARZ3NDEKTSV4RRFFQ69G5FAV", "x", "%00", "%F0%9F%A6%80"] {
        assert_eq!(get(&app, &format!("jobs/{unknown}")).await.outcome(), (404, "job_not_found"), "{unknown}");
        let dead = get(&app, &format!("dead-letters/{unknown}")).await;
        assert_eq!(dead.outcome(), (404, "dead_letter_not_found"), "{unknown}");
    }
    assert_eq!(get(&app, &format!("dead-letters/{SCHEDULED}")).await.outcome(), (404, "dead_letter_not_found"));
}

#[sqlx::test(migrations = false)]
async fn retrying_what_is_not_dead_any_more_is_a_conflict(pool: PgPool) {
    let app = app(pool).await;
    let retry = format!("dead-letters/{DEAD}/retry");
    let retried = post(&app, &retry, why()).await;
    assert_eq!(retried.status, 200, "{}", retried.text);
    assert_eq!((&retried.json["state"], &retried.json["redrives"]), (&json!("retrying"), &json!(1)));
    assert_eq!(retried.json["history"][6]["reason"], "because");
    assert_eq!(post(&app, &retry, why()).await.outcome(), (409, "dead_letter_not_dead"));
    assert_eq!(
        post(&app, &format!("dead-letters/{SCHEDULED}/retry"), why()).await.outcome(),
        (409, "dead_letter_not_dead")
    );
    assert_eq!(post(&app, "dead-letters/x/retry", why()).await.outcome(), (404, "dead_letter_not_found"));
    let discard = format!("dead-letters/{DEAD_TOO}/discard");
    assert_eq!(post(&app, &discard, why()).await.json["state"], "discarded");
    assert_eq!(post(&app, &discard, why()).await.outcome(), (409, "dead_letter_not_dead"));
    assert_eq!(
        post(&app, &format!("dead-letters/{DEAD_TOO}/retry"), why()).await.outcome(),
        (409, "dead_letter_not_dead")
    );
    assert_eq!(post(&app, &retry, json!({})).await.errors(), ["/reason field_missing"]);
    assert_eq!(post(&app, &retry, json!({"reason": " "})).await.errors(), ["/reason required"]);
}

#[sqlx::test(migrations = false)]
async fn an_idempotency_key_makes_retrying_repeatable(pool: PgPool) {
    let app = app(pool).await;
    let path = format!("/v1/admin/dead-letters/{DEAD}/retry");
    let send = || app.post(&path, &why()).role(ADMIN).header("idempotency-key", "k1").send();
    let (one, two) = tokio::join!(send(), send());
    assert_eq!((one.status.as_u16(), two.status.as_u16()), (200, 200), "{} {}", one.text, two.text);
    assert_eq!(one.text, two.text);
    assert_eq!(app.count("jobs.attempts where outcome = 'redriven'").await, 1);
    let other = app.post(&path, &json!({"reason": "other"})).role(ADMIN).header("idempotency-key", "k1").send().await;
    assert_eq!(other.outcome(), (422, "idempotency_key_reused"));
}

#[sqlx::test(migrations = false)]
async fn many_are_retried_with_care(pool: PgPool) {
    let app = app(pool).await;
    let retry = |body: Value| post(&app, "dead-letters/retry", body);
    let by_ids = json!({"ids": [DEAD_TOO, SCHEDULED, "x", DEAD_TOO], "limit": 3, "reason": "because"});
    let results = retry(by_ids).await;
    assert_eq!(results.status, 200, "{}", results.text);
    assert_eq!(results.json["retried"], 1);
    let expected = json!([
        {"id": DEAD_TOO, "result": "retried"}, {"id": SCHEDULED, "result": "not_dead"}, {"id": "x", "result": "not_found"}
    ]);
    assert_eq!(results.json["data"], expected);
    let by_filter = json!({"filter": {"queue": "demo", "reason": "exhausted"}, "limit": 1000, "reason": "because"});
    assert_eq!(retry(by_filter.clone()).await.json["data"], json!([{"id": DEAD, "result": "retried"}]));
    assert_eq!(retry(by_filter).await.json, json!({"retried": 0, "data": []}));

    for (body, errors) in [
        (json!({"filter": {}, "limit": 1, "reason": "x"}), vec!["/filter filter_empty"]),
        (json!({"limit": 1, "reason": "x"}), vec!["/ids ids_or_filter"]),
        (json!({"ids": ["a"], "filter": {"queue": "a"}, "limit": 1, "reason": "x"}), vec!["/ids ids_or_filter"]),
        (json!({"ids": [], "limit": 1, "reason": "x"}), vec!["/ids ids_empty"]),
        (json!({"ids": ["a", "b"], "limit": 1, "reason": "x"}), vec!["/ids too_many_ids"]),
        (json!({"ids": ["a"], "reason": ""}), vec!["/limit field_missing", "/reason required"]),
        (json!({"ids": ["a"], "limit": 1001, "reason": "x"}), vec!["/limit limit_invalid"]),
        (
            json!({"filter": {"tenant": "A", "createdTo": "now", "state": "dead"}, "limit": 1, "reason": "x"}),
            vec!["/filter/createdTo wrong_type", "/filter/state unknown_field", "/filter/tenant malformed"],
        ),
    ] {
        let refused = retry(body.clone()).await;
        assert_eq!(
            (refused.status.as_u16(), refused.errors()),
            (422, errors.iter().map(|e| (*e).to_owned()).collect()),
            "{body}"
        );
    }
}

#[sqlx::test(migrations = false)]
async fn jobs_are_run_and_cancelled(pool: PgPool) {
    let app = app(pool).await;
    let run = format!("jobs/{SCHEDULED}/run-now");
    assert_eq!(post(&app, &run, why()).await.json["state"], "pending");
    assert_eq!(post(&app, &run, why()).await.outcome(), (409, "job_not_waiting"));
    let held = "update apalis.jobs set status = 'Running', lock_by = 'w' where job_type = 'outbox'";
    sqlx::query(held).execute(&app.owner).await.unwrap();
    let running = get(&app, "jobs?state=running").await;
    let cancel = format!("jobs/{}/cancel", ids(&running)[0]);
    assert_eq!(post(&app, &cancel, why()).await.outcome(), (409, "job_running"));
    let cancel = format!("jobs/{SCHEDULED}/cancel");
    assert_eq!(post(&app, &cancel, why()).await.json["state"], "cancelled");
    assert_eq!(post(&app, &cancel, why()).await.outcome(), (409, "job_finished"));
    assert_eq!(post(&app, "jobs/x/cancel", why()).await.outcome(), (404, "job_not_found"));
    assert_eq!(post(&app, &run, why()).await.outcome(), (409, "job_not_waiting"));
}

#[sqlx::test(migrations = false)]
async fn queues_are_counted_paused_and_resumed(pool: PgPool) {
    let app = app(pool).await;
    let queues = get(&app, "queues").await.json;
    assert_eq!(queues["countLimit"], 100_000);
    assert_eq!(queues["data"][0]["name"], "demo");
    let counts = json!({"pending": 0, "scheduled": 2, "running": 0, "retrying": 0, "blocked": 0, "waiting": 0, "dead": 2,
        "archived": 0, "completedLastDay": 0});
    assert_eq!(queues["data"][0]["counts"], counts);
    let retention = json!({"completedDays": 7, "cancelledDays": 7, "discardedDays": 7, "archivedDays": null,
        "attemptsDays": 7});
    assert_eq!(queues["data"][0]["retention"], retention);
    assert_eq!(queues["data"][0]["paused"]["by"], "seed");
    assert_eq!(queues["data"][1]["paused"], Value::Null);
    assert!(queues["data"][1]["oldestDueSeconds"].as_f64().unwrap() < 60.0);

    assert_eq!(post(&app, "queues/demo/pause", why()).await.outcome(), (409, "queue_already_paused"));
    let resumed = app.call("post", "/v1/admin/queues/demo/resume").role(ADMIN).send().await;
    assert_eq!(resumed.json, json!({"name": "demo", "paused": null}));
    assert_eq!(post(&app, "queues/demo/resume", json!({})).await.outcome(), (409, "queue_not_paused"));
    let paused = post(&app, "queues/demo/pause", why()).await;
    assert_eq!((&paused.json["name"], &paused.json["paused"]["reason"]), (&json!("demo"), &json!("because")));
    assert_eq!(post(&app, "queues/dmeo/pause", why()).await.outcome(), (404, "queue_not_found"));
    assert_eq!(post(&app, "queues/%00/pause", why()).await.errors(), ["queue control_character"]);
    assert_eq!(get(&app, "workers").await.json, json!({"data": []}));
}

/// I-11: dead letters are the admin's alone, and the admin sees every tenant's.
#[sqlx::test(migrations = false)]
async fn only_the_admin_gets_in_and_for_every_tenant(pool: PgPool) {
    let app = app(pool).await;
    let staff = app.get("/v1/admin/dead-letters").role(STAFF).send().await;
    assert_eq!(staff.outcome(), (403, "role_missing"));
    let path = format!("/v1/admin/dead-letters/{DEAD}/retry");
    assert_eq!(app.post(&path, &why()).role(STAFF).send().await.outcome(), (403, "role_missing"));
    assert_eq!(app.count("jobs.dead_letters").await, 2);
    let elsewhere = app.get("/v1/admin/jobs?queue=outbox").user(ADMIN, "globex").send().await;
    assert_eq!(ids(&elsewhere).len(), 1);
}
