//! What can be done to orders: each command loads and locks, asks a rule, saves and emits.

use uuid::Uuid;

use crate::customers::GetCustomer;
use crate::kernel::command::{Command, Query as _};
use crate::kernel::error::{Error, Rejection, RejectionKind};
use crate::kernel::tx::Tx;
use crate::products::FindOffers;

use super::events::{OrderCancelled, OrderConfirmed, OrderCreated, StockClaim};
use super::model::{CancelCause, Cancellation, NewLine, Order, OrderStatus, Reason, RefusedLine};
use super::{rules, store};

/// Places an order at the catalogue's prices; it is pending. Emits [`OrderCreated`].
///
/// Rejected with `order_empty`, `order_line_limit_reached`, `order_total_too_large`, or with what is wrong
/// with customer and lines in `errors`.
#[derive(Debug, Clone)]
pub struct PlaceOrder {
    /// Whose.
    pub customer_id: Uuid,
    /// At most 100.
    pub lines: Vec<NewLine>,
}

/// Cancels an order that is pending or confirmed. Emits [`OrderCancelled`].
///
/// Rejected with `order_not_found`, `version_conflict` or `order_already_cancelled`.
#[derive(Debug, Clone)]
pub struct CancelOrder {
    /// Which order.
    pub id: Uuid,
    /// The version the caller has seen; none if any will do.
    pub expected_version: Option<i64>,
    /// Why.
    pub reason: Reason,
}

/// Confirms a pending order, because stock has reserved it. Emits [`OrderConfirmed`]; nothing if it is not
/// pending any more.
///
/// Rejected with `order_not_found`.
#[derive(Debug, Clone, Copy)]
pub struct ConfirmOrder {
    /// Which order.
    pub id: Uuid,
}

/// Cancels a pending order, because stock could not reserve it. Emits [`OrderCancelled`]; nothing if it is
/// not pending any more.
///
/// Rejected with `order_not_found`.
#[derive(Debug, Clone)]
pub struct RefuseOrder {
    /// Which order.
    pub id: Uuid,
    /// What stock said against its lines.
    pub lines: Vec<RefusedLine>,
}

impl Command for PlaceOrder {
    type Output = Order;

    async fn handle(self, tx: &mut Tx) -> Result<Order, Error> {
        self.handle_as(Uuid::now_v7(), tx).await
    }
}

impl PlaceOrder {
    /// As [`Command::handle`], under a given id: demo data has the ids that the API's description
    /// uses in its examples.
    ///
    /// # Errors
    /// As [`Command::handle`].
    pub async fn handle_as(self, id: Uuid, tx: &mut Tx) -> Result<Order, Error> {
        rules::can_have_lines(&self.lines)?;
        let customer = match (GetCustomer { id: self.customer_id }).fetch(tx).await {
            Ok(customer) => Some(customer),
            Err(Error::Rejected(rejection)) if rejection.kind == RejectionKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let skus = self.lines.iter().map(|line| line.sku.clone()).collect();
        let offers = FindOffers { skus }.fetch(tx).await?;
        let (currency, offers) = rules::can_order(customer.as_ref(), &self.lines, &offers)?;
        let (lines, total) = rules::priced(self.lines, &offers)?;
        let order = Order {
            id,
            customer_id: self.customer_id,
            currency,
            total,
            lines,
            confirmed_at: None,
            cancellation: None,
            created_at: tx.now(),
            updated_at: tx.now(),
            version: 1,
        };
        store::insert(tx, &order).await?;
        tx.emit(&OrderCreated { order: (&order).into() })?;
        Ok(order)
    }
}

impl Command for CancelOrder {
    type Output = Order;

    async fn handle(self, tx: &mut Tx) -> Result<Order, Error> {
        let order = load(tx, self.id).await?;
        Rejection::unless_current(order.version, self.expected_version)?;
        rules::can_be_cancelled(&order)?;
        let stock = if order.confirmed_at.is_some() { StockClaim::Held } else { StockClaim::Unanswered };
        let cancellation =
            Cancellation { cause: CancelCause::Requested, reason: self.reason, lines: Vec::new(), at: tx.now() };
        cancel(tx, order, cancellation, stock).await
    }
}

impl Command for ConfirmOrder {
    type Output = ();

    async fn handle(self, tx: &mut Tx) -> Result<(), Error> {
        let mut order = load(tx, self.id).await?;
        if order.status() != OrderStatus::Pending {
            return Ok(());
        }
        order.confirmed_at = Some(tx.now());
        let order = save(tx, order).await?;
        tx.emit(&OrderConfirmed { order: (&order).into() })
    }
}

impl Command for RefuseOrder {
    type Output = ();

    async fn handle(self, tx: &mut Tx) -> Result<(), Error> {
        let order = load(tx, self.id).await?;
        if order.status() != OrderStatus::Pending {
            return Ok(());
        }
        let (cause, reason) = rules::why(&self.lines);
        let cancellation = Cancellation { cause, reason, lines: self.lines, at: tx.now() };
        cancel(tx, order, cancellation, StockClaim::None).await.map(drop)
    }
}

/// Locks the order until the transaction ends, so that its versions, and with them its events, follow
/// one another.
async fn load(tx: &mut Tx, id: Uuid) -> Result<Order, Error> {
    Ok(store::lock(tx, id).await?.ok_or_else(rules::order_not_found)?)
}

async fn save(tx: &mut Tx, mut order: Order) -> Result<Order, Error> {
    order.version += 1;
    order.updated_at = tx.now();
    store::update(tx, &order).await?;
    Ok(order)
}

async fn cancel(tx: &mut Tx, mut order: Order, cancellation: Cancellation, stock: StockClaim) -> Result<Order, Error> {
    let reason = cancellation.reason.as_str().to_owned();
    order.cancellation = Some(cancellation);
    let order = save(tx, order).await?;
    tx.emit(&OrderCancelled { reason, stock, order: (&order).into() })?;
    Ok(order)
}
