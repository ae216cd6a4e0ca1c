//! Books that balance, and known-bad ones that must be caught.

use super::super::books::{Item, Notification};
use super::*;

const COMPLETED: &str = "stock-process-completed";
const FAILED: &str = "stock-process-failed";
const CONFIRMED: &str = "order-confirmed";
const CANCELLED: &str = "order-cancelled";

fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

/// An order of 2 A and 1 HOT whose events, after the first, are these.
fn order(n: u128, cause: Option<&str>, decision: &str, story: &[&str]) -> Order {
    let status = if cause.is_some() { "cancelled" } else { "confirmed" };
    Order {
        status: status.to_owned(),
        confirmed: story.contains(&CONFIRMED),
        cause: cause.map(str::to_owned),
        lines: vec![("A".to_owned(), 2), ("HOT".to_owned(), 1)],
        short: Vec::new(),
        decision: Some(decision.to_owned()),
        command: format!("command-{n}"),
        story: std::iter::once(&"order-created").chain(story).map(|event| (*event).to_owned()).collect(),
        given_up: false,
    }
}

/// Two orders are confirmed; others end in each of the ways there are; one is refused at once.
fn good() -> Books {
    let requested = Some("requested");
    let mut orders = vec![
        order(1, None, "deducted", &[COMPLETED, CONFIRMED]),
        order(2, None, "deducted", &[COMPLETED, CONFIRMED]),
        order(3, requested, "returned", &[COMPLETED, CONFIRMED, CANCELLED]),
        order(4, requested, "released", &[CANCELLED, COMPLETED]),
        order(5, requested, "withdrawn", &[CANCELLED]),
        order(6, Some("insufficient_stock"), "failed", &[FAILED, CANCELLED]),
        order(7, Some("processing_failed"), "failed", &[FAILED, CANCELLED]),
    ];
    orders[5].short = vec![("HOT".to_owned(), 0)];
    orders[6].given_up = true;
    let mut notifications = Vec::new();
    for (n, order) in (1..).zip(&orders) {
        for event in [CONFIRMED, CANCELLED].into_iter().filter(|event| order.had(event)) {
            let (event, status) = (event.to_owned(), "logged".to_owned());
            notifications.push(Notification { order: id(n), event, status, jobs: 1 });
        }
    }
    let placed = |(n, order): (u128, &Order)| Placed {
        command: order.command.clone(),
        acceptable: true,
        order: Some(id(n)),
        cancellation: match order.cause.as_deref() {
            Some("requested") => Cancellation::Accepted,
            Some("insufficient_stock") => Cancellation::TooLate,
            _ => Cancellation::NotAsked,
        },
    };
    let refused =
        Placed { command: "refused".to_owned(), acceptable: false, order: None, cancellation: Cancellation::NotAsked };
    Books {
        placed: (1..).zip(&orders).map(placed).chain([refused]).collect(),
        received: [("A".to_owned(), 10), ("HOT".to_owned(), 2)].into(),
        hot: "HOT".to_owned(),
        items: [("A", 6), ("HOT", 0)].map(|(sku, on_hand)| (sku.to_owned(), Item { on_hand, reserved: 0 })).into(),
        orders: (1..).map(id).zip(orders).collect(),
        notifications,
        dead: vec![dead()],
        messages: [("a-queue".to_owned(), 0)].into(),
        failures: 5,
        copies: 7,
        ..Books::default()
    }
}

/// The handler that asks stock for an order, given up.
fn dead() -> DeadLetter {
    DeadLetter {
        id: "01".to_owned(),
        queue: "stock".to_owned(),
        event: Some("order-created".to_owned()),
        reason: "exhausted".to_owned(),
        error: SAID_TO_FAIL.to_owned(),
        attempts: 4,
        max_attempts: 4,
        redrives: 0,
    }
}

/// Which promises are broken after this change of good books.
fn broken(change: impl FnOnce(&mut Books)) -> Vec<Promise> {
    let mut books = good();
    change(&mut books);
    let mut promises: Vec<Promise> = check(&books).into_iter().map(|violation| violation.promise).collect();
    promises.sort();
    promises.dedup();
    promises
}

/// The same after a change of one order.
fn with(n: u128, change: impl FnOnce(&mut Order)) -> Vec<Promise> {
    broken(|books| change(books.orders.get_mut(&id(n)).unwrap()))
}

#[test]
fn good_books_balance() {
    assert_eq!(check(&good()), []);
}

#[test]
fn an_order_that_is_lost_placed_twice_or_out_of_nowhere() {
    let lost = |books: &mut Books| {
        books.orders.remove(&id(5));
        books.notifications.retain(|told| told.order != id(5));
    };
    assert_eq!(broken(lost), [Promise::Placed]);
    let twice = |books: &mut Books| {
        let again = order(1, Some("requested"), "withdrawn", &[CANCELLED]);
        books.orders.insert(id(8), again);
        let told = Notification { order: id(8), event: CANCELLED.into(), status: "logged".into(), jobs: 1 };
        books.notifications.push(told);
    };
    assert_eq!(broken(twice), [Promise::Placed]);
    assert_eq!(with(5, |order| order.command = "nobody".into()), [Promise::Placed]);
    assert_eq!(broken(|books| books.placed[0].acceptable = false), [Promise::Placed]);
    assert_eq!(broken(|books| books.placed[7].acceptable = true), [Promise::Placed, Promise::Happened]);
}

#[test]
fn an_order_that_does_not_end() {
    let pending = with(1, |order| {
        order.story.truncate(2);
        (order.status, order.confirmed) = ("pending".into(), false);
    });
    assert_eq!(pending, [Promise::Ended, Promise::Stock, Promise::Told]);
    assert_eq!(with(1, |order| order.confirmed = false), [Promise::Ended]);
    assert_eq!(with(5, |order| order.status = "pending".into()), [Promise::Ended]);
}

#[test]
fn events_that_tell_two_stories() {
    assert_eq!(with(1, |order| order.story.push(CONFIRMED.into())), [Promise::Ended]);
    assert_eq!(with(6, |order| order.story.insert(1, COMPLETED.into())), [Promise::Ended, Promise::Stock]);
    assert_eq!(with(1, |order| order.story.swap(1, 2)), [Promise::Ended]);
    assert_eq!(with(3, |order| order.story.swap(2, 3)), [Promise::Ended]);
    assert_eq!(with(1, |order| order.story.swap(0, 1)), [Promise::Ended]);
    assert_eq!(with(1, |order| order.story.push("order-forgotten".into())), [Promise::Ended]);
}

#[test]
fn a_cancellation_that_is_forgotten_or_that_nobody_asked_for() {
    assert_eq!(broken(|books| books.placed[0].cancellation = Cancellation::Accepted), [Promise::Cancelled]);
    assert_eq!(broken(|books| books.placed[2].cancellation = Cancellation::NotAsked), [Promise::Cancelled]);
    assert_eq!(broken(|books| books.placed[1].cancellation = Cancellation::TooLate), [Promise::Cancelled]);
}

#[test]
fn an_order_that_is_refused_for_no_reason() {
    assert_eq!(with(7, |order| order.given_up = false), [Promise::Reason]);
    assert_eq!(with(7, |order| order.cause = Some("a whim".into())), [Promise::Reason]);
    assert_eq!(with(6, |order| order.short = vec![("HOT".into(), 1)]), [Promise::Reason]);
    assert_eq!(with(6, |order| order.short.clear()), [Promise::Reason, Promise::Happened]);
    assert_eq!(with(1, |order| order.short = vec![("A".into(), 1)]), [Promise::Reason]);
}

#[test]
fn stock_that_does_not_add_up() {
    let item = |sku: &'static str, on_hand, reserved| {
        broken(move |books| {
            books.items.insert(sku.into(), Item { on_hand, reserved });
        })
    };
    assert_eq!(item("A", 5, 0), [Promise::Stock], "too few");
    assert_eq!(item("A", 7, 0), [Promise::Stock], "too many");
    assert_eq!(item("A", 6, 1), [Promise::Stock], "still reserved");
    assert_eq!(item("B", 1, 0), [Promise::Stock], "out of nowhere");
    let oversold = |books: &mut Books| {
        books.received.insert("HOT".into(), 1);
        books.items.insert("HOT".into(), Item { on_hand: -1, reserved: 0 });
    };
    assert_eq!(broken(oversold), [Promise::Stock]);
    assert_eq!(with(1, |order| order.lines.push(("C".into(), 1))), [Promise::Stock], "never came in");
    let gone = |books: &mut Books| {
        books.items.remove("A");
    };
    assert_eq!(broken(gone), [Promise::Stock]);
}

#[test]
fn stock_that_has_an_order_down_as_something_else() {
    for n in 1..=7 {
        assert_eq!(with(n, |order| order.decision = Some("reserved".into())), [Promise::Stock], "{n}");
    }
    assert_eq!(with(1, |order| order.decision = None), [Promise::Stock]);
    assert_eq!(with(3, |order| order.decision = Some("released".into())), []);
    assert_eq!(with(4, |order| order.decision = Some("returned".into())), [Promise::Stock]);
}

#[test]
fn a_customer_who_is_told_nothing_twice_or_something_else() {
    assert_eq!(broken(|books| drop(books.notifications.pop())), [Promise::Told]);
    assert_eq!(broken(|books| books.notifications.push(books.notifications[0].clone())), [Promise::Told]);
    assert_eq!(broken(|books| books.notifications[0].event = CANCELLED.into()), [Promise::Told]);
    assert_eq!(broken(|books| books.notifications[0].status = "queued".into()), [Promise::Told]);
    assert_eq!(broken(|books| books.notifications[0].jobs = 2), [Promise::Told]);
    assert_eq!(broken(|books| books.notifications[0].order = id(99)), [Promise::Told]);
}

#[test]
fn something_that_is_left() {
    assert_eq!(broken(|books| books.jobs.push("stock".into())), [Promise::Quiet]);
    let message = |books: &mut Books| {
        books.messages.insert("a-queue".into(), 1);
    };
    assert_eq!(broken(message), [Promise::Quiet]);
    assert_eq!(broken(|books| books.unhandled.push("an event".into())), [Promise::Handled]);
    let changes: [fn(&mut DeadLetter); 5] = [
        |dead| dead.error = "deadlock detected".into(),
        |dead| dead.event = Some(CONFIRMED.into()),
        |dead| dead.queue = "orders".into(),
        |dead| dead.reason = "crash_loop".into(),
        |dead| dead.attempts = 3,
    ];
    for change in changes {
        assert_eq!(broken(|books| change(&mut books.dead[0])), [Promise::Quiet]);
    }
}

#[test]
fn a_run_that_shows_nothing() {
    assert_eq!(broken(|books| books.failures = 0), [Promise::Happened]);
    assert_eq!(broken(|books| books.copies = 0), [Promise::Happened]);
    assert_eq!(broken(|books| books.hot = "WARM".into()), [Promise::Happened]);
    assert_eq!(broken(|books| drop(books.placed.pop())), [Promise::Happened]);
}
