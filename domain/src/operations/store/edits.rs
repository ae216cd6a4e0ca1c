//! SQL that reads and changes the payload of dead letters, and keeps what it was.

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::kernel::error::Error;
use crate::kernel::event::{Envelope, LogRow};
use crate::kernel::tx::Tx;

use crate::operations::model::{JobId, Reason};

/// Counts everything that ever happened to the job, so that a change of it that somebody has not seen is noticed: each
/// leaves a row of history.
pub(in crate::operations) async fn version(tx: &mut Tx, id: &JobId) -> Result<i64, Error> {
    let version = sqlx::query_scalar!(
        r#"select coalesce(max(position), 0) + 1 as "version!" from jobs.attempts where job_id = $1"#,
        id.as_str()
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(version)
}

pub(in crate::operations) async fn payload(tx: &mut Tx, id: &JobId) -> Result<Vec<u8>, Error> {
    let payload = sqlx::query_scalar!("select payload from jobs.dead_letters where id = $1", id.as_str())
        .fetch_one(tx.conn())
        .await?;
    Ok(payload)
}

pub(in crate::operations) async fn set_payload(tx: &mut Tx, id: &JobId, payload: &[u8]) -> Result<(), Error> {
    let changed = sqlx::query!("update jobs.dead_letters set payload = $2 where id = $1", id.as_str(), payload)
        .execute(tx.conn())
        .await?;
    super::expect_one(changed.rows_affected(), "edit")
}

/// The event that was committed in the place of the one that the job carries.
pub(in crate::operations) async fn correction(tx: &mut Tx, id: &JobId) -> Result<Option<Uuid>, Error> {
    let correction = sqlx::query_scalar!(
        r#"select correction as "correction!" from jobs.edits where job_id = $1 and correction is not null"#,
        id.as_str()
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(correction)
}

/// What an operator made of a payload.
pub(in crate::operations) struct Edited<'a> {
    pub(in crate::operations) id: &'a JobId,
    pub(in crate::operations) queue: &'a str,
    pub(in crate::operations) reason: &'a Reason,
    pub(in crate::operations) patch: Map<String, Value>,
    pub(in crate::operations) before: &'a [u8],
    pub(in crate::operations) after: &'a [u8],
    /// The event that was committed in the place of the one it carries.
    pub(in crate::operations) correction: Option<Uuid>,
}

pub(in crate::operations) async fn keep_edit(tx: &mut Tx, edit: Edited<'_>) -> Result<(), Error> {
    let actor = tx.ctx().actor.clone();
    sqlx::query!(
        "insert into jobs.edits (id, job_id, queue, edited_by, reason, patch, before, after, correction)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        Uuid::now_v7(),
        edit.id.as_str(),
        edit.queue,
        actor.as_str(),
        edit.reason.as_str(),
        Value::Object(edit.patch),
        edit.before,
        edit.after,
        edit.correction
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// An event as it was committed.
pub(in crate::operations) async fn committed(tx: &mut Tx, id: Uuid) -> Result<Option<Envelope>, Error> {
    let row = sqlx::query_as!(
        LogRow,
        r#"select position, id, type as event_type, source, subject, occurred_at, sequence, tenant_id, actor,
                  correlation_id, causation_id, traceparent, data_version, data::text as "data!"
           from kernel.events where id = $1"#,
        id
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(LogRow::into_envelope).transpose()
}
