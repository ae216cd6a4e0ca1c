//! SQL that writes or locks schedules, and writes down who started what.

mod due;
mod schedules;

use chrono::{DateTime, Utc};
use ulid::Ulid;
use uuid::Uuid;

use crate::kernel::error::Error;
use crate::kernel::tx::Tx;
use crate::operations::Reason;

use super::definitions::Definition;

pub use due::expire_fires;
pub(super) use due::{DueRow, is_any_due, lock_due, mark, set_next_due};
pub(super) use schedules::{ScheduleRow, delete, insert, lock, update};

/// A job that was started.
pub(super) struct Fire {
    /// Its schedule; none if it has none.
    pub(super) schedule: Option<Uuid>,
    /// What it is a job of.
    pub(super) definition: &'static Definition,
    /// Which.
    pub(super) job: Ulid,
}

/// The database's time: that of whoever inserts jobs, and of all who claim them.
pub(super) async fn clock(tx: &mut Tx) -> Result<DateTime<Utc>, Error> {
    Ok(sqlx::query_scalar!(r#"select now() as "now!""#).fetch_one(tx.conn()).await?)
}

/// Writes down who started a job by hand, and why.
pub(super) async fn note_start(tx: &mut Tx, fire: &Fire, reason: &Reason) -> Result<(), Error> {
    let actor = tx.ctx().actor.clone();
    sqlx::query!(
        "insert into schedules.fires (schedule_id, definition, cause, job_id, actor, reason)
         values ($1, $2, 'hand', $3, $4, $5)",
        fire.schedule,
        fire.definition.about.name,
        fire.job.to_string(),
        actor.as_str(),
        reason.as_str()
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
