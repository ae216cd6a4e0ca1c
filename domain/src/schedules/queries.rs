//! Reads schedules.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::kernel::command::Query;
use crate::kernel::error::Error;
use crate::kernel::page::{Page, PageSize, decode_cursor};
use crate::kernel::tx::Tx;

use super::model::{Cause, Fired, Schedule, ScheduleDetail};
use super::rules;
use super::store::ScheduleRow;
use super::timing::Missed;

/// Due times that are shown ahead.
const AHEAD: usize = 5;

/// One schedule. Rejected with `schedule_not_found`.
#[derive(Debug, Clone, Copy)]
pub struct GetSchedule {
    /// Which.
    pub id: Uuid,
}

/// A page of schedules, newest first. Rejected with `cursor_invalid`.
#[derive(Debug, Clone, Default)]
pub struct ListSchedules {
    /// `next` of the page before; none starts with the newest.
    pub cursor: Option<String>,
    /// How many at most.
    pub size: PageSize,
}

impl Query for GetSchedule {
    type Output = ScheduleDetail;

    async fn fetch(self, tx: &mut Tx) -> Result<ScheduleDetail, Error> {
        let row = rows(tx, Some(self.id), None, 1).await?.pop().ok_or_else(rules::schedule_not_found)?;
        detail(tx, row.schedule()?).await
    }
}

impl Query for ListSchedules {
    type Output = Page<ScheduleDetail>;

    async fn fetch(self, tx: &mut Tx) -> Result<Page<ScheduleDetail>, Error> {
        let after: Option<Uuid> = self.cursor.as_deref().map(decode_cursor).transpose()?;
        let rows = rows(tx, None, after, self.size.rows_to_fetch()).await?;
        let Page { data, next } = Page::new(rows, self.size, |row| row.id);
        let schedules = data.into_iter().map(ScheduleRow::schedule).collect::<Result<Vec<_>, _>>()?;
        Ok(Page { data: details(tx, schedules).await?, next })
    }
}

async fn rows(tx: &mut Tx, id: Option<Uuid>, after: Option<Uuid>, limit: i64) -> Result<Vec<ScheduleRow>, Error> {
    let rows = sqlx::query_as!(
        ScheduleRow,
        r#"select id, name, description, definition, tenant, parameters, cron, time_zone, missed as "missed: Missed",
                  missed_limit, enabled, next_due, created_at, created_by, updated_at, updated_by, reason, version
           from schedules.schedules
           where ($1::uuid is null or id = $1) and ($2::uuid is null or id < $2)
           order by id desc limit $3"#,
        id,
        after,
        limit
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// With its next due times and its past.
pub(super) async fn detail(tx: &mut Tx, schedule: Schedule) -> Result<ScheduleDetail, Error> {
    let details = details(tx, vec![schedule]).await?;
    details.into_iter().next().ok_or_else(|| rules::schedule_not_found().into())
}

async fn details(tx: &mut Tx, schedules: Vec<Schedule>) -> Result<Vec<ScheduleDetail>, Error> {
    let ids: Vec<Uuid> = schedules.iter().map(|schedule| schedule.id).collect();
    let mut fired = last_fires(tx, &ids).await?;
    let detail = |schedule: Schedule| ScheduleDetail {
        next_fires: next_fires(&schedule),
        last_fires: fired.remove(&schedule.id).unwrap_or_default(),
        schedule,
    };
    Ok(schedules.into_iter().map(detail).collect())
}

fn next_fires(schedule: &Schedule) -> Vec<DateTime<Utc>> {
    schedule.next_due.map(|first| schedule.timing.from(first).take(AHEAD).collect()).unwrap_or_default()
}

async fn last_fires(tx: &mut Tx, schedules: &[Uuid]) -> Result<BTreeMap<Uuid, Vec<Fired>>, Error> {
    let rows = sqlx::query!(
        r#"select s.id as "schedule!", f.due_at as "due_at?", f.at, f.cause as "cause: Cause", f.job_id as "job_id?",
                  f.skipped, f.actor, f.reason as "reason?"
           from unnest($1::uuid[]) as s(id)
           cross join lateral (
               select * from schedules.fires f where f.schedule_id = s.id order by f.position desc limit 10) f
           order by s.id, f.position desc"#,
        schedules
    )
    .fetch_all(tx.conn())
    .await?;
    let mut fired: BTreeMap<Uuid, Vec<Fired>> = BTreeMap::new();
    for row in rows {
        fired.entry(row.schedule).or_default().push(Fired {
            due_at: row.due_at,
            at: row.at,
            cause: row.cause,
            job_id: row.job_id,
            skipped: row.skipped,
            actor: row.actor,
            reason: row.reason,
        });
    }
    Ok(fired)
}
