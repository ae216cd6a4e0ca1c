//! What is known after a run: what clients remember, what the database holds, what arrived.

use std::collections::{BTreeMap, HashMap, HashSet};

use uuid::Uuid;

/// Everything the checker looks at.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    pub(crate) commands: Vec<Command>,
    /// The event log, in its order.
    pub(crate) events: Vec<Event>,
    /// Where each job is; normally one place.
    pub(crate) jobs: HashMap<String, Vec<Place>>,
    /// Those that publish an event.
    pub(crate) outbox: HashSet<String>,
    /// Jobs whose publication is written down.
    pub(crate) published: HashSet<String>,
    pub(crate) aggregates: BTreeMap<Uuid, State>,
    /// HTTP status stored per idempotency key.
    pub(crate) keys: HashMap<String, u16>,
    /// Events whose handling is written down, in every consumer group of the product: there is one.
    pub(crate) handled: HashSet<Uuid>,
    /// What the handler made of an aggregate's events: the version it has seen last.
    pub(crate) effects: HashMap<Uuid, i64>,
    /// What the consumer got, in that order.
    pub(crate) arrivals: Vec<Arrival>,
}

/// One command, however often it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    /// Correlation id of all its requests, and its idempotency key if it has one.
    pub(crate) id: String,
    pub(crate) has_key: bool,
    /// Requests whose answer never came, or was a 5xx.
    pub(crate) lost_answers: usize,
    pub(crate) outcome: Outcome,
}

/// The last thing a client heard of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// 2xx: the aggregate has this version.
    Acknowledged { aggregate: Uuid, version: i64 },
    /// 4xx.
    Refused { status: u16 },
    /// Nothing, and the client gave up.
    Lost,
}

/// A row of the event log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) id: Uuid,
    /// The command's id.
    pub(crate) command: String,
    pub(crate) aggregate: Uuid,
    pub(crate) sequence: i64,
    pub(crate) job: String,
    /// What the event says the aggregate is from now on.
    pub(crate) says: String,
}

/// Where a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// `apalis.jobs`: waits or runs.
    Live,
    Completed,
    Dead,
}

/// An aggregate's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) version: i64,
    /// In the words of [`Event::says`].
    pub(crate) is: String,
}

/// A message as the consumer got it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub(crate) event: Uuid,
    pub(crate) aggregate: Uuid,
    pub(crate) sequence: i64,
}
