//! SQL that writes or locks operations and their items.

use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use crate::kernel::ctx::Actor;
use crate::kernel::error::Error;
use crate::kernel::queue;
use crate::kernel::tx::Tx;
use crate::operations::model::Reason;

use super::model::{Action, Gradual, OperationState};
use super::turn::Turn;

/// An operation about to be made.
pub(super) struct New<'a> {
    pub(super) id: Uuid,
    pub(super) action: Action,
    pub(super) filter: Option<Value>,
    pub(super) patch: Option<Value>,
    pub(super) gradual: &'a Gradual,
    pub(super) reason: &'a Reason,
    pub(super) jobs: &'a [String],
}

/// What a change depends on.
pub(super) struct Locked {
    pub(super) state: OperationState,
    pub(super) turn: i64,
}

/// What looking for outcomes found.
pub(super) struct Outcomes {
    pub(super) looked: i32,
    /// The last position that was looked at.
    pub(super) last: Option<i32>,
    pub(super) succeeded: i32,
    pub(super) failed: i32,
    pub(super) alike: i32,
    pub(super) cancelled: i32,
    pub(super) step_succeeded: i32,
    pub(super) step_failed: i32,
    pub(super) step_alike: i32,
    pub(super) step_cancelled: i32,
}

/// Jobs whose payload does not fit, and why.
#[derive(Default)]
pub(super) struct Unfit {
    pub(super) jobs: Vec<String>,
    pub(super) why: Vec<String>,
}

/// A dead letter with its arguments.
pub(super) struct Read {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) payload: Vec<u8>,
}

/// What a turn came to.
pub(super) struct Outcome {
    pub(super) state: OperationState,
    /// Why it stopped or paused by itself.
    pub(super) explanation: Option<String>,
    /// Whether there is nothing to do but to wait for what becomes of the step.
    pub(super) waits: bool,
    /// When the next turn is due.
    pub(super) delay: Duration,
}

/// A job that the action was done on.
pub(super) struct Acted {
    pub(super) id: String,
    pub(super) queue: String,
}

/// Writes it down with its items.
pub(super) async fn insert(tx: &mut Tx, new: New<'_>) -> Result<(), Error> {
    let (actor, gradual) = (tx.ctx().actor.clone(), new.gradual);
    sqlx::query!(
        "insert into operations.operations (id, action, filter, patch, reason, created_by, steps, then_rest, rate, stop_share,
             stop_same, wait_seconds, state, total)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'running', $13)",
        new.id,
        new.action.as_str(),
        new.filter,
        new.patch,
        new.reason.as_str(),
        actor.as_str(),
        gradual.steps(),
        gradual.then_rest,
        gradual.rate.get(),
        gradual.stop.share(),
        gradual.stop.same_fingerprint,
        gradual.wait_seconds(),
        i32::try_from(new.jobs.len()).unwrap_or(i32::MAX)
    )
    .execute(tx.conn())
    .await?;
    sqlx::query_file!("src/operations/bulk/freeze.sql", new.id, new.jobs).execute(tx.conn()).await?;
    Ok(())
}

/// Keeps its turn from beginning until the transaction ends.
pub(super) async fn lock(tx: &mut Tx, id: Uuid) -> Result<Option<Locked>, Error> {
    let locked = sqlx::query_as!(
        Locked,
        r#"select state as "state: OperationState", turn from operations.operations where id = $1 for update"#,
        id
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(locked)
}

/// Resumed, it begins its wait anew, and goes on with the rest where it paused before that.
pub(super) async fn set_state(
    tx: &mut Tx,
    id: Uuid,
    state: OperationState,
    turn: i64,
    reason: &Reason,
) -> Result<(), Error> {
    let actor = tx.ctx().actor.clone();
    sqlx::query!(
        "update operations.operations
         set state = $2, turn = $3, changed_by = $4, change_reason = $5, changed_at = now(), due_at = now(),
             explanation = case when $2 <> 'running' then explanation end, waits_since = null,
             then_rest = then_rest or ($2 = 'running' and step >= cardinality(steps)),
             ended_at = case when $2 = 'cancelled' then now() end
         where id = $1",
        id,
        state.as_str(),
        turn,
        actor.as_str(),
        reason.as_str()
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Pauses an operation whose job was given up; nothing if it is not this job's turn any more.
pub(super) async fn suspend(tx: &mut Tx, id: Uuid, turn: i64, explanation: &str) -> Result<(), Error> {
    sqlx::query!(
        "update operations.operations set state = 'paused', turn = turn + 1, explanation = $3, changed_at = now()
         where id = $1 and turn = $2 and state = 'running'",
        id,
        turn,
        explanation
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// None if it is another's turn, or nobody's.
pub(super) async fn take_turn(tx: &mut Tx, id: Uuid, turn: i64) -> Result<Option<Turn>, Error> {
    Ok(sqlx::query_file_as!(Turn, "src/operations/bulk/turn.sql", id, turn).fetch_optional(tx.conn()).await?)
}

/// The turn is over, and came to this.
pub(super) async fn save(tx: &mut Tx, turn: &Turn, outcome: &Outcome) -> Result<(), Error> {
    sqlx::query_file!(
        "src/operations/bulk/save.sql",
        turn.id,
        outcome.state.as_str(),
        outcome.explanation,
        turn.position,
        turn.done,
        turn.skipped,
        turn.succeeded,
        turn.failed,
        turn.failed_alike,
        turn.cancelled,
        turn.step,
        turn.step_from,
        turn.step_done,
        turn.step_succeeded,
        turn.step_failed,
        turn.step_alike,
        turn.step_cancelled,
        turn.looked_to,
        outcome.waits,
        i64::try_from(outcome.delay.as_millis()).unwrap_or(i64::MAX)
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes down what became of items that were retried.
pub(super) async fn settle(tx: &mut Tx, turn: &Turn, limit: i64) -> Result<Outcomes, Error> {
    let outcomes = sqlx::query_file_as!(
        Outcomes,
        "src/operations/bulk/outcomes.sql",
        turn.id,
        turn.looked_to,
        turn.position,
        turn.step_from,
        limit
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(outcomes)
}

/// What most of the step's items failed with; none if none did.
pub(super) async fn frequent_error(tx: &mut Tx, turn: &Turn) -> Result<Option<String>, Error> {
    let error =
        sqlx::query_file_scalar!("src/operations/bulk/frequent_error.sql", turn.id, turn.step_from, turn.stop_same)
            .fetch_optional(tx.conn())
            .await?;
    Ok(error)
}

/// The jobs of the next items.
pub(super) async fn next_jobs(tx: &mut Tx, turn: &Turn, limit: i32) -> Result<Vec<String>, Error> {
    let jobs = sqlx::query_scalar!(
        "select job_id from operations.items
         where operation = $1 and position > $2 and position <= $2 + $3 order by position",
        turn.id,
        turn.position,
        limit
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(jobs)
}

/// Does the action on those of these jobs that are in the state it takes. The caller holds the locks of their
/// queues, and rings their doorbells.
pub(super) async fn act(
    tx: &mut Tx,
    action: Action,
    jobs: &[String],
    (actor, reason): (&Actor, &str),
) -> Result<Vec<Acted>, Error> {
    macro_rules! put_away {
        ($file:literal) => {
            sqlx::query_file_as!(Acted, $file, jobs, actor.as_str(), reason).fetch_all(tx.conn()).await?
        };
    }
    Ok(match action {
        Action::Retry | Action::EditAndRetry => {
            let redriven = queue::redrive(tx.conn(), jobs, actor, reason).await?;
            redriven.into_iter().map(|job| Acted { id: job.id, queue: job.queue }).collect()
        }
        Action::Discard => put_away!("src/operations/bulk/act_discard.sql"),
        Action::Archive => put_away!("src/operations/bulk/act_archive.sql"),
        Action::Restore => put_away!("src/operations/bulk/act_restore.sql"),
    })
}

/// Writes down on which of the next items the action was done.
pub(super) async fn mark(tx: &mut Tx, turn: &Turn, up_to: i32, done: &[String], unfit: Unfit) -> Result<(), Error> {
    let (unfit, why) = (&unfit.jobs, &unfit.why);
    sqlx::query_file!("src/operations/bulk/mark.sql", turn.id, turn.position, up_to, done, unfit, why)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// The payloads of those of these jobs that are dead letters and not put away.
pub(super) async fn payloads(tx: &mut Tx, jobs: &[String]) -> Result<Vec<Read>, Error> {
    let rows = sqlx::query_as!(
        Read,
        "select id, kind, payload from jobs.dead_letters
         where id = any($1) and discarded_at is null and archived_at is null",
        jobs
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Gives dead letters other payloads, and keeps what they were.
pub(super) async fn edit(
    tx: &mut Tx,
    (jobs, payloads): (&[String], &[Vec<u8>]),
    (actor, reason): (&Actor, &str),
    patch: &Value,
) -> Result<(), Error> {
    let rows: Vec<Uuid> = jobs.iter().map(|_| Uuid::now_v7()).collect();
    sqlx::query_file!("src/operations/bulk/edit.sql", jobs, payloads, &rows, actor.as_str(), reason, patch)
        .execute(tx.conn())
        .await?;
    Ok(())
}
