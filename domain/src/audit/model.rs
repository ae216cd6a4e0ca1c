//! What an auditor asks for, and gets.

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::difference::Change;
use crate::customers::CustomerCreated;
use crate::kernel::ctx::{Actor, CorrelationId};
use crate::kernel::event::Event;
use crate::kernel::page::SearchText;
use crate::orders::OrderCreated;
use crate::products::ProductCreated;
use crate::stock::StockReceived;
use crate::webhooks::EndpointCreated;

/// The modules that emit events, each about one kind of entity that has its name.
pub const ENTITIES: [&str; 5] = [
    CustomerCreated::MODULE,
    OrderCreated::MODULE,
    ProductCreated::MODULE,
    StockReceived::MODULE,
    EndpointCreated::MODULE,
];

/// Which events; every given condition must hold.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Of this module.
    pub stream: Option<SearchText>,
    /// Of this CloudEvents type.
    pub event_type: Option<SearchText>,
    /// Of this aggregate.
    pub aggregate: Option<Uuid>,
    /// Caused by this person or program.
    pub actor: Option<Actor>,
    /// Belonging to what this request caused.
    pub correlation_id: Option<CorrelationId>,
    /// Then or later.
    pub from: Option<DateTime<Utc>>,
    /// Before.
    pub to: Option<DateTime<Utc>>,
}

/// An entity as it is or was.
#[derive(Debug, Clone)]
pub struct Document {
    /// Its module.
    pub entity: &'static str,
    /// Which.
    pub id: Uuid,
    /// The sequence of the last event in it.
    pub version: i64,
    /// Of the present state when it was kept, of an earlier one the time of its event.
    pub changed_at: DateTime<Utc>,
    /// What it says.
    pub document: Box<RawValue>,
}

/// Which state of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// As kept by the event processor, which is moments behind.
    Now,
    /// After the last event up to this time.
    Time(DateTime<Utc>),
    /// After the event with this sequence.
    Version(i64),
}

/// A document, and how it differs from another version of it if that was asked for.
#[derive(Debug, Clone)]
pub struct Compared {
    /// In the state asked for.
    pub document: Document,
    /// From the other version to this one.
    pub comparison: Option<Comparison>,
}

/// What differs from another version.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The other version.
    pub version: i64,
    /// What it takes to get from that one to the document shown; nothing if they are alike.
    pub changes: Vec<Change>,
}
