//! One step of a replay: reads the next events, and hands them over together with moving on.

use std::time::Duration;

use uuid::Uuid;

use crate::kernel::db::Db;
use crate::kernel::error::Error;
use crate::kernel::event::{Envelope, LogRow};
use crate::kernel::inbox::{ReceivedEvent, ReplayMark};
use crate::kernel::queue::{self, HandOver};

use super::jobs::{HandleEvent, ReplayEvents};

/// Events per step at most.
const BATCH: i32 = 500;
/// Positions of the log that a step looks at, at most: few may match.
const WINDOW: i64 = 10_000;
/// How soon is asked again whether the transactions of before the replay have ended.
const WAIT: Duration = Duration::from_millis(500);

struct Step {
    consumer: String,
    rate: i32,
    force: bool,
    cursor: i64,
    last_position: i64,
    waits: bool,
}

/// Hands the next events of these types to the group, and enqueues the next step with the delay that the rate
/// demands; does nothing if this step has been done before, or the replay does not run.
///
/// # Errors
/// [`Error::Database`]: then nothing was done.
pub async fn replay_step(db: &Db, job: &ReplayEvents, types: &[String]) -> Result<(), Error> {
    let Some(step) = step(db, job).await? else { return Ok(()) };
    if step.waits {
        return hand_over(db, job, &[], step.cursor, WAIT).await;
    }
    let limit = step.rate.min(BATCH);
    let rows = batch(db, job.replay, types, limit).await?;
    let full = rows.len() == usize::try_from(limit).unwrap_or(usize::MAX);
    let cursor = match rows.last() {
        Some(last) if full => last.position,
        _ => step.last_position.min(step.cursor.saturating_add(WINDOW)),
    };
    let mark = ReplayMark { id: job.replay, force: step.force };
    let arrival = |row: LogRow| Ok(arrival(row.into_envelope()?, &step.consumer, mark));
    let arrivals = rows.into_iter().map(arrival).collect::<Result<Vec<_>, Error>>()?;
    let delay = Duration::from_secs_f64(arrivals.len() as f64 / f64::from(step.rate));
    hand_over(db, job, &arrivals, cursor, delay).await?;
    if !arrivals.is_empty() {
        db.ring([step.consumer]);
    }
    Ok(())
}

/// The groups that running replays are for are known to the workers only: which one this is for.
///
/// # Errors
/// [`Error::Database`].
pub async fn replay_consumer(db: &Db, replay: Uuid) -> Result<Option<String>, Error> {
    db.ask(async |conn| {
        let consumer = sqlx::query_scalar!("select consumer from messaging.replays where id = $1", replay)
            .fetch_optional(conn)
            .await?;
        Ok(consumer)
    })
    .await
}

async fn step(db: &Db, job: &ReplayEvents) -> Result<Option<Step>, Error> {
    db.ask(async |conn| {
        let step = sqlx::query_as!(
            Step,
            r#"select consumer, rate, force, cursor, last_position, messaging.waits(id) as "waits!"
               from messaging.replays where id = $1 and step = $2 and state = 'running'"#,
            job.replay,
            job.step
        )
        .fetch_optional(conn)
        .await?;
        Ok(step)
    })
    .await
}

async fn batch(db: &Db, replay: Uuid, types: &[String], limit: i32) -> Result<Vec<LogRow>, Error> {
    db.ask(async |conn| {
        let rows = sqlx::query_as!(
            LogRow,
            r#"select position as "position!", id as "id!", type as "event_type!", source as "source!",
                      subject as "subject!", occurred_at as "occurred_at!", sequence as "sequence!",
                      tenant_id as "tenant_id!", actor as "actor!", correlation_id as "correlation_id!",
                      causation_id as "causation_id!", traceparent, data::text as "data!"
               from messaging.replay_batch($1, $2, $3, $4) order by position"#,
            replay,
            types,
            limit,
            WINDOW
        )
        .fetch_all(conn)
        .await?;
        Ok(rows)
    })
    .await
}

async fn hand_over(
    db: &Db,
    job: &ReplayEvents,
    arrivals: &[HandleEvent],
    cursor: i64,
    delay: Duration,
) -> Result<(), Error> {
    let next = ReplayEvents { replay: job.replay, step: job.step + 1 };
    queue::hand_over(db, HandOver { replay: job.replay, step: job.step, arrivals, cursor, next: &next, delay }).await
}

fn arrival(event: Envelope, consumer: &str, mark: ReplayMark) -> HandleEvent {
    let event = ReceivedEvent {
        id: event.id.to_string(),
        source: event.source,
        event_type: event.event_type,
        subject: event.subject,
        time: event.time,
        sequence: event.sequence,
        tenant_id: event.tenant_id,
        correlation_id: event.correlation_id,
        traceparent: event.traceparent,
        data: event.data,
        replay: Some(mark),
    };
    HandleEvent { consumer: consumer.to_owned(), event }
}
