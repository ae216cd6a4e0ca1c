//! Writes events to the event log, and for each the job that publishes it.

use ulid::Ulid;

use super::error::Error;
use super::event::Envelope;
use super::job::{Job, NewJob};
use super::tx::Tx;
use crate::messaging::PublishEvent;

/// Appends `events` to the log and enqueues their jobs: two statements, however many there are.
///
/// The job's id is the event's id (a ULID and a UUIDv7 are the same 128 bits), its ordering key the
/// subject: events of one aggregate are published in the order in which they were committed,
/// because the command holds the aggregate's row lock while the jobs get their `seq`.
pub(crate) async fn write(tx: &mut Tx, events: Vec<Envelope>) -> Result<(), Error> {
    if events.is_empty() {
        return Ok(());
    }
    append(tx, &events).await?;
    let jobs = events.into_iter().map(publish_job).collect::<Result<Vec<_>, _>>()?;
    tx.enqueue_all(jobs).await
}

fn publish_job(event: Envelope) -> Result<NewJob, Error> {
    let (id, subject) = (event.id, event.subject.clone());
    let job =
        NewJob::new(&PublishEvent { event }).map_err(|e| Error::Internal(format!("{}: {e}", PublishEvent::KIND)))?;
    Ok(NewJob { id: Ulid::from(id), ordering_key: Some(subject.clone()), subject: Some(subject), ..job })
}

async fn append(tx: &mut Tx, events: &[Envelope]) -> Result<(), Error> {
    let tenant = tx.tenant()?;
    let column = |of: fn(&Envelope) -> String| events.iter().map(of).collect::<Vec<String>>();
    let ids: Vec<_> = events.iter().map(|e| e.id).collect();
    let aggregates = events.iter().map(aggregate_id).collect::<Result<Vec<_>, _>>()?;
    let times: Vec<_> = events.iter().map(|e| e.time).collect();
    let sequences: Vec<_> = events.iter().map(|e| e.sequence).collect();
    let ctx = tx.ctx().clone();
    sqlx::query_file!(
        "src/kernel/outbox_append.sql",
        &ids,
        &column(|e| e.event_type.clone()),
        &column(|e| e.source.clone()),
        &column(|e| e.subject.clone()),
        &times,
        &column(|e| e.module().to_owned()),
        &aggregates,
        &sequences,
        &column(|e| e.data.get().to_owned()),
        &column(|e| Ulid::from(e.id).to_string()),
        tenant.as_str(),
        ctx.actor.as_str(),
        ctx.correlation_id.as_str(),
        ctx.causation_id,
        ctx.traceparent.as_deref(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

fn aggregate_id(event: &Envelope) -> Result<uuid::Uuid, Error> {
    let id = event.subject.rsplit('/').next().unwrap_or_default();
    id.parse().map_err(|_| Error::Internal(format!("subject {} does not end in an id", event.subject)))
}
