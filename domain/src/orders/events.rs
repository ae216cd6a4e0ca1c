//! What happened to orders. Each event carries the whole order as it is afterwards, so that a reader
//! looks nothing up; its `version` is the event's sequence.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::kernel::event::Event;

use super::model::{CancelCause, Cancellation, Order, OrderLine, OrderStatus, RefusedLine};

/// An order was placed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderCreated {
    /// As it is now.
    pub order: OrderSnapshot,
}

/// Stock has reserved everything the order asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderConfirmed {
    /// As it is now.
    pub order: OrderSnapshot,
}

/// An order was cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderCancelled {
    /// Why, in words.
    pub reason: String,
    /// Whether it held stock until now.
    pub stock: StockClaim,
    /// As it is now.
    pub order: OrderSnapshot,
}

/// What an order that was cancelled had of stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum StockClaim {
    /// It was confirmed: stock has all of it, and takes it back now.
    Held,
    /// It was pending: stock may have reserved it, or be about to, and lets go of it now.
    Unanswered,
    /// Stock had refused it.
    None,
}

/// An order right after an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderSnapshot {
    /// Never changes.
    pub id: Uuid,
    /// Whose.
    pub customer_id: Uuid,
    /// `pending`, `confirmed` or `cancelled`.
    pub status: OrderStatus,
    /// ISO 4217; of all amounts.
    pub currency: String,
    /// The sum of the lines, in minor units of the currency: 1999 EUR is € 19.99.
    pub total_amount: i64,
    /// All of them, 1–100, as ordered.
    pub lines: Vec<LineSnapshot>,
    /// Null if it never was.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// Null unless cancelled.
    pub cancellation: Option<CancellationSnapshot>,
    /// When it was placed.
    pub created_at: DateTime<Utc>,
    /// When it was last changed: by this event.
    pub updated_at: DateTime<Utc>,
    /// 1 when placed, one more with every event.
    pub version: i64,
}

/// A line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LineSnapshot {
    /// Of a variant; once in an order.
    pub sku: String,
    /// The product's name when it was ordered.
    pub name: String,
    /// Pieces.
    pub quantity: i64,
    /// Of one piece when it was ordered, in minor units of the currency.
    pub price_amount: i64,
    /// Of all pieces.
    pub total_amount: i64,
}

/// Why and when an order was cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CancellationSnapshot {
    /// `requested`, `insufficient_stock` or `processing_failed`.
    pub cause: CancelCause,
    /// In words.
    pub reason: String,
    /// What stock said against its lines; empty if it was not because of stock.
    pub lines: Vec<RefusedLine>,
    /// When.
    pub at: DateTime<Utc>,
}

impl From<&Order> for OrderSnapshot {
    fn from(order: &Order) -> Self {
        Self {
            id: order.id,
            customer_id: order.customer_id,
            status: order.status(),
            currency: order.currency.as_str().to_owned(),
            total_amount: order.total.minor_units(),
            lines: order.lines.iter().map(LineSnapshot::from).collect(),
            confirmed_at: order.confirmed_at,
            cancellation: order.cancellation.as_ref().map(CancellationSnapshot::from),
            created_at: order.created_at,
            updated_at: order.updated_at,
            version: order.version,
        }
    }
}

impl From<&OrderLine> for LineSnapshot {
    fn from(line: &OrderLine) -> Self {
        Self {
            sku: line.sku.as_str().to_owned(),
            name: line.name.as_str().to_owned(),
            quantity: line.quantity.pieces(),
            price_amount: line.price.minor_units(),
            total_amount: line.total.minor_units(),
        }
    }
}

impl From<&Cancellation> for CancellationSnapshot {
    fn from(cancellation: &Cancellation) -> Self {
        Self {
            cause: cancellation.cause,
            reason: cancellation.reason.as_str().to_owned(),
            lines: cancellation.lines.clone(),
            at: cancellation.at,
        }
    }
}

/// Type and aggregate of each event.
macro_rules! event {
    ($($event:ident = $name:literal),* $(,)?) => {$(
        impl Event for $event {
            const MODULE: &'static str = "orders";
            const TYPE: &'static str = concat!("com.offgrid.portal.orders.", $name);

            fn aggregate_id(&self) -> Uuid {
                self.order.id
            }

            fn sequence(&self) -> i64 {
                self.order.version
            }
        }
    )*};
}
event!(OrderCreated = "order-created", OrderConfirmed = "order-confirmed", OrderCancelled = "order-cancelled",);

#[cfg(test)]
mod tests {
    use super::super::model::Reason;
    use super::*;
    use crate::products::{Amount, Currency, ProductName, Sku};
    use crate::stock::{LineReason, Quantity};

    fn order() -> Order {
        let amount = |n| Amount::new(n, "").unwrap();
        let line = OrderLine {
            sku: Sku::parse("TENT-2P/GREEN", "").unwrap(),
            name: ProductName::parse("Tent", "").unwrap(),
            quantity: Quantity::new(2, "").unwrap(),
            price: amount(19_900),
            total: amount(39_800),
        };
        Order {
            id: "01980000-0000-7000-8000-000000000006".parse().unwrap(),
            customer_id: "01980000-0000-7000-8000-000000000001".parse().unwrap(),
            currency: Currency::parse("EUR", "").unwrap(),
            total: amount(39_800),
            lines: vec![line],
            confirmed_at: None,
            cancellation: None,
            created_at: "2026-03-01T09:30:00.123456Z".parse().unwrap(),
            updated_at: "2026-03-02T10:00:00Z".parse().unwrap(),
            version: 2,
        }
    }

    /// The wire format is a contract: its schema and an example of each event are pinned.
    fn pin<E: Event>(example: &E) {
        let name = E::TYPE.rsplit('.').next().unwrap();
        assert_eq!(example.aggregate_id(), order().id);
        assert_eq!(example.sequence(), 2);
        insta::assert_json_snapshot!(format!("{name}-example"), example);
        insta::assert_json_snapshot!(format!("{name}-schema"), schemars::schema_for!(E));
    }

    #[test]
    fn created() {
        pin(&OrderCreated { order: (&order()).into() });
    }

    #[test]
    fn confirmed() {
        let order = Order { confirmed_at: Some("2026-03-02T10:00:00Z".parse().unwrap()), ..order() };
        pin(&OrderConfirmed { order: (&order).into() });
    }

    #[test]
    fn cancelled() {
        let refused =
            RefusedLine { sku: "TENT-2P/GREEN".to_owned(), reason: LineReason::InsufficientStock, available: Some(1) };
        let cancellation = Cancellation {
            cause: CancelCause::InsufficientStock,
            reason: Reason::parse("not enough in stock of TENT-2P/GREEN", "").unwrap(),
            lines: vec![refused],
            at: "2026-03-02T10:00:00Z".parse().unwrap(),
        };
        let reason = cancellation.reason.as_str().to_owned();
        let order = Order { cancellation: Some(cancellation), ..order() };
        pin(&OrderCancelled { reason, stock: StockClaim::None, order: (&order).into() });
    }
}
