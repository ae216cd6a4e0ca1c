//! SQL of bulks.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::kernel::error::Error;
use crate::kernel::event::LogRow;
use crate::kernel::inbox::ReceivedEvent;
use crate::kernel::tx::Tx;

use super::super::deliveries::DeliveryJob;
use super::StartBulk;
use super::model::{Bulk, BulkKind, BulkState};

/// Deliveries of a step at most.
pub(super) const BATCH: usize = 200;
/// Positions of the log that a step looks at, at most: few may be of the tenant.
const WINDOW: i64 = 10_000;

/// What a step begins with.
pub(super) struct Turn {
    pub(super) endpoint_id: Uuid,
    pub(super) kind: BulkKind,
    pub(super) since: DateTime<Utc>,
    pub(super) after_time: Option<DateTime<Utc>>,
    pub(super) after_id: Option<Uuid>,
    pub(super) position: i64,
    pub(super) last_position: i64,
    pub(super) created_at: DateTime<Utc>,
}

/// Where it ends.
pub(super) struct Moved {
    pub(super) after: Option<(DateTime<Utc>, Uuid)>,
    pub(super) position: i64,
    pub(super) matched: usize,
    pub(super) sent: usize,
    pub(super) done: bool,
}

pub(super) struct FailedRow {
    pub(super) id: Uuid,
    pub(super) event_id: String,
    pub(super) created_at: DateTime<Utc>,
}

impl Turn {
    pub(super) fn after(&self) -> Option<(DateTime<Utc>, Uuid)> {
        self.after_time.zip(self.after_id)
    }
}

pub(super) async fn insert(tx: &mut Tx, id: Uuid, start: &StartBulk) -> Result<(), Error> {
    let (tenant, now, actor) = (tx.tenant()?, tx.now(), tx.ctx().actor.clone());
    sqlx::query!(
        "insert into webhooks.bulks (id, tenant_id, endpoint_id, kind, since, state, last_position, created_by,
             created_at, changed_at)
         values ($1, $2, $3, $4, $5, 'running', webhooks.last_position(), $6, $7, $7)",
        id,
        tenant.as_str(),
        start.endpoint_id,
        start.kind.as_str(),
        start.since,
        actor.as_str(),
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn get(tx: &mut Tx, id: Uuid) -> Result<Option<Bulk>, Error> {
    let bulk = sqlx::query_as!(
        Bulk,
        r#"select id, endpoint_id, kind as "kind: BulkKind", since, state as "state: BulkState", matched, sent, error,
                  created_by, created_at, changed_at, ended_at
           from webhooks.bulks where id = $1"#,
        id
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(bulk)
}

/// Keeps its step from running until the transaction ends.
pub(super) async fn lock(tx: &mut Tx, id: Uuid) -> Result<Option<BulkState>, Error> {
    let state = sqlx::query_scalar!(
        r#"select state as "state: BulkState" from webhooks.bulks where id = $1 for no key update"#,
        id
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(state)
}

pub(super) async fn cancel(tx: &mut Tx, id: Uuid) -> Result<(), Error> {
    let now = tx.now();
    sqlx::query!(
        "update webhooks.bulks set state = 'cancelled', step = step + 1, changed_at = $2, ended_at = $2 where id = $1",
        id,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The next step, if it is this one's turn; another waits here.
pub(super) async fn turn(tx: &mut Tx, id: Uuid, step: i64) -> Result<Option<Turn>, Error> {
    let turn = sqlx::query_as!(
        Turn,
        r#"select endpoint_id, kind as "kind: BulkKind", since, after_time, after_id, position, last_position, created_at
           from webhooks.bulks where id = $1 and step = $2 and state = 'running' for no key update"#,
        id,
        step
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(turn)
}

pub(super) async fn move_on(tx: &mut Tx, id: Uuid, moved: &Moved) -> Result<(), Error> {
    let (now, count) = (tx.now(), |rows: usize| i64::try_from(rows).unwrap_or(i64::MAX));
    sqlx::query!(
        "update webhooks.bulks
         set step = step + 1, after_time = $2, after_id = $3, position = $4, matched = matched + $5, sent = sent + $6,
             changed_at = $7::timestamptz, state = case when $8::boolean then 'completed' else state end,
             ended_at = case when $8 then $7::timestamptz end
         where id = $1",
        id,
        moved.after.map(|(time, _)| time),
        moved.after.map(|(_, id)| id),
        moved.position,
        count(moved.matched),
        count(moved.sent),
        now,
        moved.done
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn fail(tx: &mut Tx, id: Uuid, step: i64, error: &str) -> Result<(), Error> {
    let now = tx.now();
    sqlx::query!(
        "update webhooks.bulks set state = 'failed', step = step + 1, error = $3, changed_at = $4, ended_at = $4
         where id = $1 and step = $2 and state = 'running'",
        id,
        step,
        error,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The next deliveries that have failed, of those there were when it was ordered.
pub(super) async fn failed(tx: &mut Tx, turn: &Turn) -> Result<Vec<FailedRow>, Error> {
    let rows = sqlx::query_as!(
        FailedRow,
        "select id, event_id, created_at from webhooks.deliveries
         where endpoint_id = $1 and status = 'failed' and not is_test and created_at >= $2 and created_at <= $3
           and ($4::timestamptz is null or (created_at, id) > ($4, $5::uuid))
         order by created_at, id limit $6
         for no key update",
        turn.endpoint_id,
        turn.since,
        turn.created_at,
        turn.after_time,
        turn.after_id,
        i64::try_from(BATCH).unwrap_or(i64::MAX)
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Events of the log.
pub(super) async fn events(tx: &mut Tx, ids: &[Uuid]) -> Result<Vec<ReceivedEvent>, Error> {
    let rows = sqlx::query_as!(
        LogRow,
        r#"select position, id, type as event_type, source, subject, occurred_at, sequence, tenant_id, actor,
                  correlation_id, causation_id, traceparent, data_version, data::text as "data!"
           from kernel.events where id = any ($1) order by position"#,
        ids
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(|row| Ok(row.into_envelope()?.into())).collect()
}

/// The next events of the tenant, and up to where that is all there are.
pub(super) async fn next_events(tx: &mut Tx, turn: &Turn) -> Result<(Vec<ReceivedEvent>, i64), Error> {
    let end = turn.last_position.min(turn.position.saturating_add(WINDOW));
    let rows = sqlx::query_as!(
        LogRow,
        r#"select position, id, type as event_type, source, subject, occurred_at, sequence, tenant_id, actor,
                  correlation_id, causation_id, traceparent, data_version, data::text as "data!"
           from kernel.events where position > $1 and position <= $2 and occurred_at >= $3 order by position limit $4"#,
        turn.position,
        end,
        turn.since,
        i64::try_from(BATCH).unwrap_or(i64::MAX)
    )
    .fetch_all(tx.conn())
    .await?;
    let position = match rows.last() {
        Some(last) if rows.len() == BATCH => last.position,
        _ => end,
    };
    let events = rows.into_iter().map(|row| Ok(row.into_envelope()?.into())).collect::<Result<_, Error>>()?;
    Ok((events, position))
}

/// From now on these jobs send them.
pub(super) async fn send_anew(tx: &mut Tx, jobs: &[DeliveryJob]) -> Result<(), Error> {
    let actor = tx.ctx().actor.clone();
    let ids: Vec<Uuid> = jobs.iter().map(|job| job.delivery).collect();
    let job_ids: Vec<String> = jobs.iter().map(|job| job.new.id.to_string()).collect();
    sqlx::query!("select webhooks.put_away(d, $2) from unnest($1::uuid[]) as d", &ids, actor.as_str())
        .fetch_all(tx.conn())
        .await?;
    sqlx::query!(
        "update webhooks.deliveries d set job_id = n.job_id, status = 'pending', finished_at = null
         from unnest($1::uuid[], $2::text[]) as n (id, job_id) where d.id = n.id",
        &ids,
        &job_ids
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
