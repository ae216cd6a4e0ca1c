//! F2 and F5: persistent messages of 1 KB to a durable queue, with confirms.

use std::time::Duration;

use crate::Result;
use crate::amqp::{Publisher, QueueType};
use crate::bench::Bench;
use crate::measured::Measured;
use crate::statistics::percentile;

/// Messages per run.
const MESSAGES: usize = 20_000;
/// Between two messages, so that nothing is under way.
const REST: Duration = Duration::from_millis(10);

/// F2: as fast as 1,000 unconfirmed messages allow, to either type of queue.
pub(super) async fn rates(bench: &Bench) -> Result<Vec<Measured>> {
    let mut measured = Vec::new();
    for queue_type in [QueueType::Classic, QueueType::Quorum] {
        let publisher = Publisher::new(&bench.amqp, queue_type).await?;
        let runs = bench.repeat(queue_type.name(), async || publisher.rate(MESSAGES).await).await?;
        publisher.remove().await?;
        measured.push(Measured::new(queue_type.name(), "/s", runs));
    }
    Ok(measured)
}

/// F5: one message after another, to the product's type of queue.
pub(super) async fn round_trip(bench: &Bench) -> Result<Vec<Measured>> {
    let publisher = Publisher::new(&bench.amqp, QueueType::Quorum).await?;
    let runs = bench
        .repeat("p50", async || {
            let mut samples = Vec::with_capacity(bench.sizes.samples);
            for _ in 0..bench.sizes.samples {
                tokio::time::sleep(REST).await;
                samples.push(publisher.round_trip().await?);
            }
            Ok(percentile(&samples, 0.5))
        })
        .await?;
    publisher.remove().await?;
    Ok(vec![Measured::new("p50", "ms", runs)])
}
