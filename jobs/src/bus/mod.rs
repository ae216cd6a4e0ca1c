//! The way out of the house: the only code that knows a broker.
//!
//! `jobs` calls [`Bus::publish`] once per attempt of an outbox job; [`cloudevent`] makes the
//! message; [`rabbitmq`] or [`embedded`] carries it and answers when it is safe. [`topology`] says
//! which queues there are, [`consumer`] takes in what arrives, [`console`] shows it to a developer.
//!
//! Nothing here keeps an event that was not confirmed. What `publish` did not confirm is the
//! caller's to try again: it is still an outbox job.

pub mod cloudevent;
pub mod console;
pub mod consumer;
pub mod embedded;
pub mod rabbitmq;
mod settings;
pub mod topology;

use std::collections::BTreeMap;

use async_trait::async_trait;
use domain::kernel::event::Envelope;
use tokio::sync::watch;

pub use cloudevent::ContentMode;
pub use embedded::Embedded;
pub use rabbitmq::RabbitMq;
pub use settings::{Settings, SettingsError};
pub use topology::Subscription;

/// Carries events to whoever listens.
#[async_trait]
pub trait Bus: Send + Sync + 'static {
    /// Publishes one event and returns when the broker has confirmed it.
    ///
    /// May be called for hundreds of events at once: none waits for another's confirm. Events of
    /// one key must be published one after the other. Dropping the future leaves open whether the
    /// event arrives: a caller's own timeout should be longer than [`Settings::confirm_timeout`].
    ///
    /// # Errors
    /// See [`PublishError`]; after any of them the event is not sent any more.
    async fn publish(&self, event: &Envelope) -> Result<(), PublishError>;

    /// Whether publishing is possible right now; changes are announced.
    fn state(&self) -> watch::Receiver<BusState>;

    /// The messages of each consumer group that wait at the broker, as of its last look, some seconds ago. Empty
    /// where nothing waits outside of the database.
    fn waiting(&self) -> BTreeMap<String, u64> {
        BTreeMap::new()
    }

    /// Waits for outstanding confirms (some seconds at most) and disconnects. Whatever is
    /// published afterwards is [`PublishError::Unavailable`].
    async fn close(&self);
}

/// Whether events can be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BusState {
    /// They can.
    Up,
    /// They cannot; it is being worked on.
    Down {
        /// Why, for a person. Holds no password.
        reason: String,
    },
}

/// Why an event was not confirmed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// There is no connection, or it was lost or silent before the confirm: the event may or may
    /// not have arrived. Not the event's fault: wait until the bus is up again.
    #[error("the broker is not available: {0}")]
    Unavailable(String),
    /// The broker refused to take it, for example because a queue is full.
    #[error("the broker refused the event: {0}")]
    Nacked(String),
    /// A queue that should receive it was not there. It has been declared again, so that the next
    /// attempt can succeed.
    #[error("no queue took the event: {0}")]
    Unroutable(String),
    /// It can never be published as it is.
    #[error("the event cannot be published: {0}")]
    Invalid(String),
}
