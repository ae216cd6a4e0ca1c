//! What callers can do with notifications and their templates.

use api::examples::{NOTIFICATION, ORDER};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::app::{App, CUSTOMER_TEAM, STAFF, VIEWER};
use crate::seed::seed;

const TEMPLATE: &str = "/v1/notifications/templates/order-confirmed/email/en";

#[sqlx::test(migrations = false)]
async fn a_template_is_read_edited_and_previewed(pool: PgPool) {
    let app = App::new(pool).await;
    let own = app.get(TEMPLATE).role(STAFF).send().await;
    assert_eq!((own.status.as_u16(), own.header("etag"), &own.json["builtIn"]), (200, "\"1\"", &json!(true)));
    let draft = json!({"subject": "Order {{ order.id }}", "body": "Dear {{ customer.name }}"});
    let put = |tag: &str| app.call("put", TEMPLATE).json(&draft).header("if-match", tag).role(STAFF).send();
    let edited = put("\"1\"").await;
    let mut shown = edited.json.clone();
    for name in ["createdAt", "createdBy"] {
        assert!(shown[name].is_string());
        shown[name] = json!(format!("[{name}]"));
    }
    let expected = json!({
        "event": "order-confirmed", "channel": "email", "language": "en", "version": 2, "builtIn": false,
        "subject": "Order {{ order.id }}", "body": "Dear {{ customer.name }}",
        "createdAt": "[createdAt]", "createdBy": "[createdBy]",
    });
    assert_eq!((edited.status.as_u16(), edited.header("etag"), shown), (200, "\"2\"", expected));
    assert_eq!(put("\"1\"").await.outcome(), (412, "version_conflict"));
    assert_eq!(app.get(TEMPLATE).role(STAFF).send().await.json, edited.json);
    assert_eq!(app.get(&format!("{TEMPLATE}?version=1")).role(STAFF).send().await.json, own.json);
    assert_eq!(app.get(TEMPLATE).header("if-none-match", "\"2\"").role(STAFF).send().await.status, 304);

    let list = app.get("/v1/notifications/templates").role(STAFF).send().await;
    let told = |row: &Value| (row["event"].clone(), row["version"].clone(), row["builtIn"].clone());
    let told: Vec<_> = list.json["data"].as_array().unwrap().iter().map(told).collect();
    let expected =
        [(json!("order-confirmed"), json!(2), json!(false)), (json!("order-cancelled"), json!(1), json!(true))];
    assert_eq!(told, expected);
    assert!(!list.text.contains("Dear"), "without the texts: {}", list.text);

    let preview = async |body: Value| app.post(&format!("{TEMPLATE}/preview"), &body).role(STAFF).send().await;
    let present = json!({"subject": "Order 01941f29-7c00-7000-8000-000000000501", "body": "Dear Ada Lovelace"});
    assert_eq!(preview(json!({})).await.json, present);
    let other = preview(json!({"subject": "x", "body": "{{ order.total }}"})).await;
    assert_eq!(other.json, json!({"subject": "x", "body": "308.80"}));
    assert_eq!(app.count("notifications.templates").await, 1, "a preview saves nothing");
}

#[sqlx::test(migrations = false)]
async fn each_no_has_its_code(pool: PgPool) {
    let app = App::new(pool).await;
    let put = async |body: Value| app.call("put", TEMPLATE).json(&body).role(STAFF).send().await;
    let broken = put(json!({"subject": "{{ order.id", "body": "a\n{{ order.totl }}"})).await;
    assert_eq!(broken.errors(), ["/body template_invalid", "/subject template_invalid"]);
    assert!(broken.text.contains("line 2: order.totl is not known here"), "{}", broken.text);
    let blank = put(json!({"subject": " ", "body": " ", "html": "x"})).await;
    assert_eq!(blank.errors(), ["/body required", "/html unknown_field", "/subject required"]);
    let long = put(json!({"subject": "x".repeat(501), "body": "x".repeat(10_001)})).await;
    assert_eq!(long.errors(), ["/body too_long", "/subject too_long"]);
    let half = app.post(&format!("{TEMPLATE}/preview"), &json!({"subject": "x"})).role(STAFF).send().await;
    assert_eq!(half.errors(), ["/body subject_and_body"]);
    for path in ["order-created/email/en", "order-confirmed/sms/en", "order-confirmed/email/EN"] {
        let answer = app.get(&format!("/v1/notifications/templates/{path}")).role(STAFF).send().await;
        assert_eq!(answer.outcome(), (400, "path_invalid"), "{path}");
    }
    let none = app.get("/v1/notifications/templates/order-confirmed/email/nl").role(STAFF).send().await;
    assert_eq!(none.outcome(), (404, "notification_template_not_found"));
    assert_eq!(app.get(&format!("{TEMPLATE}?version=2")).role(STAFF).send().await.status, 404);
    assert_eq!(app.get(&format!("{TEMPLATE}?version=0")).role(STAFF).send().await.errors(), ["version wrong_type"]);
    assert_eq!(app.get(TEMPLATE).role(CUSTOMER_TEAM).send().await.outcome(), (403, "role_missing"));
    let nothing = "01941f29-7c00-7000-8000-00000000ffff";
    let missing = app.get(&format!("/v1/notifications/{nothing}")).role(VIEWER).send().await;
    assert_eq!(missing.outcome(), (404, "notification_not_found"));
    assert_eq!(app.count("notifications.templates").await, 0);
}

#[sqlx::test(migrations = false)]
async fn notifications_are_read_and_listed(pool: PgPool) {
    let app = App::new(pool).await;
    seed(&app.owner).await;
    let read = app.get(&format!("/v1/notifications/{NOTIFICATION}")).role(VIEWER).send().await;
    let mut shown = read.json.clone();
    shown["createdAt"] = json!("[createdAt]");
    let expected = json!({
        "id": NOTIFICATION, "orderId": ORDER, "customerId": "01941f29-7c00-7000-8000-000000000003",
        "event": "order-confirmed", "channel": "email", "status": "queued", "attempts": 0, "recipient": null,
        "language": null, "templateVersion": null, "subject": null, "usedFallback": false, "error": null,
        "createdAt": "[createdAt]", "finishedAt": null,
    });
    assert_eq!((read.status.as_u16(), shown), (200, expected));
    let list = async |query: &str| app.get(&format!("/v1/notifications?{query}")).role(VIEWER).send().await;
    let found = [String::new(), format!("orderId={ORDER}&status=queued"), "sort=created_at&limit=1".to_owned()];
    for query in &found {
        assert_eq!(list(query).await.json, json!({"data": [read.json], "next": null}), "{query}");
    }
    for query in ["status=failed", "orderId=01941f29-7c00-7000-8000-00000000ffff"] {
        assert_eq!(list(query).await.json["data"], json!([]), "{query}");
    }
    let wrong = list("status=gone&sort=name&orderId=7&limit=0&cursor=x").await;
    assert_eq!(
        wrong.errors(),
        ["limit limit_invalid", "orderId wrong_type", "sort sort_invalid", "status unknown_status"]
    );
}
