//! Stock: how many pieces there are of each SKU, and what orders hold of them.
//!
//! Of an item, `on_hand` pieces are there, `reserved` of them are promised to orders that are not
//! confirmed yet, and `available`, the difference, can be promised still. An order reserves all its
//! lines or none; when it is confirmed they leave `on_hand` and `reserved`; when it is cancelled it
//! gives back what it holds. Neither number ever falls below zero.
//!
//! An order is answered once: the first that is said about it, `reserved` or `failed`, is its
//! decision, and every later request finds it. Cancelling an order that was not asked for yet makes a
//! decision, too: whatever arrives late then reserves nothing.
//!
//! Every change of an item raises its version. What staff changes is an event of the item; these are
//! numbered apart. What an order changes is an event of its stock process, one per order. So an item's
//! audit document is as of the last change by staff.
//!
//! | code | kind | when |
//! |---|---|---|
//! | `stock_not_found` | not found | nothing of this SKU was ever received |
//! | `stock_sku_unknown` | not found | no variant of the tenant has the SKU |
//! | `stock_insufficient` | conflict | an adjustment would leave less than what orders have reserved |
//! | `version_conflict` | precondition failed | the caller's expected version is not the present one |

mod commands;
mod events;
mod model;
mod queries;
mod rules;
mod store;

pub use commands::{AdjustStock, DeductStock, FailStock, ReceiveStock, ReleaseStock, ReserveStock};
pub use events::{
    LineReason, Outcome, ProcessLine, StockAdjusted, StockProcess, StockProcessCompleted, StockProcessFailed,
    StockReceived, StockSnapshot,
};
pub use model::{Adjustment, Quantity, Reason, StockItem, StockLine};
pub use queries::{GetStock, ListStock};
