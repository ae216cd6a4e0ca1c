//! The broker dies while events are on their way to it.

use std::time::Duration;

use domain::kernel::policy::{OnUnavailable, QueuePolicy};
use sqlx::PgPool;

use super::arrivals::Arrivals;
use super::{Route, Worker, customers, drained, emit};
use crate::servers::{Node, up};
use crate::support::TestDb;

const CUSTOMERS: usize = 60;
const COMPLETED: &str = "select count(*) from jobs.completed";

/// All retries together wait 0.3 s.
fn impatient(on_unavailable: OnUnavailable) -> QueuePolicy {
    QueuePolicy { max_attempts: 3, backoff_base_ms: 100, concurrency: 32, on_unavailable, ..QueuePolicy::default() }
}

/// Kills the broker when some events are published and others are on their way to it.
async fn killed_mid_publish(node: &Node, db: &TestDb) {
    at_least(db, COMPLETED, 100).await;
    // a broker that answers at once may have nothing on its way at the moment of its death
    node.freeze().await;
    at_least(db, "select count(*) from apalis.jobs where lock_by is not null", 1).await;
    node.kill().await;
}

async fn at_least(db: &TestDb, count: &'static str, expected: i64) {
    let reached = async {
        while db.count(count).await < expected {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), reached).await.unwrap_or_else(|_| panic!("{expected} of {count}"));
}

#[sqlx::test(migrations = false)]
async fn a_broker_that_is_away_for_longer_than_all_retries_costs_no_attempt_and_no_event(owner: PgPool) {
    let node = Node::running().await;
    let db = TestDb::new(owner, impatient(OnUnavailable::Wait)).await;
    let (route, customers) = (Route::new(), customers(CUSTOMERS));
    let bus = route.bus(&node.url());
    node.settled(&*bus).await;
    emit(&db.api, &customers, 1..=45).await;
    let worker = Worker::start(&db.worker, bus);
    killed_mid_publish(&node, &db).await;
    let early = db.count(COMPLETED).await;
    assert!(early < 2_700, "all events were through before the broker died");
    emit(&db.api, &customers, 46..=50).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let during = db.count(COMPLETED).await;
    assert!(during < early + 100, "{early} events were complete when the broker died, and then {during}");
    assert_eq!(db.count("select count(*) from apalis.jobs where attempts > 0 or lock_by is not null").await, 0);
    node.start().await;
    drained(&db, Duration::from_secs(60)).await;
    worker.stop().await;

    // what was completed before the broker died was confirmed, and so survived it
    Arrivals::read(&node.url(), &route, 3_000).await.assert_in_order(CUSTOMERS, 50);
    assert_eq!(db.count("select count(*) from jobs.completed where attempt = 1").await, 3_000);
    assert_eq!(db.count(COMPLETED).await, 3_000);
    assert_eq!(db.count("select count(*) from jobs.dead_letters").await, 0);
    let handed_back = "select count(*) from jobs.attempts where outcome = 'unavailable' and attempt = 1 and error_class = 'unavailable'";
    let handed_back = db.count(handed_back).await;
    assert!(handed_back > 0, "nothing was on its way when the broker died");
    assert_eq!(db.count("select count(*) from jobs.attempts").await, handed_back);
}

#[sqlx::test(migrations = false)]
async fn where_the_queue_counts_it_an_outage_uses_attempts_and_ends_in_dead_letters(owner: PgPool) {
    let node = Node::running().await;
    let db = TestDb::new(owner, impatient(OnUnavailable::Count)).await;
    emit(&db.api, &customers(400), 1..=6).await;
    let bus = Route::new().bus(&node.url());
    up(&*bus).await;
    let worker = Worker::start(&db.worker, bus);
    killed_mid_publish(&node, &db).await;
    drained(&db, Duration::from_secs(60)).await;
    worker.stop().await;

    let dead = db.count("select count(*) from jobs.dead_letters where reason = 'exhausted' and error_class = 'unavailable' and attempts = 3").await;
    assert!(dead > 300, "{dead} dead letters");
    assert_eq!(dead + db.count(COMPLETED).await, 2_400);
    // a wait counts from the moment in which the failure is written down: at least the configured one
    let waits: Vec<(i32, String, Option<f64>)> = sqlx::query_as(
        "select a.attempt, a.outcome, floor(min(extract(epoch from a.next_run_at - a.ended_at)) * 10)::float8 / 10
         from jobs.attempts a join jobs.dead_letters d on d.id = a.job_id group by 1, 2 order by 1, 2",
    )
    .fetch_all(&db.owner)
    .await
    .unwrap();
    let waits: Vec<_> = waits.iter().map(|(n, outcome, wait)| (*n, outcome.as_str(), *wait)).collect();
    assert_eq!(waits, [(1, "failed", Some(0.1)), (2, "failed", Some(0.2)), (3, "dead", None)]);
}
