//! Corrects what a dead letter says, and puts it back.

use serde::Deserialize as _;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::kernel::command::Command;
use crate::kernel::error::{Error, Rejection};
use crate::kernel::event::Envelope;
use crate::kernel::queue::{self, Correction};
use crate::kernel::record::{Record, Target};
use crate::kernel::tx::Tx;
use crate::messaging::PublishEvent;

use crate::operations::model::{Carries, JobDetail, JobId, Reason};
use crate::operations::store::Located;
use crate::operations::{queries, rules, store};

use super::dead_letters::{locate_locked, redrive};

/// Changes the payload of a dead letter and retries it. What it was is kept, with the patch and who made it.
///
/// A committed event never changes: of a job that publishes one, another event is committed in its place, and published
/// where the dead letter stood; the dead letter is discarded. The correction is of the same aggregate and has the same
/// sequence: a number of its own would be one that the aggregate has not got, and its next command would fail; and to
/// consumers it is what they are missing. Its cause is the event that it corrects, which replays leave out from now on.
///
/// Answers with the job as it is now. Rejected with `dead_letter_not_found`, `version_conflict`, `dead_letter_not_dead`,
/// `payload_not_json`, `job_kind_unknown`, `event_type_unknown`, `event_not_logged`, `patch_changes_nothing`, or
/// `validation_failed` naming what does not fit.
#[derive(Debug, Clone)]
pub struct EditDeadLetter {
    /// Which.
    pub id: JobId,
    /// [`JobDetail::version`] of the one that was read; none: whatever it is.
    pub expected_version: Option<i64>,
    /// A merge patch (RFC 7396) of the payload.
    pub patch: Map<String, Value>,
    /// Why.
    pub reason: Reason,
}

impl Command for EditDeadLetter {
    type Output = JobDetail;

    async fn handle(self, tx: &mut Tx) -> Result<JobDetail, Error> {
        let before = locate_locked(tx, &self.id).await?;
        Rejection::unless_current(store::version(tx, &self.id).await?, self.expected_version)?;
        rules::is_dead(before.state)?;
        let old = store::payload(tx, &self.id).await?;
        let edited = rules::edited(&before.kind, &old, &self.patch)?;
        let (new, correction) = match edited.carries {
            Carries::Committed => {
                let event = correction(tx, &edited.payload).await?;
                let id = event.id;
                (correct(tx, &self, event).await?, Some(id))
            }
            Carries::NoEvent | Carries::Received => {
                let new = bytes(&edited.payload)?;
                store::set_payload(tx, &self.id, &new).await?;
                redrive(tx, &[self.id.as_str().to_owned()], &self.reason).await?;
                (new, None)
            }
        };
        let Self { id, patch, reason, .. } = self;
        let edit = store::Edited {
            id: &id,
            queue: &before.queue,
            reason: &reason,
            patch,
            before: &old,
            after: &new,
            correction,
        };
        store::keep_edit(tx, edit).await?;
        let job = queries::job(tx, &id).await?;
        record(tx, (&before, &job), (&new, correction), &reason).await?;
        Ok(job)
    }
}

/// The event that takes the place of the one in the payload.
async fn correction(tx: &mut Tx, payload: &Value) -> Result<Envelope, Error> {
    let wrong = |error: serde_json::Error| Error::Internal(format!("an edited event does not decode: {error}"));
    let PublishEvent { event } = PublishEvent::deserialize(payload).map_err(wrong)?;
    let committed = store::committed(tx, event.id).await?.ok_or_else(rules::event_not_logged)?;
    Ok(Envelope {
        id: Uuid::now_v7(),
        time: tx.now(),
        actor: tx.ctx().actor.clone(),
        causation_id: committed.id.to_string(),
        data: event.data,
        ..committed
    })
}

/// Commits it, and its job in the place of the dead letter; returns what that job carries.
async fn correct(tx: &mut Tx, edit: &EditDeadLetter, event: Envelope) -> Result<Vec<u8>, Error> {
    let (db, ctx) = (tx.db().clone(), tx.ctx().clone());
    let job = PublishEvent { event };
    let payload = serde_json::to_vec(&job).map_err(|e| Error::Internal(format!("a correction: {e}")))?;
    let reason = format!("corrected by event {}: {}", job.event.id, edit.reason.as_str());
    let correction = Correction {
        dead_letter: edit.id.as_str(),
        event: &job.event,
        payload: &payload,
        actor: &ctx.actor,
        reason: &reason,
    };
    let queue = queue::correct(tx.conn(), &db, correction).await?;
    tx.ring_after_commit(queue);
    Ok(payload)
}

async fn record(
    tx: &mut Tx,
    (before, after): (&Located, &JobDetail),
    (payload, correction): (&[u8], Option<Uuid>),
    reason: &Reason,
) -> Result<(), Error> {
    tx.record(Record {
        action: "edit_dead_letter",
        target: Target::one("dead_letter", &after.summary.id),
        reason: Some(reason),
        before: before.summary(),
        after: json!({
            "state": after.summary.state.as_str(), "redrives": after.summary.redrives,
            "payloadSha256": hex(&Sha256::digest(payload)), "correction": correction,
        }),
    })
    .await
}

fn bytes(payload: &Value) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(payload).map_err(|e| Error::Internal(format!("an edited payload: {e}")))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
