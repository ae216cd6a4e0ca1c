//! What orders do on the answers of stock. An order that is not pending any more, because it was cancelled
//! meanwhile or the answer came before, stays as it is.

use domain::orders::{ConfirmOrder, RefuseOrder, RefusedLine};
use domain::stock::{ProcessLine, StockProcessCompleted, StockProcessFailed};
use domain::{Command as _, Error, Tx};

/// Stock has reserved everything: the order is confirmed.
pub(crate) async fn confirm(event: StockProcessCompleted, tx: &mut Tx) -> Result<(), Error> {
    ConfirmOrder { id: event.stock.order_id }.handle(tx).await
}

/// Stock has reserved nothing: the order is cancelled, with the reasons.
pub(crate) async fn refuse(event: StockProcessFailed, tx: &mut Tx) -> Result<(), Error> {
    let refused =
        |line: ProcessLine| Some(RefusedLine { reason: line.reason?, sku: line.sku, available: line.available });
    let lines = event.stock.lines.into_iter().filter_map(refused).collect();
    RefuseOrder { id: event.stock.order_id, lines }.handle(tx).await
}
