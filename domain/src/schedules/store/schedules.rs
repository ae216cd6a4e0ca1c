//! SQL that writes or locks schedules.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::kernel::error::{Error, on_constraint};
use crate::kernel::tx::Tx;
use crate::schedules::model::{Enabled, Schedule, ScheduleDescription, ScheduleName};
use crate::schedules::rules;
use crate::schedules::timing::{Cron, Missed, MissedLimit, TimeZone, Timing};

/// A row of `schedules.schedules`.
pub(in crate::schedules) struct ScheduleRow {
    pub(in crate::schedules) id: Uuid,
    pub(in crate::schedules) name: String,
    pub(in crate::schedules) description: String,
    pub(in crate::schedules) definition: String,
    pub(in crate::schedules) tenant: Option<String>,
    pub(in crate::schedules) parameters: Value,
    pub(in crate::schedules) cron: String,
    pub(in crate::schedules) time_zone: String,
    pub(in crate::schedules) missed: Missed,
    pub(in crate::schedules) missed_limit: i32,
    pub(in crate::schedules) enabled: bool,
    pub(in crate::schedules) next_due: Option<DateTime<Utc>>,
    pub(in crate::schedules) created_at: DateTime<Utc>,
    pub(in crate::schedules) created_by: String,
    pub(in crate::schedules) updated_at: DateTime<Utc>,
    pub(in crate::schedules) updated_by: String,
    pub(in crate::schedules) reason: String,
    pub(in crate::schedules) version: i64,
}

impl ScheduleRow {
    pub(in crate::schedules) fn schedule(self) -> Result<Schedule, Error> {
        let id = self.id;
        let damaged =
            |wrong: crate::kernel::error::FieldError| Error::Internal(format!("schedule {id}: {}", wrong.detail));
        Ok(Schedule {
            id,
            name: ScheduleName::stored(self.name),
            description: ScheduleDescription::stored(self.description),
            definition: self.definition,
            tenant: self.tenant,
            parameters: self.parameters,
            timing: Timing {
                cron: Cron::parse(&self.cron, "").map_err(damaged)?,
                time_zone: TimeZone::parse(&self.time_zone, "").map_err(damaged)?,
            },
            missed: self.missed,
            missed_limit: MissedLimit::new(self.missed_limit.into(), "").map_err(damaged)?,
            enabled: Enabled::from_flag(self.enabled),
            next_due: self.next_due,
            created_at: self.created_at,
            created_by: self.created_by,
            updated_at: self.updated_at,
            updated_by: self.updated_by,
            reason: self.reason,
            version: self.version,
        })
    }
}

pub(in crate::schedules) async fn insert(tx: &mut Tx, schedule: &Schedule) -> Result<(), Error> {
    sqlx::query!(
        "insert into schedules.schedules (id, name, description, definition, parameters, tenant, cron, time_zone, missed,
             missed_limit, enabled, next_due, created_at, created_by, updated_at, updated_by, reason, version)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
        schedule.id,
        schedule.name.as_str(),
        schedule.description.as_str(),
        schedule.definition,
        schedule.parameters,
        schedule.tenant,
        schedule.timing.cron.as_str(),
        schedule.timing.time_zone.as_str(),
        schedule.missed.as_str(),
        schedule.missed_limit.get(),
        schedule.enabled.flag(),
        schedule.next_due,
        schedule.created_at,
        schedule.created_by,
        schedule.updated_at,
        schedule.updated_by,
        schedule.reason,
        schedule.version
    )
    .execute(tx.conn())
    .await
    .map_err(|e| on_constraint(e, "schedules_name_key", rules::name_taken))?;
    Ok(())
}

/// Writes every field that can change.
pub(in crate::schedules) async fn update(tx: &mut Tx, schedule: &Schedule) -> Result<(), Error> {
    sqlx::query!(
        "update schedules.schedules
         set name = $2, description = $3, parameters = $4, cron = $5, time_zone = $6, missed = $7, missed_limit = $8,
             enabled = $9, next_due = $10, updated_at = $11, updated_by = $12, reason = $13, version = $14
         where id = $1",
        schedule.id,
        schedule.name.as_str(),
        schedule.description.as_str(),
        schedule.parameters,
        schedule.timing.cron.as_str(),
        schedule.timing.time_zone.as_str(),
        schedule.missed.as_str(),
        schedule.missed_limit.get(),
        schedule.enabled.flag(),
        schedule.next_due,
        schedule.updated_at,
        schedule.updated_by,
        schedule.reason,
        schedule.version
    )
    .execute(tx.conn())
    .await
    .map_err(|e| on_constraint(e, "schedules_name_key", rules::name_taken))?;
    Ok(())
}

/// Keeps workers from starting its jobs, and others from changing it, until the transaction ends.
pub(in crate::schedules) async fn lock(tx: &mut Tx, id: Uuid) -> Result<Option<Schedule>, Error> {
    let row = sqlx::query_as!(
        ScheduleRow,
        r#"select id, name, description, definition, tenant, parameters, cron, time_zone, missed as "missed: Missed",
                  missed_limit, enabled, next_due, created_at, created_by, updated_at, updated_by, reason, version
           from schedules.schedules where id = $1 for update"#,
        id
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(ScheduleRow::schedule).transpose()
}

pub(in crate::schedules) async fn delete(tx: &mut Tx, id: Uuid) -> Result<(), Error> {
    sqlx::query!("delete from schedules.schedules where id = $1", id).execute(tx.conn()).await?;
    Ok(())
}
