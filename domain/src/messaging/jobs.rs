//! Arguments of the jobs that send messages.

use serde::{Deserialize, Serialize};

use crate::kernel::event::Envelope;
use crate::kernel::job::Job;

/// Publish one committed event to the bus.
///
/// Carries the whole event, so that publishing reads nothing; a completed job drops it, because
/// the event log has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PublishEvent {
    /// The event, as committed.
    pub event: Envelope,
}

impl Job for PublishEvent {
    const KIND: &'static str = "publish-event.v1";
    const QUEUE: &'static str = "outbox";
}
