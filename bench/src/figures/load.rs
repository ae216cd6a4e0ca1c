//! B5: from commit to confirm while events are committed at half the rate that B2 reached.

use std::time::{Duration, Instant};

use sqlx::Connection as _;

use crate::Result;
use crate::amqp;
use crate::bench::Bench;
use crate::confirms::Publishing;
use crate::feeder::{self, Fed, Feed};
use crate::measured::{Measured, Reach};
use crate::plan::Part;
use crate::statistics::percentile;

use super::jobs_variant;

/// The last events may take this long.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn measure(bench: &mut Bench) -> Result<Vec<Measured>> {
    let smallest = jobs_variant(bench.sizes.jobs[0]);
    let rate = bench.value(Part::B2, &smallest).await? / 2.0;
    let scratch = bench.migrated("load").await?;
    let mut publishing = Publishing::start(&scratch, &bench.amqp).await?;
    let mut connection = scratch.connect().await?;
    let (mut p50, mut reached) = (Vec::new(), Vec::new());
    let feed = Feed { rate, period: bench.sizes.period * 2 };
    let p99 = bench
        .repeat("p99", async || {
            let started = Instant::now();
            let fed = feeder::feed(&mut connection, feed).await?;
            reached.push(fed.events as f64 / started.elapsed().as_secs_f64());
            let waits = waits(&mut publishing, &fed).await?;
            p50.push(percentile(&waits, 0.5));
            amqp::purge_events(&bench.amqp).await?;
            Ok(percentile(&waits, 0.99))
        })
        .await?;
    publishing.stop().await?;
    connection.close().await?;
    scratch.remove().await?;
    Ok(vec![
        Measured::new("p99", "ms", p99).reach(Reach::limit(50.0, "ms")),
        Measured::new("p50", "ms", p50),
        Measured::new("events committed", "/s", reached).reach(Reach::at_least(0.98, "B2 ÷ 2", rate)),
    ])
}

/// Milliseconds from commit to confirm of every event that was fed.
async fn waits(publishing: &mut Publishing, fed: &Fed) -> Result<Vec<f64>> {
    let mut waits = Vec::with_capacity(fed.events);
    while waits.len() < fed.events {
        let confirm = tokio::time::timeout(PATIENCE, publishing.confirms.recv()).await;
        let confirm = confirm.map_err(|_| format!("{} of {} events were confirmed", waits.len(), fed.events))?;
        let (commit, at) = confirm.ok_or("the worker ended")?;
        let committed = fed.commits.get(commit).ok_or("a confirm of an event of another run")?;
        waits.push(at.saturating_duration_since(*committed).as_secs_f64() * 1000.0);
    }
    Ok(waits)
}
