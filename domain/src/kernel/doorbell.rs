//! Wakes workers after a commit.
//!
//! `NOTIFY` takes a database-wide lock at commit, so it never happens inside a business
//! transaction: queue names are collected, and one task rings for all of them together. What
//! arrives while it rings is rung next. A lost ring costs at most a second: workers poll.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;

use super::connection;

/// The `LISTEN` channel; the payload is the queue's name.
pub const CHANNEL: &str = "portal_jobs";

/// From one ring to the next: without it, many commands a second would ring a thousand times, and each
/// ring is a transaction. The first after a while is rung at once.
const REST: Duration = Duration::from_millis(5);

/// A ring changes nothing, so its commit need not wait for the disk.
const RING: &str =
    "select set_config('synchronous_commit', 'off', true), pg_notify($1, queue) from unnest($2::text[]) as q(queue)";

#[derive(Clone)]
pub(crate) struct Doorbell(Arc<Shared>);

struct Shared {
    queues: Mutex<BTreeSet<String>>,
    pressed: Arc<Notify>,
}

impl Doorbell {
    #[allow(clippy::disallowed_types, reason = "rings outside of any business transaction")]
    pub(crate) fn start(pool: sqlx::PgPool, answer_limit: Duration) -> Self {
        let shared = Arc::new(Shared { queues: Mutex::default(), pressed: Arc::default() });
        tokio::spawn(ring_until_dropped(Arc::downgrade(&shared), shared.pressed.clone(), pool, answer_limit));
        Self(shared)
    }

    pub(crate) fn ring(&self, queues: impl IntoIterator<Item = String>) {
        let mut waiting = self.0.queues.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.extend(queues);
        if !waiting.is_empty() {
            self.0.pressed.notify_one();
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.pressed.notify_one();
    }
}

#[allow(clippy::disallowed_types, reason = "rings outside of any business transaction")]
async fn ring_until_dropped(shared: Weak<Shared>, pressed: Arc<Notify>, pool: sqlx::PgPool, answer_limit: Duration) {
    loop {
        pressed.notified().await;
        let Some(queues) =
            shared.upgrade().map(|s| std::mem::take(&mut *s.queues.lock().unwrap_or_else(PoisonError::into_inner)))
        else {
            return;
        };
        if queues.is_empty() {
            continue;
        }
        let queues: Vec<String> = queues.into_iter().collect();
        let rung = connection::within(&pool, answer_limit, async |conn| {
            sqlx::query(RING).bind(CHANNEL).bind(&queues).execute(conn).await
        })
        .await;
        if let Err(error) = rung {
            tracing::debug!(%error, ?queues, "doorbell not rung; workers find the jobs by polling");
        }
        tokio::time::sleep(REST).await;
    }
}
