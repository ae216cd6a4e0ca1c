//! SQL that writes or locks replays, and looks before a test event is written.

use uuid::Uuid;

use crate::audit::ENTITIES;
use crate::kernel::ctx::TenantId;
use crate::kernel::error::Error;
use crate::kernel::page::SearchText;
use crate::kernel::tx::Tx;
use crate::operations::Reason;

use super::commands::StartReplay;
use super::model::{Repeat, ReplayState};

/// What a change depends on.
pub(super) struct Locked {
    pub(super) state: ReplayState,
    pub(super) step: i64,
}

pub(super) async fn insert(tx: &mut Tx, id: Uuid, start: &StartReplay) -> Result<(), Error> {
    let actor = tx.ctx().actor.clone();
    let filter = &start.filter;
    sqlx::query!(
        "insert into messaging.replays (id, consumer, stream, event_type, aggregate_id, occurred_from, occurred_to,
             tenant, rate, force, reason, created_by, state, last_position, waits_for)
         select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'running', l.last_position, l.waits_for
         from messaging.log_end() l",
        id,
        start.consumer.as_str(),
        filter.stream.as_ref().map(SearchText::as_str),
        filter.event_type.as_ref().map(SearchText::as_str),
        filter.aggregate,
        filter.from,
        filter.to,
        filter.tenant.as_ref().map(TenantId::as_str),
        start.rate.get(),
        start.repeat == Repeat::Force,
        start.reason.as_str(),
        actor.as_str()
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Keeps its step from running until the transaction ends.
pub(super) async fn lock(tx: &mut Tx, id: Uuid) -> Result<Option<Locked>, Error> {
    let locked = sqlx::query_as!(
        Locked,
        r#"select state as "state: ReplayState", step from messaging.replays where id = $1 for update"#,
        id
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(locked)
}

pub(super) async fn set_state(
    tx: &mut Tx,
    id: Uuid,
    state: ReplayState,
    step: i64,
    reason: &Reason,
) -> Result<(), Error> {
    let actor = tx.ctx().actor.clone();
    sqlx::query!(
        "update messaging.replays
         set state = $2, step = $3, changed_by = $4, change_reason = $5, changed_at = now(),
             ended_at = case when $2 = 'cancelled' then now() end
         where id = $1",
        id,
        state.as_str(),
        step,
        actor.as_str(),
        reason.as_str()
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The number of the last event of an aggregate, of whichever module; none without events.
pub(super) async fn last_sequence(tx: &mut Tx, aggregate: Uuid) -> Result<Option<i64>, Error> {
    let modules = ENTITIES.map(str::to_owned);
    let last = sqlx::query_scalar!(
        "select max(e.sequence)
         from unnest($1::text[]) as m (module)
         cross join lateral (
             select max(e.sequence) as sequence from kernel.events e
             where e.module = m.module and e.aggregate_id = $2) e",
        &modules,
        aggregate
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(last)
}
