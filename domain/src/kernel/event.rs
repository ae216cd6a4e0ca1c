//! Events: immutable facts about one aggregate, and the envelope they travel in.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::ctx::{Actor, CorrelationId, TenantId};
use super::error::Error;

/// Something that happened to an aggregate, past tense. Its fields are the CloudEvent's `data`.
pub trait Event: Serialize + JsonSchema {
    /// The aggregate's module: `customers`. Gives source, subject and queue names.
    const MODULE: &'static str;
    /// CloudEvents type: `com.offgrid.portal.customers.customer-changed`.
    const TYPE: &'static str;

    /// Which aggregate.
    fn aggregate_id(&self) -> Uuid;

    /// The aggregate's version after this event: 1 for the first, then each the next.
    fn sequence(&self) -> i64;
}

/// An event as it was committed: everything a CloudEvent carries, fixed at commit and the same on
/// every attempt to publish it.
#[derive(Debug, Clone, Serialize, Deserialize)]
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
    pub tenant_id: TenantId,
    /// Who did it; stays in the event log, not on the wire.
    pub actor: Actor,
    /// Extension `correlationid`.
    pub correlation_id: CorrelationId,
    /// Extension `causationid`.
    pub causation_id: String,
    /// Extension `traceparent`.
    pub traceparent: Option<String>,
    /// CloudEvents `data`: the event as JSON.
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

/// `urn:offgrid:customers:outboxworker` for `customers`.
pub fn source(module: &str) -> String {
    format!("urn:offgrid:{module}:outboxworker")
}
