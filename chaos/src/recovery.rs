//! How soon things work again.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::database::{Database, Mark};
use crate::faults::Shot;

/// The promise.
pub(crate) const BOUND: Duration = Duration::from_secs(20);
/// When to stop waiting for it.
const PATIENCE: Duration = Duration::from_secs(90);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What came of one round of faults.
#[derive(Debug, Clone)]
pub(crate) struct Round {
    pub(crate) shots: Vec<Shot>,
    /// Since the start of the load.
    pub(crate) began: Duration,
    pub(crate) lasted: Duration,
    /// Why it did not take place.
    pub(crate) failure: Option<String>,
    pub(crate) recovery: Recovery,
}

/// From the return of what was away.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Recovery {
    /// Until a command that was committed afterwards had its event confirmed.
    pub(crate) first: Option<Duration>,
    /// Until everything committed before was through, too.
    pub(crate) caught_up: Option<Duration>,
}

/// Waits for a new publish. `returned`: when what was away came back.
pub(crate) async fn first_publish(database: &Database, returned: Instant) -> (Option<Duration>, Option<Mark>) {
    let mut mark = None;
    while returned.elapsed() < PATIENCE {
        match mark {
            None => mark = database.mark().await.ok(),
            Some(at) if database.published_after(at).await.unwrap_or(false) => return (Some(returned.elapsed()), mark),
            Some(_) => {}
        }
        sleep(LOOK_EVERY).await;
    }
    (None, mark)
}

/// Waits until nothing is left of what was enqueued before the mark.
pub(crate) async fn caught_up(database: Database, mark: Mark, returned: Instant) -> Option<Duration> {
    while returned.elapsed() < PATIENCE {
        if database.left_before(mark).await.is_ok_and(|left| left == 0) {
            return Some(returned.elapsed());
        }
        sleep(LOOK_EVERY * 4).await;
    }
    None
}
