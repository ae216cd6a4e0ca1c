//! Writes events to the event log, and for each the job that publishes it.

use chrono::{DateTime, Utc};
use ulid::Ulid;
use uuid::Uuid;

use super::error::Error;
use super::event::Envelope;
use super::idempotency::Kept;
use super::job::Job;
use super::queue;
use super::tx::Tx;
use crate::messaging::PublishEvent;

/// Appends `events` to the log, enqueues their jobs and stores the command's answer, if it has an
/// idempotency key: one statement, however many events there are.
///
/// The job's id is the event's id (a ULID and a UUIDv7 are the same 128 bits), its ordering key the
/// subject: events of one aggregate are published in the order in which they were committed,
/// because the command holds the aggregate's row lock while the jobs get their `seq`.
pub(crate) async fn write(tx: &mut Tx, events: Vec<Envelope>, kept: Option<Kept<'_>>) -> Result<(), Error> {
    let mut columns = Columns::default();
    for event in events {
        columns.push(event)?;
    }
    let (db, ctx) = (tx.db().clone(), tx.ctx().clone());
    queue::publish(tx.conn(), &db, &ctx, &columns, kept).await?;
    tx.ring_after_commit(PublishEvent::QUEUE.to_owned());
    Ok(())
}

/// Events and the parts of their jobs, column by column.
#[derive(Default)]
pub(crate) struct Columns {
    pub(super) ids: Vec<Uuid>,
    pub(super) types: Vec<String>,
    pub(super) sources: Vec<String>,
    pub(super) subjects: Vec<String>,
    pub(super) times: Vec<DateTime<Utc>>,
    pub(super) modules: Vec<String>,
    pub(super) aggregates: Vec<Uuid>,
    pub(super) sequences: Vec<i64>,
    pub(super) data: Vec<String>,
    pub(super) jobs: Vec<String>,
    pub(super) payloads: Vec<Vec<u8>>,
}

impl Columns {
    fn push(&mut self, event: Envelope) -> Result<(), Error> {
        self.ids.push(event.id);
        self.types.push(event.event_type.clone());
        self.sources.push(event.source.clone());
        self.subjects.push(event.subject.clone());
        self.times.push(event.time);
        self.modules.push(event.module().to_owned());
        self.aggregates.push(aggregate_id(&event)?);
        self.sequences.push(event.sequence);
        self.data.push(event.data.get().to_owned());
        self.jobs.push(Ulid::from(event.id).to_string());
        let payload = serde_json::to_vec(&PublishEvent { event });
        self.payloads.push(payload.map_err(|e| Error::Internal(format!("{}: {e}", PublishEvent::KIND)))?);
        Ok(())
    }
}

fn aggregate_id(event: &Envelope) -> Result<Uuid, Error> {
    let id = event.subject.rsplit('/').next().unwrap_or_default();
    id.parse().map_err(|_| Error::Internal(format!("subject {} does not end in an id", event.subject)))
}
