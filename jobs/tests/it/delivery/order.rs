//! Many events, two workers, and handlers that fail at random.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::kernel::policy::QueuePolicy;
use domain::messaging::PublishEvent;
use jobs::bus::Bus;
use jobs::runtime::{JobError, JobResult, Kinds};
use sqlx::PgPool;
use uuid::Uuid;

use super::arrivals::Arrivals;
use super::{Route, customers, drained, emit, shared_broker};
use crate::support::{Running, TestDb, quick, settings};

const CUSTOMERS: usize = 200;
const EVENTS: i64 = 50;

/// Random numbers from a seed (splitmix64).
struct Dice(AtomicU64);

impl Dice {
    fn percent(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % 100
    }
}

fn failed(class: &'static str) -> JobError {
    JobError::Transient { class, message: "bad luck".into() }
}

/// Of 100 attempts 10 fail before the event is published, and 3 after.
async fn publish(bus: Arc<dyn Bus>, job: PublishEvent, luck: u64) -> JobResult {
    if luck < 10 {
        return Err(failed("before"));
    }
    bus.publish(&job.event)
        .await
        .map_err(|error| JobError::Transient { class: "publish", message: error.to_string() })?;
    if luck < 13 { Err(failed("after")) } else { Ok(()) }
}

fn start(db: &TestDb, bus: Arc<dyn Bus>, dice: Arc<Dice>) -> Running {
    let kinds = Kinds::default().job(move |job: PublishEvent, _| publish(bus.clone(), job, dice.percent()));
    Running::start_kinds(&db.worker, settings(), kinds)
}

#[sqlx::test(migrations = false)]
async fn of_10000_events_all_arrive_and_each_customers_in_order(owner: PgPool) {
    let seed = Uuid::now_v7().as_u64_pair().1;
    println!("seed {seed}");
    let dice = Arc::new(Dice(AtomicU64::new(seed)));
    let policy = QueuePolicy { concurrency: 64, backoff_base_ms: 20, backoff_jitter: 0.5, max_attempts: 50, ..quick() };
    let db = TestDb::new(owner, policy.clone()).await;
    let second = TestDb::over(db.owner.clone(), policy).await;
    let (route, broker) = (Route::new(), shared_broker());
    let buses = [route.bus(&broker), route.bus(&broker)];
    let workers = [start(&db, buses[0].clone(), dice.clone()), start(&second, buses[1].clone(), dice)];

    let customers = customers(CUSTOMERS);
    futures::future::join_all(customers.chunks(CUSTOMERS / 4).map(|some| emit(&db.api, some, 1..=EVENTS))).await;
    drained(&db, Duration::from_secs(120)).await;
    for worker in workers {
        worker.stop().await;
    }
    futures::future::join_all(buses.iter().map(|bus| bus.close())).await;

    let arrivals = Arrivals::read(&broker, &route, 10_000).await;
    arrivals.assert_in_order(CUSTOMERS, EVENTS);
    assert!(arrivals.messages > 10_100, "{} messages: the handler did not fail after publishing", arrivals.messages);
    assert_eq!(db.count("select count(*) from jobs.dead_letters").await, 0);
    assert_eq!(db.count("select count(distinct id) from jobs.completed where state = 'completed'").await, 10_000);
    assert_eq!(db.count("select count(*) from jobs.completed").await, 10_000);
    assert_eq!(db.count("select count(distinct worker) from jobs.completed").await, 2, "both had a share");
    let before = db.count("select count(*) from jobs.attempts where error_class = 'before'").await;
    assert!((800..1500).contains(&before), "{before} attempts failed before publishing");
}
