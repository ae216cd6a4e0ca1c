//! What callers can do with webhook endpoints and deliveries.

use api::Settings;
use domain::webhooks::Targets;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::app::{Answer, App, CUSTOMER_TEAM, STAFF};
use crate::seed::seed;

const ENDPOINTS: &str = "/v1/webhooks/endpoints";

fn endpoint() -> Value {
    json!({
        "url": "https://example.com/hooks", "eventTypes": ["com.offgrid.portal.orders.*"],
        "headers": {"X-Api-Key": "s3cret"}, "rateLimit": 5,
    })
}

async fn create(app: &App, body: &Value) -> Answer {
    app.post(ENDPOINTS, body).role(STAFF).send().await
}

#[sqlx::test(migrations = false)]
async fn an_endpoint_is_created_read_changed_and_deleted(pool: PgPool) {
    let app = App::new(pool).await;
    let created = create(&app, &endpoint()).await;
    assert_eq!((created.status.as_u16(), created.header("etag")), (201, "\"1\""));
    let path = created.header("location").to_owned();
    let secret = created.json["secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_") && secret.len() == "whsec_".len() + 44, "{secret}");
    let read = app.get(&path).role(STAFF).send().await;
    let mut shown = created.json.clone();
    shown["secret"] = Value::Null;
    assert_eq!((read.status.as_u16(), read.header("etag"), &read.json), (200, "\"1\"", &shown));
    assert_eq!(read.json["headerNames"], json!(["x-api-key"]));
    assert!(!read.text.contains("s3cret"));
    assert_eq!(app.get(&path).header("if-none-match", "\"1\"").role(STAFF).send().await.status, 304);
    let list = app.get(&format!("{ENDPOINTS}?state=enabled")).role(STAFF).send().await;
    assert_eq!(list.json, json!({"data": [shown], "next": null}));

    let patch = |body: Value, tag: &str| app.patch(&path, &body).header("if-match", tag).role(STAFF).send();
    assert_eq!(patch(json!({"description": "x"}), "\"7\"").await.outcome(), (412, "version_conflict"));
    let changed = patch(json!({"eventTypes": ["*"], "rateLimit": null, "headers": {}}), "\"1\"").await;
    assert_eq!((changed.status.as_u16(), changed.header("etag")), (200, "\"2\""));
    assert_eq!((&changed.json["rateLimit"], &changed.json["headerNames"]), (&Value::Null, &json!([])));
    let disabled = app.call("post", &format!("{path}/disable")).role(STAFF).send().await;
    assert_eq!((&disabled.json["state"], &disabled.json["disableReason"]), (&json!("disabled"), &json!("requested")));
    assert_eq!(
        app.call("post", &format!("{path}/test")).role(STAFF).send().await.outcome(),
        (409, "webhook_endpoint_disabled")
    );
    let enabled = app.call("post", &format!("{path}/enable")).role(STAFF).send().await;
    assert_eq!((&enabled.json["state"], &enabled.json["disabledAt"]), (&json!("enabled"), &Value::Null));

    let deleted = app.call("delete", &path).header("if-match", "\"4\"").role(STAFF).send().await;
    assert_eq!((deleted.status.as_u16(), deleted.text.as_str()), (204, ""));
    assert_eq!(app.get(&path).role(STAFF).send().await.outcome(), (404, "webhook_endpoint_not_found"));
}

/// What a repetition gets again is kept in the database, where a secret must not be.
#[sqlx::test(migrations = false)]
async fn a_secret_is_shown_once_and_kept_nowhere_readable(pool: PgPool) {
    let app = App::new(pool).await;
    let keyed = |path: &str, body: Value| app.post(path, &body).header("idempotency-key", "one").role(STAFF).send();
    let created = keyed(ENDPOINTS, endpoint()).await;
    let secret = created.json["secret"].as_str().unwrap().to_owned();
    let again = keyed(ENDPOINTS, endpoint()).await;
    assert_eq!((again.status.as_u16(), again.header("idempotency-replayed"), again.id()), (201, "true", created.id()));
    assert_eq!(again.json["secret"], Value::Null);
    let path = format!("{}/rotate-secret", created.header("location"));
    let rotated = keyed(&path, json!({"overlapSeconds": 60})).await;
    let other = rotated.json["secret"].as_str().unwrap().to_owned();
    assert!(other.starts_with("whsec_") && other != secret);
    assert_eq!((rotated.header("etag"), &rotated.json["version"]), ("\"2\"", &json!(2)));
    assert_eq!(keyed(&path, json!({"overlapSeconds": 60})).await.json["secret"], Value::Null);
    for text in [&secret["whsec_".len()..], &other["whsec_".len()..], "s3cret"] {
        let hex: String = text.bytes().map(|b| format!("{b:02x}")).collect();
        let kept: i64 = sqlx::query_scalar(
            "select (select count(*) from kernel.idempotency_keys where position($1 in encode(body, 'hex')) > 0)
                  + (select count(*) from kernel.events where position($2 in data::text) > 0)
                  + (select count(*) from apalis.jobs where position($1 in encode(job, 'hex')) > 0)",
        )
        .bind(&hex)
        .bind(text)
        .fetch_one(&app.owner)
        .await
        .unwrap();
        assert_eq!(kept, 0, "{text}");
    }
    // a refusal has no secret either
    let refused = keyed("/v1/webhooks/endpoints/01941f29-7c00-7000-8000-00000000ffff/rotate-secret", json!({})).await;
    assert_eq!(refused.outcome(), (404, "webhook_endpoint_not_found"));
    assert!(!refused.text.contains("whsec_"));
}

#[sqlx::test(migrations = false)]
async fn every_wrong_field_is_named_and_nothing_repeated(pool: PgPool) {
    let app = App::new(pool).await;
    let wrong = json!({
        "url": "https://user:s3cret@example.com", "eventTypes": ["Orders"], "description": "x".repeat(501),
        "headers": {"Host": "s3cret"}, "rateLimit": 0, "secret": "whsec_mine",
    });
    let answer = create(&app, &wrong).await;
    assert_eq!(
        answer.errors(),
        [
            "/description too_long",
            "/eventTypes/0 event_type_malformed",
            "/headers/Host header_reserved",
            "/rateLimit rate_invalid",
            "/secret unknown_field",
            "/url url_malformed"
        ]
    );
    assert!(!answer.text.contains("s3cret"), "{}", answer.text);
    let inside = json!({"url": "https://10.0.0.1/", "eventTypes": ["*"]});
    let refused = create(&app, &inside).await;
    assert_eq!(
        (refused.outcome(), refused.errors()),
        ((422, "webhook_url_forbidden"), vec!["/url webhook_url_forbidden".to_owned()])
    );
    let path = format!("{ENDPOINTS}/01941f29-7c00-7000-8000-00000000ffff");
    let rotate =
        app.post(&format!("{path}/rotate-secret"), &json!({"overlapSeconds": 604_801})).role(STAFF).send().await;
    assert_eq!(rotate.errors(), ["/overlapSeconds overlap_invalid"]);
    let list = app.get(&format!("{ENDPOINTS}?state=deleted&sort=name&limit=0")).role(STAFF).send().await;
    assert_eq!(list.errors(), ["limit limit_invalid", "sort sort_invalid", "state unknown_state"]);
    let deliveries = app.get(&format!("{path}/deliveries?status=sent&eventType=%20")).role(STAFF).send().await;
    assert_eq!(deliveries.errors(), ["eventType required", "status unknown_status"]);
    assert_eq!(
        app.get(&format!("{path}/deliveries")).role(STAFF).send().await.outcome(),
        (404, "webhook_endpoint_not_found")
    );
    assert_eq!(app.get(ENDPOINTS).role(CUSTOMER_TEAM).send().await.outcome(), (403, "role_missing"));
    assert_eq!(app.count("webhooks.endpoints").await, 0);
}

#[sqlx::test(migrations = false)]
async fn our_own_network_can_be_allowed(pool: PgPool) {
    let app = App::with_settings(pool, Settings { webhook_targets: Targets::Any, ..Settings::default() }).await;
    let inside = json!({"url": "http://10.0.0.1:8080/", "eventTypes": ["*"]});
    assert_eq!(create(&app, &inside).await.status, 201);
}

#[sqlx::test(migrations = false)]
async fn a_delivery_is_read_with_its_attempts_and_sent_anew(pool: PgPool) {
    use api::examples::{WEBHOOK_DELIVERY, WEBHOOK_ENDPOINT};
    let app = App::new(pool).await;
    seed(&app.owner).await;
    let attempt = format!(
        "insert into webhooks.attempts values ('{WEBHOOK_DELIVERY}', 1, 'demo', 'https://example.com/', '2026-03-01T09:30:00Z',
             83, 500, 'oops', 'http_5xx', 'it answered 500')"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(attempt)).execute(&app.owner).await.unwrap();
    let path = format!("/v1/webhooks/deliveries/{WEBHOOK_DELIVERY}");
    let read = app.get(&path).role(STAFF).send().await;
    let expected = json!([{
        "attempt": 1, "url": "https://example.com/", "startedAt": "2026-03-01T09:30:00Z", "durationMs": 83, "status": 500,
        "response": "oops", "errorClass": "http_5xx", "error": "it answered 500",
    }]);
    assert_eq!((read.status.as_u16(), &read.json["attempts"]), (200, &expected));
    assert_eq!(read.json["delivery"]["status"], "failed");
    let list = format!("{ENDPOINTS}/{WEBHOOK_ENDPOINT}/deliveries?status=failed");
    assert_eq!(app.get(&list).role(STAFF).send().await.json["data"], json!([read.json["delivery"]]));
    let resend = || app.call("post", &format!("{path}/resend")).role(STAFF).send();
    let sent = resend().await;
    assert_eq!(
        (sent.status.as_u16(), &sent.json["status"], &sent.json["finishedAt"]),
        (202, &json!("pending"), &Value::Null)
    );
    assert_eq!(resend().await.outcome(), (409, "webhook_delivery_pending"));
    assert_eq!(app.count("apalis.jobs where kind = 'deliver-webhook.v1'").await, 1);
    let nothing = "/v1/webhooks/deliveries/01941f29-7c00-7000-8000-00000000ffff";
    assert_eq!(app.get(nothing).role(STAFF).send().await.outcome(), (404, "webhook_delivery_not_found"));
}
