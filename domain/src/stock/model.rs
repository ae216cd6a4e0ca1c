//! What an item of stock is, and the types its fields are parsed into.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::kernel::error::FieldError;
use crate::kernel::input;
pub use crate::kernel::reason::Reason;
use crate::products::Sku;

/// The stock of one SKU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockItem {
    /// Never changes.
    pub id: Uuid,
    /// Unique within the tenant; never changes.
    pub sku: Sku,
    /// Pieces that are there.
    pub on_hand: i64,
    /// Pieces of them that are promised to orders.
    pub reserved: i64,
    /// When stock of it was first received.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// 1 when first received, one more with every change, also by an order.
    pub version: i64,
    /// Events of the item so far: the sequence of the last. Orders have events of their own.
    pub events: i64,
}

/// How many pieces of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockLine {
    /// Of what.
    pub sku: Sku,
    /// How many.
    pub quantity: Quantity,
}

/// A number of pieces: 1–1,000,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, sqlx::Type)]
#[sqlx(transparent)]
pub struct Quantity(i64);

/// By how many pieces stock is corrected: up or down by 1–1,000,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Adjustment(i64);

impl StockItem {
    /// Pieces that can be promised.
    pub fn available(&self) -> i64 {
        self.on_hand - self.reserved
    }
}

impl Quantity {
    /// The largest.
    pub const MAX: i64 = 1_000_000;

    /// # Errors
    /// Names `pointer`; code `quantity_out_of_range`.
    pub fn new(pieces: i64, pointer: &str) -> Result<Self, FieldError> {
        if (1..=Self::MAX).contains(&pieces) {
            return Ok(Self(pieces));
        }
        Err(input::wrong(pointer, "quantity_out_of_range", format!("must be from 1 to {}", Self::MAX)))
    }

    /// The number itself.
    pub fn pieces(self) -> i64 {
        self.0
    }
}

impl Adjustment {
    /// # Errors
    /// Names `pointer`; code `quantity_out_of_range`.
    pub fn new(pieces: i64, pointer: &str) -> Result<Self, FieldError> {
        if pieces != 0 && (-Quantity::MAX..=Quantity::MAX).contains(&pieces) {
            return Ok(Self(pieces));
        }
        let detail = format!("must be from -{0} to {0}, and not 0", Quantity::MAX);
        Err(input::wrong(pointer, "quantity_out_of_range", detail))
    }

    /// The number itself.
    pub fn pieces(self) -> i64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantity_is_from_one_to_a_million() {
        for bad in [i64::MIN, -1, 0, 1_000_001, i64::MAX] {
            let error = Quantity::new(bad, "/quantity").unwrap_err();
            assert_eq!((error.pointer.as_str(), error.code), ("/quantity", "quantity_out_of_range"), "{bad}");
        }
        assert_eq!([1, 1_000_000].map(|n| Quantity::new(n, "").unwrap().pieces()), [1, 1_000_000]);
    }

    #[test]
    fn an_adjustment_goes_either_way_but_not_nowhere() {
        for bad in [i64::MIN, -1_000_001, 0, 1_000_001, i64::MAX] {
            assert_eq!(Adjustment::new(bad, "/quantity").unwrap_err().code, "quantity_out_of_range", "{bad}");
        }
        assert_eq!([-1_000_000, 1].map(|n| Adjustment::new(n, "").unwrap().pieces()), [-1_000_000, 1]);
    }
}
