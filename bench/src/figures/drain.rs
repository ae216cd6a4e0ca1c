//! B1: ready no-op jobs of 1 KB are claimed, run and completed by one worker process; order per key,
//! attempts and completed history are on.

use crate::Result;
use crate::bench::Bench;
use crate::floors::{DROPPED, KEPT};
use crate::measured::{Measured, Reach};
use crate::noop::Payload;
use crate::plan::Part;
use crate::processes::{self, Process};
use crate::report::count;
use crate::scratch::Scratch;
use crate::work::{self, NOOP};

/// Jobs per key: a drain of 20,000 jobs has 2,000 keys.
pub(super) const PER_KEY: usize = 10;

pub(super) async fn measure(bench: &mut Bench) -> Result<Vec<Measured>> {
    let dropped = bench.value(Part::F1, DROPPED).await?;
    let kept = bench.value(Part::F1, KEPT).await?;
    let mut measured = Vec::new();
    for jobs in bench.sizes.jobs.clone() {
        let runs = rates(bench, Drain { jobs, keys: jobs / PER_KEY, payload: Payload::Dropped, workers: 1 }).await?;
        measured.push(Measured::new(variant(jobs), "/s", runs).reach(Reach::at_least(0.6, "F1", dropped)));
    }
    let jobs = bench.sizes.jobs[0];
    let runs = rates(bench, Drain { jobs, keys: jobs / PER_KEY, payload: Payload::Kept, workers: 1 }).await?;
    let variant = format!("{}, payload kept", variant(jobs));
    measured.push(Measured::new(variant, "/s", runs).reach(Reach::at_least(0.6, "F1 so", kept)));
    Ok(measured)
}

/// `20,000 jobs`.
pub(crate) fn variant(jobs: usize) -> String {
    format!("{} jobs", count(jobs))
}

/// What is drained, and by how many processes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drain {
    pub(super) jobs: usize,
    pub(super) keys: usize,
    pub(super) payload: Payload,
    pub(super) workers: usize,
}

/// Jobs per second of every run, in a database of its own.
pub(super) async fn rates(bench: &Bench, drain: Drain) -> Result<Vec<f64>> {
    let scratch = bench.migrated("drain").await?;
    let workers = start(bench, &scratch, drain).await?;
    let what = format!("{} over {} keys", variant(drain.jobs), count(drain.keys));
    let runs = bench
        .repeat(&what, async || {
            work::clear(&scratch.admin).await?;
            once(&scratch, drain).await
        })
        .await?;
    processes::stop_all(workers).await?;
    scratch.remove().await?;
    Ok(runs)
}

/// Worker processes that wait for the paused queue.
pub(super) async fn start(bench: &Bench, scratch: &Scratch, drain: Drain) -> Result<Vec<Process>> {
    work::pause(&scratch.admin, NOOP).await?;
    let mut workers = Vec::new();
    for number in 0..drain.workers {
        workers.push(bench.programs.noop_worker(scratch, drain.payload, number)?);
    }
    processes::until_registered(&scratch.admin, &mut workers).await?;
    Ok(workers)
}

/// Fills the queue and drains it; jobs per second.
pub(super) async fn once(scratch: &Scratch, drain: Drain) -> Result<f64> {
    work::pause(&scratch.admin, NOOP).await?;
    work::fill_noop(&scratch.admin, drain.jobs, drain.keys).await?;
    let mut observer = scratch.connect().await?;
    let took = work::drain(&mut observer, NOOP).await?;
    Ok(drain.jobs as f64 / took.as_secs_f64())
}
