//! Workers that stop one after another hand over without letting the next in line overtake.

use std::sync::Arc;

use sqlx::PgPool;

use super::{FIRST, SECOND, Worker, assert_effects, both, broker, database, rabbitmq};
use crate::bus::broker::Vhost;
use crate::delivery::{customers, emit};
use crate::support::{TestDb, quick};

/// In line for the queues of the two groups.
const WORKERS: usize = 4;
const EVENTS: i64 = 400;

/// Keeps each group's first event from being received until the transaction ends.
async fn block(db: &TestDb) -> sqlx::Transaction<'static, sqlx::Postgres> {
    let mut blocking = db.owner.begin().await.unwrap();
    sqlx::query(
        "insert into kernel.inbox (event_id, source, consumer, tenant_id, job_id)
         select id::text, source, consumer, tenant_id, 'blocked'
         from kernel.events, unnest(array[$1, $2]) consumer where sequence = 1",
    )
    .bind(FIRST)
    .bind(SECOND)
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
    emit(&db.api, &customer, 1..=1).await;
    let blocking = block(&db).await;
    emit(&db.api, &customer, 2..=EVENTS).await;
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
    blocking.rollback().await.unwrap();
    while workers.len() > 1 {
        let received = db.count("select count(*) from kernel.inbox").await;
        let more = format!("select least(count(*), {0}) from kernel.inbox", received + 30);
        db.until(&more, received + 30).await;
        // whoever receives, and whoever waits; the last one stays
        workers.remove(0).stop().await;
    }
    assert_effects(&db, 1, EVENTS).await;
    for worker in workers {
        worker.stop().await;
    }
}
