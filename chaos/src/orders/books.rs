//! What is known when everything is quiet again: what buyers remember, and what the database and the broker
//! hold.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

/// Everything the checker looks at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Books {
    pub(crate) placed: Vec<Placed>,
    /// Pieces that were put in stock, by SKU.
    pub(crate) received: BTreeMap<String, i64>,
    /// The SKU that many want.
    pub(crate) hot: String,
    pub(crate) orders: HashMap<Uuid, Order>,
    pub(crate) items: BTreeMap<String, Item>,
    pub(crate) notifications: Vec<Notification>,
    /// Events and the groups that have not handled them, unless they are among the dead letters.
    pub(crate) unhandled: Vec<String>,
    /// Jobs that still have something to do.
    pub(crate) jobs: Vec<String>,
    pub(crate) dead: Vec<DeadLetter>,
    /// Messages in each queue of the broker.
    pub(crate) messages: BTreeMap<String, u64>,
    /// Attempts that were said to fail.
    pub(crate) failures: i64,
    /// Copies of events that the broker took.
    pub(crate) copies: usize,
}

/// An order as its buyer remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placed {
    /// Correlation id and idempotency key.
    pub(crate) command: String,
    /// Whether customer and SKUs are such that it must be taken.
    pub(crate) acceptable: bool,
    /// Its id; none if it was refused.
    pub(crate) order: Option<Uuid>,
    pub(crate) cancellation: Cancellation,
}

/// What became of cancelling it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cancellation {
    NotAsked,
    Accepted,
    /// It was cancelled already.
    TooLate,
}

/// An order as the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) status: String,
    /// Whether it ever was confirmed.
    pub(crate) confirmed: bool,
    /// Why it was cancelled.
    pub(crate) cause: Option<String>,
    /// SKUs and pieces.
    pub(crate) lines: Vec<(String, i64)>,
    /// SKUs that stock said it had too little of, and how much it had.
    pub(crate) short: Vec<(String, i64)>,
    /// What stock has it down as.
    pub(crate) decision: Option<String>,
    /// Correlation id of the request that placed it.
    pub(crate) command: String,
    /// Its events and those of its stock process: the last words of their types, in the order of the log.
    pub(crate) story: Vec<String>,
    /// Whether the handler that asks stock for it has ever become a dead letter.
    pub(crate) given_up: bool,
}

/// A row of stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) on_hand: i64,
    pub(crate) reserved: i64,
}

/// A row of notifications.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notification {
    pub(crate) order: Uuid,
    /// `order-confirmed` or `order-cancelled`.
    pub(crate) event: String,
    pub(crate) status: String,
    /// Jobs that sent it.
    pub(crate) jobs: i64,
}

/// A job that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeadLetter {
    pub(crate) id: String,
    pub(crate) queue: String,
    /// Last word of the type of the event it handles; none if it handles none.
    pub(crate) event: Option<String>,
    pub(crate) reason: String,
    pub(crate) error: String,
    pub(crate) attempts: i32,
    pub(crate) max_attempts: i32,
    /// How often an operator put it back.
    pub(crate) redrives: i32,
}

impl DeadLetter {
    /// Whether it asks stock for an order: giving that up has told the order, which is cancelled then.
    /// Whatever else is given up remains to be done.
    pub(crate) fn has_been_answered(&self) -> bool {
        self.queue == "stock" && self.event.as_deref() == Some("order-created")
    }
}

impl Order {
    /// Whether this is among its events.
    pub(crate) fn had(&self, event: &str) -> bool {
        self.story.iter().any(|one| one == event)
    }
}
