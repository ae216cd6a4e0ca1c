//! The broker answers, and not with a confirm.

use std::time::Duration;

use domain::kernel::policy::QueuePolicy;
use lapin::options::{QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};
use sqlx::PgPool;

use super::arrivals::{Arrivals, channel};
use super::{Route, Worker, customers, drained, emit, shared_broker};
use crate::support::{TestDb, quick};

async fn classes(db: &TestDb) -> Vec<(String, String)> {
    sqlx::query_as("select distinct outcome, error_class from jobs.attempts").fetch_all(&db.owner).await.unwrap()
}

#[sqlx::test(migrations = false)]
async fn a_nacked_event_is_tried_again_until_it_is_taken(owner: PgPool) {
    let db = TestDb::new(owner, QueuePolicy { max_attempts: 1000, ..quick() }).await;
    let (route, broker) = (Route::new(), shared_broker());
    let worker = Worker::start(&db.worker, route.bus(&broker));
    let customers = customers(2);
    emit(&db.api, &customers, 1..=1).await;
    drained(&db, Duration::from_secs(30)).await;

    // another queue gets the events, too, and is full: one copy refused is one event not confirmed
    let (channel, full) = (channel(&broker).await, format!("{}.full", route.exchange));
    let mut limits = FieldTable::default();
    limits.insert("x-max-length".into(), AMQPValue::LongInt(0));
    limits.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    channel.queue_declare(full.as_str().into(), QueueDeclareOptions::default(), limits).await.unwrap();
    let (options, none) = (QueueBindOptions::default(), FieldTable::default());
    channel.queue_bind(full.as_str().into(), route.exchange.as_str().into(), "#".into(), options, none).await.unwrap();
    emit(&db.api, &customers, 2..=3).await;
    db.until("select count(*) from apalis.jobs where attempts >= 2", 2).await;
    assert_eq!(classes(&db).await, [("failed".to_owned(), "nacked".to_owned())]);
    assert_eq!(db.count("select count(*) from jobs.attempts where error not like '%refused the event%'").await, 0);
    let tried = "select count(distinct job_id) from jobs.attempts";
    assert_eq!(db.count(tried).await, 2, "the next event of the same customer waits");

    channel.queue_delete(full.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
    drained(&db, Duration::from_secs(30)).await;
    worker.stop().await;
    assert_eq!(db.count("select count(*) from jobs.completed where attempt > 2").await, 2);
    Arrivals::read(&broker, &route, 6).await.assert_in_order(2, 3);
}

#[sqlx::test(migrations = false)]
async fn an_unroutable_event_is_tried_again_when_the_queue_is_back(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    let (route, broker) = (Route::new(), shared_broker());
    let worker = Worker::start(&db.worker, route.bus(&broker));
    let customers = customers(1);
    emit(&db.api, &customers, 1..=1).await;
    drained(&db, Duration::from_secs(30)).await;

    let channel = channel(&broker).await;
    channel.queue_delete(route.queue.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
    emit(&db.api, &customers, 2..=3).await;
    drained(&db, Duration::from_secs(30)).await;
    worker.stop().await;
    assert_eq!(classes(&db).await, [("failed".to_owned(), "unroutable".to_owned())]);
    assert_eq!(db.count("select count(*) from jobs.completed where attempt > 1").await, 1);
    assert_eq!(db.count("select count(*) from jobs.dead_letters").await, 0);
    // the first went down with the queue
    let arrivals = Arrivals::read(&broker, &route, 2).await;
    assert_eq!(arrivals.sequences.into_values().collect::<Vec<_>>(), [[2, 3]]);
}
