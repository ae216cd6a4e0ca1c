//! Hears the doorbell: `LISTEN` on a connection of its own, for all queues of the process.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use domain::Db;
use domain::kernel::DOORBELL_CHANNEL;
use sqlx::Executor as _;
use sqlx::postgres::{PgListener, PgNotification};
use tokio::time::timeout;

use super::queue::Queue;

/// Runs until dropped. Whenever the connection was away, every queue is looked at once.
pub(crate) async fn listen(db: Db, queues: BTreeMap<String, Arc<Queue>>) {
    loop {
        if let Err(error) = listen_once(&db, &queues).await {
            tracing::debug!(%error, "doorbell not heard; polling meanwhile");
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn listen_once(db: &Db, queues: &BTreeMap<String, Arc<Queue>>) -> sqlx::Result<()> {
    // A pool of its own: dropped while its connection is silent, a listener says goodbye to the server
    // and keeps its place in the pool until that is answered, or the operating system gives up.
    let options = db.pool().options().clone().max_connections(1);
    let own = options.connect_lazy_with((*db.pool().connect_options()).clone());
    let mut listener = PgListener::connect_with(&own).await?;
    answered(db, listener.listen(DOORBELL_CHANNEL)).await?;
    loop {
        queues.values().for_each(|queue| queue.wake.notify_one());
        // `None`: the connection was lost and is back; rings may have been missed
        while let Some(heard) = ring(db, &mut listener).await? {
            if let Some(queue) = queues.get(heard.payload()) {
                queue.wake.notify_one();
            }
        }
    }
}

/// When nothing was heard for a while, asks whether there is anybody.
async fn ring(db: &Db, listener: &mut PgListener) -> sqlx::Result<Option<PgNotification>> {
    loop {
        match timeout(db.answer_limit(), listener.try_recv()).await {
            Ok(heard) => return heard,
            Err(_) => answered(db, listener.execute("select 1")).await.map(drop)?,
        }
    }
}

async fn answered<T>(db: &Db, work: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    timeout(db.answer_limit(), work).await.unwrap_or_else(|_| Err(std::io::Error::from(ErrorKind::TimedOut).into()))
}
