//! Makes, changes and deletes schedules, and runs one by hand.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::kernel::command::{Command, Query as _};
use crate::kernel::error::{Error, Rejection};
use crate::kernel::patch::replace;
use crate::kernel::record::{Record, Target};
use crate::kernel::tx::Tx;
use crate::operations::{GetJob, JobDetail, JobId, Reason};
use crate::schedules::definitions::Definition;
use crate::schedules::model::{Enabled, Order, Schedule, ScheduleDescription, ScheduleDetail, ScheduleName};
use crate::schedules::store::{self, Fire};
use crate::schedules::timing::{Cron, Missed, MissedLimit, TimeZone, Timing};
use crate::schedules::{queries, rules};

/// Makes a schedule. Answers with it. Rejected with `schedule_name_taken`.
#[derive(Clone)]
pub struct CreateSchedule {
    /// Its name, for people.
    pub name: ScheduleName,
    /// May be empty.
    pub description: ScheduleDescription,
    /// What it starts.
    pub order: Order,
    /// When.
    pub timing: Timing,
    /// What becomes of due times that nobody was there for.
    pub missed: Missed,
    /// How many of those at most.
    pub missed_limit: MissedLimit,
    /// Whether it starts anything.
    pub enabled: Enabled,
    /// Why.
    pub reason: Reason,
}

/// Changes what is given; the rest stays. Answers with the schedule.
///
/// Another expression or time zone counts from now on, and so does enabling it: what was due while it was disabled is
/// not missed. Rejected with `schedule_not_found`, `version_conflict`, `schedule_name_taken`,
/// `schedule_definition_gone`, or `parameter_invalid` in `errors`.
#[derive(Clone)]
pub struct ChangeSchedule {
    /// Which.
    pub id: Uuid,
    /// The version the caller has seen; none if any will do.
    pub expected_version: Option<i64>,
    /// Another name.
    pub name: Option<ScheduleName>,
    /// Another description.
    pub description: Option<ScheduleDescription>,
    /// Other parameters, all of them.
    pub parameters: Option<Map<String, Value>>,
    /// Another expression.
    pub cron: Option<Cron>,
    /// Another time zone.
    pub time_zone: Option<TimeZone>,
    /// Another policy.
    pub missed: Option<Missed>,
    /// Another limit.
    pub missed_limit: Option<MissedLimit>,
    /// Whether it starts anything.
    pub enabled: Option<Enabled>,
    /// Why.
    pub reason: Reason,
}

/// Deletes a schedule and what is known of its past; its jobs stay. Rejected with `schedule_not_found` or
/// `version_conflict`.
#[derive(Clone)]
pub struct DeleteSchedule {
    /// Which.
    pub id: Uuid,
    /// The version the caller has seen; none if any will do.
    pub expected_version: Option<i64>,
    /// Why.
    pub reason: Reason,
}

/// Starts a job of a schedule now, whether or not it is enabled. Answers with the job. Rejected with
/// `schedule_not_found` or `schedule_definition_gone`.
#[derive(Clone)]
pub struct RunSchedule {
    /// Which.
    pub id: Uuid,
    /// Why.
    pub reason: Reason,
}

impl Command for CreateSchedule {
    type Output = ScheduleDetail;

    async fn handle(self, tx: &mut Tx) -> Result<ScheduleDetail, Error> {
        let now = store::clock(tx).await?;
        let next_due = if self.enabled == Enabled::Yes { self.timing.after(now) } else { None };
        let actor = tx.ctx().actor.as_str().to_owned();
        let schedule = Schedule {
            id: Uuid::now_v7(),
            name: self.name,
            description: self.description,
            definition: self.order.definition.about.name.to_owned(),
            tenant: self.order.tenant.map(String::from),
            parameters: self.order.parameters,
            timing: self.timing,
            missed: self.missed,
            missed_limit: self.missed_limit,
            enabled: self.enabled,
            next_due,
            created_at: now,
            created_by: actor.clone(),
            updated_at: now,
            updated_by: actor,
            reason: self.reason.as_str().to_owned(),
            version: 1,
        };
        store::insert(tx, &schedule).await?;
        record(tx, "create_schedule", (json!({}), told(&schedule)), &schedule, &self.reason).await?;
        queries::detail(tx, schedule).await
    }
}

impl Command for ChangeSchedule {
    type Output = ScheduleDetail;

    async fn handle(self, tx: &mut Tx) -> Result<ScheduleDetail, Error> {
        let mut schedule = store::lock(tx, self.id).await?.ok_or_else(rules::schedule_not_found)?;
        Rejection::unless_current(schedule.version, self.expected_version)?;
        let reason = self.reason.clone();
        let (was, before, enabled) = (told(&schedule), schedule.timing.clone(), schedule.enabled);
        if !self.apply(&mut schedule)? {
            record(tx, "change_schedule", (was.clone(), was), &schedule, &reason).await?;
            return queries::detail(tx, schedule).await;
        }
        let now = store::clock(tx).await?;
        if schedule.enabled == Enabled::No {
            schedule.next_due = None;
        } else if schedule.timing != before || enabled == Enabled::No {
            schedule.next_due = schedule.timing.after(now);
        }
        schedule.version += 1;
        schedule.updated_at = now;
        schedule.updated_by = tx.ctx().actor.as_str().to_owned();
        schedule.reason = reason.as_str().to_owned();
        store::update(tx, &schedule).await?;
        record(tx, "change_schedule", (was, told(&schedule)), &schedule, &reason).await?;
        queries::detail(tx, schedule).await
    }
}

impl ChangeSchedule {
    /// Sets what is given; says whether anything has another value now.
    fn apply(self, schedule: &mut Schedule) -> Result<bool, Rejection> {
        let check = |given| {
            let definition = schedule.definition()?;
            let parameters = definition.parameters(given, "/parameters");
            parameters.map_err(|wrong| Rejection::invalid(vec![wrong]))
        };
        let parameters = self.parameters.map(check).transpose()?;
        Ok([
            replace(&mut schedule.name, self.name),
            replace(&mut schedule.description, self.description),
            replace(&mut schedule.parameters, parameters),
            replace(&mut schedule.timing.cron, self.cron),
            replace(&mut schedule.timing.time_zone, self.time_zone),
            replace(&mut schedule.missed, self.missed),
            replace(&mut schedule.missed_limit, self.missed_limit),
            replace(&mut schedule.enabled, self.enabled),
        ]
        .contains(&true))
    }
}

impl Command for DeleteSchedule {
    type Output = ();

    async fn handle(self, tx: &mut Tx) -> Result<(), Error> {
        let schedule = store::lock(tx, self.id).await?.ok_or_else(rules::schedule_not_found)?;
        Rejection::unless_current(schedule.version, self.expected_version)?;
        store::delete(tx, self.id).await?;
        record(tx, "delete_schedule", (told(&schedule), json!({})), &schedule, &self.reason).await
    }
}

impl Command for RunSchedule {
    type Output = JobDetail;

    async fn handle(self, tx: &mut Tx) -> Result<JobDetail, Error> {
        let schedule = store::lock(tx, self.id).await?.ok_or_else(rules::schedule_not_found)?;
        let definition: &'static Definition = schedule.definition()?;
        let order = Order { definition, tenant: schedule.tenant()?, parameters: schedule.parameters.clone() };
        let job = order.job_of(self.id);
        let id = job.id;
        tx.enqueue_for(order.tenant.as_ref(), vec![job]).await?;
        store::note_start(tx, &Fire { schedule: Some(self.id), definition, job: id }, &self.reason).await?;
        record(tx, "run_schedule", (json!({}), json!({"job": id.to_string()})), &schedule, &self.reason).await?;
        GetJob { id: JobId::new(&id.to_string()) }.fetch(tx).await
    }
}

/// For the auditors; `change` is what it was and what it is.
async fn record(
    tx: &mut Tx,
    action: &'static str,
    change: (Value, Value),
    schedule: &Schedule,
    reason: &Reason,
) -> Result<(), Error> {
    let (before, after) = change;
    let target = Target::one("schedule", schedule.id.to_string());
    tx.record(Record { action, target, reason: Some(reason), before, after }).await
}

/// What counts of a schedule. Its parameters are those of the jobs it started.
fn told(schedule: &Schedule) -> Value {
    json!({
        "name": schedule.name.as_str(),
        "definition": schedule.definition,
        "tenant": schedule.tenant,
        "cron": schedule.timing.cron.as_str(),
        "timeZone": schedule.timing.time_zone.as_str(),
        "missed": schedule.missed.as_str(),
        "enabled": schedule.enabled == Enabled::Yes,
        "version": schedule.version,
    })
}
