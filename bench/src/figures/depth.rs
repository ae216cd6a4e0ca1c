//! B8: the speed of a drain beside very many jobs: completed ones, dead ones as well, and with very
//! many waiting behind those that are measured. Each step adds to the one before.

use crate::Result;
use crate::bench::Bench;
use crate::depth::Depth;
use crate::measured::{Measured, Reach};
use crate::noop::Payload;
use crate::processes;
use crate::report::count;
use crate::scratch::Scratch;
use crate::statistics::median;
use crate::work::{self, NOOP};

use super::drain::{self, Drain, PER_KEY};

/// Jobs that are measured.
const JOBS: usize = 50_000;

pub(super) async fn measure(bench: &mut Bench) -> Result<Vec<Measured>> {
    let mut depth = Depth::take(bench).await?;
    let drain = Drain { jobs: JOBS, keys: JOBS / PER_KEY, payload: Payload::Dropped, workers: 1 };
    let workers = drain::start(bench, &depth.scratch, drain).await?;
    let empty = rates(bench, &depth.scratch, drain, "nothing else there").await?;
    let base = median(&empty);
    let mut measured = vec![Measured::new("nothing else there", "/s", empty)];

    depth.complete(bench).await?;
    let variant = format!("{} completed", count(bench.sizes.depth));
    let runs = rates(bench, &depth.scratch, drain, &variant).await?;
    measured.push(Measured::new(variant, "/s", runs).reach(Reach::at_least(0.85, "empty", base)));

    depth.bury(bench).await?;
    let variant = format!("and {} dead", count(bench.sizes.dead));
    let runs = rates(bench, &depth.scratch, drain, &variant).await?;
    measured.push(Measured::new(variant, "/s", runs).reach(Reach::at_least(0.85, "empty", base)));

    let variant = format!("and {} waiting", count(bench.sizes.depth));
    let runs = rates_with_backlog(bench, &depth.scratch, &variant).await?;
    measured.push(Measured::new(variant, "/s", runs).reach(Reach::at_least(0.85, "empty", base)));

    processes::stop_all(workers).await?;
    depth.give_back(bench);
    Ok(measured)
}

async fn rates(bench: &Bench, scratch: &Scratch, drain: Drain, what: &str) -> Result<Vec<f64>> {
    bench
        .repeat(what, async || {
            sqlx::query("truncate apalis.jobs").execute(&scratch.admin).await?;
            drain::once(scratch, drain).await
        })
        .await
}

/// Fills once, and measures one part of the backlog after another.
async fn rates_with_backlog(bench: &Bench, scratch: &Scratch, what: &str) -> Result<Vec<f64>> {
    let (pool, waiting) = (&scratch.admin, bench.sizes.depth);
    sqlx::query("truncate apalis.jobs").execute(pool).await?;
    work::pause(pool, NOOP).await?;
    bench.progress("   filling the queue");
    work::fill_noop(pool, waiting, waiting / PER_KEY).await?;
    let mut observer = scratch.connect().await?;
    let part = JOBS.min(waiting / (bench.sizes.runs + 1));
    let runs = bench
        .repeat(what, async || {
            let took = work::drain_some(&mut observer, NOOP, part).await?;
            work::pause(pool, NOOP).await?;
            work::until_nothing_runs(&mut observer).await?;
            work::settle(pool).await?;
            Ok(part as f64 / took.as_secs_f64())
        })
        .await?;
    sqlx::query("truncate apalis.jobs").execute(pool).await?;
    Ok(runs)
}
