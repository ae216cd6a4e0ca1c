//! Everything that happens later: the job runtime, the bus, and what each job does.
//!
//! [`registry`] has THE lists. A handler is one function and one line there.

mod audit;
mod breaker;
pub mod bus;
mod causes;
#[cfg(test)]
mod fuzz;
mod messaging;
pub mod metrics;
pub mod notifications;
mod operations;
mod orders;
pub mod reactions;
pub mod registry;
pub mod runtime;
mod schedules;
mod stock;
pub mod webhooks;

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::kernel::job::Job as _;
use domain::messaging::PublishEvent;
use domain::{Db, Error};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use bus::consumer::{self, Intake, Receive};
use bus::{Bus, BusState};
use reactions::Reactions;
use runtime::{Dependency, Once, Runtime, Settings};

/// What connects a worker process to the others.
pub struct Wiring {
    /// Where committed events are published.
    pub bus: Arc<dyn Bus>,
    /// What happens on events that arrive.
    pub reactions: Arc<Reactions>,
    /// Where events arrive from; `None` with a bus that hands them over itself, or for a process that
    /// only publishes.
    pub receive: Option<Receive>,
    /// How customers are told.
    pub notifications: Arc<notifications::Sender>,
    /// The types of which an event is not published when the next one of its aggregate is of the same type, and
    /// about to be: some of [`registry::collapsible`].
    pub collapse: BTreeSet<String>,
    /// How tenants' own programs are told.
    pub webhooks: Arc<webhooks::Sender>,
}

impl Wiring {
    /// Publishes to `bus`, reacts as [`registry::reactions`] says, receives nothing by itself, and logs
    /// notifications.
    pub fn to(bus: Arc<dyn Bus>) -> Self {
        Self {
            bus,
            reactions: Arc::new(registry::reactions()),
            receive: None,
            notifications: Arc::default(),
            collapse: BTreeSet::new(),
            webhooks: Arc::default(),
        }
    }

    fn runtime(&self, db: Db, settings: Settings) -> Runtime {
        let broker = Dependency { queue: PublishEvent::QUEUE, name: messaging::BROKER, up: reachable(&*self.bus) };
        let dependencies = std::iter::once(broker).chain(self.notifications.dependency()).collect();
        let kinds = registry::kinds(
            self.bus.clone(),
            Arc::new(self.collapse.clone()),
            self.reactions.clone(),
            self.notifications.clone(),
            self.webhooks.clone(),
        );
        Runtime { db, kinds, dependencies, settings }
    }
}

/// Runs the workers of this process over `db` (connected as `portal_worker`) until `stop` is
/// cancelled; then finishes or hands back everything and closes the bus.
pub async fn run(db: Db, wiring: Wiring, settings: Settings, stop: CancellationToken) {
    let runtime = wiring.runtime(db.clone(), settings.clone());
    let Wiring { bus, reactions, receive, .. } = wiring;
    // a group's events are taken in where its jobs are run
    let mut subscriptions = reactions.subscriptions();
    subscriptions.retain(|subscription| settings.serves(&subscription.group));
    let intake = Intake::new(db.clone(), reactions);
    let receiving = async {
        if let Some(receive) = receive
            && !subscriptions.is_empty()
            && let Err(error) = consumer::run(receive, subscriptions, intake, stop.clone()).await
        {
            tracing::error!(%error, "no events are received");
        }
    };
    let due = schedules::run(db, stop.clone());
    tokio::join!(runtime::run(runtime, stop.clone()), receiving, due);
    bus.close().await;
}

/// Runs one job of the first of `settings.queues` that has one, and closes the bus; nothing is received meanwhile.
///
/// # Errors
/// [`Error::Database`] when no job could be claimed.
pub async fn run_once(db: Db, wiring: Wiring, settings: Settings, stop: CancellationToken) -> Result<Once, Error> {
    let outcome = runtime::run_once(wiring.runtime(db, settings), &stop).await;
    wiring.bus.close().await;
    outcome
}

/// The bus's state as the runtime sees it: reachable or not.
fn reachable(bus: &dyn Bus) -> watch::Receiver<bool> {
    let mut state = bus.state();
    let (up, receiver) = watch::channel(matches!(&*state.borrow_and_update(), BusState::Up));
    tokio::spawn(async move {
        while state.changed().await.is_ok() {
            up.send_replace(matches!(&*state.borrow_and_update(), BusState::Up));
        }
    });
    receiver
}
