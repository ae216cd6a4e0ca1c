//! Schedules as operators see them.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::kernel::ctx::{Malformed, TenantId};
use crate::kernel::error::{Error, FieldError, Rejection};
use crate::kernel::input;
use crate::schedules::definitions::Definition;
use crate::schedules::rules;
use crate::schedules::timing::{Missed, MissedLimit, Timing};

/// One line of 1 to 100 characters, unique in the installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleName(String);

/// Any number of lines, up to 1,000 characters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScheduleDescription(String);

/// Whether a schedule starts anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Enabled {
    /// When it is due.
    #[default]
    Yes,
    /// Only by hand.
    No,
}

impl ScheduleName {
    /// # Errors
    /// Names `pointer`; codes `required`, `too_long`, `control_character`.
    pub fn parse(text: &str, pointer: &str) -> Result<Self, FieldError> {
        input::line(text, pointer, 100).map(Self)
    }

    pub(in crate::schedules) fn stored(text: String) -> Self {
        Self(text)
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ScheduleDescription {
    /// # Errors
    /// Names `pointer`; codes `too_long`, `control_character`.
    pub fn parse(text: &str, pointer: &str) -> Result<Self, FieldError> {
        input::lines(text, pointer, 1000).map(Self)
    }

    pub(in crate::schedules) fn stored(text: String) -> Self {
        Self(text)
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Enabled {
    /// From how it is written and stored.
    pub fn from_flag(flag: bool) -> Self {
        if flag { Self::Yes } else { Self::No }
    }

    /// How it is written and stored.
    pub fn flag(self) -> bool {
        self == Self::Yes
    }
}

/// What is started when.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// Never changes.
    pub id: Uuid,
    /// For people.
    pub name: ScheduleName,
    /// For people.
    pub description: ScheduleDescription,
    /// What it starts; never changes.
    pub definition: String,
    /// Whose data its jobs are about, if anybody's; never changes.
    pub tenant: Option<String>,
    /// Of its jobs.
    pub parameters: Value,
    /// When.
    pub timing: Timing,
    /// What becomes of due times that nobody was there for.
    pub missed: Missed,
    /// How many of those at most.
    pub missed_limit: MissedLimit,
    /// Whether it starts anything.
    pub enabled: Enabled,
    /// The next due time; none while it is disabled.
    pub next_due: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// By whom.
    pub created_by: String,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// By whom.
    pub updated_by: String,
    /// Why.
    pub reason: String,
    /// 1 when made, one more with every change.
    pub version: i64,
}

impl Schedule {
    /// # Errors
    /// `schedule_definition_gone`.
    pub(in crate::schedules) fn definition(&self) -> Result<&'static Definition, Rejection> {
        Definition::named(&self.definition).map_err(|_| rules::definition_gone(&self.definition))
    }

    pub(in crate::schedules) fn tenant(&self) -> Result<Option<TenantId>, Error> {
        stored_tenant(self.id, self.tenant.as_deref())
    }
}

/// The tenant of a row.
pub(in crate::schedules) fn stored_tenant(schedule: Uuid, tenant: Option<&str>) -> Result<Option<TenantId>, Error> {
    let damaged = |malformed: Malformed| Error::Internal(format!("schedule {schedule}: {malformed}"));
    tenant.map(str::parse).transpose().map_err(damaged)
}

/// A schedule, when it is due next, and what it did last.
#[derive(Debug, Clone)]
pub struct ScheduleDetail {
    /// The schedule.
    pub schedule: Schedule,
    /// Five at most; none while it is disabled.
    pub next_fires: Vec<DateTime<Utc>>,
    /// Ten at most, newest first.
    pub last_fires: Vec<Fired>,
}

/// What a schedule did once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fired {
    /// The due time it was for; none by hand.
    pub due_at: Option<DateTime<Utc>>,
    /// When that was noticed.
    pub at: DateTime<Utc>,
    /// Why.
    pub cause: Cause,
    /// The job; none if it was missed.
    pub job_id: Option<String>,
    /// Due times before it that were passed over.
    pub skipped: i32,
    /// Who did it.
    pub actor: String,
    /// Why, if it was by hand.
    pub reason: Option<String>,
}

/// Why a job was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum Cause {
    /// It was due.
    Due,
    /// It had been due while no worker ran.
    Missed,
    /// Somebody wanted it.
    Hand,
}

impl Cause {
    /// As it is written in JSON and stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Missed => "missed",
            Self::Hand => "hand",
        }
    }
}
