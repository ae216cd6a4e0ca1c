//! As callers write them.

use domain::Rejection;
use domain::orders::{ListOrders, NewLine, OrderStatus, PlaceOrder, Reason};
use domain::products::Sku;
use domain::stock::Quantity;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::output::OrderState;
use crate::body::{Input, Object, Wrong};
use crate::list::{self, TimeOrder};
use crate::parameters;
use crate::problem::Problem;

/// An order to place.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "customerId": "01941f29-7c00-7000-8000-000000000003", "lines": [{"sku": "EMBER", "quantity": 2}]
}))]
pub(in super::super) struct NewOrder {
    /// An active customer of the tenant.
    customer_id: Uuid,
    #[schema(value_type = Vec<NewLineBody>, min_items = 1, max_items = 100)]
    lines: Vec<Object<NewLineBody>>,
}

/// A line to order.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewOrderLine)]
pub(in super::super) struct NewLineBody {
    /// Of a variant whose product is active; once in an order.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9._/-]+$")]
    sku: String,
    /// Pieces.
    #[schema(minimum = 1, maximum = 1000000)]
    quantity: i64,
}

impl Input for NewOrder {
    type Parsed = PlaceOrder;

    fn parse(self, wrong: &mut Wrong) -> Option<PlaceOrder> {
        // all of them are looked at before the first wrong one ends it
        let lines: Vec<_> = self.lines.into_iter().enumerate().map(|(at, line)| line.0.parse_at(at, wrong)).collect();
        let lines: Option<Vec<_>> = lines.into_iter().collect();
        Some(PlaceOrder { customer_id: self.customer_id, lines: lines? })
    }
}

impl NewLineBody {
    fn parse_at(self, at: usize, wrong: &mut Wrong) -> Option<NewLine> {
        let sku = wrong.take(Sku::parse(&self.sku, &format!("/lines/{at}/sku")));
        let quantity = wrong.take(Quantity::new(self.quantity, &format!("/lines/{at}/quantity")));
        Some(NewLine { sku: sku?, quantity: quantity? })
    }
}

/// Why an order is cancelled.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "Ordered twice"}))]
pub(in super::super) struct CancelReason {
    /// One line.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

impl Input for CancelReason {
    type Parsed = Reason;

    fn parse(self, wrong: &mut Wrong) -> Option<Reason> {
        wrong.take(Reason::parse(&self.reason, "/reason"))
    }
}

/// Filters, order and page of a list of orders.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in super::super) struct ListParameters {
    /// Only orders with this status.
    #[param(value_type = Option<OrderState>, inline)]
    status: Option<String>,
    /// Only orders of this customer.
    #[param(value_type = Option<Uuid>)]
    customer_id: Option<String>,
    /// `-` is descending; the default is `-created_at`.
    #[param(value_type = Option<TimeOrder>, inline)]
    sort: Option<String>,
    /// `next` of the page before.
    #[param(min_length = 1)]
    cursor: Option<String>,
    /// Orders per page.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 200, default = 50)]
    limit: Option<String>,
}

impl ListParameters {
    /// # Errors
    /// 422 with one entry per wrong parameter.
    pub(in super::super) fn query(self) -> Result<ListOrders, Problem> {
        let mut wrong = Wrong::default();
        let status = wrong.take_optional(self.status.map(|status| OrderStatus::parse(&status, "status")));
        let customer = wrong.take_optional(self.customer_id.map(|id| parameters::uuid(&id, "customerId")));
        let (sort, cursor, limit) = (self.sort.as_deref(), self.cursor.as_deref(), self.limit.as_deref());
        let page = list::listing_by_time(sort, cursor, limit, &mut wrong);
        match (status, customer, page) {
            (Some(status), Some(customer_id), Some(page)) => Ok(ListOrders { status, customer_id, page }),
            _ => Err(Rejection::invalid(wrong.into_errors()).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz;

    #[test]
    fn fuzz_order_bodies() {
        ::fuzz::target(env!("CARGO_MANIFEST_DIR"), "order_bodies", |bytes| {
            fuzz::body::<NewOrder>(bytes);
            fuzz::body::<CancelReason>(bytes);
        });
    }
}
