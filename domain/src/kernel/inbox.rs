//! Events that arrive: each has its effect once in every consumer group.
//!
//! ```text
//! bus ─▶ receive: inbox row + handler job, unless the row is there already ─▶ acknowledged
//! job ─▶ claim_effect: marks the row, in the transaction of the effect ─▶ completed
//! ```
//!
//! A message that is delivered again finds its row; a job that runs again finds its mark. Between
//! the two lies a committed job, so an acknowledged event cannot get lost.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use ulid::Ulid;
use uuid::Uuid;

use super::ctx::{CorrelationId, TenantId};
use super::db::Db;
use super::error::Error;
use super::event::{Envelope, first_version};
use super::job::{Job as _, NewJob};
use super::queue;
use super::tx::Tx;
use crate::messaging::HandleEvent;

/// An event as it arrived: what a CloudEvent carries.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ReceivedEvent {
    /// CloudEvents `id`, unique within its source.
    pub id: String,
    /// CloudEvents `source`.
    pub source: String,
    /// CloudEvents `type`.
    #[serde(rename = "type")]
    pub event_type: String,
    /// CloudEvents `subject`: `customers/{id}`. Events of one subject are handled in order.
    pub subject: String,
    /// CloudEvents `time`.
    pub time: DateTime<Utc>,
    /// Extension `sequence`: the aggregate's version after the event.
    pub sequence: i64,
    /// Extension `tenantid`.
    #[schemars(with = "String")]
    pub tenant_id: TenantId,
    /// Extension `correlationid`.
    #[schemars(with = "String")]
    pub correlation_id: CorrelationId,
    /// Extension `traceparent`.
    pub traceparent: Option<String>,
    /// The last part of CloudEvents `dataschema`; the first version where there is none.
    #[serde(default = "first_version")]
    pub data_version: i16,
    /// CloudEvents `data`.
    #[schemars(with = "serde_json::Value")]
    pub data: Box<RawValue>,
    /// Extension `replayid`, of an event that a replay hands over: which one.
    #[serde(default, rename = "replayid", skip_serializing_if = "Option::is_none")]
    pub replay_id: Option<Uuid>,
    /// Extension `replayforce`: it has its effect also if it had it before.
    #[serde(default, rename = "replayforce", skip_serializing_if = "std::ops::Not::not")]
    pub replay_force: bool,
}

impl From<Envelope> for ReceivedEvent {
    /// An event of the log, as it arrives.
    fn from(event: Envelope) -> Self {
        Self {
            id: event.id.to_string(),
            source: event.source,
            event_type: event.event_type,
            subject: event.subject,
            time: event.time,
            sequence: event.sequence,
            tenant_id: event.tenant_id,
            correlation_id: event.correlation_id,
            traceparent: event.traceparent,
            data_version: event.data_version,
            data: event.data,
            replay_id: None,
            replay_force: false,
        }
    }
}

impl ReceivedEvent {
    /// The source under which the inbox knows it: that of a forced replay is the replay's own, so that the
    /// event happens once more, and once in each such replay.
    pub(crate) fn inbox_source(&self) -> Cow<'_, str> {
        match self.replay_id {
            Some(id) if self.replay_force => format!("{}#replay={id}", self.source).into(),
            _ => (&*self.source).into(),
        }
    }
}

/// Makes a job in the queue of its consumer group for every event that the group does not have yet,
/// in the order given, with one statement; returns how many. Rings the groups' doorbells.
///
/// # Errors
/// [`Error::Database`]: then nothing was received. [`Error::Internal`] when an event does not
/// serialize.
pub async fn receive(db: &Db, arrived: &[HandleEvent]) -> Result<u64, Error> {
    let jobs = arrived.iter().map(handler_job).collect::<Result<Vec<_>, _>>()?;
    let received = queue::receive(db, arrived, &jobs).await?;
    if received > 0 {
        let groups: std::collections::BTreeSet<_> = arrived.iter().map(|arrival| arrival.consumer.clone()).collect();
        db.ring(groups);
    }
    Ok(received)
}

pub(crate) fn handler_job(arrival: &HandleEvent) -> Result<NewJob, Error> {
    let payload = serde_json::to_vec(arrival).map_err(|e| Error::Internal(format!("{}: {e}", HandleEvent::KIND)))?;
    Ok(NewJob {
        id: Ulid::from(uuid::Uuid::now_v7()),
        queue: HandleEvent::QUEUE,
        kind: HandleEvent::KIND,
        payload,
        ordering_key: Some(arrival.event.subject.clone()),
        priority: 0,
        delay: std::time::Duration::ZERO,
        subject: Some(arrival.event.subject.clone()),
    })
}

/// Marks an event as handled by a consumer group, in the transaction of its effect. False when it was
/// handled before: then nothing must happen again. A second transaction with the same event waits
/// here for the first.
///
/// # Errors
/// [`Error::Database`].
pub async fn claim_effect(tx: &mut Tx, arrival: &HandleEvent, job_id: &str) -> Result<bool, Error> {
    let event = &arrival.event;
    tx.mark_replay(event.replay_id);
    let marked = sqlx::query!(
        "insert into kernel.inbox as i (event_id, source, consumer, tenant_id, job_id, handled_at)
         values ($1, $2, $3, $4, $5, now())
         on conflict (event_id, source, consumer) do update set handled_at = now() where i.handled_at is null",
        event.id,
        event.inbox_source().into_owned(),
        arrival.consumer,
        event.tenant_id.as_str(),
        job_id
    )
    .execute(tx.conn())
    .await?;
    Ok(marked.rows_affected() == 1)
}
