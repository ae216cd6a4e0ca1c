//! Arguments of the jobs that send and handle messages.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::kernel::event::Envelope;
use crate::kernel::inbox::ReceivedEvent;
use crate::kernel::job::Job;

/// The consumer group whose queues bear just the event's name; also the queue of its handler jobs.
pub const DEFAULT_GROUP: &str = "portal";

/// Publish one committed event to the bus.
///
/// Carries the whole event, so that publishing reads nothing; a completed job drops it, because
/// the event log has it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct PublishEvent {
    /// The event, as committed.
    pub event: Envelope,
}

impl Job for PublishEvent {
    const KIND: &'static str = "publish-event.v1";
    const QUEUE: &'static str = "outbox";
}

/// Handle one event for one consumer group. Waits in the queue that bears the group's name, so that
/// each group has its own policy, order and dead letters.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct HandleEvent {
    /// The consumer group.
    pub consumer: String,
    /// The event, as it arrived.
    pub event: ReceivedEvent,
}

impl Job for HandleEvent {
    const KIND: &'static str = "handle-event.v1";
    const QUEUE: &'static str = DEFAULT_GROUP;
}

/// Read a message again that could not be read when it arrived. Such a job is made as a dead letter:
/// it runs when an operator thinks that it can be read now.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ReadMessage {
    /// The consumer group it arrived for.
    pub consumer: String,
    /// AMQP content type.
    pub content_type: String,
    /// AMQP headers that are text or numbers.
    pub headers: BTreeMap<String, String>,
    /// Its bytes, in base64.
    pub body: String,
}

impl Job for ReadMessage {
    const KIND: &'static str = "read-message.v1";
    const QUEUE: &'static str = DEFAULT_GROUP;
}

/// One step of a replay.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ReplayEvents {
    /// Which.
    pub replay: Uuid,
    /// The first is 0.
    pub step: i64,
}

impl Job for ReplayEvents {
    const KIND: &'static str = "replay-events.v1";
    const QUEUE: &'static str = "replays";
}
