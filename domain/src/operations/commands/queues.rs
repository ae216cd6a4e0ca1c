//! Stops and starts queues.

use serde_json::json;

use crate::kernel::command::Command;
use crate::kernel::error::Error;
use crate::kernel::page::SearchText;
use crate::kernel::record::{Record, Target};
use crate::kernel::tx::Tx;

use crate::operations::model::{Pause, Reason};
use crate::operations::{rules, store};

/// Keeps every worker from starting jobs of a queue; what runs goes on. Once this has returned,
/// no job of the queue is claimed until it is resumed.
///
/// Rejected with `queue_not_found` or `queue_already_paused`.
#[derive(Debug, Clone)]
pub struct PauseQueue {
    /// Which.
    pub queue: SearchText,
    /// Why.
    pub reason: Reason,
}

/// Lets workers start jobs of a queue again, and wakes them.
///
/// Rejected with `queue_not_found` or `queue_not_paused`.
#[derive(Debug, Clone)]
pub struct ResumeQueue {
    /// Which.
    pub queue: SearchText,
}

impl Command for PauseQueue {
    type Output = Pause;

    async fn handle(self, tx: &mut Tx) -> Result<Pause, Error> {
        let queue = self.queue.as_str();
        if !store::queue_exists(tx, queue).await? {
            return Err(rules::queue_not_found().into());
        }
        // A claim that did not see the pause is over by then.
        store::lock_queue(tx, queue).await?;
        let pause = store::pause(tx, queue, &self.reason).await?.ok_or_else(rules::queue_already_paused)?;
        tx.record(Record {
            action: "pause_queue",
            target: Target::one("queue", queue),
            reason: Some(&self.reason),
            before: json!({"paused": false}),
            after: json!({"paused": true}),
        })
        .await?;
        Ok(pause)
    }
}

impl Command for ResumeQueue {
    type Output = ();

    async fn handle(self, tx: &mut Tx) -> Result<(), Error> {
        let queue = self.queue.as_str();
        if !store::resume(tx, queue).await? {
            let known = store::queue_exists(tx, queue).await?;
            return Err(if known { rules::queue_not_paused() } else { rules::queue_not_found() }.into());
        }
        tx.ring_after_commit(queue.to_owned());
        tx.record(Record {
            action: "resume_queue",
            target: Target::one("queue", queue),
            reason: None,
            before: json!({"paused": true}),
            after: json!({"paused": false}),
        })
        .await
    }
}
