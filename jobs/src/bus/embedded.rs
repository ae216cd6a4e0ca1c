//! A bus inside the process: the whole flow runs with nothing but PostgreSQL.
//!
//! Consumer groups and subscribers get the very bytes that RabbitMQ would carry. An event is confirmed
//! once it waits in the database for every group that reacts to it, so that nothing gets lost with the
//! process. For subscribers, who only look on, nothing is kept.

mod groups;

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use domain::kernel::event::Envelope;
use tokio::sync::{mpsc, watch};

use super::cloudevent::{self, ContentMode, Message};
use super::consumer::Intake;
use super::{Bus, BusState, PublishError};
use groups::Groups;

/// Hands events to subscribers in this process. Up until it is closed.
pub struct Embedded {
    content_mode: ContentMode,
    /// Where consumer groups get their events.
    groups: Option<Groups>,
    /// `None` when closed.
    subscribers: Mutex<Option<Vec<mpsc::Sender<Arc<Message>>>>>,
    state: watch::Sender<BusState>,
}

/// Messages that wait for one subscriber at most.
pub const CAPACITY: usize = 256;

impl Embedded {
    /// A bus without subscribers or consumer groups.
    pub fn new(content_mode: ContentMode) -> Self {
        let (state, _) = watch::channel(BusState::Up);
        Self { content_mode, groups: None, subscribers: Mutex::new(Some(Vec::new())), state }
    }

    /// A bus whose events reach the consumer groups of `intake`. Starts the task that takes them, so
    /// it must be called inside a tokio runtime.
    pub fn with_consumers(content_mode: ContentMode, intake: Intake) -> Self {
        Self { groups: Some(Groups::start(intake)), ..Self::new(content_mode) }
    }

    /// Receives every event published from now on. A subscriber that stops reading holds up
    /// publishing once [`CAPACITY`] messages wait for it; one that is dropped does not. Ends when
    /// the bus is closed.
    pub fn subscribe(&self) -> mpsc::Receiver<Arc<Message>> {
        let (sender, receiver) = mpsc::channel(CAPACITY);
        self.with_subscribers(|subscribers| subscribers.push(sender));
        receiver
    }

    /// `None` when closed.
    fn with_subscribers<T>(&self, f: impl FnOnce(&mut Vec<mpsc::Sender<Arc<Message>>>) -> T) -> Option<T> {
        self.subscribers.lock().unwrap_or_else(PoisonError::into_inner).as_mut().map(f)
    }

    fn present(&self) -> Result<Vec<mpsc::Sender<Arc<Message>>>, PublishError> {
        self.with_subscribers(|subscribers| {
            subscribers.retain(|subscriber| !subscriber.is_closed());
            subscribers.clone()
        })
        .ok_or_else(|| PublishError::Unavailable(CLOSED.to_owned()))
    }
}

const CLOSED: &str = "the bus is closed";

#[async_trait]
impl Bus for Embedded {
    /// Confirmed once every group has it, and every present subscriber has room for it.
    async fn publish(&self, event: &Envelope) -> Result<(), PublishError> {
        let message =
            cloudevent::encode(event, self.content_mode).map_err(|error| PublishError::Invalid(error.to_string()))?;
        let message = Arc::new(message);
        let subscribers = self.present()?;
        if let Some(groups) = &self.groups {
            groups.take(&event.event_type, &message).await?;
        }
        // Room with all of them before any gets it: a publish that is given up reached nobody. All
        // ask in the same order, or two could hold what the other waits for.
        let mut room = Vec::new();
        for subscriber in subscribers {
            room.extend(subscriber.reserve_owned().await);
        }
        for permit in room {
            permit.send(message.clone());
        }
        Ok(())
    }

    fn state(&self) -> watch::Receiver<BusState> {
        self.state.subscribe()
    }

    async fn close(&self) {
        *self.subscribers.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.state.send_replace(BusState::Down { reason: CLOSED.to_owned() });
    }
}
