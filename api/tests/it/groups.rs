//! What callers can do with customer groups.

use serde_json::json;
use sqlx::PgPool;

use crate::app::{App, CUSTOMER_TEAM, VIEWER};

#[sqlx::test(migrations = false)]
async fn groups_are_created_read_and_listed(pool: PgPool) {
    let app = App::new(pool).await;
    let create = |name: &str| app.post("/v1/customer-groups", &json!({"name": name})).role(CUSTOMER_TEAM).send();
    let wholesale = create("Wholesale").await;
    assert_eq!((wholesale.status.as_u16(), wholesale.header("etag")), (201, "\"1\""));
    let got = app.get(wholesale.header("location")).role(VIEWER).send().await;
    assert_eq!((got.json, got.headers["etag"].to_str().unwrap()), (wholesale.json, "\"1\""));
    assert_eq!(create("Wholesale").await.outcome(), (409, "customer_group_name_taken"));
    assert_eq!(create(" ").await.errors(), ["/name required"]);
    create("Retail").await;

    let first = app.get("/v1/customer-groups?limit=1").role(VIEWER).send().await;
    assert_eq!(first.json["data"][0]["name"], "Retail");
    let next = first.json["next"].as_str().unwrap();
    let last = app.get(&format!("/v1/customer-groups?limit=1&cursor={next}")).role(VIEWER).send().await;
    assert_eq!((last.json["data"][0]["name"].clone(), last.json["next"].clone()), (json!("Wholesale"), json!(null)));

    let missing = app.get("/v1/customer-groups/01941f29-7c00-7000-8000-00000000ffff").role(VIEWER).send().await;
    assert_eq!(missing.outcome(), (404, "customer_group_not_found"));
    let limit = app.get("/v1/customer-groups?limit=201").role(VIEWER).send().await;
    assert_eq!((limit.outcome(), limit.errors()), ((422, "validation_failed"), vec!["limit limit_invalid".to_owned()]));
}
