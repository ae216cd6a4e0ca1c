//! Hears the doorbell: `LISTEN` on a connection of its own, for all queues of the process.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::kernel::DOORBELL_CHANNEL;
use sqlx::PgPool;
use sqlx::postgres::PgListener;

use super::queue::Queue;

/// Runs until dropped. Whenever the connection was away, every queue is looked at once.
pub(crate) async fn listen(pool: PgPool, queues: BTreeMap<String, Arc<Queue>>) {
    loop {
        if let Err(error) = listen_once(&pool, &queues).await {
            tracing::debug!(%error, "doorbell not heard; polling meanwhile");
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn listen_once(pool: &PgPool, queues: &BTreeMap<String, Arc<Queue>>) -> sqlx::Result<()> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(DOORBELL_CHANNEL).await?;
    loop {
        queues.values().for_each(|queue| queue.wake.notify_one());
        // `None`: the connection was lost and is back; rings may have been missed
        while let Some(ring) = listener.try_recv().await? {
            if let Some(queue) = queues.get(ring.payload()) {
                queue.wake.notify_one();
            }
        }
    }
}
