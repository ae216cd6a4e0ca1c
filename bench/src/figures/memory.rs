//! B10: resident memory of `portal worker` while it publishes as fast as it can, with few jobs and
//! with very many waiting.

use std::time::Duration;

use crate::Result;
use crate::amqp;
use crate::bench::Bench;
use crate::measured::{Measured, Reach};
use crate::processes::{self, Process};
use crate::scratch::Scratch;
use crate::statistics::greatest;
use crate::work::{self, OUTBOX};

use super::drain::variant;
use super::outbox;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);

pub(super) async fn measure(bench: &mut Bench) -> Result<Vec<Measured>> {
    let few = bench.sizes.jobs.last().copied().unwrap_or(20_000);
    let many = bench.sizes.depth;
    let scratch = bench.migrated("memory").await?;
    let workers = outbox::start(bench, &scratch, 1).await?;
    let full_speed =
        greatest_while_publishing(bench, &scratch, &workers, Backlog { waiting: few, publish: few }).await?;
    bench.progress(&format!("   at full speed: {full_speed:.1} MB"));
    let deep = Backlog { waiting: many, publish: many.min(few) };
    let at_depth = greatest_while_publishing(bench, &scratch, &workers, deep).await?;
    bench.progress(&format!("   with {} waiting: {at_depth:.1} MB", variant(many)));
    processes::stop_all(workers).await?;
    amqp::purge_events(&bench.amqp).await?;
    scratch.remove().await?;
    Ok(vec![
        Measured::new("full speed", "MB", vec![full_speed]).reach(Reach::limit(40.0, "MB")),
        Measured::new(format!("{} waiting", variant(many)), "MB", vec![at_depth]).reach(Reach::limit(40.0, "MB")),
        Measured::new("growth with depth", "×", vec![at_depth / full_speed]).reach(Reach::limit(1.1, "×")),
    ])
}

/// How many jobs wait, and how many of them are published while memory is watched.
struct Backlog {
    waiting: usize,
    publish: usize,
}

async fn greatest_while_publishing(
    bench: &Bench,
    scratch: &Scratch,
    workers: &[Process],
    backlog: Backlog,
) -> Result<f64> {
    work::clear(&scratch.admin).await?;
    amqp::purge_events(&bench.amqp).await?;
    work::pause(&scratch.admin, OUTBOX).await?;
    work::fill_outbox(&scratch.admin, backlog.waiting, backlog.waiting / 10).await?;
    let mut observer = scratch.connect().await?;
    let mut looks = Vec::new();
    let published = async {
        if backlog.publish < backlog.waiting {
            work::drain_some(&mut observer, OUTBOX, backlog.publish).await
        } else {
            work::drain(&mut observer, OUTBOX).await
        }
    };
    let watched = async {
        loop {
            for worker in workers {
                looks.push(worker.memory()?);
            }
            tokio::time::sleep(LOOK).await;
        }
        #[allow(unreachable_code, reason = "gives the endless loop its type")]
        Ok::<(), crate::Error>(())
    };
    tokio::select! {
        published = published => published.map(drop)?,
        watched = watched => watched?,
    }
    // what still waits would go on being published
    work::pause(&scratch.admin, OUTBOX).await?;
    Ok(greatest(looks))
}
