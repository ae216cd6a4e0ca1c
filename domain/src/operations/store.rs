//! SQL that locks queues, and writes what operators decide together with its row of history.
//!
//! Who changes waiting jobs holds the queue's lock: otherwise a claim that is under way, and whose
//! rows others skip as locked, could start a job beside an earlier one of its key.

mod edits;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::kernel::error::Error;
use crate::kernel::tx::Tx;

use super::model::{JobId, JobState, Pause, Reason};

pub(super) use edits::{Edited, committed, correction, keep_edit, payload, set_payload, version};

/// Where a job is, and what auditors are told of it.
pub(super) struct Located {
    pub(super) queue: String,
    pub(super) kind: String,
    pub(super) state: JobState,
    pub(super) attempts: i32,
    /// None where the payload is not kept.
    pub(super) payload_sha256: Option<String>,
}

impl Located {
    /// For auditors: no payload, but what tells whether it is the same.
    pub(super) fn summary(&self) -> Value {
        json!({
            "state": self.state.as_str(), "queue": self.queue, "kind": self.kind, "attempts": self.attempts,
            "payloadSha256": self.payload_sha256,
        })
    }
}

/// Finds a job in whichever table it is.
pub(super) async fn locate(tx: &mut Tx, id: &JobId) -> Result<Option<Located>, Error> {
    let located = sqlx::query_as!(
        Located,
        r#"select queue as "queue!", kind as "kind!", state as "state!: JobState", attempts as "attempts!",
                  encode(sha256(payload), 'hex') as payload_sha256
           from jobs.overview where id = $1"#,
        id.as_str()
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(located)
}

/// Which of these are jobs, in whichever table.
pub(super) async fn existing(tx: &mut Tx, ids: &[String]) -> Result<BTreeSet<String>, Error> {
    let known = sqlx::query_scalar!(r#"select id as "id!" from jobs.overview where id = any($1)"#, ids)
        .fetch_all(tx.conn())
        .await?;
    Ok(known.into_iter().collect())
}

/// Waits until no claim is under way in the queue, and keeps new ones waiting until the
/// transaction ends.
pub(super) async fn lock_queue(tx: &mut Tx, queue: &str) -> Result<(), Error> {
    sqlx::query!("select jobs.lock_queue($1)", queue).execute(tx.conn()).await?;
    Ok(())
}

/// Locks the queues of these dead letters, always in the same order, so that two operators never
/// wait for each other.
pub(super) async fn lock_queues_of_dead(tx: &mut Tx, ids: &[String]) -> Result<(), Error> {
    sqlx::query!(
        "select jobs.lock_queue(q.queue)
         from (select distinct queue from jobs.dead_letters where id = any($1) order by queue) q",
        ids
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Makes a free job due. It stays a deferred one, so that it comes before the later jobs of its key.
pub(super) async fn run_now(tx: &mut Tx, id: &JobId, reason: &Reason) -> Result<(), Error> {
    let actor = tx.ctx().actor.clone();
    let changed = sqlx::query!(
        "with due as (
             update apalis.jobs set run_at = now(), waiting_for = null where id = $1 and lock_by is null
             returning *
         )
         insert into jobs.attempts (job_id, queue, kind, attempt, outcome, actor, reason, tenant_id, ended_at, next_run_at)
         select id, job_type, coalesce(kind, job_type), attempts, 'run_now', $2, $3, tenant_id, now(), run_at from due",
        id.as_str(),
        actor.as_str(),
        reason.as_str()
    )
    .execute(tx.conn())
    .await?;
    expect_one(changed.rows_affected(), "run now")
}

/// Moves a free job to the completed ones. It keeps its payload, whatever its queue's policy.
pub(super) async fn cancel(tx: &mut Tx, id: &JobId, reason: &Reason) -> Result<(), Error> {
    let actor = tx.ctx().actor.clone();
    let changed = sqlx::query_file!("src/operations/cancel.sql", id.as_str(), actor.as_str(), reason.as_str())
        .execute(tx.conn())
        .await?;
    expect_one(changed.rows_affected(), "cancel")
}

/// Drops a dead letter; its key is free again.
pub(super) async fn discard(tx: &mut Tx, id: &JobId, reason: &Reason) -> Result<(), Error> {
    let actor = tx.ctx().actor.clone();
    let changed = sqlx::query!(
        "with dropped as (
             update jobs.dead_letters
             set discarded_at = now(), discarded_by = $2, discard_reason = $3, holds_key = false
             where id = $1 and discarded_at is null and archived_at is null
             returning *
         )
         insert into jobs.attempts (job_id, queue, kind, attempt, outcome, actor, reason, tenant_id, ended_at)
         select id, queue, kind, attempts, 'discarded', $2, $3, tenant_id, now() from dropped",
        id.as_str(),
        actor.as_str(),
        reason.as_str()
    )
    .execute(tx.conn())
    .await?;
    expect_one(changed.rows_affected(), "discard")
}

/// Keeps a dead letter for good; its key is free again.
pub(super) async fn archive(tx: &mut Tx, id: &JobId, reason: &Reason) -> Result<(), Error> {
    let actor = tx.ctx().actor.clone();
    let changed = sqlx::query!(
        "with kept as (
             update jobs.dead_letters
             set archived_at = now(), archived_by = $2, archive_reason = $3, holds_key = false
             where id = $1 and discarded_at is null and archived_at is null
             returning *
         )
         insert into jobs.attempts (job_id, queue, kind, attempt, outcome, actor, reason, tenant_id, ended_at)
         select id, queue, kind, attempts, 'archived', $2, $3, tenant_id, now() from kept",
        id.as_str(),
        actor.as_str(),
        reason.as_str()
    )
    .execute(tx.conn())
    .await?;
    expect_one(changed.rows_affected(), "archive")
}

/// Makes a dead letter that was put away one to do again.
pub(super) async fn restore(tx: &mut Tx, id: &JobId, reason: &Reason) -> Result<(), Error> {
    let actor = tx.ctx().actor.clone();
    let changed = sqlx::query!(
        "with restored as (
             update jobs.dead_letters
             set archived_at = null, archived_by = null, archive_reason = null,
                 discarded_at = null, discarded_by = null, discard_reason = null
             where id = $1 and (discarded_at is not null or archived_at is not null)
             returning *
         )
         insert into jobs.attempts (job_id, queue, kind, attempt, outcome, actor, reason, tenant_id, ended_at)
         select id, queue, kind, attempts, 'restored', $2, $3, tenant_id, now() from restored",
        id.as_str(),
        actor.as_str(),
        reason.as_str()
    )
    .execute(tx.conn())
    .await?;
    expect_one(changed.rows_affected(), "restore")
}

/// The rule allowed it and the queue is locked, so nobody else can have changed the job.
fn expect_one(rows: u64, what: &str) -> Result<(), Error> {
    match rows {
        1 => Ok(()),
        rows => Err(Error::Internal(format!("{what}: changed {rows} jobs instead of one"))),
    }
}

/// Whether a worker has served the queue, or it has jobs.
pub(super) async fn queue_exists(tx: &mut Tx, queue: &str) -> Result<bool, Error> {
    let exists = sqlx::query_scalar!(
        r#"select exists (select from jobs.queues where name = $1)
               or exists (select from apalis.jobs where job_type = $1)
               or exists (select from jobs.dead_letters where queue = $1) as "exists!""#,
        queue
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(exists)
}

/// None if it is paused already.
pub(super) async fn pause(tx: &mut Tx, queue: &str, reason: &Reason) -> Result<Option<Pause>, Error> {
    let actor = tx.ctx().actor.clone();
    let pause = sqlx::query_as!(
        Pause,
        r#"insert into jobs.queues as q (name, paused_at, paused_by, pause_reason) values ($1, now(), $2, $3)
           on conflict (name) do update
               set paused_at = excluded.paused_at, paused_by = excluded.paused_by, pause_reason = excluded.pause_reason
               where q.paused_at is null
           returning paused_at as "at!", paused_by as "by!", pause_reason as "reason!""#,
        queue,
        actor.as_str(),
        reason.as_str()
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(pause)
}

/// Whether it was paused.
pub(super) async fn resume(tx: &mut Tx, queue: &str) -> Result<bool, Error> {
    let resumed = sqlx::query!(
        "update jobs.queues set paused_at = null, paused_by = null, pause_reason = null
         where name = $1 and paused_at is not null",
        queue
    )
    .execute(tx.conn())
    .await?;
    Ok(resumed.rows_affected() == 1)
}

/// Makes a paused queue; false if it is there already.
pub(super) async fn add_demo_queue(tx: &mut Tx, queue: &str) -> Result<bool, Error> {
    let actor = tx.ctx().actor.clone();
    let added = sqlx::query!(
        "insert into jobs.queues (name, paused_at, paused_by, pause_reason)
         values ($1, now(), $2, 'Demo: nothing runs here') on conflict (name) do nothing",
        queue,
        actor.as_str()
    )
    .execute(tx.conn())
    .await?;
    Ok(added.rows_affected() == 1)
}

/// Makes dead letters of fresh demo jobs, with the history of six failed attempts.
pub(super) async fn kill_demo_jobs(tx: &mut Tx, ids: &[String]) -> Result<(), Error> {
    sqlx::query_file!("src/operations/kill_demo_jobs.sql", ids).execute(tx.conn()).await?;
    Ok(())
}
