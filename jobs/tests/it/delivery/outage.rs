//! The broker dies while events are on their way to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use domain::kernel::event::Envelope;
use domain::kernel::policy::{OnUnavailable, QueuePolicy};
use jobs::bus::{Bus, BusState, PublishError};
use sqlx::PgPool;
use tokio::sync::{OnceCell, Semaphore, watch};

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

/// Publishes so many events as they come. Then the node is frozen, and only after that the others
/// set out: whatever the machine is doing, there are some of both when the node is killed.
struct FrozenMidway {
    bus: Arc<dyn Bus>,
    node: Arc<Node>,
    published: AtomicUsize,
    freeze: OnceCell<()>,
    under_way: Semaphore,
}

const BEFORE_THE_FREEZE: usize = 500;

impl FrozenMidway {
    fn new(bus: Arc<dyn Bus>, node: &Arc<Node>) -> Arc<Self> {
        let (freeze, under_way) = (OnceCell::new(), Semaphore::new(0));
        Arc::new(Self { bus, node: node.clone(), published: AtomicUsize::new(0), freeze, under_way })
    }

    /// Kills the node when some events are on their way to it.
    async fn killed(&self) {
        let waited = tokio::time::timeout(Duration::from_secs(60), self.under_way.acquire_many(8)).await;
        waited.expect("8 events set out within 60 s").unwrap().forget();
        self.node.kill().await;
    }
}

#[async_trait]
impl Bus for FrozenMidway {
    async fn publish(&self, event: &Envelope) -> Result<(), PublishError> {
        if self.published.fetch_add(1, Ordering::Relaxed) >= BEFORE_THE_FREEZE {
            self.freeze.get_or_init(|| self.node.freeze()).await;
            self.under_way.add_permits(1);
        }
        self.bus.publish(event).await
    }

    fn state(&self) -> watch::Receiver<BusState> {
        self.bus.state()
    }

    async fn close(&self) {
        self.bus.close().await;
    }
}

#[sqlx::test(migrations = false)]
async fn a_broker_that_is_away_for_longer_than_all_retries_costs_no_attempt_and_no_event(owner: PgPool) {
    let node = Arc::new(Node::running().await);
    let db = TestDb::new(owner, impatient(OnUnavailable::Wait)).await;
    let (route, customers) = (Route::new(), customers(CUSTOMERS));
    let bus = route.bus(&node.url());
    node.settled(&*bus).await;
    emit(&db.api, &customers, 1..=45).await;
    let bus = FrozenMidway::new(bus, &node);
    let worker = Worker::start(&db.worker, bus.clone());
    bus.killed().await;
    emit(&db.api, &customers, 46..=50).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let confirmed = db.count(COMPLETED).await;
    let limits = 1..=i64::try_from(BEFORE_THE_FREEZE).unwrap();
    assert!(limits.contains(&confirmed), "{confirmed} events are complete, of those that set out before the freeze");
    db.until("select count(*) from apalis.jobs where attempts > 0 or lock_by is not null", 0).await;
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
    let node = Arc::new(Node::running().await);
    let db = TestDb::new(owner, impatient(OnUnavailable::Count)).await;
    emit(&db.api, &customers(400), 1..=6).await;
    let bus = Route::new().bus(&node.url());
    up(&*bus).await;
    let bus = FrozenMidway::new(bus, &node);
    let worker = Worker::start(&db.worker, bus.clone());
    bus.killed().await;
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
