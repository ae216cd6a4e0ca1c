//! What callers can do with products.

use serde_json::{Value, json};
use sqlx::PgPool;

use crate::app::{App, STAFF, VIEWER};

fn variant(sku: &str) -> Value {
    json!({"sku": sku, "price": {"amount": 19900, "currency": "EUR"}, "attributes": {"persons": 2, "colour": "green"}})
}

#[sqlx::test(migrations = false)]
async fn a_product_lives(pool: PgPool) {
    let app = App::new(pool).await;
    let body = json!({"name": "Tent", "variants": [variant("TENT-4P"), variant("TENT-2P")]});
    let created = app.post("/v1/products", &body).role(STAFF).send().await;
    let path = created.header("location").to_owned();
    let mut shown = created.json.clone();
    let variants = shown["variants"].as_array().unwrap().len();
    for at in std::iter::once(String::new()).chain((0..variants).map(|n| format!("/variants/{n}"))) {
        for name in ["id", "createdAt", "updatedAt"] {
            *shown.pointer_mut(&format!("{at}/{name}")).unwrap() = json!(format!("[{name}]"));
        }
    }
    insta::assert_json_snapshot!(shown);
    assert_eq!(app.get(&path).role(VIEWER).send().await.json, created.json);

    let patched =
        app.patch(&path, &json!({"description": "Light.\nGreen.", "status": "archived"})).role(STAFF).send().await;
    assert_eq!(
        (patched.json["description"].clone(), patched.json["status"].clone()),
        (json!("Light.\nGreen."), json!("archived"))
    );
    let emptied = app.patch(&path, &json!({"description": null, "status": "active"})).role(STAFF).send().await;
    assert_eq!((emptied.json["description"].clone(), emptied.json["name"].clone()), (json!(""), json!("Tent")));

    let added = app.post(&format!("{path}/variants"), &variant("TENT-3P")).role(STAFF).send().await;
    assert_eq!(added.status, 201);
    let one = added.json["variants"][1].clone();
    assert_eq!(one["sku"], "TENT-3P");
    let one_path = format!("{path}/variants/{}", one["id"].as_str().unwrap());
    let patch = json!({"price": {"amount": 18900}, "attributes": {"colour": null, "season": 3}});
    let changed = app.patch(&one_path, &patch).role(STAFF).send().await;
    let changed = &changed.json["variants"][1];
    assert_eq!(changed["price"], json!({"amount": 18900, "currency": "EUR"}));
    assert_eq!(changed["attributes"], json!({"persons": 2, "season": 3}));
    let variants = app.get(&format!("{path}/variants")).role(VIEWER).send().await;
    let skus: Vec<_> = variants.json["data"].as_array().unwrap().iter().map(|v| v["sku"].as_str().unwrap()).collect();
    assert_eq!((skus, variants.json["next"].clone()), (vec!["TENT-2P", "TENT-3P", "TENT-4P"], json!(null)));
}

/// PostgreSQL writes large numbers out, digit by digit.
#[sqlx::test(migrations = false)]
async fn a_number_comes_back_as_it_was(pool: PgPool) {
    let app = App::new(pool).await;
    let numbers = json!([f64::MAX, 1.797_693_134_862_315_5e308, -f64::MAX, 1e308, f64::MIN_POSITIVE, 0.1, u64::MAX, 3]);
    let variant = json!({"sku": "N", "price": {"amount": 1, "currency": "EUR"}, "attributes": {"numbers": numbers}});
    let created = app.post("/v1/products", &json!({"name": "Tent", "variants": [variant]})).role(STAFF).send().await;
    let read = app.get(created.header("location")).role(VIEWER).send().await;
    assert_eq!(read.status, 200);
    assert_eq!(read.json["variants"][0]["attributes"]["numbers"], numbers);
}

#[sqlx::test(migrations = false)]
async fn each_no_has_its_code(pool: PgPool) {
    let app = App::new(pool).await;
    let create = |body: Value| app.post("/v1/products", &body).role(STAFF).send();
    let path = create(json!({"name": "Tent", "variants": [variant("A")]})).await.header("location").to_owned();
    let wrong = create(json!({"name": "", "variants": [
        {"sku": "a b", "price": {"amount": -1, "currency": "eur"}},
        {"sku": 7, "price": {"amount": 1.5}, "x": 1},
    ]}));
    assert_eq!(
        wrong.await.errors(),
        [
            "/name required",
            "/variants/0/price/amount amount_negative",
            "/variants/0/price/currency currency_unknown",
            "/variants/0/sku sku_malformed",
            "/variants/1/price/amount wrong_type",
            "/variants/1/price/currency field_missing",
            "/variants/1/sku wrong_type",
            "/variants/1/x unknown_field",
        ]
    );
    let repeated = create(json!({"name": "B", "variants": [variant("B"), variant("B")]})).await;
    assert_eq!(repeated.errors(), ["/variants/1/sku variant_sku_repeated"]);
    let many = (0..101).map(|n| variant(&format!("M{n}"))).collect::<Vec<_>>();
    assert_eq!(create(json!({"name": "B", "variants": many})).await.outcome(), (422, "variant_limit_reached"));
    assert_eq!(create(json!({"name": "B", "variants": [variant("A")]})).await.outcome(), (409, "variant_sku_taken"));

    let nothing = "01941f29-7c00-7000-8000-00000000ffff";
    let no_product = app.get(&format!("/v1/products/{nothing}")).role(VIEWER).send().await;
    assert_eq!(no_product.outcome(), (404, "product_not_found"));
    let no_variants = app.get(&format!("/v1/products/{nothing}/variants")).role(VIEWER).send().await;
    assert_eq!(no_variants.outcome(), (404, "product_not_found"));
    let no_variant = app.patch(&format!("{path}/variants/{nothing}"), &json!({})).role(STAFF).send().await;
    assert_eq!(no_variant.outcome(), (404, "variant_not_found"));
    let bad_id = app.patch(&format!("{path}/variants/7"), &json!({})).role(STAFF).send().await;
    assert_eq!(bad_id.outcome(), (400, "path_invalid"));
    let sku = app.get(&format!("{path}/variants")).role(VIEWER).send().await.json["data"][0]["id"].clone();
    let sku_path = format!("{path}/variants/{}", sku.as_str().unwrap());
    let fixed = app.patch(&sku_path, &json!({"sku": "B"})).role(STAFF).send().await;
    assert_eq!(fixed.errors(), ["/sku unknown_field"], "a SKU never changes");
}

#[sqlx::test(migrations = false)]
async fn lists_filter_sort_and_page(pool: PgPool) {
    let app = App::new(pool).await;
    for name in ["Tent", "Stove", "Axe"] {
        app.post("/v1/products", &json!({"name": name, "variants": [variant(&format!("CAMP-{name}"))]}))
            .role(STAFF)
            .send()
            .await;
    }
    let names = async |query: &str| {
        let list = app.get(&format!("/v1/products?{query}")).role(VIEWER).send().await;
        let names = list.json["data"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned());
        (names.collect::<Vec<_>>().join(" "), list.json["next"].as_str().map(str::to_owned))
    };
    assert_eq!(names("").await.0, "Axe Stove Tent");
    assert_eq!(names("sort=-name&text=camp-&status=active").await.0, "Tent Stove Axe");
    assert_eq!(names("status=archived").await.0, "");
    let (first, next) = names("sort=name&limit=2").await;
    let rest = names(&format!("sort=name&limit=2&cursor={}", next.unwrap())).await;
    assert_eq!((first.as_str(), rest.0.as_str(), rest.1), ("Axe Stove", "Tent", None));
    let wrong = app.get("/v1/products?status=sold&sort=price").role(VIEWER).send().await;
    assert_eq!(wrong.errors(), ["sort sort_invalid", "status unknown_status"]);
}
