//! Every event has its effect once in every group, whatever is delivered twice and whoever restarts.

use std::time::Duration;

use domain::kernel::event::Envelope;

use super::{Carrier, Worker, assert_effects, both, database, over_both_buses};
use crate::delivery::{customers, emit};
use crate::support::{TestDb, quick};

over_both_buses! {
    every_event_has_its_effect_once_in_every_group
    workers_that_stop_and_start_lose_nothing_and_repeat_nothing
}

async fn every_event_has_its_effect_once_in_every_group(owner: sqlx::PgPool, carrier: Carrier) {
    let db = database(owner, quick()).await;
    let wiring = carrier.wiring(&db.worker, &both());
    let bus = wiring.bus.clone();
    let worker = Worker::start(&db.worker, wiring);
    emit(&db.api, &customers(20), 1..=5).await;
    assert_effects(&db, 20, 5).await;
    // the outbox has published each once, and this is a second time
    for event in &events(&db).await {
        bus.publish(event).await.unwrap();
    }
    // what was published last is taken last: then the others are as well
    emit(&db.api, &customers(1), 1..=1).await;
    db.until("select count(*) from effects", 2 * 101).await;
    db.until("select count(*) from apalis.jobs", 0).await;
    worker.stop().await;
    assert_eq!(db.count("select count(*) from kernel.inbox").await, 2 * 101);
    assert_eq!(db.count("select count(*) from jobs.completed where kind = 'handle-event.v1'").await, 2 * 101);
    assert_eq!(db.count("select count(*) from jobs.dead_letters").await, 0);
}

async fn workers_that_stop_and_start_lose_nothing_and_repeat_nothing(owner: sqlx::PgPool, carrier: Carrier) {
    let db = database(owner, quick()).await;
    let customers = customers(30);
    let mut workers = vec![Worker::start(&db.worker, carrier.wiring(&db.worker, &both()))];
    for sequence in 1..=10 {
        emit(&db.api, &customers, sequence..=sequence).await;
        workers.push(Worker::start(&db.worker, carrier.wiring(&db.worker, &both())));
        tokio::time::sleep(Duration::from_millis(20)).await;
        workers.remove(0).stop().await;
    }
    assert_effects(&db, 30, 10).await;
    for worker in workers {
        worker.stop().await;
    }
    assert_eq!(db.count("select count(*) from jobs.attempts").await, 0, "a stop costs no attempt");
}

/// Every event of the log, as its outbox job held it.
pub(super) async fn events(db: &TestDb) -> Vec<Envelope> {
    let select = "select jsonb_build_object('id', id, 'type', type, 'source', source, 'subject', subject,
        'time', occurred_at, 'sequence', sequence, 'tenant_id', tenant_id, 'actor', actor,
        'correlation_id', correlation_id, 'causation_id', causation_id, 'traceparent', traceparent, 'data', data)::text
        from kernel.events order by position";
    let events: Vec<String> = sqlx::query_scalar(select).fetch_all(&db.owner).await.unwrap();
    events.iter().map(|event| serde_json::from_str(event).unwrap()).collect()
}
