//! The one shape of every error, pinned.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sqlx::PgPool;

use crate::app::{Answer, App, CUSTOMER_TEAM, Call, STAFF, VIEWER};

/// What the caller sees, without what differs from run to run.
fn pinned(answer: &Answer) -> Value {
    assert_eq!(answer.header("content-type"), "application/problem+json", "{}", answer.text);
    assert_eq!(answer.json["requestId"], answer.header("x-request-id"));
    assert_eq!(answer.json["status"], answer.status.as_u16());
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("cache-control"), "no-store");
    let mut json = answer.json.clone();
    json["requestId"] = json!("[request id]");
    json
}

async fn pin(calls: Vec<(&str, Call<'_>)>) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for (name, call) in calls {
        all.insert(name.to_owned(), pinned(&call.send().await));
    }
    all
}

#[sqlx::test(migrations = false)]
async fn routes_tokens_and_headers(pool: PgPool) {
    let app = App::new(pool).await;
    let list = || app.get("/v1/customers");
    let problems = pin(vec![
        ("no route", app.get("/v1/nothing").role(VIEWER)),
        ("no token", list()),
        ("no JWT", list().token("x")),
        ("too low a role", app.call("post", "/v1/products").role(CUSTOMER_TEAM)),
        ("another tenant", list().role(VIEWER).header("x-tenant", "globex")),
        ("correlation id", list().role(VIEWER).header("x-correlation-id", "a b")),
        ("id in the path", app.get("/v1/customers/7").role(VIEWER)),
        ("media type", app.call("post", "/v1/customers").raw("name=a").role(CUSTOMER_TEAM)),
    ]);
    insta::assert_json_snapshot!(problems.await);
    let method = app.call("delete", "/v1/customers").role(VIEWER).send().await;
    assert_eq!(method.outcome(), (405, "method_not_allowed"));
    assert_eq!(method.header("allow"), "GET,HEAD,POST");
}

#[sqlx::test(migrations = false)]
async fn bodies_and_parameters(pool: PgPool) {
    let app = App::new(pool).await;
    let create = |body: &str| {
        app.call("post", "/v1/customers")
            .raw(body)
            .header("content-type", "application/json; charset=utf-8")
            .role(CUSTOMER_TEAM)
    };
    let list = |query: &str| app.get(&format!("/v1/customers?{query}")).role(VIEWER);
    let problems = pin(vec![
        ("malformed", create("{\n  \"name\": \"Ada\",,\n}")),
        ("empty", create("")),
        ("not an object", create("[]")),
        (
            "many wrong fields",
            create(r#"{"name": 5, "email": "ada", "phone": "call me", "vip": true, "groupId": "x"}"#),
        ),
        ("missing fields", create("{}")),
        ("blank", create(r#"{"name": " ", "email": "a@b.de\u0000"}"#)),
        (
            "unknown group",
            create(r#"{"name": "A", "email": "a@b.de", "groupId": "01941f29-7c00-7000-8000-00000000ffff"}"#),
        ),
        ("wrong parameters", list("status=gone&sort=email&limit=0")),
        ("unknown parameter", list("statsu=active")),
        ("parameter of a wrong type", list("limit=many")),
        ("parameter given twice", list("limit=1&limit=2")),
        ("foreign cursor", list("cursor=x")),
    ]);
    insta::assert_json_snapshot!(problems.await);
}

#[sqlx::test(migrations = false)]
async fn rules(pool: PgPool) {
    let app = App::new(pool).await;
    let path = app.customer("ada@example.com").await.header("location").to_owned();
    let missing = "/v1/customers/01941f29-7c00-7000-8000-00000000ffff";
    let problems = pin(vec![
        ("not found", app.get(missing).role(VIEWER)),
        ("stale", app.patch(&path, &json!({"name": "B"})).role(CUSTOMER_TEAM).header("if-match", "\"9\"")),
        ("not suspended", app.call("post", &format!("{path}/reinstate")).role(CUSTOMER_TEAM)),
        ("e-mail taken", app.post("/v1/customers", &json!({"name": "B", "email": "ADA@example.com"})).role(STAFF)),
        ("name removed", app.patch(&path, &json!({"name": null})).role(CUSTOMER_TEAM)),
        ("body of an action", app.post(&format!("{path}/reinstate"), &json!({"reason": "x"})).role(CUSTOMER_TEAM)),
    ]);
    insta::assert_json_snapshot!(problems.await);
}

#[sqlx::test(migrations = false)]
async fn a_fault_shows_nothing_of_itself(pool: PgPool) {
    let app = App::new(pool).await;
    sqlx::query("alter table customers.customers rename column email to secret_column")
        .execute(&app.owner)
        .await
        .unwrap();
    let answer = app.get("/v1/customers").role(VIEWER).send().await;
    insta::assert_json_snapshot!(pinned(&answer));
    for word in ["secret_column", "email", "select", "column", "sql", "postgres"] {
        assert!(!answer.text.to_lowercase().contains(word), "{word}: {}", answer.text);
    }
}

#[sqlx::test(migrations = false)]
async fn every_answer_has_its_ids(pool: PgPool) {
    let app = App::new(pool).await;
    let made = app.get("/").send().await;
    assert_eq!(made.header("x-request-id").parse::<uuid::Uuid>().unwrap().get_version_num(), 7);
    assert!(!made.header("x-correlation-id").is_empty());
    let given = app.get("/nowhere").header("x-correlation-id", "order-7").send().await;
    assert_eq!((given.status.as_u16(), given.header("x-correlation-id")), (404, "order-7"));
    let long = app.get("/").header("x-correlation-id", &"x".repeat(129)).send().await;
    assert_eq!(long.outcome(), (400, "header_invalid"));
    assert_eq!(long.errors(), ["X-Correlation-Id header_invalid"]);
}
