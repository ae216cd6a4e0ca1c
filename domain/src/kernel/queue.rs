//! The only place that inserts into `apalis.jobs`.
//!
//! `run_at` and `created_at` come from the database's clock, so that an API host with a wrong one
//! delays nothing.

use std::time::Duration;

use sqlx::PgConnection;
use ulid::Ulid;
use uuid::Uuid;

use super::ctx::{Actor, Ctx, Scope};
use super::db::Db;
use super::error::Error;
use super::event::Envelope;
use super::idempotency::Kept;
use super::inbox;
use super::job::{Job, NewJob};
use crate::messaging::{HandleEvent, PublishEvent, ReplayEvents};

/// Inserts jobs with one statement, in the order given.
///
/// Attempts are limited as the queue's policy says at this moment.
pub(crate) async fn insert(conn: &mut PgConnection, db: &Db, ctx: &Ctx, jobs: &[NewJob]) -> Result<(), Error> {
    if jobs.is_empty() {
        return Ok(());
    }
    let tenant = match &ctx.scope {
        Scope::Tenant(tenant) => Some(tenant.as_str()),
        Scope::Installation | Scope::Process => None,
    };
    let ids: Vec<String> = jobs.iter().map(|j| j.id.to_string()).collect();
    let queues: Vec<String> = jobs.iter().map(|j| j.queue.to_owned()).collect();
    let kinds: Vec<String> = jobs.iter().map(|j| j.kind.to_owned()).collect();
    let payloads: Vec<Vec<u8>> = jobs.iter().map(|j| j.payload.clone()).collect();
    let max_attempts: Vec<i32> = jobs.iter().map(|j| max_attempts(db, j.queue)).collect();
    let priorities: Vec<i32> = jobs.iter().map(|j| j.priority).collect();
    let delays: Vec<i64> = jobs.iter().map(|j| i64::try_from(j.delay.as_millis()).unwrap_or(i64::MAX)).collect();
    let keys: Vec<Option<String>> = jobs.iter().map(|j| j.ordering_key.clone()).collect();
    let subjects: Vec<Option<String>> = jobs.iter().map(|j| j.subject.clone()).collect();
    sqlx::query_file!(
        "src/kernel/queue_insert.sql",
        &ids,
        &queues,
        &kinds,
        &payloads,
        &max_attempts,
        &priorities,
        &delays,
        &keys as &[Option<String>],
        &subjects as &[Option<String>],
        tenant,
        ctx.correlation_id.as_str(),
        ctx.causation_id,
        ctx.traceparent.as_deref(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Inserts a handler job for every event that its consumer group does not have yet; see
/// [`inbox`](super::inbox). `jobs` are those of `arrived`, in the same order. Returns how many.
pub(crate) async fn receive(db: &Db, arrived: &[HandleEvent], jobs: &[NewJob]) -> Result<u64, Error> {
    if arrived.is_empty() {
        return Ok(0);
    }
    let column = |of: fn(&HandleEvent) -> &str| arrived.iter().map(|a| of(a).to_owned()).collect::<Vec<String>>();
    let ids: Vec<String> = jobs.iter().map(|j| j.id.to_string()).collect();
    let payloads: Vec<Vec<u8>> = jobs.iter().map(|j| j.payload.clone()).collect();
    let max_attempts: Vec<i32> = arrived.iter().map(|a| max_attempts(db, &a.consumer)).collect();
    let traceparents: Vec<Option<String>> = arrived.iter().map(|a| a.event.traceparent.clone()).collect();
    let inserted = db.ask(async |conn| {
        sqlx::query_file!(
            "src/kernel/queue_receive.sql",
            &column(|a| &a.event.id),
            &column(|a| &a.event.source),
            &column(|a| &a.consumer),
            &ids,
            &payloads,
            &max_attempts,
            &column(|a| &a.event.subject),
            &column(|a| a.event.tenant_id.as_str()),
            &column(|a| a.event.correlation_id.as_str()),
            &traceparents as &[Option<String>],
            HandleEvent::KIND,
        )
        .execute(conn)
        .await
    });
    Ok(inserted.await?.rows_affected())
}

/// Inserts an event into the log and the job that publishes it, and stores the answer of the command
/// that emitted it, with one statement.
///
/// The statement with an answer is one of its own: the workers, who answer nobody, have no right to
/// the table of the answers.
pub(crate) async fn publish(
    conn: &mut PgConnection,
    db: &Db,
    ctx: &Ctx,
    event: &Envelope,
    job: &NewJob,
    kept: Option<Kept<'_>>,
) -> Result<(), Error> {
    macro_rules! execute {
        ($file:literal $(, $answer:expr)*) => {
            sqlx::query_file!(
                $file,
                event.id,
                event.event_type,
                event.source,
                event.subject,
                event.time,
                event.module(),
                event.aggregate_id()?,
                event.sequence,
                event.data.get(),
                job.id.to_string(),
                job.payload,
                job.queue,
                job.kind,
                max_attempts(db, job.queue),
                event.tenant_id.as_str(),
                ctx.actor.as_str(),
                ctx.correlation_id.as_str(),
                ctx.causation_id,
                ctx.traceparent.as_deref(),
                event.data_version
                $(, $answer)*
            )
            .execute(conn)
            .await?
        };
    }
    match kept {
        None => execute!("src/kernel/queue_publish.sql"),
        Some(Kept { route, key, status, headers, body }) => {
            execute!("src/kernel/queue_publish_answered.sql", route, key, status, sqlx::types::Json(headers) as _, body)
        }
    };
    Ok(())
}

/// What a step of a replay does.
pub(crate) struct HandOver<'a> {
    pub(crate) replay: Uuid,
    /// Whose turn it must be.
    pub(crate) step: i64,
    pub(crate) arrivals: &'a [HandleEvent],
    /// Where the replay is afterwards.
    pub(crate) cursor: i64,
    /// The step after this one …
    pub(crate) next: &'a ReplayEvents,
    /// … this much later.
    pub(crate) delay: Duration,
}

/// Inserts a handler job for every event that its group does not have yet and the job of the next step, and
/// moves the replay on, with one statement; nothing if it is not this step's turn.
pub(crate) async fn hand_over(db: &Db, over: HandOver<'_>) -> Result<(), Error> {
    let arrived = over.arrivals;
    let jobs = arrived.iter().map(inbox::handler_job).collect::<Result<Vec<_>, _>>()?;
    let next = NewJob::new(over.next).map_err(|e| Error::Internal(format!("{}: {e}", ReplayEvents::KIND)))?;
    let column = |of: fn(&HandleEvent) -> String| arrived.iter().map(of).collect::<Vec<String>>();
    let ids: Vec<String> = jobs.iter().map(|j| j.id.to_string()).collect();
    let payloads: Vec<Vec<u8>> = jobs.iter().map(|j| j.payload.clone()).collect();
    let limits: Vec<i32> = arrived.iter().map(|a| max_attempts(db, &a.consumer)).collect();
    let traceparents: Vec<Option<String>> = arrived.iter().map(|a| a.event.traceparent.clone()).collect();
    let delay_ms = i64::try_from(over.delay.as_millis()).unwrap_or(i64::MAX);
    let done = db.ask(async |conn| {
        sqlx::query_file!(
            "src/kernel/queue_replay.sql",
            &column(|a| a.event.id.clone()),
            &column(|a| a.event.inbox_source().into_owned()),
            &column(|a| a.consumer.clone()),
            &ids,
            &payloads,
            &limits,
            &column(|a| a.event.subject.clone()),
            &column(|a| a.event.tenant_id.as_str().to_owned()),
            &column(|a| a.event.correlation_id.as_str().to_owned()),
            &traceparents as &[Option<String>],
            HandleEvent::KIND,
            over.replay,
            over.step,
            over.cursor,
            next.id.to_string(),
            next.queue,
            next.kind,
            next.payload,
            max_attempts(db, next.queue),
            delay_ms,
        )
        .execute(conn)
        .await
    });
    done.await?;
    db.ring([next.queue.to_owned()]);
    Ok(())
}

fn max_attempts(db: &Db, queue: &str) -> i32 {
    i32::try_from(db.policy(queue).max_attempts).unwrap_or(i32::MAX)
}

/// A dead letter that is a job again.
pub(crate) struct Redriven {
    pub(crate) id: String,
    pub(crate) queue: String,
}

/// Moves those of these jobs that are dead letters, and not put away, back into their queues, with
/// one statement and a row of history each. They keep their place in the order of their key.
///
/// The caller holds the locks of the queues, and rings their doorbells.
pub(crate) async fn redrive(
    conn: &mut PgConnection,
    ids: &[String],
    actor: &Actor,
    reason: &str,
) -> Result<Vec<Redriven>, Error> {
    let redriven = sqlx::query_file_as!(Redriven, "src/kernel/queue_redrive.sql", ids, actor.as_str(), reason)
        .fetch_all(conn)
        .await?;
    Ok(redriven)
}

/// An event that takes the place of one that was never published.
pub(crate) struct Correction<'a> {
    /// The job that could not publish it; it is discarded.
    pub(crate) dead_letter: &'a str,
    /// The new event; it is caused by the one that it corrects.
    pub(crate) event: &'a Envelope,
    /// What its job carries.
    pub(crate) payload: &'a [u8],
    pub(crate) actor: &'a Actor,
    /// Why the dead letter is discarded.
    pub(crate) reason: &'a str,
}

/// Appends a correction to the log and inserts its job, with one statement; returns that job's queue.
///
/// The caller holds the lock of the queue, and rings its doorbell.
pub(crate) async fn correct(conn: &mut PgConnection, db: &Db, correction: Correction<'_>) -> Result<String, Error> {
    let Correction { dead_letter, event, payload, actor, reason } = correction;
    let corrected: Uuid = event
        .causation_id
        .parse()
        .map_err(|_| Error::Internal(format!("{} is no event that could be corrected", event.causation_id)))?;
    let queue = sqlx::query_file_scalar!(
        "src/kernel/queue_correct.sql",
        dead_letter,
        actor.as_str(),
        reason,
        event.id,
        event.time,
        event.data.get(),
        Ulid::from(event.id).to_string(),
        payload,
        max_attempts(db, PublishEvent::QUEUE),
        corrected
    )
    .fetch_one(conn)
    .await?;
    Ok(queue)
}
