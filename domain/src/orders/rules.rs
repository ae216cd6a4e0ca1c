//! What may be ordered, and cancelled: pure decisions, one sentence each.

use std::collections::BTreeSet;

use crate::customers::{Customer, Status};
use crate::kernel::error::{FieldError, Rejection};
use crate::kernel::input;
use crate::products::{Amount, Currency, Offer, ProductStatus};
use crate::stock::LineReason;

use super::model::{CancelCause, NewLine, Order, OrderLine, OrderStatus, Reason, RefusedLine};

/// Lines of one order at most: its events carry all of them.
pub const MAX_LINES: usize = 100;

/// An order has 1 to [`MAX_LINES`] lines, no two of them with the same SKU.
pub(super) fn can_have_lines(lines: &[NewLine]) -> Result<(), Rejection> {
    if lines.is_empty() {
        return Err(Rejection::invalid_field("order_empty", "/lines", "an order needs at least one line"));
    }
    if lines.len() > MAX_LINES {
        let detail = format!("has {} lines; an order can have at most {MAX_LINES}", lines.len());
        return Err(Rejection::invalid_field("order_line_limit_reached", "/lines", detail));
    }
    let mut seen = BTreeSet::new();
    let wrong: Vec<FieldError> = lines
        .iter()
        .enumerate()
        .filter(|(_, line)| !seen.insert(&line.sku))
        .map(|(at, _)| {
            let detail = "an earlier line has this SKU; order all pieces of it with one line";
            input::wrong(&sku_of(at), "order_sku_repeated", detail)
        })
        .collect();
    if wrong.is_empty() { Ok(()) } else { Err(Rejection::invalid(wrong)) }
}

/// Only an active customer orders, and only what is sold, all in one currency. Gives that, and the offer of
/// each line; or says all that is wrong.
pub(super) fn can_order<'a>(
    customer: Option<&Customer>,
    lines: &[NewLine],
    offers: &'a [Offer],
) -> Result<(Currency, Vec<&'a Offer>), Rejection> {
    let found: Vec<Option<&Offer>> =
        lines.iter().map(|line| offers.iter().find(|offer| offer.sku == line.sku)).collect();
    let currency = found.iter().flatten().next().map(|offer| &offer.price.currency);
    let refused = |(at, offer): (usize, &Option<&Offer>)| {
        let (code, detail) = match offer {
            None => ("order_sku_unknown", "no variant of a product has this SKU".to_owned()),
            Some(offer) if offer.status == ProductStatus::Archived => {
                ("order_product_archived", "this product is not sold any more".to_owned())
            }
            Some(offer) if Some(&offer.price.currency) != currency => {
                let first = currency.map_or("", Currency::as_str);
                let detail = format!("is paid in {}, other lines in {first}", offer.price.currency.as_str());
                ("order_currency_mixed", detail)
            }
            Some(_) => return None,
        };
        Some(input::wrong(&sku_of(at), code, detail))
    };
    let wrong: Vec<FieldError> =
        refused_customer(customer).into_iter().chain(found.iter().enumerate().filter_map(refused)).collect();
    match currency {
        Some(currency) if wrong.is_empty() => Ok((currency.clone(), found.into_iter().flatten().collect())),
        _ => Err(Rejection::invalid(wrong)),
    }
}

fn refused_customer(customer: Option<&Customer>) -> Option<FieldError> {
    let (code, detail) = match customer.map(Customer::status) {
        None => ("order_customer_unknown", "there is no customer with this id"),
        Some(Status::Suspended) => ("order_customer_suspended", "this customer is suspended; reinstate it first"),
        Some(Status::Active) => return None,
    };
    Some(input::wrong("/customerId", code, detail))
}

/// What each line costs, and all of them: at the prices of `offers`, which are those of the lines.
pub(super) fn priced(lines: Vec<NewLine>, offers: &[&Offer]) -> Result<(Vec<OrderLine>, Amount), Rejection> {
    let too_large =
        || Rejection::invalid_field("order_total_too_large", "/lines", "the total is too large; place several orders");
    let (mut priced, mut sum) = (Vec::with_capacity(lines.len()), 0_i64);
    for (NewLine { sku, quantity }, offer) in lines.into_iter().zip(offers) {
        let price = offer.price.amount;
        let total = price.minor_units().checked_mul(quantity.pieces()).ok_or_else(too_large)?;
        sum = sum.checked_add(total).ok_or_else(too_large)?;
        let total = Amount::new(total, "/lines").map_err(|wrong| Rejection::invalid(vec![wrong]))?;
        priced.push(OrderLine { sku, name: offer.name.clone(), quantity, price, total });
    }
    let sum = Amount::new(sum, "/lines").map_err(|wrong| Rejection::invalid(vec![wrong]))?;
    Ok((priced, sum))
}

/// An order ends once.
pub(super) fn can_be_cancelled(order: &Order) -> Result<(), Rejection> {
    match order.status() {
        OrderStatus::Pending | OrderStatus::Confirmed => Ok(()),
        OrderStatus::Cancelled => {
            Err(Rejection::conflict("order_already_cancelled", "this order is cancelled; there is nothing to cancel"))
        }
    }
}

/// What stock said, as cause and in words.
pub(super) fn why(refused: &[RefusedLine]) -> (CancelCause, Reason) {
    let short: Vec<&str> = refused
        .iter()
        .filter(|line| line.reason == LineReason::InsufficientStock)
        .map(|line| line.sku.as_str())
        .collect();
    match short[..] {
        [] => (CancelCause::ProcessingFailed, Reason::said("stock could not be asked".to_owned())),
        [one] => (CancelCause::InsufficientStock, Reason::said(format!("not enough in stock of {one}"))),
        [first, ref others @ ..] => {
            let text = format!("not enough in stock of {first}, and of {} others", others.len());
            (CancelCause::InsufficientStock, Reason::said(text))
        }
    }
}

/// What a reader asks for must exist in its tenant.
pub(super) fn order_not_found() -> Rejection {
    Rejection::not_found("order_not_found", "there is no order with this id")
}

fn sku_of(at: usize) -> String {
    format!("/lines/{at}/sku")
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use uuid::Uuid;

    use super::*;
    use crate::customers::{Email, Name, Reason as SuspendReason, Suspension};
    use crate::products::{Currency, Price, ProductName, Sku};
    use crate::stock::Quantity;

    fn line(sku: &str, quantity: i64) -> NewLine {
        NewLine { sku: Sku::parse(sku, "").unwrap(), quantity: Quantity::new(quantity, "").unwrap() }
    }

    fn offer(sku: &str, amount: i64, currency: &str) -> Offer {
        Offer {
            sku: Sku::parse(sku, "").unwrap(),
            name: ProductName::parse("Tent", "").unwrap(),
            status: ProductStatus::Active,
            price: Price { amount: Amount::new(amount, "").unwrap(), currency: Currency::parse(currency, "").unwrap() },
        }
    }

    fn customer(suspended: bool) -> Customer {
        let at = DateTime::<Utc>::UNIX_EPOCH;
        let suspension = Suspension { reason: SuspendReason::parse("unpaid", "").unwrap(), since: at };
        Customer {
            id: Uuid::nil(),
            name: Name::parse("Ada", "").unwrap(),
            email: Email::parse("ada@example.com", "").unwrap(),
            phone: None,
            suspension: suspended.then_some(suspension),
            group_id: None,
            created_at: at,
            updated_at: at,
            version: 1,
        }
    }

    fn said(rejection: &Rejection) -> Vec<(&str, &str)> {
        rejection.fields.iter().map(|field| (field.pointer.as_str(), field.code)).collect()
    }

    #[test]
    fn an_order_has_one_to_a_hundred_lines() {
        assert_eq!(can_have_lines(&[]).unwrap_err().code, "order_empty");
        let many: Vec<_> = (0..=MAX_LINES).map(|n| line(&format!("S-{n}"), 1)).collect();
        assert!(can_have_lines(&many[..MAX_LINES]).is_ok());
        assert_eq!(can_have_lines(&many).unwrap_err().code, "order_line_limit_reached");
    }

    #[test]
    fn a_sku_stands_in_one_line() {
        let rejection = can_have_lines(&[line("A", 1), line("B", 1), line("A", 2)]).unwrap_err();
        assert_eq!(said(&rejection), [("/lines/2/sku", "order_sku_repeated")]);
        assert!(can_have_lines(&[line("A", 1), line("a", 1)]).is_ok());
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let archived = Offer { status: ProductStatus::Archived, ..offer("OLD", 1, "EUR") };
        let offers = [offer("USA", 1, "USD"), archived, offer("A", 1, "EUR")];
        let lines = [line("A", 1), line("NONE", 1), line("OLD", 1), line("USA", 1)];
        let lines_wrong = [
            ("/lines/1/sku", "order_sku_unknown"),
            ("/lines/2/sku", "order_product_archived"),
            ("/lines/3/sku", "order_currency_mixed"),
        ];
        let rejection = can_order(Some(&customer(false)), &lines, &offers).unwrap_err();
        assert_eq!(said(&rejection), lines_wrong);
        assert_eq!(rejection.fields[2].detail, "is paid in USD, other lines in EUR");
        let rejection = can_order(None, &lines, &offers).unwrap_err();
        assert_eq!(said(&rejection)[0], ("/customerId", "order_customer_unknown"));
        assert_eq!(said(&rejection)[1..], lines_wrong);
        let rejection = can_order(Some(&customer(true)), &lines[..1], &offers).unwrap_err();
        assert_eq!(said(&rejection), [("/customerId", "order_customer_suspended")]);
        let (currency, found) = can_order(Some(&customer(false)), &lines[..1], &offers).unwrap();
        assert_eq!((currency.as_str(), found), ("EUR", vec![&offers[2]]));
    }

    #[test]
    fn a_total_is_the_sum_of_its_lines() {
        let (a, b) = (offer("A", 1999, "EUR"), offer("B", 250, "EUR"));
        let (lines, total) = priced(vec![line("A", 2), line("B", 3)], &[&a, &b]).unwrap();
        let amounts: Vec<_> = lines.iter().map(|l| (l.price.minor_units(), l.total.minor_units())).collect();
        assert_eq!((amounts, total.minor_units()), (vec![(1999, 3998), (250, 750)], 4748));
    }

    #[test]
    fn a_total_that_cannot_be_counted_is_refused() {
        let (a, b) = (offer("A", i64::MAX, "EUR"), offer("B", 1, "EUR"));
        assert_eq!(priced(vec![line("A", 2)], &[&a]).unwrap_err().code, "order_total_too_large");
        assert_eq!(priced(vec![line("A", 1), line("B", 1)], &[&a, &b]).unwrap_err().code, "order_total_too_large");
        assert_eq!(priced(vec![line("A", 1)], &[&a]).unwrap().1.minor_units(), i64::MAX);
    }

    #[test]
    fn what_stock_said_is_put_in_words() {
        let refused = |sku: &str, reason| RefusedLine { sku: sku.to_owned(), reason, available: None };
        let short = |sku| refused(sku, LineReason::InsufficientStock);
        let told = |lines: &[RefusedLine]| {
            let (cause, reason) = why(lines);
            (cause, reason.as_str().to_owned())
        };
        let insufficient = CancelCause::InsufficientStock;
        assert_eq!(told(&[short("A")]), (insufficient, "not enough in stock of A".to_owned()));
        let several = told(&[short("A"), short("B"), short("C")]);
        assert_eq!(several, (insufficient, "not enough in stock of A, and of 2 others".to_owned()));
        let failed = told(&[refused("A", LineReason::ProcessingFailed)]);
        assert_eq!(failed, (CancelCause::ProcessingFailed, "stock could not be asked".to_owned()));
    }

    #[test]
    fn what_is_not_there_has_its_code() {
        let rejection = order_not_found();
        assert_eq!((rejection.code, rejection.kind), ("order_not_found", crate::RejectionKind::NotFound));
    }
}
