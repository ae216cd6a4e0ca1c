//! Stock as callers see and write it.

use chrono::{DateTime, Utc};
use domain::Rejection;
use domain::stock::{Adjustment, ListStock, Quantity, Reason, StockItem};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::body::{Input, Wrong};
use crate::list;
use crate::problem::Problem;

/// How many pieces there are of a SKU.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Stock)]
pub(super) struct StockBody {
    #[schema(example = "EMBER")]
    sku: String,
    /// Pieces that are there.
    #[schema(example = 100, minimum = 0)]
    on_hand: i64,
    /// Pieces of them that are promised to orders which are not confirmed yet.
    #[schema(example = 0, minimum = 0)]
    reserved: i64,
    /// Pieces that can be promised: the difference.
    #[schema(example = 100, minimum = 0)]
    available: i64,
    /// When stock of it was first received.
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    /// One more with every change, also by an order. In quotes it is the `ETag`.
    #[schema(example = 1)]
    version: i64,
}

impl From<StockItem> for StockBody {
    fn from(item: StockItem) -> Self {
        Self {
            available: item.available(),
            sku: item.sku.as_str().to_owned(),
            on_hand: item.on_hand,
            reserved: item.reserved,
            created_at: item.created_at,
            updated_at: item.updated_at,
            version: item.version,
        }
    }
}

/// What came in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"quantity": 25}))]
pub(super) struct StockReceipt {
    /// Pieces.
    #[schema(minimum = 1, maximum = 1000000)]
    quantity: i64,
}

impl Input for StockReceipt {
    type Parsed = Quantity;

    fn parse(self, wrong: &mut Wrong) -> Option<Quantity> {
        wrong.take(Quantity::new(self.quantity, "/quantity"))
    }
}

/// A correction.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"quantity": -1, "reason": "Damaged in the warehouse"}))]
pub(super) struct StockAdjustment {
    /// Pieces to add, or to take if negative; not 0.
    #[schema(minimum = -1000000, maximum = 1000000)]
    quantity: i64,
    /// One line.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

impl Input for StockAdjustment {
    type Parsed = (Adjustment, Reason);

    fn parse(self, wrong: &mut Wrong) -> Option<Self::Parsed> {
        let by = wrong.take(Adjustment::new(self.quantity, "/quantity"));
        let reason = wrong.take(Reason::parse(&self.reason, "/reason"));
        Some((by?, reason?))
    }
}

/// Which page of the stock.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParameters {
    /// `next` of the page before.
    #[param(min_length = 1)]
    cursor: Option<String>,
    /// SKUs per page.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 200, default = 50)]
    limit: Option<String>,
}

impl ListParameters {
    /// # Errors
    /// 422 if the limit is wrong.
    pub(super) fn query(self) -> Result<ListStock, Problem> {
        let mut wrong = Wrong::default();
        match list::size(self.limit.as_deref(), &mut wrong) {
            Some(size) => Ok(ListStock { cursor: self.cursor, size }),
            None => Err(Rejection::invalid(wrong.into_errors()).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz;

    #[test]
    fn fuzz_stock_bodies() {
        ::fuzz::target(env!("CARGO_MANIFEST_DIR"), "stock_bodies", |bytes| {
            fuzz::body::<StockReceipt>(bytes);
            fuzz::body::<StockAdjustment>(bytes);
        });
    }
}
