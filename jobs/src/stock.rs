//! What stock does on events of orders: reserves, deducts, and gives back. The order's decision makes each
//! of these happen once, whatever comes again, late, or in another order.

use domain::orders::{LineSnapshot, OrderCancelled, OrderConfirmed, OrderCreated, OrderSnapshot};
use domain::products::Sku;
use domain::stock::{DeductStock, FailStock, Quantity, ReleaseStock, ReserveStock, StockLine};
use domain::{Command as _, Error, Rejection, Tx};

use crate::runtime::JobError;

/// An order was placed: reserves all its lines or none, and says which.
pub(crate) async fn reserve(event: OrderCreated, tx: &mut Tx) -> Result<(), Error> {
    ReserveStock { order_id: event.order.id, lines: lines(&event.order)? }.handle(tx).await
}

/// Stock could not be asked, and it will not be tried again: says that it failed.
pub(crate) async fn give_up(event: OrderCreated, _: JobError, tx: &mut Tx) -> Result<(), Error> {
    FailStock { order_id: event.order.id, lines: lines(&event.order)? }.handle(tx).await
}

/// An order was confirmed: what it has reserved leaves the stock.
pub(crate) async fn deduct(event: OrderConfirmed, tx: &mut Tx) -> Result<(), Error> {
    DeductStock { order_id: event.order.id }.handle(tx).await
}

/// An order was cancelled: gives back what it holds.
pub(crate) async fn release(event: OrderCancelled, tx: &mut Tx) -> Result<(), Error> {
    ReleaseStock { order_id: event.order.id, lines: lines(&event.order)? }.handle(tx).await
}

fn lines(order: &OrderSnapshot) -> Result<Vec<StockLine>, Rejection> {
    let line = |line: &LineSnapshot| {
        let sku = Sku::parse(&line.sku, "/order/lines/sku")?;
        Ok(StockLine { sku, quantity: Quantity::new(line.quantity, "/order/lines/quantity")? })
    };
    order.lines.iter().map(line).collect::<Result<_, _>>().map_err(|wrong| Rejection::invalid(vec![wrong]))
}
