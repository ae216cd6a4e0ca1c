//! `Idempotency-Key`: same key and request, one effect and one answer.

use std::sync::Arc;
use std::time::Duration;

use domain::customers::{CreateCustomer, Customer};
use domain::kernel::idempotency::Header;
use domain::{Answer, Command, Ctx, Error, IdempotencyKey, Outcome, Rejection, Tx, run_once};
use sqlx::PgPool;
use tokio::sync::Notify;

use crate::customers::create;
use crate::support::{ACME, Emitted, OTHER, World, ctx, rejection};

const ROUTE: &str = "POST /v1/customers";

fn key(key: &str) -> IdempotencyKey {
    IdempotencyKey::new(key, ROUTE, b"{}").unwrap()
}

/// As the API would answer: 201 with a location, or a problem.
fn answer(result: Result<Customer, Rejection>) -> Answer {
    let (status, headers, body) = match result {
        Ok(customer) => (201, vec![Header("location".into(), customer.id.to_string())], customer.id.to_string()),
        Err(rejection) => (409, vec![Header("retry-after".into(), "1".into())], rejection.code.to_owned()),
    };
    Answer { status, headers, body: body.into_bytes() }
}

async fn create_once(
    world: &World,
    ctx: &Ctx,
    key: &IdempotencyKey,
    command: CreateCustomer,
) -> Result<Outcome, Error> {
    run_once(&world.db, ctx, key, command, answer).await
}

fn fresh(outcome: Result<Outcome, Error>) -> Answer {
    match outcome {
        Ok(Outcome::Fresh(answer)) => answer,
        other => panic!("expected a fresh answer, got {other:?}"),
    }
}

fn replayed(outcome: Result<Outcome, Error>) -> Answer {
    match outcome {
        Ok(Outcome::Replayed(answer)) => answer,
        other => panic!("expected a replayed answer, got {other:?}"),
    }
}

fn ada() -> CreateCustomer {
    create("Ada", "ada@example.com")
}

#[sqlx::test(migrations = false)]
async fn the_same_key_has_one_effect_and_one_answer(pool: PgPool) {
    let world = World::new(pool).await;
    let first = fresh(create_once(&world, &ctx(ACME), &key("k"), ada()).await);
    assert_eq!(first.status, 201);
    assert_eq!(first.headers[0].0, "location");
    let after = world.everything().await;
    assert_eq!(replayed(create_once(&world, &ctx(ACME), &key("k"), ada()).await), first);
    assert_eq!(world.everything().await, after, "a replay changes nothing");
    let events: Vec<Emitted> = world.events().await;
    assert_eq!(events.len(), 1);
}

#[sqlx::test(migrations = false)]
async fn another_request_cannot_use_the_key(pool: PgPool) {
    let world = World::new(pool).await;
    fresh(create_once(&world, &ctx(ACME), &key("k"), ada()).await);
    let after = world.everything().await;
    let other = IdempotencyKey::new("k", ROUTE, b"{\"name\":\"Bob\"}").unwrap();
    let refused = create_once(&world, &ctx(ACME), &other, create("Bob", "bob@example.com")).await;
    assert_eq!(rejection(refused).code, "idempotency_key_reused");
    assert_eq!(world.everything().await, after);
}

#[sqlx::test(migrations = false)]
async fn a_key_belongs_to_tenant_actor_and_route(pool: PgPool) {
    let world = World::new(pool).await;
    fresh(create_once(&world, &ctx(ACME), &key("k"), ada()).await);
    fresh(create_once(&world, &ctx(OTHER), &key("k"), ada()).await);
    let bob = Ctx { actor: "bob".parse().unwrap(), ..ctx(ACME) };
    fresh(create_once(&world, &bob, &key("k"), create("Bob", "bob@example.com")).await);
    let route = IdempotencyKey::new("k", "POST /v1/other", b"{}").unwrap();
    fresh(create_once(&world, &ctx(ACME), &route, create("Cleo", "cleo@example.com")).await);
    assert_eq!(world.count("select count(*) from kernel.idempotency_keys").await, 4);
    assert_eq!(world.count("select count(*) from customers.customers").await, 4);
}

#[sqlx::test(migrations = false)]
async fn a_rejection_is_an_answer_too(pool: PgPool) {
    let world = World::new(pool).await;
    world.run(ada()).await.unwrap();
    let first = fresh(create_once(&world, &ctx(ACME), &key("k"), ada()).await);
    assert_eq!((first.status, first.body.as_slice()), (409, b"customer_email_taken".as_slice()));
    // the address is free now, but the answer stands
    sqlx::query("update customers.customers set email = 'new@example.com'").execute(&world.owner).await.unwrap();
    assert_eq!(replayed(create_once(&world, &ctx(ACME), &key("k"), ada()).await), first);
    assert_eq!(world.events().await.len(), 1);
    assert_eq!(world.count("select count(*) from apalis.jobs").await, 1);
}

/// Creates a customer, says so, waits until it is let go, and fails if told to.
struct Held {
    command: CreateCustomer,
    created: Arc<Notify>,
    go: Arc<Notify>,
    failure: Option<fn() -> Error>,
}

impl Command for Held {
    type Output = Customer;

    async fn handle(self, tx: &mut Tx) -> Result<Customer, Error> {
        let customer = self.command.handle(tx).await?;
        self.created.notify_one();
        self.go.notified().await;
        match self.failure {
            None => Ok(customer),
            Some(failure) => Err(failure()),
        }
    }
}

fn fault() -> Error {
    Error::Internal("fault".into())
}

/// Does everything, then fails.
fn ends_with(failure: fn() -> Error) -> Held {
    let go = Arc::new(Notify::new());
    go.notify_one();
    Held { command: ada(), created: Arc::default(), go, failure: Some(failure) }
}

#[sqlx::test(migrations = false)]
async fn a_rejection_after_emitting_leaves_only_its_answer(pool: PgPool) {
    let world = World::new(pool).await;
    let late = || Error::Rejected(Rejection::conflict("too_late", "too late"));
    let first = fresh(run_once(&world.db, &ctx(ACME), &key("k"), ends_with(late), answer).await);
    assert_eq!(first.body, b"too_late");
    assert_eq!(replayed(create_once(&world, &ctx(ACME), &key("k"), ada()).await), first);
    let left = world.everything().await;
    assert!(left.len() == 1 && left[0].starts_with("kernel.idempotency_keys"), "{left:?}");
}

/// A request in the middle of its transaction, and the same request once more, which waits for it.
async fn two_at_once(world: &World, failure: Option<fn() -> Error>) -> [Result<Outcome, Error>; 2] {
    let (created, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let held = Held { command: ada(), created: created.clone(), go: go.clone(), failure };
    let db = world.db.clone();
    let first = tokio::spawn(async move { run_once(&db, &ctx(ACME), &key("k"), held, answer).await });
    created.notified().await;
    let db = world.db.clone();
    let second = tokio::spawn(async move { run_once(&db, &ctx(ACME), &key("k"), ada(), answer).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!second.is_finished(), "the second waits for the first");
    go.notify_one();
    [first.await.unwrap(), second.await.unwrap()]
}

#[sqlx::test(migrations = false)]
async fn two_at_once_have_one_effect(pool: PgPool) {
    let world = World::new(pool).await;
    let [first, second] = two_at_once(&world, None).await;
    assert_eq!(fresh(first), replayed(second));
    assert_eq!(world.count("select count(*) from customers.customers").await, 1);
    assert_eq!(world.events().await.len(), 1);
}

#[sqlx::test(migrations = false)]
async fn if_the_first_of_two_fails_the_second_runs(pool: PgPool) {
    let world = World::new(pool).await;
    let [first, second] = two_at_once(&world, Some(fault)).await;
    assert!(matches!(first, Err(Error::Internal(_))));
    assert_eq!(fresh(second).status, 201);
    assert_eq!(world.events().await.len(), 1);
}

#[sqlx::test(migrations = false)]
async fn a_fault_leaves_nothing_and_frees_the_key(pool: PgPool) {
    let world = World::new(pool).await;
    let outcome = run_once(&world.db, &ctx(ACME), &key("k"), ends_with(fault), answer).await;
    assert!(matches!(outcome, Err(Error::Internal(_))));
    assert!(world.everything().await.is_empty());
    fresh(create_once(&world, &ctx(ACME), &key("k"), ada()).await);
}

#[sqlx::test(migrations = false)]
async fn a_key_is_kept_for_a_day(pool: PgPool) {
    let world = World::new(pool).await;
    let age = async |hours: i32| {
        sqlx::query("update kernel.idempotency_keys set created_at = now() - $1 * interval '1 hour'")
            .bind(hours)
            .execute(&world.owner)
            .await
            .unwrap();
    };
    let first = fresh(create_once(&world, &ctx(ACME), &key("k"), ada()).await);
    age(23).await;
    assert_eq!(replayed(create_once(&world, &ctx(ACME), &key("k"), ada()).await), first);
    age(25).await;
    // as good as new, also for another request
    let other = IdempotencyKey::new("k", ROUTE, b"other").unwrap();
    let second = fresh(create_once(&world, &ctx(ACME), &other, create("Bob", "bob@example.com")).await);
    assert_ne!(second, first);
    assert_eq!(replayed(create_once(&world, &ctx(ACME), &other, ada()).await), second);
    assert_eq!(world.count("select count(*) from kernel.idempotency_keys").await, 1);
}

#[test]
fn a_key_is_printable_and_short() {
    for bad in ["", "a\nb", "é", &"x".repeat(256)] {
        assert_eq!(IdempotencyKey::new(bad, ROUTE, b"").unwrap_err().code, "idempotency_key_invalid", "{bad:?}");
    }
}
