//! Whether the books balance. Pure: no I/O.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use uuid::Uuid;

use super::SAID_TO_FAIL;
use super::books::{Books, Cancellation, DeadLetter, Order, Placed};
use crate::check::Violation;

/// What must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Promise {
    /// What can be taken is taken, once, and nothing else.
    Placed,
    /// Every order ends, and its events tell one story.
    Ended,
    /// What a buyer cancelled is cancelled.
    Cancelled,
    /// An order is cancelled by nobody without a reason.
    Reason,
    /// Stock is what came in, less exactly what confirmed orders hold.
    Stock,
    /// One notification of each end of an order, sent by one job.
    Told,
    /// Every event has its effect in every group.
    Handled,
    /// Nothing is left but dead letters that failures explain.
    Quiet,
    /// What this is about took place.
    Happened,
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Placed => "an order that can be taken is taken, once, and no other",
            Self::Ended => "every order ends confirmed or cancelled, and its events tell one story",
            Self::Cancelled => "an order that was cancelled by its buyer is cancelled",
            Self::Reason => "an order is refused for a reason that holds",
            Self::Stock => "stock is what came in, less exactly what confirmed orders hold",
            Self::Told => "what became of an order is told in exactly one notification",
            Self::Handled => "every event has its effect in every consumer group",
            Self::Quiet => "nothing is left in any queue but the dead letters that failures explain",
            Self::Happened => "what this scenario is about takes place",
        })
    }
}

/// Looks at everything; violations in no particular order.
pub(crate) fn check(books: &Books) -> Vec<Violation<Promise>> {
    let mut broken = Broken(Vec::new());
    placed(books, &mut broken);
    for (id, order) in &books.orders {
        ended(*id, order, &mut broken);
        refused(*id, order, &mut broken);
    }
    stock(books, &mut broken);
    told(books, &mut broken);
    quiet(books, &mut broken);
    happened(books, &mut broken);
    broken.0
}

struct Broken(Vec<Violation<Promise>>);

impl Broken {
    fn add(&mut self, promise: Promise, example: String) {
        self.0.push(Violation { promise, example });
    }

    fn unless(&mut self, holds: bool, promise: Promise, example: impl FnOnce() -> String) {
        if !holds {
            self.add(promise, example());
        }
    }
}

/// What buyers remember is there, and nothing else is.
fn placed(books: &Books, broken: &mut Broken) {
    let mut of_command: HashMap<&str, Vec<Uuid>> = HashMap::new();
    for (id, order) in &books.orders {
        of_command.entry(&order.command).or_default().push(*id);
    }
    for placed in &books.placed {
        let Placed { command, acceptable, order, cancellation } = placed;
        let there = of_command.remove(command.as_str()).unwrap_or_default();
        broken.unless(there == Vec::from_iter(*order), Promise::Placed, || {
            format!("{command} was answered {order:?}, and made {there:?}")
        });
        broken.unless(order.is_some() == *acceptable, Promise::Placed, || {
            format!("{command} was answered {order:?}, and can be taken: {acceptable}")
        });
        if let Some(order) = order.and_then(|id| books.orders.get(&id)) {
            let cause = order.cause.as_deref();
            let kept = match cancellation {
                Cancellation::NotAsked => cause != Some("requested"),
                Cancellation::Accepted => cause == Some("requested"),
                Cancellation::TooLate => cause.is_some_and(|cause| cause != "requested"),
            };
            broken.unless(kept, Promise::Cancelled, || format!("{command}: {cancellation:?}, but {order:?}"));
        }
    }
    for (command, orders) in of_command {
        broken.add(Promise::Placed, format!("{orders:?} were placed by {command}, which no buyer remembers"));
    }
}

/// Each thing happens to an order once, in the order that one leads to another; what it is and what stock has
/// it down as is what its events say.
fn ended(id: Uuid, order: &Order, broken: &mut Broken) {
    let at = |event: &str| order.story.iter().position(|one| one == event);
    let each_once = order.story.iter().collect::<BTreeSet<_>>().len() == order.story.len();
    let (completed, failed) = (at("stock-process-completed"), at("stock-process-failed"));
    let (confirmed, cancelled) = (at("order-confirmed"), at("order-cancelled"));
    let answers = usize::from(completed.is_some()) + usize::from(failed.is_some());
    let known = 1 + answers + usize::from(confirmed.is_some()) + usize::from(cancelled.is_some());
    let one_story = each_once
        && at("order-created") == Some(0)
        && order.story.len() == known
        && answers <= 1
        && confirmed.is_none_or(|confirmed| completed.is_some_and(|completed| completed < confirmed))
        && (confirmed.is_none() || cancelled.is_none() || confirmed < cancelled);
    broken.unless(one_story, Promise::Ended, || format!("{id}: {:?}", order.story));
    let (status, decisions): (&str, &[&str]) = match (confirmed.is_some(), cancelled.is_some()) {
        (true, false) => ("confirmed", &["deducted"]),
        // the cancellation may have overtaken the confirmation: then the pieces never left
        (true, true) => ("cancelled", &["returned", "released"]),
        (false, true) if completed.is_some() => ("cancelled", &["released"]),
        (false, true) if failed.is_some() => ("cancelled", &["failed"]),
        (false, true) => ("cancelled", &["withdrawn"]),
        (false, false) => ("confirmed or cancelled", &[]),
    };
    let is = (order.status.as_str(), order.confirmed);
    broken.unless(is == (status, confirmed.is_some()), Promise::Ended, || {
        format!("{id} is {}, its events {:?}", order.status, order.story)
    });
    let decision = order.decision.as_deref().unwrap_or("unknown");
    broken.unless(decisions.contains(&decision), Promise::Stock, || {
        format!("{id} is {decision} to stock, its events {:?}", order.story)
    });
}

/// Stock had too little of something, or was given up being asked.
fn refused(id: Uuid, order: &Order, broken: &mut Broken) {
    let wanted = |sku: &str| order.lines.iter().find(|(of, _)| of == sku).map_or(0, |(_, pieces)| *pieces);
    let holds = match order.cause.as_deref() {
        None | Some("requested") => order.short.is_empty(),
        Some("insufficient_stock") => {
            !order.short.is_empty() && order.short.iter().all(|(sku, available)| *available < wanted(sku))
        }
        Some("processing_failed") => order.short.is_empty() && order.given_up,
        Some(_) => false,
    };
    broken.unless(holds, Promise::Reason, || format!("{id}: {order:?}"));
}

fn stock(books: &Books, broken: &mut Broken) {
    let mut held: BTreeMap<&str, i64> = BTreeMap::new();
    for order in books.orders.values().filter(|order| order.status == "confirmed") {
        for (sku, pieces) in &order.lines {
            *held.entry(sku).or_default() += pieces;
        }
    }
    for sku in books.received.keys().chain(books.items.keys()).collect::<BTreeSet<_>>() {
        let received = books.received.get(sku).copied().unwrap_or_default();
        let held = held.remove(sku.as_str()).unwrap_or_default();
        let is = books.items.get(sku).map(|item| (item.on_hand, item.reserved));
        broken.unless(is == Some((received - held, 0)) && received >= held, Promise::Stock, || {
            format!("{sku}: {received} came in, orders hold {held}, on hand and reserved are {is:?}")
        });
    }
    for (sku, pieces) in held {
        broken.add(Promise::Stock, format!("{sku}: orders hold {pieces}, none came in"));
    }
}

/// Of each end: a confirmed order that was cancelled later has had two.
fn told(books: &Books, broken: &mut Broken) {
    let mut of_order: HashMap<Uuid, Vec<(&str, &str, i64)>> = HashMap::new();
    for told in &books.notifications {
        let one = (told.event.as_str(), told.status.as_str(), told.jobs);
        of_order.entry(told.order).or_default().push(one);
    }
    for (id, order) in &books.orders {
        let mut told = of_order.remove(id).unwrap_or_default();
        told.sort_unstable();
        let ends = ["order-cancelled", "order-confirmed"].into_iter().filter(|event| order.had(event));
        let expected: Vec<_> = ends.map(|event| (event, "logged", 1)).collect();
        broken.unless(told == expected, Promise::Told, || format!("{id} is {}, and told is {told:?}", order.status));
    }
    for (id, told) in of_order {
        broken.add(Promise::Told, format!("{told:?} of {id}, which there is not"));
    }
}

fn quiet(books: &Books, broken: &mut Broken) {
    for unhandled in &books.unhandled {
        broken.add(Promise::Handled, unhandled.clone());
    }
    for job in &books.jobs {
        broken.add(Promise::Quiet, format!("job {job}"));
    }
    for (queue, messages) in books.messages.iter().filter(|(_, messages)| **messages > 0) {
        broken.add(Promise::Quiet, format!("{messages} messages in {queue}"));
    }
    for dead in books.dead.iter().filter(|dead| !is_explained(dead)) {
        broken.add(Promise::Quiet, format!("{dead:?}"));
    }
}

/// It failed as often as it may because it was said to, and nothing remains to be done.
fn is_explained(dead: &DeadLetter) -> bool {
    dead.has_been_answered()
        && dead.reason == "exhausted"
        && dead.error == SAID_TO_FAIL
        && dead.attempts >= dead.max_attempts
}

/// Otherwise the rest would show nothing.
fn happened(books: &Books, broken: &mut Broken) {
    let wants_hot = |order: &&Order| order.lines.iter().any(|(sku, _)| *sku == books.hot);
    let hot: Vec<&Order> = books.orders.values().filter(wants_hot).collect();
    let was_short = |order: &&Order| order.short.iter().any(|(sku, _)| *sku == books.hot);
    let cancelled = |confirmed: bool| {
        let requested = |order: &Order| order.cause.as_deref() == Some("requested") && order.confirmed == confirmed;
        books.orders.values().any(requested)
    };
    for (took_place, what) in [
        (books.failures > 0, "handlers fail"),
        (books.copies > 0, "events arrive twice"),
        (hot.iter().any(|order| order.confirmed), "some get what many want"),
        (hot.iter().any(was_short), "others do not"),
        (cancelled(false), "an order is cancelled before it is confirmed"),
        (cancelled(true), "an order is cancelled after it was confirmed"),
        (books.placed.iter().any(|placed| !placed.acceptable), "an order cannot be taken"),
    ] {
        broken.unless(took_place, Promise::Happened, || format!("not once: {what}"));
    }
}

#[cfg(test)]
mod tests;
