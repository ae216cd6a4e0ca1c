//! B2: events in the outbox are claimed, published to a quorum queue, confirmed and completed by one
//! `portal worker`.

use crate::Result;
use crate::amqp::{self, QueueType};
use crate::bench::Bench;
use crate::measured::{Measured, Reach};
use crate::plan::Part;
use crate::processes::{self, Process};
use crate::report::count;
use crate::scratch::Scratch;
use crate::work::{self, OUTBOX};

use super::drain::{PER_KEY, variant};

pub(super) async fn measure(bench: &mut Bench) -> Result<Vec<Measured>> {
    let floor = bench.value(Part::F2, QueueType::Quorum.name()).await?;
    let mut measured = Vec::new();
    for jobs in bench.sizes.jobs.clone() {
        let runs = rates(bench, Publishing { jobs, customers: jobs / PER_KEY, workers: 1 }).await?;
        measured.push(Measured::new(variant(jobs), "/s", runs).reach(Reach::at_least(0.9, "F2 quorum", floor)));
    }
    Ok(measured)
}

/// What is published, and by how many processes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Publishing {
    pub(super) jobs: usize,
    /// Events of the same customer are published one after another.
    pub(super) customers: usize,
    pub(super) workers: usize,
}

/// Events per second of every run, in a database of its own.
pub(super) async fn rates(bench: &Bench, publishing: Publishing) -> Result<Vec<f64>> {
    let scratch = bench.migrated("outbox").await?;
    let workers = start(bench, &scratch, publishing.workers).await?;
    let what = format!("{} of {} customers", variant(publishing.jobs), count(publishing.customers));
    let runs = bench
        .repeat(&what, async || {
            work::clear(&scratch.admin).await?;
            amqp::purge_events(&bench.amqp).await?;
            once(&scratch, publishing).await
        })
        .await?;
    processes::stop_all(workers).await?;
    amqp::purge_events(&bench.amqp).await?;
    scratch.remove().await?;
    Ok(runs)
}

/// Worker processes that wait for the paused outbox, connected to the broker.
pub(super) async fn start(bench: &Bench, scratch: &Scratch, workers: usize) -> Result<Vec<Process>> {
    work::pause(&scratch.admin, OUTBOX).await?;
    let mut started = Vec::new();
    for number in 0..workers {
        started.push(bench.programs.worker(scratch, &bench.amqp, number)?);
    }
    processes::until_registered(&scratch.admin, &mut started).await?;
    warm_up(scratch).await?;
    Ok(started)
}

/// Publishes a few events: then every queue is declared and the broker knows the connections.
async fn warm_up(scratch: &Scratch) -> Result<()> {
    once(scratch, Publishing { jobs: 1_000, customers: 1_000, workers: 1 }).await.map(drop)
}

/// Fills the outbox and lets it be published; events per second.
pub(super) async fn once(scratch: &Scratch, publishing: Publishing) -> Result<f64> {
    work::pause(&scratch.admin, OUTBOX).await?;
    work::fill_outbox(&scratch.admin, publishing.jobs, publishing.customers).await?;
    let mut observer = scratch.connect().await?;
    let took = work::drain(&mut observer, OUTBOX).await?;
    Ok(publishing.jobs as f64 / took.as_secs_f64())
}
