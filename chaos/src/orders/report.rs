//! What is printed.

use std::collections::BTreeMap;
use std::time::Instant;

use super::Size;
use super::books::{Books, Cancellation};
use crate::faults::Fault;

/// When orders can be placed.
pub(crate) fn opened(begun: Instant, size: &Size) {
    let Size { orders, skus, .. } = size;
    println!("{:>6.1} s  the shop is open: {skus} SKUs; {orders} orders are placed", begun.elapsed().as_secs_f64());
}

/// When an act is over.
pub(crate) fn act(begun: Instant, fault: Fault, resting: Instant, put_back: usize, books: &Books) {
    let (now, rest) = (begun.elapsed().as_secs_f64(), resting.elapsed().as_secs_f64());
    println!("{now:>6.1} s  {fault}; {rest:.1} s from the last order to the check");
    let mut ends: BTreeMap<String, usize> = BTreeMap::new();
    for order in books.orders.values() {
        let end = order.cause.as_ref().map_or(order.status.clone(), |cause| format!("{}, {cause}", order.status));
        *ends.entry(end).or_default() += 1;
    }
    for (end, orders) in ends {
        println!("{end:<42} {orders:>8}");
    }
    let of = |wanted| books.placed.iter().filter(|placed| placed.cancellation == wanted).count();
    let rows = [
        ("orders refused at once", books.placed.iter().filter(|placed| placed.order.is_none()).count()),
        ("cancelled by their buyers", of(Cancellation::Accepted)),
        ("cancelled too late", of(Cancellation::TooLate)),
        ("notifications", books.notifications.len()),
        ("attempts that were said to fail", usize::try_from(books.failures).unwrap_or_default()),
        ("events delivered again on purpose", books.copies),
        ("dead letters put back in this act", put_back),
        ("dead letters left", books.dead.len()),
    ];
    for (what, count) in rows {
        println!("{what:<42} {count:>8}");
    }
}
