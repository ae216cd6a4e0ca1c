//! Starts what is due. Every worker does this once a second: whoever comes first locks the schedule, the others pass
//! it by. The mark that a due time happened, its job, and when the schedule is due next commit together.

use chrono::{DateTime, Utc};
use ulid::Ulid;
use uuid::Uuid;

use crate::kernel::command::{self, Command};
use crate::kernel::ctx::{Actor, CorrelationId, Ctx, Malformed, Scope};
use crate::kernel::db::Db;
use crate::kernel::error::Error;
use crate::kernel::job::NewJob;
use crate::kernel::tx::Tx;

use super::definitions::{DEFINITIONS, Definition};
use super::model::Order;
use super::store::{self, DueRow};
use super::timing::{self, Cron, Due, MissedLimit, TimeZone, Timing};

/// Who starts jobs of schedules.
const ACTOR: &str = "scheduler";

/// Schedules that one round starts at most: a stop is noticed between rounds.
const ROUND: usize = 100;

/// Starts what is due, and says how many jobs that were. `now` is the database's time, if it is not given.
///
/// # Errors
/// [`Error::Database`]: what was started until then stays.
pub async fn tick(db: &Db, now: Option<DateTime<Utc>>) -> Result<usize, Error> {
    let mut jobs = 0;
    for _ in 0..ROUND {
        if !store::is_any_due(db, now, &known()).await? {
            break;
        }
        match command::run(db, &ctx()?, FireNext { now }).await? {
            Some(fired) => jobs += fired,
            None => break,
        }
    }
    Ok(jobs)
}

/// Starts the jobs of the schedule that has been due longest, unless others are at it; how many, or none if there is
/// no such schedule.
#[derive(Debug, Clone, Copy)]
pub struct FireNext {
    /// The time; none is the database's.
    pub now: Option<DateTime<Utc>>,
}

impl Command for FireNext {
    type Output = Option<usize>;

    async fn handle(self, tx: &mut Tx) -> Result<Option<usize>, Error> {
        let Some(row) = store::lock_due(tx, self.now, &known()).await? else { return Ok(None) };
        let (Some(definition), Some(timing)) = (Definition::named(&row.definition).ok(), timing_of(&row)) else {
            // written by a release that knows more: it stands still instead of being in everybody's way
            tracing::error!(schedule = %row.id, cron = row.cron, time_zone = row.time_zone, "cannot be read: it stands still");
            store::set_next_due(tx, row.id, None).await?;
            return Ok(Some(0));
        };
        let limit = MissedLimit::new(row.missed_limit.into(), "").unwrap_or_default();
        let due = timing::due(&timing, row.next_due, row.now, (row.missed, limit));
        let started = start(tx, &row, definition, &due).await?;
        store::set_next_due(tx, row.id, due.next).await?;
        Ok(Some(started))
    }
}

/// Marks the due times, and enqueues a job for each that was not marked before.
async fn start(tx: &mut Tx, row: &DueRow, definition: &'static Definition, due: &Due) -> Result<usize, Error> {
    let order = Order { definition, tenant: row.tenant()?, parameters: row.parameters.clone() };
    let jobs: Vec<NewJob> = due.fires.iter().map(|_| order.job_of(row.id)).collect();
    let ids: Vec<Ulid> = jobs.iter().map(|job| job.id).collect();
    let fresh = store::mark(tx, row, due, &ids).await?;
    let jobs: Vec<NewJob> = jobs.into_iter().filter(|job| fresh.contains(&job.id.to_string())).collect();
    let started = jobs.len();
    tx.enqueue_for(order.tenant.as_ref(), jobs).await?;
    if started > 0 || due.passed.is_some() {
        tracing::info!(schedule = %row.id, name = row.name, jobs = started, skipped = due.skipped, "schedule fired");
    }
    Ok(started)
}

fn timing_of(row: &DueRow) -> Option<Timing> {
    let cron = Cron::parse(&row.cron, "/cron").ok()?;
    Some(Timing { cron, time_zone: TimeZone::parse(&row.time_zone, "/timeZone").ok()? })
}

/// The definitions of this program: another release may know more, and starts those.
fn known() -> Vec<String> {
    DEFINITIONS.iter().map(|definition| definition.about.name.to_owned()).collect()
}

fn ctx() -> Result<Ctx, Error> {
    let actor: Actor = ACTOR.parse().map_err(|malformed: Malformed| Error::Internal(malformed.to_string()))?;
    Ok(Ctx {
        scope: Scope::Process,
        actor,
        roles: Vec::new(),
        correlation_id: CorrelationId::generate(),
        causation_id: format!("tick:{}", Uuid::now_v7()),
        traceparent: None,
    })
}
