//! As callers see them.

use chrono::{DateTime, Utc};
use domain::orders::{CancelCause, Cancellation, Order, OrderLine, OrderStatus, OrderSummary, RefusedLine};
use domain::products::{Amount, Currency};
use domain::stock::LineReason;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// An order of a customer, with its lines.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Order)]
pub(in super::super) struct OrderBody {
    #[serde(flatten)]
    summary: OrderSummaryBody,
    /// As ordered.
    lines: Vec<LineBody>,
}

/// An order of a customer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OrderSummary)]
pub(in super::super) struct OrderSummaryBody {
    /// Never changes.
    #[schema(example = "01941f29-7c00-7000-8000-000000000501")]
    id: Uuid,
    #[schema(example = "01941f29-7c00-7000-8000-000000000003")]
    customer_id: Uuid,
    status: OrderState,
    /// The sum of its lines.
    total: AmountBody,
    /// When stock had reserved all of it; null if it never had.
    #[schema(required = true)]
    confirmed_at: Option<DateTime<Utc>>,
    /// Null unless cancelled.
    #[schema(required = true)]
    cancellation: Option<CancellationBody>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    /// 1 when placed, one more with every change. In quotes it is the `ETag`.
    #[schema(example = 1)]
    version: i64,
}

/// Where an order stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = OrderStatus)]
pub(super) enum OrderState {
    Pending,
    Confirmed,
    Cancelled,
}

/// What one SKU's pieces cost.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OrderLine)]
struct LineBody {
    #[schema(example = "EMBER")]
    sku: String,
    /// The product's name when it was ordered.
    #[schema(example = "Gas stove Ember")]
    name: String,
    /// Pieces.
    #[schema(example = 2, minimum = 1, maximum = 1000000)]
    quantity: i64,
    /// Of one piece, when it was ordered.
    price: AmountBody,
    /// Of all pieces.
    total: AmountBody,
}

/// An amount of money.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Amount)]
struct AmountBody {
    /// In minor units of the currency: 10980 EUR is € 109.80.
    #[schema(example = 10980, minimum = 0)]
    amount: i64,
    /// ISO 4217; the same in the whole order.
    #[schema(example = "EUR")]
    currency: String,
}

/// Why and when an order was cancelled.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Cancellation)]
struct CancellationBody {
    cause: Cause,
    /// As given by who cancelled it, or in words what stock said.
    #[schema(example = "Ordered twice")]
    reason: String,
    /// What stock said against its lines; empty if it was not because of stock.
    lines: Vec<RefusedLineBody>,
    at: DateTime<Utc>,
}

/// What made an order end.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CancelCause)]
enum Cause {
    /// Somebody asked for it.
    Requested,
    /// There was too little of something.
    InsufficientStock,
    /// Stock could not be asked.
    ProcessingFailed,
}

/// A line that stock could not reserve.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RefusedLine)]
struct RefusedLineBody {
    #[schema(example = "EMBER")]
    sku: String,
    reason: Refusal,
    /// How many pieces could have been promised; null unless there were too few.
    #[schema(required = true)]
    available: Option<i64>,
}

/// Why stock could not reserve a line.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Refusal {
    InsufficientStock,
    ProcessingFailed,
}

impl From<OrderSummary> for OrderSummaryBody {
    fn from(order: OrderSummary) -> Self {
        Self {
            id: order.id,
            customer_id: order.customer_id,
            status: match order.status {
                OrderStatus::Pending => OrderState::Pending,
                OrderStatus::Confirmed => OrderState::Confirmed,
                OrderStatus::Cancelled => OrderState::Cancelled,
            },
            total: AmountBody::new(order.total, &order.currency),
            confirmed_at: order.confirmed_at,
            cancellation: order.cancellation.map(CancellationBody::from),
            created_at: order.created_at,
            updated_at: order.updated_at,
            version: order.version,
        }
    }
}

impl From<Order> for OrderBody {
    fn from(mut order: Order) -> Self {
        let lines = std::mem::take(&mut order.lines);
        let lines = lines.into_iter().map(|line| LineBody::new(line, &order.currency)).collect();
        Self { lines, summary: OrderSummary::from(order).into() }
    }
}

impl LineBody {
    fn new(line: OrderLine, currency: &Currency) -> Self {
        Self {
            sku: line.sku.as_str().to_owned(),
            name: line.name.as_str().to_owned(),
            quantity: line.quantity.pieces(),
            price: AmountBody::new(line.price, currency),
            total: AmountBody::new(line.total, currency),
        }
    }
}

impl AmountBody {
    fn new(amount: Amount, currency: &Currency) -> Self {
        Self { amount: amount.minor_units(), currency: currency.as_str().to_owned() }
    }
}

impl From<Cancellation> for CancellationBody {
    fn from(cancellation: Cancellation) -> Self {
        Self {
            cause: match cancellation.cause {
                CancelCause::Requested => Cause::Requested,
                CancelCause::InsufficientStock => Cause::InsufficientStock,
                CancelCause::ProcessingFailed => Cause::ProcessingFailed,
            },
            reason: cancellation.reason.as_str().to_owned(),
            lines: cancellation.lines.into_iter().map(RefusedLineBody::from).collect(),
            at: cancellation.at,
        }
    }
}

impl From<RefusedLine> for RefusedLineBody {
    fn from(line: RefusedLine) -> Self {
        let reason = match line.reason {
            LineReason::InsufficientStock => Refusal::InsufficientStock,
            LineReason::ProcessingFailed => Refusal::ProcessingFailed,
        };
        Self { sku: line.sku, reason, available: line.available }
    }
}
