//! SQL of those who start what is due.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde_json::Value;
use ulid::Ulid;
use uuid::Uuid;

use crate::kernel::ctx::TenantId;
use crate::kernel::db::Db;
use crate::kernel::error::Error;
use crate::kernel::tx::Tx;
use crate::schedules::model::{Cause, stored_tenant};
use crate::schedules::timing::{Due, Missed, on_time};

/// A schedule that is due.
pub(in crate::schedules) struct DueRow {
    pub(in crate::schedules) id: Uuid,
    pub(in crate::schedules) name: String,
    pub(in crate::schedules) definition: String,
    pub(in crate::schedules) tenant: Option<String>,
    pub(in crate::schedules) parameters: Value,
    pub(in crate::schedules) cron: String,
    pub(in crate::schedules) time_zone: String,
    pub(in crate::schedules) missed: Missed,
    pub(in crate::schedules) missed_limit: i32,
    pub(in crate::schedules) next_due: DateTime<Utc>,
    /// The time, as the database says, or whoever asks.
    pub(in crate::schedules) now: DateTime<Utc>,
}

impl DueRow {
    pub(in crate::schedules) fn tenant(&self) -> Result<Option<TenantId>, Error> {
        stored_tenant(self.id, self.tenant.as_deref())
    }
}

/// Whether a schedule of these definitions is due. Asked once a second by everybody: one look at an index.
pub(in crate::schedules) async fn is_any_due(
    db: &Db,
    now: Option<DateTime<Utc>>,
    known: &[String],
) -> Result<bool, Error> {
    db.ask(async |conn| {
        let due = sqlx::query_scalar!(
            // in this order, or a plan for any parameters at all would look at every schedule
            r#"select coalesce(
                   (select s.next_due from schedules.schedules s
                    where s.next_due is not null and s.definition = any($2)
                    order by s.next_due limit 1) <= coalesce($1, now()), false) as "due!""#,
            now,
            known
        )
        .fetch_one(conn)
        .await?;
        Ok(due)
    })
    .await
}

/// Locks the one that has been due longest, of those that nobody else has locked.
pub(in crate::schedules) async fn lock_due(
    tx: &mut Tx,
    now: Option<DateTime<Utc>>,
    known: &[String],
) -> Result<Option<DueRow>, Error> {
    let row = sqlx::query_as!(
        DueRow,
        r#"select id, name, definition, tenant, parameters, cron, time_zone, missed as "missed: Missed", missed_limit,
                  next_due as "next_due!", coalesce($1, now()) as "now!"
           from schedules.schedules
           where next_due <= coalesce($1, now()) and definition = any($2)
           order by next_due limit 1
           for update skip locked"#,
        now,
        known
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row)
}

/// Writes down that these due times happened, each with its job, or that the last one passed without. Those that had
/// happened before are left out: the ids of the jobs that there are to be.
pub(in crate::schedules) async fn mark(
    tx: &mut Tx,
    row: &DueRow,
    due: &Due,
    jobs: &[Ulid],
) -> Result<BTreeSet<String>, Error> {
    let times: Vec<DateTime<Utc>> = due.fires.iter().chain(&due.passed).copied().collect();
    let ids: Vec<Option<String>> = jobs.iter().map(|id| Some(id.to_string())).chain(due.passed.map(|_| None)).collect();
    let cause = |time: &DateTime<Utc>| if on_time(*time, row.now) { Cause::Due } else { Cause::Missed };
    let causes: Vec<String> = times.iter().map(|time| cause(time).as_str().to_owned()).collect();
    let actor = tx.ctx().actor.clone();
    let fresh = sqlx::query_scalar!(
        r#"insert into schedules.fires (schedule_id, definition, actor, due_at, job_id, cause, skipped)
           select $1, $2, $3, f.due_at, f.job_id, f.cause, case when f.place = 1 then $7 else 0 end
           from unnest($4::timestamptz[], $5::text[], $6::text[]) with ordinality as f(due_at, job_id, cause, place)
           order by f.place
           on conflict (schedule_id, due_at) do nothing
           returning job_id"#,
        row.id,
        row.definition,
        actor.as_str(),
        &times,
        &ids as &[Option<String>],
        &causes,
        due.skipped
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(fresh.into_iter().flatten().collect())
}

pub(in crate::schedules) async fn set_next_due(
    tx: &mut Tx,
    id: Uuid,
    next: Option<DateTime<Utc>>,
) -> Result<(), Error> {
    sqlx::query!("update schedules.schedules set next_due = $2 where id = $1", id, next).execute(tx.conn()).await?;
    Ok(())
}

/// Forgets what happened longer ago than this.
///
/// # Errors
/// [`Error::Database`].
pub async fn expire_fires(db: &Db, keep_days: u16) -> Result<u64, Error> {
    db.ask(async |conn| {
        let expired = sqlx::query!(
            "delete from schedules.fires where at < now() - $1::integer * interval '1 day'",
            i32::from(keep_days)
        )
        .execute(conn)
        .await?;
        Ok(expired.rows_affected())
    })
    .await
}
