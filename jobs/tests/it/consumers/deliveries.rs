//! RabbitMQ counts deliveries that nobody acknowledged, and gives a message up in the end. That is not to lose an event.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use domain::Db;
use futures::StreamExt as _;
use jobs::Wiring;
use jobs::bus::Settings;
use jobs::bus::consumer::{self, Intake, Receive};
use lapin::options::{BasicConsumeOptions, BasicNackOptions};
use lapin::types::FieldTable;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{FIRST, Worker, assert_effects, both, broker, database, rabbitmq};
use crate::bus::broker::Vhost;
use crate::delivery::{customers, emit};
use crate::support::{TestDb, pool_as, quick};

const CUSTOMERS: usize = 5;
const EVENTS: i64 = CUSTOMERS as i64;
const STORED: &str = "select count(*) from kernel.inbox";

/// The queue of the first group holds one event of each customer; nothing has been received.
async fn published(db: &TestDb, settings: &Settings) -> String {
    let wiring = Wiring { receive: None, ..rabbitmq(settings.clone(), Arc::new(both())) };
    crate::servers::up(&*wiring.bus).await;
    let publisher = Worker::start(&db.worker, wiring);
    emit(&db.api, &customers(CUSTOMERS), 1..=1).await;
    db.until("select count(*) from jobs.publications", EVENTS).await;
    publisher.stop().await;
    both().subscriptions().into_iter().find(|subscription| subscription.group == FIRST).unwrap().queue
}

/// Each delivery that somebody loses counts; here somebody hands them back instead, which counts as well.
async fn exhaust(vhost: &Vhost, queue: &str) {
    let channel = vhost.channel().await;
    let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
    let mut deliveries = channel.basic_consume(queue.into(), "".into(), options, none).await.unwrap();
    while let Ok(Some(delivery)) = tokio::time::timeout(Duration::from_secs(2), deliveries.next()).await {
        delivery.unwrap().nack(BasicNackOptions { requeue: true, multiple: false }).await.unwrap();
    }
}

#[sqlx::test(migrations = false)]
async fn what_was_delivered_too_often_has_its_effect_all_the_same(owner: PgPool) {
    let vhost = Vhost::new();
    let db = database(owner, quick()).await;
    let settings = Settings { delivery_limit: 1, ..broker(&vhost.url) };
    let queue = published(&db, &settings).await;
    exhaust(&vhost, &queue).await;
    vhost.holds(&queue, 0).await;
    vhost.holds("offgrid.portal.dead-letters", CUSTOMERS as u32).await;
    let worker = Worker::start(&db.worker, rabbitmq(settings, Arc::new(both())));
    assert_effects(&db, EVENTS, 1).await;
    worker.stop().await;
    assert_eq!(db.count("select count(*) from jobs.dead_letters").await, 0);
}

/// A database that lets nobody in until it is opened.
struct Closed {
    db: Db,
    open: watch::Sender<bool>,
    attempts: Arc<AtomicUsize>,
}

impl Closed {
    async fn before(db: &TestDb) -> Self {
        let options = (*pool_as(&db.owner, "portal_worker").await.connect_options()).clone();
        let server = (options.get_host().to_owned(), options.get_port());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (open, opened) = watch::channel(false);
        let attempts = Arc::<AtomicUsize>::default();
        let counted = attempts.clone();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                if *opened.borrow() {
                    let mut server = TcpStream::connect(server.clone()).await.unwrap();
                    tokio::spawn(async move { tokio::io::copy_bidirectional(&mut client, &mut server).await });
                }
            }
        });
        let pool = PgPoolOptions::new().acquire_timeout(Duration::from_millis(300));
        let pool = pool.connect_lazy_with(options.host("127.0.0.1").port(port));
        Self { db: Db::new(pool, db.worker.policies().clone()), open, attempts }
    }

    async fn was_tried(&self, times: usize) {
        while self.attempts.load(Ordering::SeqCst) < times {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

#[sqlx::test(migrations = false)]
async fn nothing_is_delivered_while_it_could_not_be_stored(owner: PgPool) {
    let vhost = Vhost::new();
    let db = database(owner, quick()).await;
    let settings = broker(&vhost.url);
    let queue = published(&db, &settings).await;
    let closed = Closed::before(&db).await;
    let reactions = Arc::new(both());
    let subscriptions = reactions.subscriptions();
    let intake = Intake::new(closed.db.clone(), reactions);
    let stop = CancellationToken::new();
    let receive = Receive { settings, prefetch: 50, batch: 7 };
    let receiving = tokio::spawn(consumer::run(receive, subscriptions, intake, stop.clone()));
    closed.was_tried(3).await;
    vhost.holds(&queue, CUSTOMERS as u32).await;
    vhost.is_consumed_by(&queue, 0).await;
    closed.open.send_replace(true);
    db.until(STORED, 2 * EVENTS).await;
    stop.cancel();
    receiving.await.unwrap().unwrap();
}
