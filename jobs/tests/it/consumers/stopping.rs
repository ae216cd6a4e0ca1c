//! Workers that stop one after another hand over without letting the next in line overtake.

use std::sync::Arc;

use sqlx::PgPool;

use super::{FIRST, SECOND, Worker, assert_effects, both, broker, database, rabbitmq};
use crate::bus::broker::Vhost;
use crate::delivery::{customers, emit};
use crate::support::{TestDb, quick};

/// In line for the queues of the two groups.
const WORKERS: usize = 4;
/// What each of them receives, about.
const SHARE: i64 = 100;
const EVENTS: i64 = SHARE * WORKERS as i64;

/// Keeps both groups from receiving the event with this sequence, and what follows it, until the transaction ends.
async fn block(db: &TestDb, sequence: i64) -> sqlx::Transaction<'static, sqlx::Postgres> {
    let mut blocking = db.owner.begin().await.unwrap();
    sqlx::query(
        "insert into kernel.inbox (event_id, source, consumer, tenant_id, job_id)
         select id::text, source, consumer, tenant_id, 'blocked'
         from kernel.events, unnest(array[$1, $2]) consumer where sequence = $3",
    )
    .bind(FIRST)
    .bind(SECOND)
    .bind(sequence)
    .execute(&mut *blocking)
    .await
    .unwrap();
    blocking
}

#[sqlx::test(migrations = false)]
async fn messages_under_way_to_a_worker_that_stops_are_not_overtaken(owner: PgPool) {
    let vhost = Vhost::new();
    let db = database(owner, quick()).await;
    let customer = customers(1);
    emit(&db.api, &customer, 1..=EVENTS).await;
    let mut blocking = block(&db, 1).await;
    // a reader soon has nothing at hand while the broker sends what follows: that is when it stops
    let start = || {
        let mut wiring = rabbitmq(broker(&vhost.url), Arc::new(both()));
        wiring.receive =
            wiring.receive.map(|receive| jobs::bus::consumer::Receive { prefetch: 3, batch: 3, ..receive });
        Worker::start(&db.worker, wiring)
    };
    let mut workers: Vec<_> = (0..WORKERS).map(|_| start()).collect();
    db.until("select count(*) from jobs.publications", EVENTS).await;
    for subscription in both().subscriptions() {
        vhost.is_consumed_by(&subscription.queue, WORKERS).await;
    }
    // each stops in the middle of its share, and the next one takes it from there, however long the stop takes
    for share in 0..WORKERS as i64 - 1 {
        let end = (share + 1) * SHARE + 1;
        let held = std::mem::replace(&mut blocking, block(&db, end).await);
        held.rollback().await.unwrap();
        let some = 2 * share * SHARE + SHARE + SHARE / 2;
        db.until(&format!("select least(count(*), {some}) from kernel.inbox"), some).await;
        let Worker { stop, handle } = workers.remove(0);
        stop.cancel();
        let held = std::mem::replace(&mut blocking, block(&db, end + SHARE / 2).await);
        held.rollback().await.unwrap();
        handle.await.unwrap();
    }
    blocking.rollback().await.unwrap();
    assert_effects(&db, 1, EVENTS).await;
    for worker in workers {
        worker.stop().await;
    }
}
