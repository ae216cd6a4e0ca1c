//! Whether events can be published, and where they enter.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, watch};

use super::session::Outgoing;
use crate::bus::{BusState, PublishError};

/// Shared by those who publish and the session that does it. Logs changes, one line each.
pub(super) struct Status {
    address: String,
    state: watch::Sender<BusState>,
    entrance: Mutex<Option<mpsc::Sender<Outgoing>>>,
    /// Messages that wait for each consumer group.
    waiting: Mutex<BTreeMap<String, u64>>,
}

impl Status {
    pub(super) fn new(address: String) -> Self {
        let (state, _) = watch::channel(BusState::Down { reason: format!("still connecting to {address}") });
        Self { address, state, entrance: Mutex::new(None), waiting: Mutex::default() }
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<BusState> {
        self.state.subscribe()
    }

    /// Where events enter now.
    pub(super) fn entrance(&self) -> Result<mpsc::Sender<Outgoing>, PublishError> {
        if let Some(entrance) = &*self.lock() {
            return Ok(entrance.clone());
        }
        Err(match &*self.state.borrow() {
            BusState::Down { reason } => PublishError::Unavailable(reason.clone()),
            BusState::Up => PublishError::Unavailable("the connection was lost".to_owned()),
        })
    }

    pub(super) fn up(&self, entrance: mpsc::Sender<Outgoing>) {
        *self.lock() = Some(entrance);
        if self.replace(BusState::Up) {
            tracing::info!(broker = %self.address, "RabbitMQ is connected");
        }
    }

    pub(super) fn down(&self, reason: String) {
        *self.lock() = None;
        if self.replace(BusState::Down { reason: reason.clone() }) {
            tracing::warn!(broker = %self.address, %reason, "RabbitMQ is not available, events wait");
        }
    }

    /// For good, and as wished.
    pub(super) fn closed(&self) {
        *self.lock() = None;
        self.replace(BusState::Down { reason: "the bus is closed".to_owned() });
    }

    /// The last look at the queues.
    pub(super) fn waiting(&self) -> BTreeMap<String, u64> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn looked(&self, waiting: BTreeMap<String, u64>) {
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = waiting;
    }

    fn lock(&self) -> MutexGuard<'_, Option<mpsc::Sender<Outgoing>>> {
        self.entrance.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Announces a state unless it is the present one.
    fn replace(&self, new: BusState) -> bool {
        self.state.send_if_modified(|state| {
            let changed = *state != new;
            *state = new;
            changed
        })
    }
}
