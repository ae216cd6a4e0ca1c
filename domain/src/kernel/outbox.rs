//! Writes events to the event log, and for each the job that publishes it.

use ulid::Ulid;

use super::error::Error;
use super::event::Envelope;
use super::idempotency::Kept;
use super::job::{Job, NewJob};
use super::queue;
use super::tx::Tx;
use crate::messaging::PublishEvent;

/// Appends `events` to the log, enqueues their jobs and stores the command's answer, if it has an
/// idempotency key: a statement for each event, and commands rarely have more than one. (The server
/// takes two thirds of the time for it that it takes to unpack arrays of events.)
///
/// The job's id is the event's id (a ULID and a UUIDv7 are the same 128 bits), its ordering key the
/// subject: events of one aggregate are published in the order in which they were committed,
/// because the command holds the aggregate's row lock while the jobs get their `seq`.
pub(crate) async fn write(tx: &mut Tx, events: Vec<Envelope>, mut kept: Option<Kept<'_>>) -> Result<(), Error> {
    let (db, ctx) = (tx.db().clone(), tx.ctx().clone());
    for event in events {
        let job = PublishEvent { event };
        let new = NewJob { id: Ulid::from(job.event.id), ..NewJob::new(&job).map_err(unserializable)? };
        queue::publish(tx.conn(), &db, &ctx, &job.event, &new, kept.take()).await?;
    }
    tx.ring_after_commit(PublishEvent::QUEUE.to_owned());
    Ok(())
}

fn unserializable(error: serde_json::Error) -> Error {
    Error::Internal(format!("{}: {error}", PublishEvent::KIND))
}
