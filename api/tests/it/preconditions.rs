//! `ETag`, `If-Match`, `If-None-Match`.

use serde_json::json;
use sqlx::PgPool;

use crate::app::{App, CUSTOMER_TEAM, STAFF, VIEWER};

#[sqlx::test(migrations = false)]
async fn a_stale_version_is_not_changed(pool: PgPool) {
    let app = App::new(pool).await;
    let created = app.customer("ada@example.com").await;
    assert_eq!(created.header("etag"), "\"1\"");
    let path = created.header("location").to_owned();
    let patch = |name: &str, tag: &str| {
        app.patch(&path, &json!({"name": name})).role(CUSTOMER_TEAM).header("if-match", tag).send()
    };
    let changed = patch("B", "\"1\"").await;
    assert_eq!((changed.status.as_u16(), changed.header("etag")), (200, "\"2\""));
    for stale in ["\"1\"", "\"3\"", "W/\"2\"", "\"x\"", "\"1\", \"3\""] {
        assert_eq!(patch("C", stale).await.outcome(), (412, "version_conflict"), "{stale}");
    }
    for malformed in ["2", "\"2", "*, \"2\"", "W/2"] {
        let answer = patch("C", malformed).await;
        assert_eq!(answer.outcome(), (400, "header_invalid"), "{malformed}");
        assert_eq!(answer.errors(), ["If-Match header_invalid"], "{malformed}");
    }
    for current in ["\"2\"", "*", "\"1\", \"3\""] {
        assert_eq!(patch("D", current).await.status, 200, "{current}"); // 2 becomes 3, then stays
    }
    assert_eq!(app.get(&path).role(VIEWER).send().await.json["version"], 3);
}

#[sqlx::test(migrations = false)]
async fn actions_mind_the_version_too(pool: PgPool) {
    let app = App::new(pool).await;
    let created = app.customer("ada@example.com").await;
    let path = created.header("location").to_owned();
    let suspend = |tag: &str| {
        let call = app.post(&format!("{path}/suspend"), &json!({"reason": "unpaid"}));
        call.role(CUSTOMER_TEAM).header("if-match", tag).send()
    };
    assert_eq!(suspend("\"2\"").await.outcome(), (412, "version_conflict"));
    assert_eq!(suspend("\"1\"").await.header("etag"), "\"2\"");
    let reinstate =
        |tag: &str| app.call("post", &format!("{path}/reinstate")).role(CUSTOMER_TEAM).header("if-match", tag).send();
    assert_eq!(reinstate("\"1\"").await.outcome(), (412, "version_conflict"));
    assert_eq!(reinstate("\"2\"").await.header("etag"), "\"3\"");
    let group = |tag: &str| {
        let call = app.call("put", &format!("{path}/group")).json(&json!({"groupId": null}));
        call.role(CUSTOMER_TEAM).header("if-match", tag).send()
    };
    assert_eq!(group("\"2\"").await.outcome(), (412, "version_conflict"));
    assert_eq!(group("\"3\"").await.header("etag"), "\"3\"", "it was in no group before");
}

#[sqlx::test(migrations = false)]
async fn variants_mind_the_version_of_their_product(pool: PgPool) {
    let app = App::new(pool).await;
    let product = app.post("/v1/products", &json!({"name": "Tent"})).role(STAFF).send().await;
    let variants = format!("{}/variants", product.header("location"));
    let variant = json!({"sku": "A", "price": {"amount": 1, "currency": "EUR"}});
    let stale = app.post(&variants, &variant).role(STAFF).header("if-match", "\"7\"").send().await;
    assert_eq!(stale.outcome(), (412, "version_conflict"));
    let added = app.post(&variants, &variant).role(STAFF).header("if-match", "\"1\"").send().await;
    assert_eq!(
        (added.status.as_u16(), added.header("etag"), added.header("location")),
        (201, "\"2\"", variants.as_str())
    );
    let one = format!("{variants}/{}", added.json["variants"][0]["id"].as_str().unwrap());
    let patch =
        |tag: &str| app.patch(&one, &json!({"price": {"amount": 2}})).role(STAFF).header("if-match", tag).send();
    assert_eq!(patch("\"1\"").await.outcome(), (412, "version_conflict"));
    assert_eq!(patch("\"2\"").await.header("etag"), "\"3\"");
}

#[sqlx::test(migrations = false)]
async fn what_the_caller_has_is_not_sent_again(pool: PgPool) {
    let app = App::new(pool).await;
    let path = app.customer("ada@example.com").await.header("location").to_owned();
    let get = |tag: &str| app.get(&path).role(VIEWER).header("if-none-match", tag).send();
    for known in ["\"1\"", "W/\"1\"", "\"0\", \"1\"", "*"] {
        let answer = get(known).await;
        assert_eq!(
            (answer.status.as_u16(), answer.text.as_str(), answer.header("etag")),
            (304, "", "\"1\""),
            "{known}"
        );
    }
    assert_eq!(get("\"2\"").await.status, 200);
    assert_eq!(get("1").await.outcome(), (400, "header_invalid"));
}
