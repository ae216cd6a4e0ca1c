//! Orders as callers see and write them.

mod input;
mod output;

pub(super) use input::{CancelReason, ListParameters, NewOrder};
pub(super) use output::{OrderBody, OrderSummaryBody};
