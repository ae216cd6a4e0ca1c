//! What may be taken from stock: pure decisions, one sentence each.

use crate::kernel::error::Rejection;

use super::events::{LineReason, ProcessLine};
use super::model::{Adjustment, StockItem, StockLine};

/// An adjustment leaves at least what orders have reserved. Gives what is on hand then.
pub(super) fn adjusted(item: &StockItem, by: Adjustment) -> Result<i64, Rejection> {
    let on_hand = item.on_hand + by.pieces();
    if on_hand >= item.reserved {
        return Ok(on_hand);
    }
    Err(Rejection::conflict(
        "stock_insufficient",
        format!(
            "{} are on hand and {} of them reserved: at most {} can be taken",
            item.on_hand,
            item.reserved,
            item.available()
        ),
    ))
}

/// An order gets all of its lines or none: the lines with what speaks against each. `items` may lack
/// some of them, of which there is nothing then.
pub(super) fn answers(lines: &[StockLine], items: &[StockItem]) -> Vec<ProcessLine> {
    let answer = |line: &StockLine| {
        let available = items.iter().find(|item| item.sku == line.sku).map_or(0, StockItem::available);
        let short = available < line.quantity.pieces();
        ProcessLine {
            reason: short.then_some(LineReason::InsufficientStock),
            available: short.then_some(available),
            ..asked(line)
        }
    };
    lines.iter().map(answer).collect()
}

/// A line that nothing speaks against.
pub(super) fn asked(line: &StockLine) -> ProcessLine {
    ProcessLine { sku: line.sku.as_str().to_owned(), quantity: line.quantity.pieces(), reason: None, available: None }
}

/// What a reader asks for must exist in its tenant.
pub(super) fn stock_not_found() -> Rejection {
    Rejection::not_found("stock_not_found", "nothing of this SKU was received yet")
}

/// Stock is of variants that the tenant has.
pub(super) fn sku_unknown() -> Rejection {
    Rejection::not_found("stock_sku_unknown", "no variant of a product has this SKU; create it first")
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use uuid::Uuid;

    use super::super::model::Quantity;
    use super::*;
    use crate::kernel::error::RejectionKind;
    use crate::products::Sku;

    fn item(sku: &str, on_hand: i64, reserved: i64) -> StockItem {
        let at = DateTime::<Utc>::UNIX_EPOCH;
        let sku = Sku::parse(sku, "").unwrap();
        StockItem { id: Uuid::nil(), sku, on_hand, reserved, created_at: at, updated_at: at, version: 1, events: 1 }
    }

    fn line(sku: &str, quantity: i64) -> StockLine {
        StockLine { sku: Sku::parse(sku, "").unwrap(), quantity: Quantity::new(quantity, "").unwrap() }
    }

    #[test]
    fn an_adjustment_never_takes_what_is_reserved() {
        let by = |pieces| adjusted(&item("A", 10, 4), Adjustment::new(pieces, "").unwrap());
        assert_eq!((by(5).unwrap(), by(-6).unwrap()), (15, 4));
        let rejection = by(-7).unwrap_err();
        assert_eq!((rejection.code, rejection.kind), ("stock_insufficient", RejectionKind::Conflict));
        assert_eq!(rejection.detail, "10 are on hand and 4 of them reserved: at most 6 can be taken");
    }

    #[test]
    fn each_line_that_is_short_says_so_and_what_there_is() {
        let items = [item("A", 10, 4), item("B", 1, 0)];
        let told = |lines: &[StockLine]| {
            answers(lines, &items).into_iter().map(|line| (line.reason, line.available)).collect::<Vec<_>>()
        };
        assert_eq!(told(&[line("A", 6), line("B", 1)]), [(None, None), (None, None)]);
        let short = Some(LineReason::InsufficientStock);
        assert_eq!(
            told(&[line("A", 7), line("B", 1), line("C", 1)]),
            [(short, Some(6)), (None, None), (short, Some(0))]
        );
    }

    #[test]
    fn each_no_has_its_code_and_kind() {
        for (rejection, code) in [(stock_not_found(), "stock_not_found"), (sku_unknown(), "stock_sku_unknown")] {
            assert_eq!((rejection.code, rejection.kind), (code, RejectionKind::NotFound));
        }
    }
}
