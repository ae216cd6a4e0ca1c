//! When events were committed and when the broker confirmed them. Workers of this process publish
//! through a bus that notes the latter, so that one clock sees both.
//!
//! Events committed together share a correlation id: `bench-7` for the seventh commit.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use domain::Db;
use domain::kernel::event::Envelope;
use domain::kernel::policy::{QueuePolicies, QueuePolicy};
use jobs::bus::{self, Bus, BusState, PublishError, RabbitMq};
use jobs::runtime::Settings;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::Result;
use crate::noop::{self, Payload};
use crate::scratch::Scratch;

/// A worker in this process that publishes the outbox.
pub(crate) struct Publishing {
    /// Commit number and time of each confirm.
    pub(crate) confirms: mpsc::UnboundedReceiver<(usize, Instant)>,
    stop: CancellationToken,
    worker: JoinHandle<()>,
}

/// The policies of the measured queues: the outbox as configured by default.
pub(crate) fn policies() -> QueuePolicies {
    let outbox: QueuePolicy = noop::policy(Payload::Dropped);
    QueuePolicies([("outbox".to_owned(), outbox)].into())
}

/// The correlation id of a commit.
pub(crate) fn correlation_id(commit: usize) -> String {
    format!("bench-{commit}")
}

impl Publishing {
    /// Returns when the broker is reachable and the worker listens.
    pub(crate) async fn start(scratch: &Scratch, amqp: &str) -> Result<Self> {
        let settings = bus::Settings { url: amqp.to_owned(), ..bus::Settings::default() };
        let bus = Arc::new(RabbitMq::start(settings, &jobs::registry::reactions().subscriptions())?);
        let mut state = bus.state();
        tokio::time::timeout(Duration::from_secs(30), state.wait_for(|state| *state == BusState::Up)).await??;
        let (sender, confirms) = mpsc::unbounded_channel();
        let bus = Arc::new(Noting { bus, sender });
        let db = Db::new(scratch.pool_as("portal_worker").await?, policies());
        let stop = CancellationToken::new();
        let worker = tokio::spawn(jobs::run(db, jobs::Wiring::to(bus), Settings::default(), stop.clone()));
        crate::processes::until_one_registered(&scratch.admin).await?;
        Ok(Self { confirms, stop, worker })
    }

    /// Ends the worker.
    pub(crate) async fn stop(self) -> Result<()> {
        self.stop.cancel();
        Ok(self.worker.await?)
    }
}

/// Notes when each event was confirmed.
struct Noting {
    bus: Arc<RabbitMq>,
    sender: mpsc::UnboundedSender<(usize, Instant)>,
}

#[async_trait]
impl Bus for Noting {
    async fn publish(&self, event: &Envelope) -> std::result::Result<(), PublishError> {
        let published = self.bus.publish(event).await;
        if let (Ok(()), Some(commit)) = (&published, commit(event.correlation_id.as_str())) {
            // nobody listens any more: the figure is over
            let _ = self.sender.send((commit, Instant::now()));
        }
        published
    }

    fn state(&self) -> watch::Receiver<BusState> {
        self.bus.state()
    }

    async fn close(&self) {
        self.bus.close().await;
    }
}

fn commit(correlation_id: &str) -> Option<usize> {
    correlation_id.strip_prefix("bench-")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_known_by_its_correlation_id() {
        assert_eq!(commit(&correlation_id(17)), Some(17));
        assert_eq!(commit("bench"), None);
    }
}
