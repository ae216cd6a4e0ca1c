//! Everything that happens later: the job runtime, the bus, and what each job does.
//!
//! [`registry`] has THE lists. A handler is one function and one line there.

pub mod bus;
#[cfg(test)]
mod fuzz;
mod messaging;
pub mod registry;
pub mod runtime;

use std::sync::Arc;

use domain::Db;
use domain::kernel::job::Job as _;
use domain::messaging::PublishEvent;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use bus::{Bus, BusState};
use runtime::{Dependency, Runtime, Settings};

/// Runs the workers of this process over `db` (connected as `portal_worker`) until `stop` is
/// cancelled; then finishes or hands back everything and closes the bus.
pub async fn run(db: Db, bus: Arc<dyn Bus>, settings: Settings, stop: CancellationToken) {
    let kinds = registry::kinds(bus.clone());
    let dependencies = vec![Dependency { queue: PublishEvent::QUEUE, name: messaging::BROKER, up: reachable(&*bus) }];
    runtime::run(Runtime { db, kinds, dependencies, settings }, stop).await;
    bus.close().await;
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
