//! What can be done to stock, by staff and for orders.

mod orders;
mod staff;

pub use orders::{DeductStock, FailStock, ReleaseStock, ReserveStock};
pub use staff::{AdjustStock, ReceiveStock};
