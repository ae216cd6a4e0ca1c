//! Events of the embedded bus on their way to the consumer groups.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::bus::PublishError;
use crate::bus::cloudevent::Message;
use crate::bus::consumer::{Arrival, Intake};

/// Messages that are committed together at most; as many wait to be.
const BATCH: usize = 256;

/// The entrance of the task that hands events to the intake, as many at once as wait.
pub(super) struct Groups {
    intake: Intake,
    entrance: mpsc::Sender<Waiting>,
}

/// One event for all its groups, and who wants to know that they have it.
struct Waiting {
    arrivals: Vec<Arrival>,
    reply: oneshot::Sender<Result<(), PublishError>>,
}

impl Groups {
    pub(super) fn start(intake: Intake) -> Self {
        let (entrance, queue) = mpsc::channel(BATCH);
        tokio::spawn(take_all(intake.clone(), queue));
        Self { intake, entrance }
    }

    /// Returns when every group that reacts to this type has the event. An event that is given up
    /// meanwhile may have arrived; it arrives again with its next attempt, and is known by its id.
    pub(super) async fn take(&self, event_type: &str, message: &Arc<Message>) -> Result<(), PublishError> {
        let arrivals: Vec<Arrival> = self
            .intake
            .reactions()
            .groups_of(event_type)
            .into_iter()
            .map(|group| Arrival {
                consumer: group.to_owned(),
                properties: message.properties.clone(),
                body: message.body.clone(),
                given_up: None,
            })
            .collect();
        if arrivals.is_empty() {
            return Ok(());
        }
        let ended = || PublishError::Unavailable("the bus is closed".to_owned());
        let (reply, taken) = oneshot::channel();
        self.entrance.send(Waiting { arrivals, reply }).await.map_err(|_| ended())?;
        taken.await.unwrap_or_else(|_| Err(ended()))
    }
}

/// Until the bus is dropped.
async fn take_all(intake: Intake, mut queue: mpsc::Receiver<Waiting>) {
    let mut waiting = Vec::with_capacity(BATCH);
    while queue.recv_many(&mut waiting, BATCH).await > 0 {
        let arrivals: Vec<Arrival> = waiting.iter_mut().flat_map(|one| std::mem::take(&mut one.arrivals)).collect();
        let taken = intake.take(&arrivals).await.map_err(|error| PublishError::Unavailable(error.to_string()));
        for one in waiting.drain(..) {
            // nobody waits any more: it was given up
            let _ = one.reply.send(taken.clone());
        }
    }
}
