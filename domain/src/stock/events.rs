//! What happened to stock: to an item by staff, or to an order that asked for some. Each event carries
//! the item, or the order's process, as it is afterwards.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::kernel::event::Event;

use super::model::StockItem;

/// Pieces came in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StockReceived {
    /// How many, 1–1,000,000.
    pub quantity: i64,
    /// As it is now.
    pub stock: StockSnapshot,
}

/// What is on hand was corrected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StockAdjusted {
    /// By how many, up or down; not 0.
    pub quantity: i64,
    /// Why.
    pub reason: String,
    /// As it is now.
    pub stock: StockSnapshot,
}

/// Stock reserved everything an order asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StockProcessCompleted {
    /// For which order, and what.
    pub stock: StockProcess,
}

/// Stock reserved nothing of what an order asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StockProcessFailed {
    /// For which order, and why.
    pub stock: StockProcess,
}

/// An item right after an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StockSnapshot {
    /// Never changes.
    pub id: Uuid,
    /// Never changes.
    pub sku: String,
    /// Pieces that are there.
    pub on_hand: i64,
    /// Pieces of them that are promised to orders.
    pub reserved: i64,
    /// Pieces that can be promised: the difference.
    pub available: i64,
    /// When stock of it was first received.
    pub created_at: DateTime<Utc>,
    /// When it was last changed: by this event.
    pub updated_at: DateTime<Utc>,
    /// One more with every change; those by orders have no event of the item.
    pub version: i64,
    /// The number of this event among those of the item, from 1.
    pub sequence: i64,
}

/// What stock said to an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StockProcess {
    /// The order.
    pub order_id: Uuid,
    /// `reserved` or `failed`.
    pub outcome: Outcome,
    /// All lines of the order.
    pub lines: Vec<ProcessLine>,
    /// 1: an order is answered once.
    pub version: i64,
}

/// All lines or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// Everything the order asked for is reserved.
    Reserved,
    /// Nothing is.
    Failed,
}

/// What a line of an order asked for, and what spoke against it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProcessLine {
    /// Of what.
    pub sku: String,
    /// How many pieces.
    pub quantity: i64,
    /// Null if nothing speaks against this line.
    pub reason: Option<LineReason>,
    /// How many could have been promised; null unless there were too few.
    pub available: Option<i64>,
}

/// Why a line could not be reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LineReason {
    /// Fewer pieces are available.
    InsufficientStock,
    /// Stock could not be asked, also not when it was tried again.
    ProcessingFailed,
}

impl From<&StockItem> for StockSnapshot {
    fn from(item: &StockItem) -> Self {
        Self {
            id: item.id,
            sku: item.sku.as_str().to_owned(),
            on_hand: item.on_hand,
            reserved: item.reserved,
            available: item.available(),
            created_at: item.created_at,
            updated_at: item.updated_at,
            version: item.version,
            sequence: item.events,
        }
    }
}

/// Type and aggregate of each event.
macro_rules! event {
    ($($event:ident = $name:literal of $id:ident, $sequence:ident;)*) => {$(
        impl Event for $event {
            const MODULE: &'static str = "stock";
            const TYPE: &'static str = concat!("com.offgrid.portal.stock.", $name);

            fn aggregate_id(&self) -> Uuid {
                self.stock.$id
            }

            fn sequence(&self) -> i64 {
                self.stock.$sequence
            }
        }
    )*};
}
event!(
    StockReceived = "stock-received" of id, sequence;
    StockAdjusted = "stock-adjusted" of id, sequence;
    StockProcessCompleted = "stock-process-completed" of order_id, version;
    StockProcessFailed = "stock-process-failed" of order_id, version;
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::products::Sku;

    fn item() -> StockItem {
        StockItem {
            id: "01980000-0000-7000-8000-000000000005".parse().unwrap(),
            sku: Sku::parse("TENT-2P/GREEN", "").unwrap(),
            on_hand: 12,
            reserved: 2,
            created_at: "2026-03-01T09:30:00.123456Z".parse().unwrap(),
            updated_at: "2026-03-02T10:00:00Z".parse().unwrap(),
            version: 4,
            events: 3,
        }
    }

    fn line(sku: &str, reason: Option<LineReason>, available: Option<i64>) -> ProcessLine {
        ProcessLine { sku: sku.to_owned(), quantity: 3, reason, available }
    }

    fn process(outcome: Outcome, lines: Vec<ProcessLine>) -> StockProcess {
        let order_id = "01980000-0000-7000-8000-000000000006".parse().unwrap();
        StockProcess { order_id, outcome, lines, version: 1 }
    }

    /// The wire format is a contract: its schema and an example of each event are pinned.
    fn pin<E: Event>(example: &E, sequence: i64) {
        let name = E::TYPE.rsplit('.').next().unwrap();
        assert_eq!(example.sequence(), sequence);
        insta::assert_json_snapshot!(format!("{name}-example"), example);
        insta::assert_json_snapshot!(format!("{name}-schema"), schemars::schema_for!(E));
    }

    #[test]
    fn received() {
        pin(&StockReceived { quantity: 10, stock: (&item()).into() }, 3);
    }

    #[test]
    fn adjusted() {
        pin(&StockAdjusted { quantity: -1, reason: "damaged".to_owned(), stock: (&item()).into() }, 3);
    }

    #[test]
    fn completed() {
        pin(&StockProcessCompleted { stock: process(Outcome::Reserved, vec![line("EMBER", None, None)]) }, 1);
    }

    #[test]
    fn failed() {
        let short = line("TENT-2P/GREEN", Some(LineReason::InsufficientStock), Some(2));
        pin(&StockProcessFailed { stock: process(Outcome::Failed, vec![line("EMBER", None, None), short]) }, 1);
        assert_eq!(serde_json::to_value(LineReason::ProcessingFailed).unwrap(), "processing_failed");
    }
}
