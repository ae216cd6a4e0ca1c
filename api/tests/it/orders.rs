//! What callers can do with orders.

use serde_json::{Value, json};
use sqlx::PgPool;

use crate::app::{Answer, App, CUSTOMER_TEAM, STAFF, VIEWER};
use crate::stock::product;

async fn place(app: &App, body: &Value) -> Answer {
    app.post("/v1/orders", body).role(STAFF).send().await
}

/// A customer and a product; gives the body of an order.
async fn shop(app: &App) -> Value {
    product(app, &["A", "B"]).await;
    let customer = app.customer("ada@example.com").await;
    json!({"customerId": customer.id(), "lines": [{"sku": "A", "quantity": 2}, {"sku": "B", "quantity": 1}]})
}

#[sqlx::test(migrations = false)]
async fn an_order_is_placed_read_and_cancelled(pool: PgPool) {
    let app = App::new(pool).await;
    let body = shop(&app).await;
    let placed = place(&app, &body).await;
    assert_eq!((placed.status.as_u16(), placed.header("etag")), (201, "\"1\""));
    let path = placed.header("location").to_owned();
    let mut shown = placed.json.clone();
    for name in ["id", "customerId", "createdAt", "updatedAt"] {
        shown[name] = json!(format!("[{name}]"));
    }
    insta::assert_json_snapshot!(shown);
    assert_eq!(app.get(&path).role(VIEWER).send().await.json, placed.json);
    let known = app.get(&path).header("if-none-match", "\"1\"").role(VIEWER).send().await;
    assert_eq!(known.status, 304);

    let cancel = |tag: &str| {
        let call = app.post(&format!("{path}/cancel"), &json!({"reason": "ordered twice"}));
        call.role(STAFF).header("if-match", tag).send()
    };
    assert_eq!(cancel("\"2\"").await.outcome(), (412, "version_conflict"));
    let cancelled = cancel("\"1\"").await;
    assert_eq!((cancelled.status.as_u16(), cancelled.header("etag")), (200, "\"2\""));
    assert_eq!(cancelled.json["status"], "cancelled");
    let cancellation = &cancelled.json["cancellation"];
    assert_eq!(
        (&cancellation["cause"], &cancellation["reason"], &cancellation["lines"]),
        (&json!("requested"), &json!("ordered twice"), &json!([]))
    );
    assert_eq!(cancel("\"2\"").await.outcome(), (409, "order_already_cancelled"));
}

#[sqlx::test(migrations = false)]
async fn an_order_that_is_sent_again_is_placed_once(pool: PgPool) {
    let app = App::new(pool).await;
    let body = shop(&app).await;
    let send = || app.post("/v1/orders", &body).role(STAFF).header("idempotency-key", "one").send();
    let (first, second) = (send().await, send().await);
    assert_eq!((first.status.as_u16(), second.header("idempotency-replayed")), (201, "true"));
    assert_eq!(first.json, second.json);
    assert_eq!(app.count("orders.orders").await, 1);
    let cancel = || {
        let call = app.post(&format!("/v1/orders/{}/cancel", first.id()), &json!({"reason": "twice"}));
        call.role(STAFF).header("idempotency-key", "one").send()
    };
    let (first, second) = (cancel().await, cancel().await);
    assert_eq!((first.status.as_u16(), second.status.as_u16(), first.json), (200, 200, second.json));
}

#[sqlx::test(migrations = false)]
async fn each_no_has_its_code(pool: PgPool) {
    let app = App::new(pool).await;
    let body = shop(&app).await;
    let customer = body["customerId"].clone();
    let with = |lines: Value| json!({"customerId": customer, "lines": lines});
    let wrong =
        with(json!([{"sku": "a b", "quantity": 0}, {"sku": "A", "quantity": "1"}, {"quantity": 1_000_001, "x": 1}]));
    assert_eq!(
        place(&app, &wrong).await.errors(),
        [
            "/lines/0/quantity quantity_out_of_range",
            "/lines/0/sku sku_malformed",
            "/lines/1/quantity wrong_type",
            "/lines/2/quantity quantity_out_of_range",
            "/lines/2/sku field_missing",
            "/lines/2/x unknown_field",
        ]
    );
    assert_eq!(place(&app, &with(json!([]))).await.outcome(), (422, "order_empty"));
    let many: Vec<_> = (0..101).map(|n| json!({"sku": format!("N-{n}"), "quantity": 1})).collect();
    assert_eq!(place(&app, &with(json!(many))).await.outcome(), (422, "order_line_limit_reached"));
    let repeated = place(&app, &with(json!([{"sku": "A", "quantity": 1}, {"sku": "A", "quantity": 1}]))).await;
    assert_eq!(repeated.errors(), ["/lines/1/sku order_sku_repeated"]);
    let nothing = "01941f29-7c00-7000-8000-00000000ffff";
    let unknown =
        json!({"customerId": nothing, "lines": [{"sku": "A", "quantity": 1}, {"sku": "NONE", "quantity": 1}]});
    let unknown = place(&app, &unknown).await;
    assert_eq!(unknown.errors(), ["/customerId order_customer_unknown", "/lines/1/sku order_sku_unknown"]);
    let suspend = format!("/v1/customers/{}/suspend", customer.as_str().unwrap());
    app.post(&suspend, &json!({"reason": "unpaid"})).role(STAFF).send().await;
    assert_eq!(place(&app, &body).await.errors(), ["/customerId order_customer_suspended"]);
    assert_eq!(app.count("orders.orders").await, 0);

    let no_order = app.get(&format!("/v1/orders/{nothing}")).role(VIEWER).send().await;
    assert_eq!(no_order.outcome(), (404, "order_not_found"));
    let cancel = app.post(&format!("/v1/orders/{nothing}/cancel"), &json!({"reason": " "})).role(STAFF).send().await;
    assert_eq!(cancel.errors(), ["/reason required"]);
    let cancel = app.post(&format!("/v1/orders/{nothing}/cancel"), &json!({"reason": "x"})).role(STAFF).send().await;
    assert_eq!(cancel.outcome(), (404, "order_not_found"));
    let team = app.post("/v1/orders", &body).role(CUSTOMER_TEAM).send().await;
    assert_eq!(team.outcome(), (403, "role_missing"));
}

#[sqlx::test(migrations = false)]
async fn lists_filter_sort_and_page(pool: PgPool) {
    let app = App::new(pool).await;
    let body = shop(&app).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(place(&app, &body).await.id().to_owned());
    }
    let cancel = format!("/v1/orders/{}/cancel", ids[1]);
    app.post(&cancel, &json!({"reason": "twice"})).role(STAFF).send().await;
    let list = async |query: &str| app.get(&format!("/v1/orders?{query}")).role(VIEWER).send().await;
    let found = |answer: &Answer| {
        let rows = answer.json["data"].as_array().unwrap().iter();
        rows.map(|row| ids.iter().position(|id| row["id"] == **id).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(found(&list("").await), [2, 1, 0]);
    assert_eq!(found(&list("sort=created_at&status=pending").await), [0, 2]);
    let own = format!("customerId={}", body["customerId"].as_str().unwrap());
    let first = list(&format!("{own}&limit=2")).await;
    assert_eq!(first.json["data"][0].get("lines"), None, "a list is without lines");
    let rest = list(&format!("{own}&limit=2&cursor={}", first.json["next"].as_str().unwrap())).await;
    assert_eq!((found(&first), found(&rest), rest.json["next"].clone()), (vec![2, 1], vec![0], Value::Null));
    assert_eq!(found(&list("customerId=01941f29-7c00-7000-8000-00000000ffff").await), [0; 0]);
    let wrong = list("status=gone&sort=name&customerId=7&limit=0&cursor=x").await;
    assert_eq!(
        wrong.errors(),
        ["customerId wrong_type", "limit limit_invalid", "sort sort_invalid", "status unknown_status"]
    );
}
