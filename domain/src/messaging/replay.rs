//! One step of a replay: reads the next events, and hands them over together with moving on.

use std::time::Duration;

use uuid::Uuid;

use crate::kernel::command::Command;
use crate::kernel::db::Db;
use crate::kernel::error::Error;
use crate::kernel::event::{Envelope, LogRow};
use crate::kernel::inbox::ReceivedEvent;
use crate::kernel::queue::{self, HandOver};
use crate::kernel::tx::Tx;

use super::jobs::{HandleEvent, ReplayEvents};

/// Events per step at most.
const BATCH: i32 = 500;
/// Positions of the log that a step looks at, at most: few may match.
const WINDOW: i64 = 10_000;
/// How soon is asked again whether the transactions of before the replay have ended.
const WAIT: Duration = Duration::from_millis(500);

/// Waits that are shorter are waited for in the step itself: jobs that are due later are looked for once a second.
const SHORT: Duration = Duration::from_secs(1);

struct Step {
    consumer: String,
    event_type: Option<String>,
    /// What the group reacted to when the replay began; none before.
    types: Option<Vec<String>>,
    rate: i32,
    force: bool,
    cursor: i64,
    last_position: i64,
    waits: bool,
}

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplayStep {
    /// It is done, or was before, or the replay does not run.
    Done,
    /// This program cannot do it: it knows less than the replay is about. A later release may.
    Unknown(String),
}

/// Hands the next events to the group, and enqueues the next step with the delay that the rate demands.
/// `types_of` tells the event types that a group reacts to in this program.
///
/// # Errors
/// [`Error::Database`]: then nothing was done.
pub async fn replay_step(
    db: &Db,
    job: &ReplayEvents,
    types_of: impl Fn(&str) -> Vec<String>,
) -> Result<ReplayStep, Error> {
    let Some(step) = step(db, job).await? else { return Ok(ReplayStep::Done) };
    let types = types_of(&step.consumer);
    if let Some(why) = step.unknown(&types) {
        return Ok(ReplayStep::Unknown(why));
    }
    if step.waits {
        hand_over(db, job, &[], step.cursor, WAIT).await?;
        return Ok(ReplayStep::Done);
    }
    if step.types.is_none() {
        keep_types(db, job.replay, &types).await?;
    }
    let limit = step.rate.min(BATCH);
    let rows = batch(db, job.replay, &types, limit).await?;
    let full = rows.len() == usize::try_from(limit).unwrap_or(usize::MAX);
    let cursor = match rows.last() {
        Some(last) if full => last.position,
        _ => step.last_position.min(step.cursor.saturating_add(WINDOW)),
    };
    let arrival = |row: LogRow| Ok(arrival(row.into_envelope()?, &step.consumer, job.replay, step.force));
    let arrivals = rows.into_iter().map(arrival).collect::<Result<Vec<_>, Error>>()?;
    let delay = Duration::from_secs_f64(arrivals.len() as f64 / f64::from(step.rate));
    hand_over(db, job, &arrivals, cursor, delay).await?;
    if !arrivals.is_empty() {
        db.ring([step.consumer]);
    }
    Ok(ReplayStep::Done)
}

impl Step {
    /// What this program lacks. Going on without it would skip events that the replay is about.
    fn unknown(&self, types: &[String]) -> Option<String> {
        let lacks = |wanted: &&String| !types.contains(wanted);
        let missing = self.event_type.iter().chain(self.types.iter().flatten()).find(lacks);
        match missing {
            _ if types.is_empty() => Some(format!("there is no consumer group {}", self.consumer)),
            Some(missing) => Some(format!("group {} has no handler for {missing}", self.consumer)),
            None => None,
        }
    }
}

/// Stops a replay whose step was given up, so that it does not seem to run; it can be resumed.
pub struct SuspendReplay {
    /// The step.
    pub job: ReplayEvents,
    /// What happened last.
    pub error: String,
}

impl Command for SuspendReplay {
    type Output = ();

    async fn handle(self, tx: &mut Tx) -> Result<(), Error> {
        let actor = tx.ctx().actor.clone();
        sqlx::query!(
            "update messaging.replays
             set state = 'paused', step = step + 1, changed_by = $3, change_reason = $4, changed_at = now()
             where id = $1 and step = $2 and state = 'running'",
            self.job.replay,
            self.job.step,
            actor.as_str(),
            self.error
        )
        .execute(tx.conn())
        .await?;
        Ok(())
    }
}

async fn step(db: &Db, job: &ReplayEvents) -> Result<Option<Step>, Error> {
    db.ask(async |conn| {
        let step = sqlx::query_as!(
            Step,
            r#"select consumer, event_type, types, rate, force, cursor, last_position, messaging.waits(id) as "waits!"
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

async fn keep_types(db: &Db, replay: Uuid, types: &[String]) -> Result<(), Error> {
    db.ask(async |conn| {
        sqlx::query!("update messaging.replays set types = $2 where id = $1 and types is null", replay, types)
            .execute(conn)
            .await?;
        Ok(())
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
                      causation_id as "causation_id!", traceparent, data_version as "data_version!",
                      data::text as "data!"
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
    let delay = if delay < SHORT {
        tokio::time::sleep(delay).await;
        Duration::ZERO
    } else {
        delay
    };
    queue::hand_over(db, HandOver { replay: job.replay, step: job.step, arrivals, cursor, next: &next, delay }).await
}

fn arrival(event: Envelope, consumer: &str, replay: Uuid, force: bool) -> HandleEvent {
    let event = ReceivedEvent { replay_id: Some(replay), replay_force: force, ..event.into() };
    HandleEvent { consumer: consumer.to_owned(), event }
}
