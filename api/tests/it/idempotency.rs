//! `Idempotency-Key` over HTTP: same key and request, one effect, same answer.

use serde_json::json;
use sqlx::PgPool;

use crate::app::{ADMIN, Answer, App, CUSTOMER_TEAM, STAFF};
use crate::description::operations;
use crate::seed::seed;

const KEY: &str = "idempotency-key";
const REPLAYED: &str = "idempotency-replayed";

/// What must be the same in a repetition.
fn told(answer: &Answer) -> (u16, String, [String; 3]) {
    let header = |name| answer.header(name).to_owned();
    (answer.status.as_u16(), answer.text.clone(), [header("etag"), header("location"), header("content-type")])
}

#[sqlx::test(migrations = false)]
async fn a_repetition_gets_the_same_answer_and_has_no_effect(pool: PgPool) {
    let app = App::new(pool).await;
    let body = json!({"name": "Ada", "email": "ada@example.com"});
    let send = || app.post("/v1/customers", &body).role(CUSTOMER_TEAM).header(KEY, "one").send();
    let (first, second) = (send().await, send().await);
    assert_eq!(first.status, 201);
    assert_eq!(told(&first), told(&second));
    assert_eq!((first.header(REPLAYED), second.header(REPLAYED)), ("", "true"));
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"), "a request of its own, though");
    assert_eq!(app.count("customers.customers").await, 1);
    assert_eq!(app.count("kernel.events").await, 1);
}

#[sqlx::test(migrations = false)]
async fn two_that_arrive_together_have_one_effect(pool: PgPool) {
    let app = App::new(pool).await;
    let body = json!({"name": "Ada", "email": "ada@example.com"});
    let send = || app.post("/v1/customers", &body).role(CUSTOMER_TEAM).header(KEY, "one").send();
    let answers = futures::future::join_all((0..6).map(|_| send())).await;
    assert!(answers.iter().all(|answer| told(answer) == told(&answers[0])), "{answers:?}");
    assert_eq!(answers[0].status, 201);
    assert_eq!(answers.iter().filter(|answer| answer.header(REPLAYED).is_empty()).count(), 1);
    assert_eq!(app.count("customers.customers").await, 1);
}

#[sqlx::test(migrations = false)]
async fn a_key_belongs_to_its_request(pool: PgPool) {
    let app = App::new(pool).await;
    let customer = app.customer("ada@example.com").await;
    let suspend = format!("/v1/customers/{}/suspend", customer.id());
    let call = |reason: &str| app.post(&suspend, &json!({"reason": reason})).role(CUSTOMER_TEAM).header(KEY, "one");
    assert_eq!(call("unpaid").send().await.status, 200);
    assert_eq!(call("fraud").send().await.outcome(), (422, "idempotency_key_reused"), "another body");
    let conditional = call("unpaid").header("if-match", "\"1\"").send().await;
    assert_eq!(conditional.outcome(), (422, "idempotency_key_reused"), "another condition");
    assert_eq!(conditional.errors(), ["Idempotency-Key idempotency_key_reused"]);
    let invalid =
        app.post(&suspend, &json!({"reason": "x"})).role(CUSTOMER_TEAM).header(KEY, &"k".repeat(256)).send().await;
    assert_eq!(invalid.outcome(), (422, "idempotency_key_invalid"));

    // the same key on another route, by another caller, in another tenant
    let body = json!({"name": "Bob", "email": "bob@example.com"});
    for (role, tenant) in [(CUSTOMER_TEAM, "demo"), (CUSTOMER_TEAM, "globex"), (STAFF, "globex")] {
        let answer = app.post("/v1/customers", &body).user(role, tenant).header(KEY, "one").send().await;
        let expected = if role == STAFF { (409, "customer_email_taken") } else { (201, "") };
        assert_eq!(answer.outcome(), expected, "{role} {tenant}");
        assert_eq!(answer.header(REPLAYED), "");
    }
}

#[sqlx::test(migrations = false)]
async fn a_rejection_is_replayed_too(pool: PgPool) {
    let app = App::new(pool).await;
    app.customer("ada@example.com").await;
    let body = json!({"name": "Ada", "email": "ada@example.com"});
    let send = || app.post("/v1/customers", &body).role(CUSTOMER_TEAM).header(KEY, "one").send();
    let first = send().await;
    assert_eq!(first.outcome(), (409, "customer_email_taken"));
    sqlx::query("delete from customers.customers").execute(&app.owner).await.unwrap();
    let second = send().await;
    assert_eq!(told(&first), told(&second), "though it would work now");
    assert_eq!(second.header(REPLAYED), "true");
    assert_eq!(app.count("customers.customers").await, 0);
}

#[sqlx::test(migrations = false)]
async fn a_fault_leaves_the_key_free(pool: PgPool) {
    let app = App::new(pool).await;
    let body = json!({"name": "Ada", "email": "ada@example.com"});
    let send = || app.post("/v1/customers", &body).role(CUSTOMER_TEAM).header(KEY, "one").send();
    sqlx::query("alter table kernel.events rename column data to broken").execute(&app.owner).await.unwrap();
    assert_eq!(send().await.outcome(), (500, "internal_error"));
    sqlx::query("alter table kernel.events rename column broken to data").execute(&app.owner).await.unwrap();
    let answer = send().await;
    assert_eq!((answer.status.as_u16(), answer.header(REPLAYED)), (201, ""));
}

#[sqlx::test(migrations = false)]
async fn every_post_below_admin_has_it(pool: PgPool) {
    let app = App::new(pool).await;
    seed(&app.owner).await;
    for operation in operations().iter().filter(|o| o.method == "post" && !o.path.starts_with("/v1/admin")) {
        let send = || {
            let call = app.call("post", &operation.example_path).role(STAFF).header(KEY, "every");
            match &operation.example_body {
                Some(body) => call.json(body).send(),
                None => call.send(),
            }
        };
        let (mut first, second) = (send().await, send().await);
        assert!(first.status.is_success(), "{}: {}", operation.path, first.text);
        if let Some(secret) = first.json["secret"].as_str() {
            // shown once
            first.text = first.text.replace(&format!("\"{secret}\""), "null");
        }
        assert_eq!(told(&first), told(&second), "{}", operation.path);
        assert_eq!(second.header(REPLAYED), "true", "{}", operation.path);
    }
}

#[sqlx::test(migrations = false)]
async fn an_admin_command_has_it_over_the_whole_installation(pool: PgPool) {
    let app = App::new(pool).await;
    app.customer("ada@example.com").await; // its event gives the queue a job, and so makes it known
    let pause = |tenant: &'static str, reason: &str| {
        let call = app.post("/v1/admin/queues/outbox/pause", &json!({"reason": reason}));
        call.user(ADMIN, tenant).header(KEY, "one").send()
    };
    let (first, second) = (pause("demo", "upgrade").await, pause("demo", "upgrade").await);
    assert_eq!(first.status, 200, "{}", first.text);
    assert_eq!((told(&first), second.header(REPLAYED)), (told(&second), "true"));
    assert_eq!(pause("demo", "another").await.outcome(), (422, "idempotency_key_reused"));
    // no tenant can read it: its key is under a name that is none
    let owner: String =
        sqlx::query_scalar("select tenant_id from kernel.idempotency_keys").fetch_one(&app.owner).await.unwrap();
    assert_eq!(owner, "*");
}
