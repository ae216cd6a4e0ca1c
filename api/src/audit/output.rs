//! Events and documents as auditors see them.

use chrono::{DateTime, Utc};
use domain::audit::{Change, Compared, Document};
use domain::kernel::event::Envelope;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

/// An event as it was committed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Event)]
pub(super) struct EventBody {
    /// The same wherever the event is: the `id` of the CloudEvent.
    id: Uuid,
    #[schema(example = "com.offgrid.portal.customers.customer-suspended")]
    r#type: String,
    #[schema(example = "urn:offgrid:customers:outboxworker")]
    source: String,
    /// The module and the aggregate.
    #[schema(example = "customers/01941f29-7c00-7000-8000-000000000001")]
    subject: String,
    /// When the command ran that emitted it.
    time: DateTime<Utc>,
    /// The aggregate's own numbering, 1, 2, 3 …; its version after this event.
    #[schema(example = 2)]
    sequence: i64,
    /// Who did it: the subject of a token.
    #[schema(example = "ada@offgrid.example")]
    actor: String,
    /// Shared by everything the originating request caused.
    #[schema(example = "walk-through-1")]
    correlation_id: String,
    /// What caused it directly: a request, event or job.
    causation_id: String,
    /// W3C trace context of what caused it.
    #[schema(required = true, example = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]
    traceparent: Option<String>,
    /// Version of the form of `data`.
    #[schema(example = 1)]
    data_version: i16,
    /// The event itself, with its entity as it is afterwards.
    #[schema(value_type = Object)]
    data: Box<RawValue>,
}

/// An entity as it is or was.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Document)]
pub(super) struct DocumentBody {
    #[schema(example = "customers")]
    entity: &'static str,
    #[schema(example = "01941f29-7c00-7000-8000-000000000001")]
    id: Uuid,
    /// The `sequence` of the last event in it.
    #[schema(example = 2)]
    version: i64,
    /// Of the present state when it was kept here, of an earlier one the `time` of its event.
    changed_at: DateTime<Utc>,
    /// What its last event said of it.
    #[schema(value_type = Object)]
    document: Box<RawValue>,
}

/// An entity as it is or was, and what is different from another version.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ComparedDocument)]
pub(super) struct ComparedBody {
    #[serde(flatten)]
    document: DocumentBody,
    /// The version that it is compared with; null if none was asked for.
    #[schema(required = true, example = 1)]
    compared_with: Option<i64>,
    /// What leads from that version to this one; null if it is not compared.
    #[schema(required = true)]
    changes: Option<Vec<ChangeBody>>,
}

/// One value that is not what it was.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Change)]
struct ChangeBody {
    /// Where in the document: a JSON pointer.
    #[schema(example = "/status")]
    pointer: String,
    /// Left out if it was not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = Value, example = "active")]
    before: Option<Value>,
    /// Left out if it is not there any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = Value, example = "suspended")]
    after: Option<Value>,
}

impl From<Envelope> for EventBody {
    fn from(event: Envelope) -> Self {
        Self {
            id: event.id,
            r#type: event.event_type,
            source: event.source,
            subject: event.subject,
            time: event.time,
            sequence: event.sequence,
            actor: event.actor.into(),
            correlation_id: event.correlation_id.into(),
            causation_id: event.causation_id,
            traceparent: event.traceparent,
            data_version: event.data_version,
            data: event.data,
        }
    }
}

impl From<Document> for DocumentBody {
    fn from(document: Document) -> Self {
        let Document { entity, id, version, changed_at, document } = document;
        Self { entity, id, version, changed_at, document }
    }
}

impl From<Compared> for ComparedBody {
    fn from(compared: Compared) -> Self {
        let (compared_with, changes) = match compared.comparison {
            None => (None, None),
            Some(comparison) => {
                (Some(comparison.version), Some(comparison.changes.into_iter().map(ChangeBody::from).collect()))
            }
        };
        Self { document: compared.document.into(), compared_with, changes }
    }
}

impl From<Change> for ChangeBody {
    fn from(change: Change) -> Self {
        let Change { pointer, before, after } = change;
        Self { pointer, before, after }
    }
}
