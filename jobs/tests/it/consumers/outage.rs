//! The broker is killed while events are on their way out and in.

use std::sync::Arc;

use sqlx::PgPool;

use super::{Worker, assert_effects, both, broker, database, rabbitmq};
use crate::delivery::{customers, emit};
use crate::servers::Node;
use crate::support::quick;

#[sqlx::test(migrations = false)]
async fn a_broker_that_is_killed_and_returns_costs_no_effect_and_repeats_none(owner: PgPool) {
    let node = Node::running().await;
    let db = database(owner, quick()).await;
    let customers = customers(40);
    let wiring = rabbitmq(broker(&node.vhost().await), Arc::new(both()));
    node.settled(&*wiring.bus).await;
    let worker = Worker::start(&db.worker, wiring);
    emit(&db.api, &customers, 1..=10).await;
    db.until("select least(count(*), 100) from effects", 100).await;
    node.kill().await;
    emit(&db.api, &customers, 11..=12).await;
    node.start().await;
    assert_effects(&db, 40, 12).await;
    worker.stop().await;
    assert_eq!(db.count("select count(*) from jobs.dead_letters").await, 0);
}
