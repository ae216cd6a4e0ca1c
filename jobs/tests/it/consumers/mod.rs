//! From the commit of an event to its effects: the same promises over both buses.

mod deliveries;
mod effects;
mod failures;
mod intake;
mod notifications;
mod outage;
mod replay;
mod saga;
mod saga_failures;
mod stopping;
mod timeline;
mod webhooks;

use std::sync::Arc;

use domain::customers::CustomerChanged;
use domain::kernel::event::Event;
use domain::kernel::policy::QueuePolicy;
use domain::{Db, Error, Tx};
use jobs::Wiring;
use jobs::bus::consumer::{Intake, Receive};
use jobs::bus::{Bus, ContentMode, Embedded, RabbitMq, Settings};
use jobs::reactions::Reactions;
use sqlx::PgPool;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::bus::broker::Vhost;
use crate::support::{OTHER_QUEUE, QUEUE, TestDb, settings};

/// The two consumer groups of these tests, named as the queues that have a quick policy.
const FIRST: &str = QUEUE;
const SECOND: &str = OTHER_QUEUE;

/// What carries the events.
enum Carrier {
    Embedded,
    RabbitMq(Vhost),
}

/// Writes each test once, and runs it over both buses.
macro_rules! over_both_buses {
    ($($name:ident)*) => {$(
        mod $name {
            use super::Carrier;
            use crate::bus::broker::Vhost;

            #[sqlx::test(migrations = false)]
            async fn over_the_embedded_bus(owner: sqlx::PgPool) {
                super::$name(owner, Carrier::Embedded).await;
            }

            #[sqlx::test(migrations = false)]
            async fn over_rabbitmq(owner: sqlx::PgPool) {
                super::$name(owner, Carrier::RabbitMq(Vhost::new())).await;
            }
        }
    )*};
}
use over_both_buses;

impl Carrier {
    fn wiring(&self, db: &Db, reactions: &Reactions) -> Wiring {
        let reactions = Arc::new(reactions.clone());
        match self {
            Self::Embedded => {
                let intake = Intake::new(db.clone(), reactions.clone());
                let bus = Arc::new(Embedded::with_consumers(ContentMode::Structured, intake));
                Wiring { reactions, ..Wiring::to(bus) }
            }
            Self::RabbitMq(vhost) => rabbitmq(broker(&vhost.url), reactions),
        }
    }
}

fn broker(url: &str) -> Settings {
    let reconnect_max = std::time::Duration::from_millis(500);
    Settings { url: url.to_owned(), reconnect_max, ..Settings::default() }
}

fn rabbitmq(settings: Settings, reactions: Arc<Reactions>) -> Wiring {
    let bus: Arc<dyn Bus> = Arc::new(RabbitMq::start(settings.clone(), &reactions.subscriptions()).unwrap());
    // batches that do not divide the number of events
    Wiring { reactions, receive: Some(Receive { settings, prefetch: 50, batch: 7 }), ..Wiring::to(bus) }
}

/// A worker process with handlers of its own.
struct Worker {
    stop: CancellationToken,
    handle: JoinHandle<()>,
}

impl Worker {
    fn start(db: &Db, wiring: Wiring) -> Self {
        let stop = CancellationToken::new();
        Self { handle: tokio::spawn(jobs::run(db.clone(), wiring, settings(), stop.clone())), stop }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.handle.await.unwrap();
    }
}

/// A database with a table for effects: a row each time a handler did something.
async fn database(owner: PgPool, policy: QueuePolicy) -> TestDb {
    let db = TestDb::new(owner, policy).await;
    sqlx::raw_sql(
        "create table effects (position bigint generated always as identity, consumer text, subject text, sequence bigint,
             replay uuid);
         grant select, insert on effects to portal_worker",
    )
    .execute(&db.owner)
    .await
    .unwrap();
    db
}

/// The handler of both groups: writes down that it ran.
async fn note<E: Event>(consumer: &'static str, event: &E, tx: &mut Tx) -> Result<(), Error> {
    let replay = tx.replay();
    sqlx::query("insert into effects (consumer, subject, sequence, replay) values ($1, $2, $3, $4)")
        .bind(consumer)
        .bind(event.aggregate_id().to_string())
        .bind(event.sequence())
        .bind(replay)
        .execute(tx.conn())
        .await?;
    Ok(())
}

async fn first(event: CustomerChanged, tx: &mut Tx) -> Result<(), Error> {
    note(FIRST, &event, tx).await
}

async fn second(event: CustomerChanged, tx: &mut Tx) -> Result<(), Error> {
    note(SECOND, &event, tx).await
}

fn both() -> Reactions {
    Reactions::default().on::<CustomerChanged, _>(FIRST, first).on::<CustomerChanged, _>(SECOND, second)
}

/// Waits until each of the groups has had every effect, then checks that none had one twice and each
/// customer's came in order.
async fn assert_effects(db: &TestDb, customers: i64, last: i64) {
    db.until("select count(distinct (consumer, subject, sequence)) from effects", 2 * customers * last).await;
    db.until("select count(*) from apalis.jobs", 0).await;
    assert_eq!(db.count("select count(*) from effects").await, 2 * customers * last, "effects, repeated ones included");
    let out_of_order = "select count(*) from (
        select sequence, row_number() over (partition by consumer, subject order by position) as place from effects) e
        where sequence <> place";
    assert_eq!(db.count(out_of_order).await, 0, "effects out of order");
    assert_eq!(db.count("select count(*) from kernel.inbox where handled_at is null").await, 0);
    assert_eq!(db.count("select count(*) from kernel.inbox").await, 2 * customers * last);
}
