//! SQL that writes or locks stock, and the shapes of its rows.
//!
//! Items are locked in the order of their SKU, so that orders that want the same ones wait for each
//! other and never in a circle.

use sqlx::types::Json;
use uuid::Uuid;

use crate::kernel::error::Error;
use crate::kernel::tx::Tx;
use crate::products::Sku;

use super::events::ProcessLine;
use super::model::{StockItem, StockLine};

/// What an order's decision has come to; see the migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub(super) enum State {
    Reserved,
    Deducted,
    Released,
    Returned,
    Failed,
    Withdrawn,
}

/// What lines do to their items.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change {
    Reserve,
    Deduct,
    Release,
    Return,
}

impl Change {
    /// What one piece adds to what is on hand, and to what is reserved.
    fn per_piece(self) -> (i64, i64) {
        match self {
            Self::Reserve => (0, 1),
            Self::Deduct => (-1, -1),
            Self::Release => (0, -1),
            Self::Return => (1, 0),
        }
    }
}

/// Reads an item and keeps others from changing it until the transaction ends.
pub(super) async fn lock(tx: &mut Tx, sku: &Sku) -> Result<Option<StockItem>, Error> {
    let item = sqlx::query_as!(
        StockItem,
        r#"select id, sku as "sku: _", on_hand, reserved, created_at, updated_at, version, events
           from stock.items where sku = $1 for no key update"#,
        sku.as_str()
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(item)
}

/// As [`lock`], for the items of all lines that have one.
pub(super) async fn lock_all(tx: &mut Tx, lines: &[StockLine]) -> Result<Vec<StockItem>, Error> {
    let skus: Vec<String> = lines.iter().map(|line| line.sku.as_str().to_owned()).collect();
    let items = sqlx::query_as!(
        StockItem,
        r#"select id, sku as "sku: _", on_hand, reserved, created_at, updated_at, version, events
           from stock.items where sku = any($1) order by sku for no key update"#,
        &skus
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(items)
}

/// Makes the row of a SKU that has none, unless somebody else does at the same time.
pub(super) async fn insert_empty(tx: &mut Tx, id: Uuid, sku: &Sku) -> Result<(), Error> {
    let (tenant, now) = (tx.tenant()?, tx.now());
    sqlx::query!(
        "insert into stock.items (id, tenant_id, sku, on_hand, reserved, created_at, updated_at, version)
         values ($1, $2, $3, 0, 0, $4, $4, 0)
         on conflict (tenant_id, sku) do nothing",
        id,
        tenant.as_str(),
        sku.as_str(),
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes every field that staff can change.
pub(super) async fn update(tx: &mut Tx, item: &StockItem) -> Result<(), Error> {
    sqlx::query!(
        "update stock.items set on_hand = $2, updated_at = $3, version = $4, events = $5 where id = $1",
        item.id,
        item.on_hand,
        item.updated_at,
        item.version,
        item.events
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Changes the items of all lines, with one statement that locks them in order first.
pub(super) async fn change(tx: &mut Tx, lines: &[ProcessLine], change: Change) -> Result<(), Error> {
    let now = tx.now();
    let skus: Vec<String> = lines.iter().map(|line| line.sku.clone()).collect();
    let quantities: Vec<i64> = lines.iter().map(|line| line.quantity).collect();
    let (on_hand, reserved) = change.per_piece();
    let changed = sqlx::query!(
        "with locked as materialized (
             select i.id, l.quantity
             from unnest($1::text[], $2::bigint[]) as l(sku, quantity) join stock.items i on i.sku = l.sku
             order by i.sku for no key update of i
         )
         update stock.items i
         set on_hand = i.on_hand + $3 * locked.quantity, reserved = i.reserved + $4 * locked.quantity,
             updated_at = $5, version = i.version + 1
         from locked where i.id = locked.id",
        &skus,
        &quantities,
        on_hand,
        reserved,
        now
    )
    .execute(tx.conn())
    .await?;
    if changed.rows_affected() == skus.len() as u64 {
        return Ok(());
    }
    Err(Error::Internal(format!("{change:?} found {} items for {} lines", changed.rows_affected(), skus.len())))
}

/// Makes the decision about an order; false if there is one. A second transaction with the same order
/// waits here for the first.
pub(super) async fn decide(tx: &mut Tx, order_id: Uuid, state: State, lines: &[ProcessLine]) -> Result<bool, Error> {
    let (tenant, now) = (tx.tenant()?, tx.now());
    let made = sqlx::query!(
        "insert into stock.decisions (tenant_id, order_id, state, lines, decided_at, changed_at)
         values ($1, $2, $3, $4, $5, $5)
         on conflict (tenant_id, order_id) do nothing",
        tenant.as_str(),
        order_id,
        state as State,
        Json(lines) as _,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(made.rows_affected() == 1)
}

/// Reads the decision about an order and keeps others from changing it until the transaction ends.
///
/// # Errors
/// [`Error::Internal`] when there is none: an order is confirmed, or found to be cancelled, after it.
pub(super) async fn lock_decision(tx: &mut Tx, order_id: Uuid) -> Result<(State, Vec<ProcessLine>), Error> {
    let row = sqlx::query!(
        r#"select state as "state: State", lines as "lines: Json<Vec<ProcessLine>>"
           from stock.decisions where order_id = $1 for no key update"#,
        order_id
    )
    .fetch_optional(tx.conn())
    .await?;
    let row = row.ok_or_else(|| Error::Internal(format!("stock decided nothing about order {order_id}")))?;
    Ok((row.state, row.lines.0))
}

/// Says what a decision has come to.
pub(super) async fn set_state(tx: &mut Tx, order_id: Uuid, state: State) -> Result<(), Error> {
    let now = tx.now();
    sqlx::query!(
        "update stock.decisions set state = $2, changed_at = $3 where order_id = $1",
        order_id,
        state as State,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
