//! Reads orders, always of the transaction's tenant.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::kernel::command::Query;
use crate::kernel::error::Error;
use crate::kernel::page::{Listing, Page};
use crate::kernel::tx::Tx;
use crate::products::{Amount, Currency};

use super::model::{Cancellation, Order, OrderLine, OrderStatus};
use super::rules;
use super::store::Row;

/// One order with its lines. Rejected with `order_not_found`.
#[derive(Debug, Clone, Copy)]
pub struct GetOrder {
    /// Which.
    pub id: Uuid,
}

/// A page of orders for which every given filter holds, without their lines. They have no name to be
/// sorted by.
#[derive(Debug, Clone, Default)]
pub struct ListOrders {
    /// Only those.
    pub status: Option<OrderStatus>,
    /// Only this customer's; an unknown one has no orders.
    pub customer_id: Option<Uuid>,
    /// Order, start and size.
    pub page: Listing,
}

/// An order without its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderSummary {
    /// Never changes.
    pub id: Uuid,
    /// Whose.
    pub customer_id: Uuid,
    /// Where it stands.
    pub status: OrderStatus,
    /// Of its total.
    pub currency: Currency,
    /// The sum of its lines.
    pub total: Amount,
    /// When stock had reserved all of it.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// None unless it is cancelled.
    pub cancellation: Option<Cancellation>,
    /// When it was placed.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// 1 when placed, one more with every change.
    pub version: i64,
}

impl From<Order> for OrderSummary {
    fn from(order: Order) -> Self {
        Self {
            status: order.status(),
            id: order.id,
            customer_id: order.customer_id,
            currency: order.currency,
            total: order.total,
            confirmed_at: order.confirmed_at,
            cancellation: order.cancellation,
            created_at: order.created_at,
            updated_at: order.updated_at,
            version: order.version,
        }
    }
}

impl Query for GetOrder {
    type Output = Order;

    async fn fetch(self, tx: &mut Tx) -> Result<Order, Error> {
        let row = sqlx::query_as!(
            Row,
            r#"select id, customer_id, currency as "currency: _", total_amount as "total: _", confirmed_at, cancelled_at,
                      cancel_cause as "cancel_cause: _", cancel_reason as "cancel_reason: _",
                      cancel_lines as "cancel_lines: _", created_at, updated_at, version
               from orders.orders where id = $1"#,
            self.id
        )
        .fetch_optional(tx.conn())
        .await?
        .ok_or_else(rules::order_not_found)?;
        Ok(row.with(lines(tx, self.id).await?))
    }
}

impl Query for ListOrders {
    type Output = Page<OrderSummary>;

    async fn fetch(self, tx: &mut Tx) -> Result<Page<OrderSummary>, Error> {
        let Listing { sort, after, size } = &self.page;
        let rows = sqlx::query_file_as!(
            Row,
            "src/orders/list.sql",
            self.status.map(OrderStatus::as_str),
            self.customer_id,
            sort.as_str(),
            after.id,
            after.created_at,
            size.rows_to_fetch()
        )
        .fetch_all(tx.conn())
        .await?;
        let orders = rows.into_iter().map(|row| OrderSummary::from(row.with(Vec::new()))).collect();
        Ok(self.page.page(orders, |order: &OrderSummary| (order.created_at, "", order.id)))
    }
}

/// As ordered.
pub(super) async fn lines(tx: &mut Tx, order_id: Uuid) -> Result<Vec<OrderLine>, Error> {
    let lines = sqlx::query_as!(
        OrderLine,
        r#"select sku as "sku: _", name as "name: _", quantity as "quantity: _", price_amount as "price: _",
                  total_amount as "total: _"
           from orders.lines where order_id = $1 order by position"#,
        order_id
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(lines)
}
