//! Size, time and number of requests.

use std::time::Duration;

use api::Settings;
use serde_json::json;
use sqlx::PgPool;

use crate::app::{App, CUSTOMER_TEAM, VIEWER};

#[sqlx::test(migrations = false)]
async fn a_body_that_is_too_large_is_refused(pool: PgPool) {
    let app = App::with_settings(pool, Settings { body_limit: 100, ..Settings::default() }).await;
    let body = json!({"name": "a".repeat(200), "email": "ada@example.com"});
    let answer = app.post("/v1/customers", &body).role(CUSTOMER_TEAM).send().await;
    assert_eq!(answer.outcome(), (413, "body_too_large"));
    let reinstate = "/v1/customers/01941f29-7c00-7000-8000-000000000001/reinstate";
    let answer = app.call("post", reinstate).raw(&" ".repeat(200)).role(CUSTOMER_TEAM).send().await;
    assert_eq!(answer.outcome(), (413, "body_too_large"), "where no body is asked for, either");
}

#[sqlx::test(migrations = false)]
async fn what_takes_too_long_is_given_up_and_rolled_back(pool: PgPool) {
    let settings = Settings { request_timeout: Duration::from_millis(300), ..Settings::default() };
    let app = App::with_settings(pool, settings).await;
    let path = app.customer("ada@example.com").await.header("location").to_owned();
    let mut lock = app.owner.begin().await.unwrap();
    sqlx::query("select 1 from customers.customers for update").execute(&mut *lock).await.unwrap();

    let answer = app.patch(&path, &json!({"name": "B"})).role(CUSTOMER_TEAM).send().await;
    assert_eq!(answer.outcome(), (503, "request_timeout"));
    assert_eq!(answer.header("retry-after"), "1");

    lock.rollback().await.unwrap();
    // its statement goes on waiting in the database until the lock is free; then it is undone
    let again = app.patch(&path, &json!({"phone": "112"})).role(CUSTOMER_TEAM).send().await;
    assert_eq!((again.json["name"].clone(), again.json["version"].clone()), (json!("Ada"), json!(2)));
    assert_eq!(app.count("kernel.events").await, 2);
}

#[sqlx::test(migrations = false)]
async fn too_many_at_once_are_refused_at_once(pool: PgPool) {
    let settings = Settings { max_in_flight: 1, request_timeout: Duration::from_secs(20), ..Settings::default() };
    let app = App::with_settings(pool, settings).await;
    let path = app.customer("ada@example.com").await.header("location").to_owned();
    let mut lock = app.owner.begin().await.unwrap();
    sqlx::query("select 1 from customers.customers for update").execute(&mut *lock).await.unwrap();

    let waiting = app.patch(&path, &json!({"name": "B"})).role(CUSTOMER_TEAM).send();
    let meanwhile = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let refused = app.get("/v1/customers").role(VIEWER).send().await;
        assert_eq!((refused.outcome(), refused.header("retry-after")), ((503, "too_many_requests"), "1"));
        for open in ["/", "/health/live", "/health/ready", "/openapi.json"] {
            assert_eq!(app.get(open).send().await.status, 200, "{open} is not limited");
        }
        lock.rollback().await.unwrap();
    };
    let (waited, ()) = tokio::join!(waiting, meanwhile);
    assert_eq!(waited.status, 200);
    assert_eq!(app.get("/v1/customers").role(VIEWER).send().await.status, 200, "and there is room again");
}

#[sqlx::test(migrations = false)]
async fn a_statement_that_the_database_gives_up_can_be_tried_again(pool: PgPool) {
    // the API's connections take their options from the owner's
    let options = (*pool.connect_options()).clone().options([("statement_timeout", "2000")]);
    let app = App::new(PgPool::connect_with(options).await.unwrap()).await;
    let path = app.customer("ada@example.com").await.header("location").to_owned();
    let mut lock = app.owner.begin().await.unwrap();
    sqlx::query("select 1 from customers.customers for update").execute(&mut *lock).await.unwrap();
    let answer = app.patch(&path, &json!({"name": "B"})).role(CUSTOMER_TEAM).send().await;
    assert_eq!((answer.outcome(), answer.header("retry-after")), ((503, "database_unavailable"), "2"));
}
