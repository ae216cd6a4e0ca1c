//! A handler that fails: on its own, durably, and in an operator's hands at last.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::customers::CustomerChanged;
use domain::kernel::event::Event as _;
use domain::kernel::policy::QueuePolicy;
use domain::operations::{JobId, Reason, RetryDeadLetter};
use domain::{Ctx, Error, Rejection, Scope, Tx};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use jobs::reactions::Reactions;
use jobs::runtime::JobError;
use uuid::Uuid;

use super::{Carrier, FIRST, SECOND, Worker, assert_effects, database, note, over_both_buses, second};
use crate::delivery::{customers, emit};
use crate::support::{ctx, quick};

over_both_buses! {
    a_failing_handler_is_tried_again_alone_and_only_its_aggregate_waits
    a_handler_that_keeps_failing_becomes_a_dead_letter_and_its_group_reacts
    a_rejection_is_a_dead_letter_at_once
}

/// A handler of the first group that writes its effect and then fails, for as long as `broken` and
/// for these customers only.
fn failing(
    broken: Arc<AtomicBool>,
    victims: Vec<Uuid>,
    error: fn() -> Error,
) -> impl for<'a> Fn(CustomerChanged, &'a mut Tx) -> BoxFuture<'a, Result<(), Error>> + Send + Sync + 'static {
    move |event, tx| {
        let fails = broken.load(Ordering::SeqCst) && victims.contains(&event.aggregate_id());
        async move {
            note(FIRST, &event, tx).await?;
            if fails { Err(error()) } else { Ok(()) }
        }
        .boxed()
    }
}

fn internal() -> Error {
    Error::Internal("bad luck".into())
}

async fn a_failing_handler_is_tried_again_alone_and_only_its_aggregate_waits(owner: sqlx::PgPool, carrier: Carrier) {
    let db = database(owner, QueuePolicy { max_attempts: 1000, ..quick() }).await;
    let (broken, customers) = (Arc::new(AtomicBool::new(true)), customers(10));
    let handler = failing(broken.clone(), customers[..4].to_vec(), internal);
    let reactions =
        Reactions::default().on::<CustomerChanged, _>(FIRST, handler).on::<CustomerChanged, _>(SECOND, second);
    let worker = Worker::start(&db.worker, carrier.wiring(&db.worker, &reactions));
    emit(&db.api, &customers, 1..=3).await;

    // the other group and the other six customers go on
    db.until("select count(*) from effects where consumer = 'other'", 30).await;
    db.until("select count(*) from effects where consumer = 'test'", 18).await;
    db.until("select count(*) from jobs.attempts where outcome = 'failed' and attempt = 2", 4).await;
    assert_eq!(db.count("select count(*) from effects where consumer = 'test'").await, 18, "a failure has no effect");
    assert_eq!(db.count("select count(distinct job_id) from jobs.attempts").await, 4, "later events of a key wait");

    broken.store(false, Ordering::SeqCst);
    assert_effects(&db, 10, 3).await;
    worker.stop().await;
    assert_eq!(db.count("select count(*) from jobs.attempts where queue <> 'test'").await, 0);
}

async fn gave_up(event: CustomerChanged, _: JobError, tx: &mut Tx) -> Result<(), Error> {
    note("hook", &event, tx).await
}

async fn a_handler_that_keeps_failing_becomes_a_dead_letter_and_its_group_reacts(
    owner: sqlx::PgPool,
    carrier: Carrier,
) {
    let db = database(owner, QueuePolicy { max_attempts: 3, ..quick() }).await;
    let (broken, customers) = (Arc::new(AtomicBool::new(true)), customers(2));
    let handler = failing(broken.clone(), customers[..1].to_vec(), internal);
    let reactions = Reactions::default()
        .on::<CustomerChanged, _>(FIRST, handler)
        .on_exhausted::<CustomerChanged, _>(FIRST, gave_up)
        .on::<CustomerChanged, _>(SECOND, second);
    let worker = Worker::start(&db.worker, carrier.wiring(&db.worker, &reactions));
    emit(&db.api, &customers, 1..=1).await;
    let dead = "select count(*) from jobs.dead_letters
        where kind = 'handle-event.v1' and queue = 'test' and reason = 'exhausted' and attempts = 3 and error = 'bad luck'";
    db.until(dead, 1).await;
    db.until("select count(*) from effects", 4).await;
    assert_eq!(db.count("select count(*) from effects where consumer = 'hook' and sequence = 1").await, 1);
    assert_eq!(db.count("select count(*) from kernel.inbox where handled_at is null").await, 1);

    // what was given up can be handled yet, once
    broken.store(false, Ordering::SeqCst);
    let id: String = sqlx::query_scalar("select id from jobs.dead_letters").fetch_one(&db.owner).await.unwrap();
    let admin = Ctx { scope: Scope::Installation, ..ctx() };
    let reason = Reason::parse("mended", "/reason").unwrap();
    domain::run(&db.api, &admin, RetryDeadLetter { id: JobId::new(&id), reason }).await.unwrap();
    db.until("select count(*) from effects where consumer = 'test'", 2).await;
    db.until("select count(*) from jobs.completed where kind = 'handle-event.v1'", 4).await;
    worker.stop().await;
    assert_eq!(db.count("select count(*) from kernel.inbox where handled_at is null").await, 0);
    assert_eq!(db.count("select count(*) from effects").await, 5);
}

async fn a_rejection_is_a_dead_letter_at_once(owner: sqlx::PgPool, carrier: Carrier) {
    let db = database(owner, quick()).await;
    let customers = customers(2);
    let rejection = || Error::Rejected(Rejection::conflict("stock_frozen", "no"));
    let handler = failing(Arc::new(AtomicBool::new(true)), customers[..1].to_vec(), rejection);
    let reactions = Reactions::default().on::<CustomerChanged, _>(FIRST, handler);
    let worker = Worker::start(&db.worker, carrier.wiring(&db.worker, &reactions));
    emit(&db.api, &customers, 1..=1).await;
    let dead = "select count(*) from jobs.dead_letters
        where reason = 'permanent' and error_class = 'stock_frozen' and attempts = 1 and tenant_id = 'acme'";
    db.until(dead, 1).await;
    db.until("select count(*) from effects", 1).await;
    db.until("select count(*) from apalis.jobs", 0).await;
    worker.stop().await;
}
