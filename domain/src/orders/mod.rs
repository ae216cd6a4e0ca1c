//! Orders.
//!
//! An order is pending until stock has answered: then it is confirmed, or cancelled with what stock
//! said. It can be cancelled while it is pending or confirmed. Name and price of its lines are those of
//! the catalogue when it was placed, and never change.
//!
//! An order is an aggregate: every change locks its row, raises its version by one and emits one event
//! with that version as sequence and the whole order as it is afterwards. What stock answers changes an
//! order once; an answer that comes again, or to an order that is cancelled, changes nothing.
//!
//! | code | kind | when |
//! |---|---|---|
//! | `order_not_found` | not found | no such order in this tenant |
//! | `order_empty` | invalid, `/lines` | placing one without lines |
//! | `order_line_limit_reached` | invalid, `/lines` | placing one with more than [`MAX_LINES`] |
//! | `order_sku_repeated` | invalid, `/lines/n/sku` | an earlier line has the SKU |
//! | `order_customer_unknown` | invalid, `/customerId` | no such customer in this tenant |
//! | `order_customer_suspended` | invalid, `/customerId` | the customer is suspended |
//! | `order_sku_unknown` | invalid, `/lines/n/sku` | no variant of the tenant has the SKU |
//! | `order_product_archived` | invalid, `/lines/n/sku` | its product is not sold any more |
//! | `order_currency_mixed` | invalid, `/lines/n/sku` | its price is in another currency than that of the first line |
//! | `order_total_too_large` | invalid, `/lines` | the total is more than can be counted |
//! | `order_already_cancelled` | conflict | cancelling a cancelled order |
//! | `version_conflict` | precondition failed | the caller's expected version is not the present one |

mod commands;
mod events;
mod model;
mod queries;
mod rules;
mod store;

pub use commands::{CancelOrder, ConfirmOrder, PlaceOrder, RefuseOrder};
pub use events::{
    CancellationSnapshot, LineSnapshot, OrderCancelled, OrderConfirmed, OrderCreated, OrderSnapshot, StockClaim,
};
pub use model::{CancelCause, Cancellation, NewLine, Order, OrderLine, OrderStatus, Reason, RefusedLine};
pub use queries::{GetOrder, ListOrders, OrderSummary};
pub use rules::MAX_LINES;
