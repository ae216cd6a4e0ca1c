//! Events: immutable facts about one aggregate, and the envelope they travel in.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::ctx::{Actor, CorrelationId, Malformed, TenantId};
use super::error::Error;

/// Something that happened to an aggregate, past tense. Its fields are the CloudEvent's `data`.
pub trait Event: Serialize + JsonSchema {
    /// The aggregate's module: `customers`. Gives source, subject and queue names.
    const MODULE: &'static str;
    /// CloudEvents type: `com.offgrid.portal.customers.customer-changed`.
    const TYPE: &'static str;
    /// Version of the fields. It is raised by a change that a consumer of the version before could not read:
    /// a field that is gone, renamed, or means something else. A new field that may be missing raises nothing.
    const DATA_VERSION: i16 = FIRST_VERSION;

    /// Which aggregate.
    fn aggregate_id(&self) -> Uuid;

    /// The aggregate's version after this event: 1 for the first, then each the next.
    fn sequence(&self) -> i64;
}

/// An event that only says what its aggregate is like now: several of one aggregate within one command become
/// one, and the aggregate gets one new version. Of what they say, the latest wins.
///
/// An installation may have them collapsed in the outbox as well (`worker.collapse`): then an event is not published
/// when the next one of its aggregate is of the same type and about to be. The log keeps both.
///
/// An event that is a fact of its own (created, suspended, received, confirmed …) is none, and neither collapses
/// nor is collapsed across: changed, suspended, changed stay three events with three versions.
pub trait CollapsingEvent: Event + DeserializeOwned {
    /// What this event and a later one of the same aggregate say together.
    #[must_use]
    fn collapse(self, later: Self) -> Self;
}

/// The fields that several changes changed, each once, in the order in which they first were.
pub(crate) fn fields_together<F: PartialEq>(mut earlier: Vec<F>, later: Vec<F>) -> Vec<F> {
    for field in later {
        if !earlier.contains(&field) {
            earlier.push(field);
        }
    }
    earlier
}

/// The version of an event's data where nothing else is said.
pub const FIRST_VERSION: i16 = 1;

pub(crate) fn first_version() -> i16 {
    FIRST_VERSION
}

/// An event before a command emits it: what it says of itself, without the circumstances.
#[derive(Debug, Clone)]
pub struct Draft {
    /// [`Event::TYPE`].
    pub event_type: &'static str,
    /// [`Event::MODULE`].
    pub module: &'static str,
    /// [`Event::aggregate_id`].
    pub aggregate_id: Uuid,
    /// [`Event::sequence`].
    pub sequence: i64,
    /// [`Event::DATA_VERSION`].
    pub data_version: i16,
    /// The event as JSON.
    pub data: Box<RawValue>,
}

impl Draft {
    /// # Errors
    /// When it does not serialize.
    pub fn of<E: Event>(event: &E) -> Result<Self, serde_json::Error> {
        Ok(Self {
            event_type: E::TYPE,
            module: E::MODULE,
            aggregate_id: event.aggregate_id(),
            sequence: event.sequence(),
            data_version: E::DATA_VERSION,
            data: serde_json::value::to_raw_value(event)?,
        })
    }
}

/// An event as it was committed: everything a CloudEvent carries, fixed at commit and the same on
/// every attempt to publish it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Envelope {
    /// CloudEvents `id`.
    pub id: Uuid,
    /// CloudEvents `type`, also the routing key.
    #[serde(rename = "type")]
    pub event_type: String,
    /// CloudEvents `source`: `urn:offgrid:customers:outboxworker`.
    pub source: String,
    /// CloudEvents `subject`: `customers/{id}`. Also the ordering key of its job, and `partitionkey`.
    pub subject: String,
    /// CloudEvents `time`: when the command ran.
    pub time: DateTime<Utc>,
    /// Extension `sequence`.
    pub sequence: i64,
    /// Extension `tenantid`.
    #[schemars(with = "String")]
    pub tenant_id: TenantId,
    /// Who did it; stays in the event log, not on the wire.
    #[schemars(with = "String")]
    pub actor: Actor,
    /// Extension `correlationid`.
    #[schemars(with = "String")]
    pub correlation_id: CorrelationId,
    /// Extension `causationid`.
    pub causation_id: String,
    /// Extension `traceparent`.
    pub traceparent: Option<String>,
    /// [`Event::DATA_VERSION`], the last part of CloudEvents `dataschema`.
    #[serde(default = "first_version")]
    pub data_version: i16,
    /// CloudEvents `data`: the event as JSON.
    #[schemars(with = "serde_json::Value")]
    pub data: Box<RawValue>,
}

impl Envelope {
    /// The module the event belongs to: the part of `subject` before the slash.
    pub fn module(&self) -> &str {
        self.subject.split('/').next().unwrap_or_default()
    }

    /// The aggregate: the part of `subject` after the slash.
    pub(crate) fn aggregate_id(&self) -> Result<Uuid, Error> {
        let id = self.subject.rsplit('/').next().unwrap_or_default();
        id.parse().map_err(|_| Error::Internal(format!("subject {} does not end in an id", self.subject)))
    }
}

/// An event as the log has it.
#[derive(Debug)]
pub(crate) struct LogRow {
    pub(crate) position: i64,
    pub(crate) id: Uuid,
    pub(crate) event_type: String,
    pub(crate) source: String,
    pub(crate) subject: String,
    pub(crate) occurred_at: DateTime<Utc>,
    pub(crate) sequence: i64,
    pub(crate) tenant_id: String,
    pub(crate) actor: String,
    pub(crate) correlation_id: String,
    pub(crate) causation_id: String,
    pub(crate) traceparent: Option<String>,
    pub(crate) data_version: i16,
    pub(crate) data: String,
}

impl LogRow {
    pub(crate) fn into_envelope(self) -> Result<Envelope, Error> {
        let position = self.position;
        self.parsed().map_err(|what| Error::Internal(format!("event at {position}: {what}")))
    }

    fn parsed(self) -> Result<Envelope, Malformed> {
        Ok(Envelope {
            id: self.id,
            event_type: self.event_type,
            source: self.source,
            subject: self.subject,
            time: self.occurred_at,
            sequence: self.sequence,
            tenant_id: self.tenant_id.parse()?,
            actor: self.actor.parse()?,
            correlation_id: self.correlation_id.parse()?,
            causation_id: self.causation_id,
            traceparent: self.traceparent,
            data_version: self.data_version,
            data: RawValue::from_string(self.data).map_err(|_| Malformed("its data is no JSON"))?,
        })
    }
}

/// `customers/{id}`.
pub(crate) fn subject(module: &str, aggregate: Uuid) -> String {
    format!("{module}/{aggregate}")
}

/// `urn:offgrid:customers:outboxworker` for `customers`.
pub fn source(module: &str) -> String {
    format!("urn:offgrid:{module}:outboxworker")
}
