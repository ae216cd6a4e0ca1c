//! Schedules as operators see and write them.

use chrono::{DateTime, Utc};
use domain::Rejection;
use domain::kernel::input;
use domain::kernel::page::PageSize;
use domain::operations::Reason;
use domain::schedules::{
    ChangeSchedule, CreateSchedule, Cron, Enabled, Fired, Missed, MissedLimit, Order, ScheduleDescription,
    ScheduleDetail, ScheduleName, StartedBy, TimeZone, Timing,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::body::{Input, Wrong};
use crate::list;
use crate::patch;
use crate::problem::Problem;

/// A schedule to create.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "name": "Clean up at night", "definition": "clean-up", "parameters": {"keepDays": 3},
    "cron": "30 3 * * *", "timeZone": "Europe/Amsterdam", "missed": "once", "reason": "The disk is small"
}))]
pub(super) struct NewSchedule {
    /// One line; not that of another schedule.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// For people.
    #[serde(default)]
    #[schema(required = false, max_length = 1000)]
    description: String,
    /// The name of one that a schedule may start.
    #[schema(min_length = 1, max_length = 100)]
    definition: String,
    /// As the definition's schema says; `{}` if they are left out.
    #[serde(default)]
    #[schema(value_type = Object, required = false)]
    parameters: Map<String, Value>,
    /// Whose data its jobs are about; for a definition that concerns a tenant, and for no other.
    #[schema(pattern = "^[a-z0-9][a-z0-9-]{0,62}$")]
    tenant_id: Option<String>,
    /// Minute, hour, day of month, month, day of week; or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`.
    #[schema(min_length = 1, max_length = 100)]
    cron: String,
    /// Of the IANA database; `UTC` if it is left out.
    #[schema(min_length = 1, max_length = 100)]
    time_zone: Option<String>,
    /// What becomes of due times at which no worker ran: nothing (`skip`, the default), one job for the last of them
    /// (`once`), or a job for each (`all`).
    #[schema(pattern = "^(skip|once|all)$")]
    missed: Option<String>,
    /// With `all`, how many of them at most, the last ones; 100 if it is left out.
    #[schema(minimum = 1, maximum = 1000)]
    missed_limit: Option<i64>,
    /// Whether it starts anything; true if it is left out.
    enabled: Option<bool>,
    /// One line; kept with the schedule.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

impl Input for NewSchedule {
    type Parsed = CreateSchedule;

    fn parse(self, wrong: &mut Wrong) -> Option<CreateSchedule> {
        let name = wrong.take(ScheduleName::parse(&self.name, "/name"));
        let description = wrong.take(ScheduleDescription::parse(&self.description, "/description"));
        let tenant = self.tenant_id.as_deref();
        let order = wrong.take_checked(Order::parse(&self.definition, tenant, self.parameters, StartedBy::Schedule));
        let cron = wrong.take(Cron::parse(&self.cron, "/cron"));
        let time_zone = wrong.take_optional(self.time_zone.map(|zone| TimeZone::parse(&zone, "/timeZone")));
        let missed = wrong.take_optional(self.missed.map(|missed| Missed::parse(&missed, "/missed")));
        let limit = wrong.take_optional(self.missed_limit.map(|limit| MissedLimit::new(limit, "/missedLimit")));
        let reason = wrong.take(Reason::parse(&self.reason, "/reason"));
        Some(CreateSchedule {
            name: name?,
            description: description?,
            order: order?,
            timing: Timing { cron: cron?, time_zone: time_zone?.unwrap_or_default() },
            missed: missed?.unwrap_or_default(),
            missed_limit: limit?.unwrap_or_default(),
            enabled: self.enabled.map(Enabled::from_flag).unwrap_or_default(),
            reason: reason?,
        })
    }
}

/// What to change of a schedule; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"cron": "0 4 * * *", "enabled": false, "reason": "The night is busy"}))]
pub(super) struct SchedulePatch {
    /// Another name.
    #[serde(default, deserialize_with = "patch::required")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 100)]
    name: Option<String>,
    /// Another description.
    #[serde(default, deserialize_with = "patch::required")]
    #[schema(value_type = String, required = false, max_length = 1000)]
    description: Option<String>,
    /// Other parameters, in place of all that it has.
    #[serde(default, deserialize_with = "patch::required")]
    #[schema(value_type = Object, required = false)]
    parameters: Option<Map<String, Value>>,
    /// Another expression.
    #[serde(default, deserialize_with = "patch::required")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 100)]
    cron: Option<String>,
    /// Another time zone.
    #[serde(default, deserialize_with = "patch::required")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 100)]
    time_zone: Option<String>,
    /// `skip`, `once` or `all`.
    #[serde(default, deserialize_with = "patch::required")]
    #[schema(value_type = String, required = false, pattern = "^(skip|once|all)$")]
    missed: Option<String>,
    /// Another limit.
    #[serde(default, deserialize_with = "patch::required")]
    #[schema(value_type = i64, required = false, minimum = 1, maximum = 1000)]
    missed_limit: Option<i64>,
    /// Whether it starts anything.
    #[serde(default, deserialize_with = "patch::required")]
    #[schema(value_type = bool, required = false)]
    enabled: Option<bool>,
    /// One line; kept with the schedule.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

impl Input for SchedulePatch {
    /// Of no schedule yet.
    type Parsed = ChangeSchedule;

    fn parse(self, wrong: &mut Wrong) -> Option<ChangeSchedule> {
        let name = wrong.take_optional(self.name.map(|name| ScheduleName::parse(&name, "/name")));
        let description = self.description.map(|text| ScheduleDescription::parse(&text, "/description"));
        let description = wrong.take_optional(description);
        let cron = wrong.take_optional(self.cron.map(|cron| Cron::parse(&cron, "/cron")));
        let time_zone = wrong.take_optional(self.time_zone.map(|zone| TimeZone::parse(&zone, "/timeZone")));
        let missed = wrong.take_optional(self.missed.map(|missed| Missed::parse(&missed, "/missed")));
        let limit = wrong.take_optional(self.missed_limit.map(|limit| MissedLimit::new(limit, "/missedLimit")));
        let reason = wrong.take(Reason::parse(&self.reason, "/reason"));
        Some(ChangeSchedule {
            id: Uuid::nil(),
            expected_version: None,
            name: name?,
            description: description?,
            parameters: self.parameters,
            cron: cron?,
            time_zone: time_zone?,
            missed: missed?,
            missed_limit: limit?,
            enabled: self.enabled.map(Enabled::from_flag),
            reason: reason?,
        })
    }
}

/// A page of schedules.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SchedulePage {
    /// `next` of the page before.
    #[param(min_length = 1)]
    cursor: Option<String>,
    /// Schedules per page.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 200, default = 50)]
    limit: Option<String>,
}

impl SchedulePage {
    /// # Errors
    /// 422 with one entry per wrong parameter.
    pub(super) fn parse(self) -> Result<(Option<String>, PageSize), Problem> {
        let mut wrong = Wrong::default();
        match list::size(self.limit.as_deref(), &mut wrong) {
            Some(size) => Ok((self.cursor, size)),
            None => Err(Rejection::invalid(wrong.into_errors()).into()),
        }
    }
}

/// Why, of a request that has no body.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ReasonParameter {
    /// Why: one line.
    #[param(value_type = String, required = true, min_length = 1, max_length = 500, example = "It is not needed any more")]
    reason: Option<String>,
}

impl ReasonParameter {
    /// # Errors
    /// 422 if there is none.
    pub(super) fn parse(self) -> Result<Reason, Problem> {
        let missing = || input::wrong("reason", "field_missing", "reason is required");
        let reason = self.reason.ok_or_else(missing).and_then(|text| Reason::parse(&text, "reason"));
        reason.map_err(|wrong| Rejection::invalid(vec![wrong]).into())
    }
}

/// What is started when.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Schedule)]
pub(super) struct ScheduleBody {
    id: Uuid,
    #[schema(example = "Clean up at night")]
    name: String,
    #[schema(example = "")]
    description: String,
    #[schema(example = "clean-up")]
    definition: String,
    #[schema(value_type = Object, example = json!({"keepDays": 3}))]
    parameters: Value,
    /// Null if its jobs are about nobody's data in particular.
    #[schema(required = true, example = json!(null))]
    tenant_id: Option<String>,
    #[schema(example = "30 3 * * *")]
    cron: String,
    #[schema(example = "Europe/Amsterdam")]
    time_zone: &'static str,
    /// `skip`, `once` or `all`.
    #[schema(example = "once")]
    missed: &'static str,
    #[schema(example = 100)]
    missed_limit: i32,
    enabled: bool,
    /// The next five due times; none while it is disabled. A first one that has passed is about to start its job.
    next_fires: Vec<DateTime<Utc>>,
    /// What it did last, newest first; ten at most.
    last_fires: Vec<FiredBody>,
    created_at: DateTime<Utc>,
    #[schema(example = "ada@offgrid.example")]
    created_by: String,
    updated_at: DateTime<Utc>,
    #[schema(example = "ada@offgrid.example")]
    updated_by: String,
    /// Why it was made, or last changed.
    #[schema(example = "The disk is small")]
    reason: String,
    /// 1 when created, one more with every change. In quotes it is the `ETag`.
    #[schema(example = 1)]
    version: i64,
}

/// What a schedule did once.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ScheduleFire)]
struct FiredBody {
    /// The due time it was for; null by hand.
    #[schema(required = true)]
    due_at: Option<DateTime<Utc>>,
    /// When its job was put into the queue.
    at: DateTime<Utc>,
    /// `due`; `missed`: no worker had run when it was due; `hand`.
    #[schema(example = "due")]
    cause: &'static str,
    /// The job; null if there is none, because it was missed.
    #[schema(required = true, example = "01KAH7Z5M8T3R1W6Q0N4V2X9YB")]
    job_id: Option<String>,
    /// Due times before it that were passed over.
    #[schema(example = 0)]
    skipped: i32,
    /// Who did it.
    #[schema(example = "scheduler")]
    actor: String,
    /// Why, if it was by hand.
    #[schema(required = true, example = json!(null))]
    reason: Option<String>,
}

impl From<ScheduleDetail> for ScheduleBody {
    fn from(detail: ScheduleDetail) -> Self {
        let ScheduleDetail { schedule, next_fires, last_fires } = detail;
        Self {
            id: schedule.id,
            name: schedule.name.as_str().to_owned(),
            description: schedule.description.as_str().to_owned(),
            definition: schedule.definition,
            parameters: schedule.parameters,
            tenant_id: schedule.tenant,
            cron: schedule.timing.cron.as_str().to_owned(),
            time_zone: schedule.timing.time_zone.as_str(),
            missed: schedule.missed.as_str(),
            missed_limit: schedule.missed_limit.get(),
            enabled: schedule.enabled.flag(),
            next_fires,
            last_fires: last_fires.into_iter().map(FiredBody::from).collect(),
            created_at: schedule.created_at,
            created_by: schedule.created_by,
            updated_at: schedule.updated_at,
            updated_by: schedule.updated_by,
            reason: schedule.reason,
            version: schedule.version,
        }
    }
}

impl From<Fired> for FiredBody {
    fn from(fired: Fired) -> Self {
        Self {
            due_at: fired.due_at,
            at: fired.at,
            cause: fired.cause.as_str(),
            job_id: fired.job_id,
            skipped: fired.skipped,
            actor: fired.actor,
            reason: fired.reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz;

    #[test]
    fn fuzz_schedule_bodies() {
        ::fuzz::target(env!("CARGO_MANIFEST_DIR"), "schedule_bodies", |bytes| {
            fuzz::body::<NewSchedule>(bytes);
            fuzz::body::<SchedulePatch>(bytes);
        });
    }
}
