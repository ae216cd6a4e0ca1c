//! From the commit to the broker: what happens to committed events when publishing fails.

mod arrivals;
mod collapse;
mod order;
mod outage;
mod refusals;
mod schedule;

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::DateTime;
use domain::customers::{CustomerChanged, CustomerField, CustomerSnapshot, Status};
use domain::kernel::event::Event as _;
use domain::{Command, Db, Error, Tx};
use jobs::Wiring;
use jobs::bus::{Bus, RabbitMq, Settings, Subscription};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::servers::variable;
use crate::support::{TestDb, ctx, settings};

/// One event each of many customers, all with the same sequence, in one transaction.
struct Change<'a> {
    customers: &'a [Uuid],
    sequence: i64,
}

impl Command for Change<'_> {
    type Output = ();

    async fn handle(self, tx: &mut Tx) -> Result<(), Error> {
        self.customers.iter().try_for_each(|id| tx.emit(&changed(*id, self.sequence)))
    }
}

pub(crate) fn changed(id: Uuid, version: i64) -> CustomerChanged {
    let at = DateTime::UNIX_EPOCH;
    CustomerChanged {
        changed: vec![CustomerField::Name],
        customer: CustomerSnapshot {
            id,
            name: format!("Ada the {version}th"),
            email: "ada@example.com".into(),
            phone: None,
            status: Status::Active,
            suspend_reason: None,
            suspended_at: None,
            group_id: None,
            created_at: at,
            updated_at: at,
            version,
        },
    }
}

pub(crate) fn customers(count: usize) -> Vec<Uuid> {
    (0..count).map(|_| Uuid::now_v7()).collect()
}

/// Emits the events `sequences` of every customer, those of a customer in order.
pub(crate) async fn emit(db: &Db, customers: &[Uuid], sequences: std::ops::RangeInclusive<i64>) {
    for sequence in sequences {
        domain::run(db, &ctx(), Change { customers, sequence }).await.unwrap();
    }
}

/// Exchange and queue of one test, so that tests share a broker and not their messages.
struct Route {
    exchange: String,
    queue: String,
}

impl Route {
    fn new() -> Self {
        let exchange = format!("test.{}", Uuid::now_v7());
        Self { queue: format!("{exchange}.arrivals"), exchange }
    }

    fn bus(&self, url: &str) -> Arc<dyn Bus> {
        let settings = Settings {
            url: url.to_owned(),
            exchange: self.exchange.clone(),
            reconnect_max: Duration::from_millis(500),
            ..Settings::default()
        };
        let types = vec![CustomerChanged::TYPE.to_owned()];
        let subscription = Subscription { group: "test".to_owned(), queue: self.queue.clone(), event_types: types };
        Arc::new(RabbitMq::start(settings, &[subscription]).unwrap())
    }
}

/// The product's worker: runtime, registry and bus as `portal worker` puts them together.
struct Worker {
    stop: CancellationToken,
    handle: JoinHandle<()>,
}

impl Worker {
    fn start(db: &Db, bus: Arc<dyn Bus>) -> Self {
        let stop = CancellationToken::new();
        Self { handle: tokio::spawn(jobs::run(db.clone(), Wiring::to(bus), settings(), stop.clone())), stop }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.handle.await.unwrap();
    }
}

/// Waits until no job is left that waits or runs.
pub(crate) async fn drained(db: &TestDb, limit: Duration) {
    let begun = Instant::now();
    loop {
        let left = db.count("select count(*) from apalis.jobs").await;
        if left == 0 {
            return;
        }
        assert!(begun.elapsed() < limit, "{left} jobs are left after {limit:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The broker all tests share.
fn shared_broker() -> String {
    variable("PORTAL_TEST_AMQP_URL")
}
