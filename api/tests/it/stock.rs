//! What callers can do with stock.

use serde_json::{Value, json};
use sqlx::PgPool;

use crate::app::{Answer, App, CUSTOMER_TEAM, STAFF, VIEWER};

/// Creates a product with a variant for each SKU.
pub(crate) async fn product(app: &App, skus: &[&str]) -> Answer {
    let variant = |sku: &&str| json!({"sku": sku, "price": {"amount": 19900, "currency": "EUR"}});
    let body = json!({"name": "Tent", "variants": skus.iter().map(variant).collect::<Vec<_>>()});
    let answer = app.post("/v1/products", &body).role(STAFF).send().await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer
}

async fn post(app: &App, path: &str, body: Value) -> Answer {
    app.post(&format!("/v1/stock/{path}"), &body).role(STAFF).send().await
}

fn levels(answer: &Answer) -> [i64; 3] {
    ["onHand", "reserved", "available"].map(|name| answer.json[name].as_i64().unwrap())
}

#[sqlx::test(migrations = false)]
async fn stock_comes_and_goes(pool: PgPool) {
    let app = App::new(pool).await;
    product(&app, &["TENT-2P/GREEN"]).await;
    let first = post(&app, "TENT-2P%2FGREEN/receive", json!({"quantity": 10})).await;
    let mut shown = first.json.clone();
    for name in ["createdAt", "updatedAt"] {
        shown[name] = json!(format!("[{name}]"));
    }
    insta::assert_json_snapshot!(shown);
    assert_eq!((first.status.as_u16(), first.header("etag")), (200, "\"1\""));
    let read = app.get("/v1/stock/TENT-2P%2FGREEN").role(VIEWER).send().await;
    assert_eq!((read.json, read.headers["etag"].clone()), (first.json.clone(), first.headers["etag"].clone()));

    let adjusted = post(&app, "TENT-2P%2FGREEN/adjust", json!({"quantity": -3, "reason": "damaged"})).await;
    assert_eq!((levels(&adjusted), adjusted.header("etag")), ([7, 0, 7], "\"2\""));
    let stale = app.post("/v1/stock/TENT-2P%2FGREEN/receive", &json!({"quantity": 1})).header("if-match", "\"1\"");
    assert_eq!(stale.role(STAFF).send().await.outcome(), (412, "version_conflict"));
    let known = app.get("/v1/stock/TENT-2P%2FGREEN").header("if-none-match", "\"2\"").role(VIEWER).send().await;
    assert_eq!(known.status, 304);
}

#[sqlx::test(migrations = false)]
async fn a_receipt_that_is_sent_again_is_counted_once(pool: PgPool) {
    let app = App::new(pool).await;
    product(&app, &["A"]).await;
    let send = || {
        let call = app.post("/v1/stock/A/receive", &json!({"quantity": 10}));
        call.role(STAFF).header("idempotency-key", "one").send()
    };
    let (first, second) = (send().await, send().await);
    assert_eq!((levels(&first), levels(&second)), ([10, 0, 10], [10, 0, 10]));
    assert_eq!(second.header("idempotency-replayed"), "true");
    assert_eq!(levels(&app.get("/v1/stock/A").role(VIEWER).send().await), [10, 0, 10]);
}

#[sqlx::test(migrations = false)]
async fn each_no_has_its_code(pool: PgPool) {
    let app = App::new(pool).await;
    product(&app, &["A"]).await;
    for quantity in [json!(0), json!(-1), json!(1_000_001), json!(1.5), json!("1"), json!(null)] {
        let answer = post(&app, "A/receive", json!({"quantity": quantity})).await;
        assert_eq!((answer.status.as_u16(), answer.errors().len()), (422, 1), "{quantity}: {}", answer.text);
    }
    let wrong = post(&app, "A/adjust", json!({"quantity": 0, "reason": " ", "why": 1})).await;
    assert_eq!(wrong.errors(), ["/quantity quantity_out_of_range", "/reason required", "/why unknown_field"]);
    let none = post(&app, "A/adjust", json!({"quantity": -1, "reason": "lost"})).await;
    assert_eq!(none.outcome(), (409, "stock_insufficient"));
    for path in ["NONE/receive", "NONE/adjust"] {
        let answer = post(&app, path, json!({"quantity": 1, "reason": "x"})).await;
        let expected = if path == "NONE/adjust" { (404, "stock_sku_unknown") } else { (422, "validation_failed") };
        assert_eq!(answer.outcome(), expected, "{path}");
    }
    assert_eq!(post(&app, "NONE/receive", json!({"quantity": 1})).await.outcome(), (404, "stock_sku_unknown"));
    assert_eq!(app.get("/v1/stock/A").role(VIEWER).send().await.outcome(), (404, "stock_not_found"));
    let no_sku = app.get("/v1/stock/A%20B").role(VIEWER).send().await;
    assert_eq!((no_sku.outcome(), no_sku.errors()), ((400, "path_invalid"), vec!["sku path_invalid".to_owned()]));
    let team = app.post("/v1/stock/A/receive", &json!({"quantity": 1})).role(CUSTOMER_TEAM).send().await;
    assert_eq!(team.outcome(), (403, "role_missing"));
    assert_eq!(app.count("stock.items").await, 0);
}

#[sqlx::test(migrations = false)]
async fn the_list_is_paged(pool: PgPool) {
    let app = App::new(pool).await;
    product(&app, &["B", "A", "C"]).await;
    for sku in ["C", "A", "B"] {
        post(&app, &format!("{sku}/receive"), json!({"quantity": 1})).await;
    }
    let list = async |query: &str| app.get(&format!("/v1/stock?{query}")).role(VIEWER).send().await;
    let skus = |answer: &Answer| {
        let rows = answer.json["data"].as_array().unwrap().iter();
        rows.map(|row| row["sku"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let first = list("limit=2").await;
    assert_eq!(skus(&first), ["A", "B"]);
    let rest = list(&format!("limit=2&cursor={}", first.json["next"].as_str().unwrap())).await;
    assert_eq!((skus(&rest), rest.json["next"].clone()), (vec!["C".to_owned()], Value::Null));
    assert_eq!(list("limit=0").await.errors(), ["limit limit_invalid"]);
    assert_eq!(list("cursor=x").await.errors(), ["cursor cursor_invalid"]);
}
