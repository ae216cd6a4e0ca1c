//! B12: half an hour at 70 % of B2's rate, or another share of it: does the throughput drift, do dead tuples pile up, do
//! table and indexes of the queue grow?

use std::time::{Duration, Instant};

use sqlx::PgPool;

use crate::Result;
use crate::amqp;
use crate::bench::{Bench, Endurance};
use crate::feeder::{self, Feed};
use crate::measured::{Measured, Reach};
use crate::plan::Part;
use crate::processes;
use crate::scratch::Scratch;
use crate::statistics::{greatest, median};
use crate::work::{self, OUTBOX};

use super::{jobs_variant, outbox};

/// Looks in all.
const LOOKS: u32 = 60;
/// The broker's queues are emptied this often.
const PURGE: Duration = Duration::from_secs(5);

pub(super) async fn measure(bench: &mut Bench) -> Result<Vec<Measured>> {
    // of the longer drain: what can be kept up, with checkpoints and vacuum
    let longest = jobs_variant(*bench.sizes.jobs.last().ok_or("no number of jobs")?);
    let Endurance { period, percent } = bench.sizes.endurance;
    let rate = bench.value(Part::B2, &longest).await? * f64::from(percent) / 100.0;
    bench.progress(&format!("   {rate:.0} events per second, {percent} % of B2, for {} s", period.as_secs()));
    let scratch = bench.migrated("endurance").await?;
    let workers = outbox::start(bench, &scratch, 1).await?;
    work::clear(&scratch.admin).await?;
    let mut connection = scratch.connect().await?;
    work::open(&mut connection, OUTBOX).await?;
    let feed = Feed { rate, period };
    let (fed, looks, ()) = tokio::try_join!(
        feeder::feed(&mut connection, feed),
        watch(bench, &scratch, period),
        purge(&bench.amqp, period),
    )?;
    bench.progress(&format!("   {} events in all", fed.events));
    processes::stop_all(workers).await?;
    amqp::purge_events(&bench.amqp).await?;
    scratch.remove().await?;
    let share = Measured::new("arrivals, of B2", "%", vec![f64::from(percent)]);
    Ok(std::iter::once(share).chain(summary(&looks, rate)).collect())
}

/// The state of things at one moment.
#[derive(Debug, Clone, Copy, Default, sqlx::FromRow)]
struct Look {
    /// Seconds since the start.
    #[sqlx(default)]
    at: f64,
    published: i64,
    waiting: i64,
    dead_tuples: i64,
    table_bytes: i64,
    index_bytes: i64,
}

async fn watch(bench: &Bench, scratch: &Scratch, period: Duration) -> Result<Vec<Look>> {
    let (started, mut looks) = (Instant::now(), Vec::new());
    while started.elapsed() < period {
        tokio::time::sleep(period / LOOKS).await;
        let look = Look { at: started.elapsed().as_secs_f64(), ..look(&scratch.admin).await? };
        bench.progress(&format!("   {look:?}"));
        looks.push(look);
    }
    Ok(looks)
}

async fn look(pool: &PgPool) -> Result<Look> {
    Ok(sqlx::query_as(
        "select s.n_tup_del as published, (select count(*) from apalis.jobs) as waiting, s.n_dead_tup as dead_tuples,
                pg_table_size(s.relid) as table_bytes, pg_indexes_size(s.relid) as index_bytes
         from pg_stat_user_tables s where s.schemaname = 'apalis' and s.relname = 'jobs'",
    )
    .fetch_one(pool)
    .await?)
}

async fn purge(amqp: &str, period: Duration) -> Result<()> {
    let started = Instant::now();
    while started.elapsed() < period {
        tokio::time::sleep(PURGE).await;
        amqp::purge_events(amqp).await?;
    }
    Ok(())
}

/// The first tenth is left out: a new table first grows to the size it needs.
fn summary(looks: &[Look], rate: f64) -> Vec<Measured> {
    let settled = &looks[(looks.len() / 10).min(looks.len())..];
    let rates: Vec<f64> = settled.windows(2).map(throughput).collect();
    let (early, late) = (first_third(&rates), last_third(&rates));
    let drift = (1.0 - median(late) / median(early)).max(0.0) * 100.0;
    let growth = |of: fn(&Look) -> i64| {
        let sizes: Vec<f64> = settled.iter().map(|look| of(look) as f64).collect();
        greatest(last_third(&sizes).iter().copied()) / greatest(first_third(&sizes).iter().copied())
    };
    let rate_now = Measured::new("throughput", "/s", vec![median(&rates)]);
    let waiting = greatest(settled.iter().map(|look| look.waiting as f64));
    vec![
        Measured::new("waiting at most", "", vec![waiting]),
        rate_now.reach(Reach::at_least(0.98, "rate", rate)),
        Measured::new("throughput drift", "%", vec![drift]).reach(Reach::limit(2.0, "%")),
        Measured::new("dead tuples, last third to first", "×", vec![growth(|l| l.dead_tuples)])
            .reach(Reach::limit(1.5, "×")),
        Measured::new("table size, last third to first", "×", vec![growth(|l| l.table_bytes)])
            .reach(Reach::limit(1.1, "×")),
        Measured::new("index size, last third to first", "×", vec![growth(|l| l.index_bytes)])
            .reach(Reach::limit(1.1, "×")),
    ]
}

fn throughput(two: &[Look]) -> f64 {
    (two[1].published - two[0].published) as f64 / (two[1].at - two[0].at)
}

fn first_third<T>(all: &[T]) -> &[T] {
    &all[..all.len() / 3]
}

fn last_third<T>(all: &[T]) -> &[T] {
    &all[all.len() - all.len() / 3..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steady(count: i32, growth: i64) -> Vec<Look> {
        let look = |n: i32| Look {
            at: f64::from(n),
            published: i64::from(n) * 1000,
            dead_tuples: 500,
            table_bytes: 1_000_000 + growth * i64::from(n),
            index_bytes: 100_000,
            ..Look::default()
        };
        (0..count).map(look).collect()
    }

    #[test]
    fn what_stays_the_same_is_within_all_limits() {
        assert!(summary(&steady(60, 0), 1000.0).iter().all(|m| m.ok() != Some(false)));
    }

    #[test]
    fn a_growing_table_is_noticed() {
        let growing = summary(&steady(60, 10_000), 1000.0);
        let missed: Vec<&str> = growing.iter().filter(|m| m.ok() == Some(false)).map(|m| m.variant.as_str()).collect();
        assert_eq!(missed, ["table size, last third to first"]);
    }
}
