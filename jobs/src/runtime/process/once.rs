//! One job and no more, for a process that somebody starts when there is something to do. It registers like any
//! other worker, so that whoever watches takes its job over should it die.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use domain::Error;
use sqlx::PgConnection;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Generation, LAST_WRITES, Queue, Runtime, claimer, liveness, monitor, wait_or_abort};

/// What a queue needs is waited for so long: a process that just started has not connected yet.
const CONNECTING: Duration = Duration::from_secs(10);

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Once {
    /// A job was done, or cancelled itself.
    Done,
    /// There was none to run.
    Nothing,
    /// A job failed and is tried again or a dead letter, was put back, or could not be taken because what its queue
    /// needs is not reachable.
    NotDone,
}

/// Runs one job of the first of `settings.queues` that has one. At a `stop` it finishes or hands it back, as any
/// worker does.
///
/// # Errors
/// [`Error::Database`] when the worker could not register, or no job be claimed.
pub async fn run_once(runtime: Runtime, stop: &CancellationToken) -> Result<Once, Error> {
    let worker = format!("worker-{}", ulid::Ulid::from(uuid::Uuid::now_v7()));
    let names = runtime.settings.queues.clone();
    runtime.db.ask(async |conn| liveness::register(conn, &worker, &names).await).await?;
    tracing::info!(worker, queues = ?names, "worker started, for one job");
    Generation::start(&runtime, worker, names).once(stop).await
}

impl Generation {
    async fn once(mut self, stop: &CancellationToken) -> Result<Once, Error> {
        let lost = CancellationToken::new();
        let settings = self.runtime.settings.clone();
        let mut heart = JoinSet::new();
        heart.spawn(liveness::beat(self.own_pool(), self.worker.clone(), settings.clone(), lost.clone()));
        let completers = self.completers();
        let mut monitor = tokio::spawn(monitor(self.queues.values().cloned().collect(), self.end.clone()));

        let job = OnceLock::new();
        let taken = tokio::select! {
            taken = self.take_one(&job) => taken.map_err(Error::from),
            () = stop.cancelled() => Ok(Once::NotDone),
            () = lost.cancelled() => Ok(Once::NotDone),
            _ = &mut monitor => Err(Error::Internal("apalis monitor ended unasked".into())),
        };
        self.end.cancel();
        let patience = if lost.is_cancelled() { Duration::ZERO } else { settings.shutdown_timeout };
        if !monitor.is_finished() {
            wait_or_abort(monitor, patience).await;
        }
        self.queues.values().for_each(|queue| queue.close());
        let _ = tokio::time::timeout(LAST_WRITES, completers.join_all()).await;
        self.hand_back().await;
        heart.shutdown().await;
        match job.get() {
            Some(id) => self.how_it_ended(id).await,
            None => taken,
        }
    }

    /// Claims one, tells which in `job`, and waits until it is settled.
    async fn take_one(&self, job: &OnceLock<String>) -> sqlx::Result<Once> {
        let mut without = Once::NotDone;
        for name in &self.runtime.settings.queues {
            let Some(queue) = self.queues.get(name) else { continue };
            if !comes_up(queue).await {
                tracing::warn!(queue = queue.name, "nothing taken: what it needs is not reachable");
                continue;
            }
            without = Once::Nothing;
            if let Some(id) = claimer::claim_one(queue).await? {
                queue.until_settled(job.get_or_init(|| id)).await;
                break;
            }
        }
        Ok(without)
    }

    /// Where the job is now tells it: also of one whose completion somebody else was quicker to write.
    async fn how_it_ended(&self, id: &str) -> Result<Once, Error> {
        let ended = async |conn: &mut PgConnection| {
            sqlx::query_scalar!(r#"select exists (select from jobs.completed where id = $1) as "ended!""#, id)
                .fetch_one(conn)
                .await
        };
        Ok(if self.runtime.db.ask(ended).await? { Once::Done } else { Once::NotDone })
    }
}

async fn comes_up(queue: &Arc<Queue>) -> bool {
    let Some(mut needs) = queue.needs.clone() else { return true };
    matches!(tokio::time::timeout(CONNECTING, needs.up.wait_for(|up| *up)).await, Ok(Ok(_)))
}
