//! Liveness and readiness.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::auth::{Authenticator, Settings as AuthSettings};
use api::health::{BrokerState, Checks};
use axum::body::Body;
use axum::http::Request;
use domain::Db;
use domain::kernel::policy::QueuePolicies;
use serde_json::json;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::sync::watch;
use tower::ServiceExt;

use crate::app::{App, VIEWER};
use crate::tokens::{AUDIENCE, ISSUER, SigningKey, claims};

#[sqlx::test(migrations = false)]
async fn ready_tells_what_it_looked_at(pool: PgPool) {
    let app = App::new(pool).await;
    let ready = app.get("/health/ready").send().await;
    let checks = json!({"database": "up", "schema": "current", "broker": "embedded", "identityProvider": "notUsed"});
    assert_eq!((ready.status.as_u16(), ready.json), (200, json!({"status": "ready", "checks": checks, "queues": []})));
    assert_eq!(app.get("/health/live").send().await.json, json!({"status": "live"}));

    for (state, text) in [
        (BrokerState::Up, "up"),
        (BrokerState::NotUsed, "notUsed"),
        (BrokerState::Down { reason: "connection refused at amqp://secret@host".into() }, "down"),
    ] {
        app.broker.send(state).unwrap();
        let ready = app.get("/health/ready").send().await;
        assert_eq!((ready.status.as_u16(), ready.json["checks"]["broker"].clone()), (200, json!(text)), "events wait");
        assert!(!ready.text.contains("secret"));
    }
}

/// Without a token, so neither tenants nor jobs: only how far each queue is behind.
#[sqlx::test(migrations = false)]
async fn ready_tells_how_far_the_queues_are_behind(pool: PgPool) {
    let app = App::new(pool.clone()).await;
    sqlx::raw_sql(
        "insert into jobs.queues (name) values ('outbox'), ('stock');
         insert into apalis.jobs (id, job_type, kind, job, created_at, deferred) values
             ('1', 'stock', 'handle-event.v1', '', now() - interval '1 hour', true),
             ('2', 'stock', 'handle-event.v1', '', now() - interval '90 s', false),
             ('3', 'stock', 'handle-event.v1', '', now() - interval '30 s', false)",
    )
    .execute(&app.owner)
    .await
    .unwrap();
    let ready = app.get("/health/ready").send().await;
    let (outbox, stock) = (&ready.json["queues"][0], &ready.json["queues"][1]);
    assert_eq!(*outbox, json!({"name": "outbox", "lagSeconds": 0.0}));
    assert_eq!(stock["name"], "stock");
    let lag = stock["lagSeconds"].as_f64().unwrap();
    assert!((90.0..3600.0).contains(&lag), "{lag}: the oldest that is ready");

    let (_broker, receiver) = watch::channel(BrokerState::Up);
    let router = api::health::router(Checks {
        db: Db::new(app.owner.clone(), QueuePolicies::default()),
        broker: receiver,
        at_broker: Arc::new(|| BTreeMap::from([("stock".to_owned(), 17)])),
        identity_provider: None,
        timeout: Duration::from_secs(30),
    });
    let response = router.oneshot(Request::get("/health/ready").body(Body::empty()).unwrap()).await.unwrap();
    let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["queues"][1]["atBroker"], 17);
    assert_eq!(body["queues"][0].get("atBroker"), None);
}

#[sqlx::test(migrations = false)]
async fn a_schema_that_is_behind_is_not_ready(pool: PgPool) {
    let app = App::new(pool).await;
    sqlx::query("delete from public._sqlx_migrations where version = 4").execute(&app.owner).await.unwrap();
    let ready = app.get("/health/ready").send().await;
    assert_eq!(ready.outcome(), (503, "not_ready"));
    assert_eq!(ready.errors(), ["schema schema_behind"]);
    assert_eq!(ready.json["detail"], "schema: 1 migrations are missing; run `portal migrate`");
    assert_eq!(app.get("/health/live").send().await.status, 200);
}

/// A pool to where nothing listens.
fn nowhere() -> PgPool {
    let options = PgConnectOptions::new().host("127.0.0.1").port(1).username("portal_api").database("gone");
    PgPoolOptions::new().acquire_timeout(Duration::from_millis(500)).connect_lazy_with(options)
}

#[tokio::test]
async fn without_a_database_it_is_alive_but_not_ready_and_says_so() {
    let key = SigningKey::generate();
    let (_broker, receiver) = watch::channel(BrokerState::Embedded);
    let router = api::router(api::State {
        db: Db::new(nowhere(), QueuePolicies::default()),
        auth: Authenticator::with_keys(AuthSettings::new(ISSUER, AUDIENCE), &key.set()),
        broker: receiver,
        settings: api::Settings::default(),
    });
    let token = format!("Bearer {}", key.sign(&claims(ISSUER, VIEWER, "demo")));
    for (path, status, code, retry) in [
        ("/health/live", 200, None, false),
        ("/health/ready", 503, Some("not_ready"), false),
        ("/v1/customers", 503, Some("database_unavailable"), true),
    ] {
        let request = Request::get(path).header("authorization", &token).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(
            (response.status().as_u16(), response.headers().contains_key("retry-after")),
            (status, retry),
            "{path}"
        );
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body.get("code").and_then(|code| code.as_str()), code, "{path}");
    }
}

#[tokio::test]
async fn a_database_that_does_not_answer_is_not_waited_for() {
    // accepts connections and says nothing
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let options = PgConnectOptions::new().host("127.0.0.1").port(listener.local_addr().unwrap().port());
    let (_broker, receiver) = watch::channel(BrokerState::NotUsed);
    let router = api::health::router(Checks {
        db: Db::new(PgPoolOptions::new().connect_lazy_with(options), QueuePolicies::default()),
        broker: receiver,
        at_broker: Arc::new(BTreeMap::new),
        identity_provider: None,
        timeout: Duration::from_millis(300),
    });
    let started = std::time::Instant::now();
    let response = router.clone().oneshot(Request::get("/health/ready").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), 503);
    // the pool itself would wait for 30 s
    assert!(started.elapsed() < Duration::from_secs(20));
}
