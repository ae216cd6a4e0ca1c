//! B13: from the command that places an order to the commit of its confirmation: by the API, the outbox, a
//! bus, stock, the bus again, and orders. One order after another, and steady streams of them; over both buses.
//!
//! PostgreSQL says when the confirmation was committed (`track_commit_timestamp`); it and this program read the
//! same clock.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::Db;
use jobs::bus::consumer::{Intake, Receive};
use jobs::bus::{Bus, BusState, ContentMode, Embedded, RabbitMq, Settings};
use jobs::{Wiring, registry};
use sqlx::{PgPool, Row as _};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::Result;
use crate::bench::Bench;
use crate::confirms::policies;
use crate::measured::Measured;
use crate::processes;
use crate::random::Random;
use crate::scratch::Scratch;
use crate::server::Server;
use crate::shop::{Sent, Shop};
use crate::statistics::percentile;

/// Orders per second of the streams: one that two cores can follow, and one that they may not.
const RATES: [usize; 2] = [50, 200];
/// Connections that a stream is spread over.
const LANES: usize = 64;
const SKUS: usize = 1_000;
/// Between two orders, so that nothing is under way.
const REST: Duration = Duration::from_millis(20);
/// Between two looks at what is under way: seldom enough not to be in its way.
const LOOK: Duration = Duration::from_millis(25);
/// Everything has come to rest by then.
const PATIENCE: Duration = Duration::from_secs(300);

/// What carries the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Carrier {
    RabbitMq,
    Embedded,
}

pub(super) async fn measure(bench: &mut Bench) -> Result<Vec<Measured>> {
    let mut measured = over(bench, Carrier::RabbitMq).await?;
    measured.extend(over(bench, Carrier::Embedded).await?);
    Ok(measured)
}

async fn over(bench: &Bench, carrier: Carrier) -> Result<Vec<Measured>> {
    let scratch = bench.migrated("orders").await?;
    let worker = Worker::start(&scratch, &bench.amqp, carrier).await?;
    let server = Server::start(bench, &scratch).await?;
    let db = Db::new(scratch.pool_as("portal_api").await?, policies());
    let shop = Shop::open(&db, server.addr.clone(), server.issuer.token("portal-staff")?, SKUS).await?;
    let mut orders = Orders { shop, pool: scratch.admin.clone(), runs: 0 };
    // the first ones pay for connections and plans
    orders.one_by_one(20).await?;
    let name = if carrier == Carrier::RabbitMq { "RabbitMQ" } else { "embedded" };

    let mut idle = Waits::default();
    let samples = bench.sizes.samples / 4;
    let what = format!("{name}, idle, p50");
    let p50 = bench.repeat(&what, async || Ok(idle.add(&orders.one_by_one(samples).await?))).await?;
    let mut measured =
        vec![Measured::new(what, "ms", p50), Measured::new(format!("{name}, idle, p99"), "ms", idle.p99)];

    for rate in RATES {
        let mut steady = Waits::default();
        let period = bench.sizes.period * 2;
        let what = format!("{name}, {rate} /s, p50");
        let p50 = bench.repeat(&what, async || Ok(steady.add(&orders.stream(rate, period).await?))).await?;
        measured.push(Measured::new(what, "ms", p50));
        measured.push(Measured::new(format!("{name}, {rate} /s, p99"), "ms", steady.p99));
        measured.push(Measured::new(format!("{name}, {rate} /s, confirmed"), "/s", steady.rates));
    }

    worker.stop().await?;
    server.stop().await?;
    db.pool().close().await;
    scratch.remove().await?;
    Ok(measured)
}

/// A worker in this process, with everything that the registry lists.
struct Worker {
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl Worker {
    /// Returns when the bus is there and the worker listens.
    async fn start(scratch: &Scratch, amqp: &str, carrier: Carrier) -> Result<Self> {
        let db = Db::new(scratch.pool_as("portal_worker").await?, policies());
        let wiring = match carrier {
            Carrier::Embedded => {
                let intake = Intake::new(db.clone(), Arc::new(registry::reactions()));
                Wiring::to(Arc::new(Embedded::with_consumers(ContentMode::Structured, intake)))
            }
            Carrier::RabbitMq => {
                let settings = Settings { url: amqp.to_owned(), ..Settings::default() };
                let bus = Arc::new(RabbitMq::start(settings.clone(), &registry::reactions().subscriptions())?);
                let mut state = bus.state();
                timeout(Duration::from_secs(30), state.wait_for(|state| *state == BusState::Up)).await??;
                let receive = Receive { settings, prefetch: 500, batch: 250 };
                Wiring { receive: Some(receive), ..Wiring::to(bus) }
            }
        };
        let stop = CancellationToken::new();
        let running = tokio::spawn(jobs::run(db, wiring, jobs::runtime::Settings::default(), stop.clone()));
        processes::until_one_registered(&scratch.admin).await?;
        Ok(Self { stop, running })
    }

    async fn stop(self) -> Result<()> {
        self.stop.cancel();
        Ok(self.running.await?)
    }
}

/// Those who order, and wait.
struct Orders {
    shop: Shop,
    pool: PgPool,
    /// Makes the orders of each run its own.
    runs: usize,
}

/// An order, when it was to be sent and when its confirmation was committed.
struct Confirmed {
    sent: DateTime<Utc>,
    at: DateTime<Utc>,
}

impl Orders {
    /// Each when nothing is left to do of the one before.
    async fn one_by_one(&mut self, count: usize) -> Result<Vec<Confirmed>> {
        self.runs += 1;
        let mut connection = self.shop.connect().await?;
        let (mut sent, mut random) = (Vec::with_capacity(count), Random::new(self.runs));
        for n in 0..count {
            self.until_quiet().await?;
            sleep(REST).await;
            let next = Sent { correlation_id: format!("run-{}-{n}", self.runs), at: Utc::now() };
            sent.push(self.shop.place(&mut connection, next, &mut random).await?);
        }
        self.confirmed(&sent).await
    }

    /// At a steady rate. An order that is sent late has waited since it was due.
    async fn stream(&mut self, rate: usize, period: Duration) -> Result<Vec<Confirmed>> {
        self.runs += 1;
        self.until_quiet().await?;
        let count = rate * usize::try_from(period.as_secs())?;
        let (begin, begun) = (Instant::now(), Utc::now());
        let mut lanes = JoinSet::new();
        for lane in 0..LANES {
            let (shop, run) = (self.shop.clone(), self.runs);
            lanes.spawn(async move {
                let mut connection = shop.connect().await?;
                let (mut sent, mut random) = (Vec::new(), Random::new(run * LANES + lane));
                for n in (lane..count).step_by(LANES) {
                    let due = Duration::from_secs(1) * u32::try_from(n)? / u32::try_from(rate)?;
                    sleep_until(begin + due).await;
                    let next = Sent { correlation_id: format!("run-{run}-{n}"), at: begun + TimeDelta::from_std(due)? };
                    sent.push(shop.place(&mut connection, next, &mut random).await?);
                }
                Result::Ok(sent)
            });
        }
        let mut sent = Vec::with_capacity(count);
        while let Some(lane) = lanes.join_next().await {
            sent.extend(lane??);
        }
        self.confirmed(&sent).await
    }

    /// When each was confirmed; waits until all are.
    async fn confirmed(&self, sent: &[Sent]) -> Result<Vec<Confirmed>> {
        self.until_quiet().await?;
        let ids: Vec<&str> = sent.iter().map(|sent| sent.correlation_id.as_str()).collect();
        let due: Vec<DateTime<Utc>> = sent.iter().map(|sent| sent.at).collect();
        let rows = sqlx::query(
            "select sent.at as sent, pg_xact_commit_timestamp(o.xmin) as at
             from unnest($1::text[], $2::timestamptz[]) as sent(id, at)
             join kernel.events e on e.correlation_id = sent.id and e.type = 'com.offgrid.portal.orders.order-created'
             join orders.orders o on o.id = e.aggregate_id and o.status = 'confirmed'",
        )
        .bind(&ids)
        .bind(&due)
        .fetch_all(&self.pool)
        .await?;
        if rows.len() != sent.len() {
            return Err(format!("{} of {} orders were confirmed", rows.len(), sent.len()).into());
        }
        let confirmed = |row: &sqlx::postgres::PgRow| Confirmed { sent: row.get("sent"), at: row.get("at") };
        Ok(rows.iter().map(confirmed).collect())
    }

    /// Waits until no order is pending, nothing is left to do, and every notification is out: what follows an
    /// order last.
    async fn until_quiet(&self) -> Result<()> {
        let begun = Instant::now();
        while sqlx::query_scalar(
            "select exists (select from apalis.jobs) or exists (select from orders.orders where status = 'pending')
                 or (select count(*) from orders.orders) <> (select count(*) from notifications.notifications)",
        )
        .fetch_one(&self.pool)
        .await?
        {
            if begun.elapsed() > PATIENCE {
                return Err(format!("there is still something to do after {PATIENCE:?}").into());
            }
            sleep(LOOK).await;
        }
        Ok(())
    }
}

/// What the runs of one variant came to.
#[derive(Default)]
struct Waits {
    p99: Vec<f64>,
    /// Confirmed per second.
    rates: Vec<f64>,
}

impl Waits {
    /// Gives the run's median.
    fn add(&mut self, orders: &[Confirmed]) -> f64 {
        let milliseconds = |span: TimeDelta| span.as_seconds_f64() * 1000.0;
        let waits: Vec<f64> = orders.iter().map(|order| milliseconds(order.at - order.sent)).collect();
        let first = orders.iter().map(|order| order.sent).min().unwrap_or_default();
        let last = orders.iter().map(|order| order.at).max().unwrap_or_default();
        self.p99.push(percentile(&waits, 0.99));
        self.rates.push(orders.len() as f64 / (last - first).as_seconds_f64());
        percentile(&waits, 0.5)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_its_median_its_worst_and_how_many_there_were() {
        let order = |sent, took| {
            let sent = DateTime::UNIX_EPOCH + TimeDelta::milliseconds(sent);
            Confirmed { sent, at: sent + TimeDelta::milliseconds(took) }
        };
        let mut waits = Waits::default();
        let p50 = waits.add(&[order(0, 10), order(500, 30), order(960, 40)]);
        assert_eq!((p50, &waits.p99[..], &waits.rates[..]), (30.0, &[40.0][..], &[3.0][..]));
    }
}
