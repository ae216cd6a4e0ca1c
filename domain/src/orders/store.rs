//! SQL that writes or locks orders, and the shapes of their rows.

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use uuid::Uuid;

use crate::kernel::error::Error;
use crate::kernel::tx::Tx;
use crate::products::{Amount, Currency};

use super::model::{CancelCause, Cancellation, Order, OrderLine, Reason, RefusedLine};
use super::queries;

/// A row of `orders.orders`.
pub(super) struct Row {
    pub(super) id: Uuid,
    pub(super) customer_id: Uuid,
    pub(super) currency: Currency,
    pub(super) total: Amount,
    pub(super) confirmed_at: Option<DateTime<Utc>>,
    pub(super) cancelled_at: Option<DateTime<Utc>>,
    pub(super) cancel_cause: Option<CancelCause>,
    pub(super) cancel_reason: Option<Reason>,
    pub(super) cancel_lines: Option<Json<Vec<RefusedLine>>>,
    pub(super) created_at: DateTime<Utc>,
    pub(super) updated_at: DateTime<Utc>,
    pub(super) version: i64,
}

impl Row {
    /// All four or none, by the constraint `orders_cancellation_complete`.
    pub(super) fn cancellation(&mut self) -> Option<Cancellation> {
        let (cause, reason) = self.cancel_cause.take().zip(self.cancel_reason.take())?;
        let (Json(lines), at) = self.cancel_lines.take().zip(self.cancelled_at)?;
        Some(Cancellation { cause, reason, lines, at })
    }

    pub(super) fn with(mut self, lines: Vec<OrderLine>) -> Order {
        Order {
            cancellation: self.cancellation(),
            id: self.id,
            customer_id: self.customer_id,
            currency: self.currency,
            total: self.total,
            lines,
            confirmed_at: self.confirmed_at,
            created_at: self.created_at,
            updated_at: self.updated_at,
            version: self.version,
        }
    }
}

/// Reads an order with its lines and keeps others from changing it until the transaction ends.
pub(super) async fn lock(tx: &mut Tx, id: Uuid) -> Result<Option<Order>, Error> {
    let row = sqlx::query_as!(
        Row,
        r#"select id, customer_id, currency as "currency: _", total_amount as "total: _", confirmed_at, cancelled_at,
                  cancel_cause as "cancel_cause: _", cancel_reason as "cancel_reason: _",
                  cancel_lines as "cancel_lines: _", created_at, updated_at, version
           from orders.orders where id = $1 for no key update"#,
        id
    )
    .fetch_optional(tx.conn())
    .await?;
    match row {
        None => Ok(None),
        Some(row) => Ok(Some(row.with(queries::lines(tx, id).await?))),
    }
}

/// Inserts an order that was just placed, and its lines.
pub(super) async fn insert(tx: &mut Tx, order: &Order) -> Result<(), Error> {
    let tenant = tx.tenant()?;
    sqlx::query!(
        "insert into orders.orders (id, tenant_id, customer_id, status, currency, total_amount, created_at, updated_at,
                                    version)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        order.id,
        tenant.as_str(),
        order.customer_id,
        order.status().as_str(),
        order.currency.as_str(),
        order.total.minor_units(),
        order.created_at,
        order.updated_at,
        order.version
    )
    .execute(tx.conn())
    .await?;
    insert_lines(tx, order).await
}

async fn insert_lines(tx: &mut Tx, order: &Order) -> Result<(), Error> {
    let tenant = tx.tenant()?;
    let skus: Vec<String> = order.lines.iter().map(|line| line.sku.as_str().to_owned()).collect();
    let names: Vec<String> = order.lines.iter().map(|line| line.name.as_str().to_owned()).collect();
    let prices: Vec<i64> = order.lines.iter().map(|line| line.price.minor_units()).collect();
    let quantities: Vec<i64> = order.lines.iter().map(|line| line.quantity.pieces()).collect();
    let totals: Vec<i64> = order.lines.iter().map(|line| line.total.minor_units()).collect();
    sqlx::query!(
        "insert into orders.lines (order_id, tenant_id, position, sku, name, price_amount, quantity, total_amount)
         select $1, $2, new.position, new.sku, new.name, new.price_amount, new.quantity, new.total_amount
         from unnest($3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[]) with ordinality
              as new(sku, name, price_amount, quantity, total_amount, position)",
        order.id,
        tenant.as_str(),
        &skus,
        &names,
        &prices,
        &quantities,
        &totals
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes every field that can change.
pub(super) async fn update(tx: &mut Tx, order: &Order) -> Result<(), Error> {
    let cancellation = order.cancellation.as_ref();
    sqlx::query!(
        "update orders.orders set status = $2, confirmed_at = $3, cancelled_at = $4, cancel_cause = $5,
             cancel_reason = $6, cancel_lines = $7, updated_at = $8, version = $9
         where id = $1",
        order.id,
        order.status().as_str(),
        order.confirmed_at,
        cancellation.map(|c| c.at),
        cancellation.map(|c| c.cause) as Option<CancelCause>,
        cancellation.map(|c| c.reason.as_str()),
        cancellation.map(|c| Json(&c.lines)) as _,
        order.updated_at,
        order.version
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
