//! The way in: messages become jobs of their consumer groups, and are acknowledged after that commit.
//!
//! ```text
//! RabbitMQ queue ──┐                       ┌─ inbox row + handler job (one statement per batch)
//!                  ├─▶ intake: decode ─────┤                                   ──▶ acknowledge
//! embedded bus ────┘                       └─ cannot be read: dead letter with its bytes
//! ```
//!
//! No handler runs here: what is read is safe in PostgreSQL, and how it is handled, on which worker
//! and when, is the queue's business. A message that nobody can read is acknowledged as well, because
//! it would come back for ever; its bytes are in the dead letters.

mod intake;
mod rabbitmq;
mod unreadable;

use lapin::BasicProperties;

pub use intake::Intake;
pub use rabbitmq::{Receive, run};
pub(crate) use unreadable::{Unreadable, restore};

/// A message that arrived for a consumer group.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The group.
    pub consumer: String,
    /// Its AMQP properties.
    pub properties: BasicProperties,
    /// Its bytes.
    pub body: Vec<u8>,
    /// Why RabbitMQ gave it up and nobody is to read it; `None` for one that is delivered as usual.
    pub given_up: Option<String>,
}
