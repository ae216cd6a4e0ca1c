//! Writes down how attempts ended, in batches, and tells the claimer that there is room again.
//!
//! It keeps trying until the database takes it: an attempt that succeeded must not run again only
//! because the database was away for a while.

use std::sync::Arc;
use std::time::Duration;

use domain::{Command, Ctx, Error, Tx};
use sqlx::PgConnection;
use tokio::sync::mpsc;

use super::claim::ClaimedJob;
use super::complete::{self, Finished, Next};
use super::execute::{self, Exhausted};
use super::outcome::JobError;
use super::queue::Queue;
use crate::metrics;

const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A statement that fails this often for a whole batch is tried job by job.
const BATCH_FAILURES: u32 = 3;
/// While more is about to end, it is waited for so long: a statement for a few jobs costs the
/// database almost as much as one for hundreds.
const GATHER: Duration = Duration::from_millis(5);

/// Runs until the queue is closed and everything is written.
pub(crate) async fn run(queue: Arc<Queue>, mut finished: mpsc::UnboundedReceiver<Finished>) {
    let batch = queue.policy.batch.max(1);
    let mut buffer = Vec::with_capacity(batch);
    while finished.recv_many(&mut buffer, batch).await > 0 {
        gather(&queue, &mut finished, &mut buffer).await;
        let (done, failed): (Vec<_>, Vec<_>) = buffer.drain(..).partition(|f| f.result.is_ok());
        if !done.is_empty() {
            write_done(&queue, done).await;
        }
        if !failed.is_empty() {
            write_failed(&queue, failed).await;
        }
        queue.settled.notify_waiters();
        queue.wake.notify_one();
    }
}

/// A lone job is written at once.
async fn gather(queue: &Queue, finished: &mut mpsc::UnboundedReceiver<Finished>, buffer: &mut Vec<Finished>) {
    let batch = queue.policy.batch.max(1);
    let until_full = async {
        while buffer.len() < batch
            && queue.dispatch().held() > buffer.len()
            && finished.recv_many(buffer, batch - buffer.len()).await > 0
        {}
    };
    // what came by then is in the buffer
    let _ = tokio::time::timeout(GATHER, until_full).await;
}

async fn write_done(queue: &Queue, done: Vec<Finished>) {
    let mut attempt = 0;
    loop {
        match complete_once(queue, &done).await {
            Ok(ours) => return settle(queue, &done, &ours, attempt),
            Err(error) => attempt = after_failure(queue, attempt, &error).await,
        }
        if attempt >= BATCH_FAILURES && done.len() > 1 {
            for one in done {
                Box::pin(write_done(queue, vec![one])).await;
            }
            return;
        }
    }
}

async fn complete_once(queue: &Queue, done: &[Finished]) -> sqlx::Result<Vec<String>> {
    let complete = async |conn: &mut PgConnection| {
        domain::fail_point!("fail-point:completing");
        complete::complete(conn, &queue.worker, &queue.policy, done).await
    };
    queue.db.ask(complete).await.inspect(|_| domain::fail_point!("fail-point:completed"))
}

/// Failures are written while nothing is claimed: see [`Queue::settling`].
async fn write_failed(queue: &Queue, failed: Vec<Finished>) {
    let _settled = queue.settling.lock().await;
    let (with_hook, plain): (Vec<_>, Vec<_>) = failed
        .into_iter()
        .filter_map(|finished| finished.next(&queue.policy, queue.is_up(), spread()).map(|next| (finished, next)))
        .partition(|(finished, next)| {
            // a reaction that kills its process as well, again and again, is left out
            let kills = finished.job.crashes >= queue.policy.max_crashes.saturating_mul(2);
            matches!(next, Next::Dead { .. }) && !kills && queue.kinds.hook(&finished.job.kind).is_some()
        });
    if !plain.is_empty() {
        write_failed_batch(queue, plain).await;
    }
    for (finished, next) in with_hook {
        write_exhausted(queue, finished, next).await;
    }
}

async fn write_failed_batch(queue: &Queue, failed: Vec<(Finished, Next)>) {
    let mut attempt = 0;
    loop {
        let behind = behind(queue, &failed);
        match fail_once(queue, &failed, &behind).await {
            Ok(ours) => return settle_failed(queue, &failed, &behind, &ours),
            Err(error) => attempt = after_failure(queue, attempt, &error).await,
        }
        if attempt >= BATCH_FAILURES && failed.len() > 1 {
            for one in failed {
                Box::pin(write_failed_batch(queue, vec![one])).await;
            }
            return;
        }
    }
}

async fn fail_once(queue: &Queue, failed: &[(Finished, Next)], behind: &[ClaimedJob]) -> sqlx::Result<Vec<String>> {
    let fail = async |conn: &mut PgConnection| {
        domain::fail_point!("fail-point:failing");
        complete::fail(conn, &queue.worker, &queue.policy, failed, behind).await
    };
    queue.db.ask(fail).await.inspect(|_| domain::fail_point!("fail-point:failed"))
}

/// A dead letter whose kind wants to react to it: both in one transaction. A hook that keeps
/// failing must not keep the job from the dead letters: after a few tries it goes without.
async fn write_exhausted(queue: &Queue, finished: Finished, next: Next) {
    for _ in 0..BATCH_FAILURES {
        let failed = [(finished.clone(), next)];
        let behind = behind(queue, &failed);
        match bury_with_hook(queue, &failed, &behind).await {
            Ok(ours) => return settle_failed(queue, &failed, &behind, &ours),
            Err(error) => {
                tracing::error!(queue = queue.name, job = finished.job.id, %error, "on_exhausted failed");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
    write_failed_batch(queue, vec![(finished, next)]).await;
}

async fn bury_with_hook(
    queue: &Queue,
    failed: &[(Finished, Next); 1],
    behind: &[ClaimedJob],
) -> Result<Vec<String>, Error> {
    let context = execute::context_of(&failed[0].0.job, queue.db.clone());
    let ctx = context.and_then(|context| execute::ctx_of(&context, &queue.worker));
    let ctx: Ctx = ctx.map_err(|error| Error::Internal(error.to_string()))?;
    domain::run(&queue.db, &ctx, Bury { queue, failed, behind }).await
}

/// The command that makes a dead letter and lets its kind react.
struct Bury<'a> {
    queue: &'a Queue,
    failed: &'a [(Finished, Next); 1],
    behind: &'a [ClaimedJob],
}

impl Command for Bury<'_> {
    type Output = Vec<String>;

    async fn handle(self, tx: &mut Tx) -> Result<Vec<String>, Error> {
        let finished = &self.failed[0].0;
        let payload = complete::payload(tx.conn(), &finished.job.id).await?;
        let ours = complete::fail(tx.conn(), &self.queue.worker, &self.queue.policy, self.failed, self.behind).await?;
        if let (false, Some(payload), Some(hook), Err(error)) =
            (ours.is_empty(), payload, self.queue.kinds.hook(&finished.job.kind), &finished.result)
        {
            hook(Exhausted { id: finished.job.id.clone(), payload, error: error.clone() }, tx).await?;
        }
        Ok(ours)
    }
}

fn behind(queue: &Queue, failed: &[(Finished, Next)]) -> Vec<ClaimedJob> {
    let dispatch = queue.dispatch();
    failed.iter().flat_map(|(finished, _)| dispatch.behind(&finished.job)).collect()
}

fn settle(queue: &Queue, done: &[Finished], ours: &[String], failed_before: u32) {
    queue.dispatch().settled(done.iter().map(|f| &f.job));
    let lost: Vec<&str> = done.iter().map(|f| f.job.id.as_str()).filter(|id| !ours.iter().any(|o| o == id)).collect();
    let ours = done.iter().filter(|finished| !lost.contains(&finished.job.id.as_str()));
    metrics::ended(&queue.name, ours.map(|finished| attempt(queue, finished, "succeeded")));
    match (lost.is_empty(), failed_before) {
        (true, _) => {}
        (false, 0) => {
            tracing::warn!(queue = queue.name, jobs = ?lost, "finished too late: rescued meanwhile, will run again");
        }
        // the statement before may have been committed, and only its answer lost
        (false, _) => {
            tracing::info!(queue = queue.name, jobs = ?lost, "no longer held: written down already, or rescued meanwhile");
        }
    }
}

fn settle_failed(queue: &Queue, failed: &[(Finished, Next)], behind: &[ClaimedJob], ours: &[String]) {
    {
        let mut dispatch = queue.dispatch();
        for (finished, _) in failed {
            dispatch.reopen(&finished.job);
        }
        dispatch.settled(failed.iter().map(|(f, _)| &f.job).chain(behind));
    }
    let written = failed.iter().filter(|(finished, _)| ours.contains(&finished.job.id));
    let outcome =
        |finished: &Finished, next| finished.result.as_ref().err().map(|error| complete::outcome(error, next));
    metrics::ended(&queue.name, written.filter_map(|(f, next)| Some(attempt(queue, f, outcome(f, *next)?))));
    for (finished, next) in failed {
        log(queue, finished, *next, ours.contains(&finished.job.id));
    }
}

fn log(queue: &Queue, finished: &Finished, next: Next, ours: bool) {
    let Err(error) = &finished.result else { return };
    let (job, attempt, class) = (finished.job.id.as_str(), finished.job.attempt(), error.class());
    let (queue, kind, key) = (queue.name.as_str(), finished.job.kind.as_str(), finished.job.ordering_key.as_deref());
    if !ours {
        tracing::warn!(queue, kind, job, "failed too late: rescued meanwhile, will run again");
        return;
    }
    match next {
        Next::Again { after, counts: true } => {
            let next_retry_at = (chrono::Utc::now() + after).to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
            tracing::warn!(queue, kind, key, job, attempt, class, %error, next_retry_at, "attempt failed");
        }
        Next::Again { after, .. } => {
            tracing::info!(queue, kind, key, job, class, %error, after_ms = after.as_millis(), "put back without using an attempt");
        }
        Next::Dead { reason } => tracing::error!(queue, kind, key, job, attempt, class, %error, reason, "dead letter"),
        Next::Cancelled => tracing::info!(queue, kind, key, job, reason = %error, "cancelled"),
    }
}

/// What the metrics say of it. A kind that nobody here knows may have any name.
fn attempt<'a>(queue: &Queue, finished: &'a Finished, outcome: &'static str) -> metrics::Attempt<'a> {
    let kind = finished.job.kind.as_str();
    let failure = matches!(outcome, "failed" | "dead" | "unavailable");
    metrics::Attempt {
        kind: if queue.kinds.knows(kind) { kind } else { "unknown" },
        outcome,
        class: finished.result.as_ref().err().filter(|_| failure).map(JobError::class),
        waited: finished.job.due_since.map(|due| finished.started.saturating_duration_since(due)),
        ran: finished.ended.saturating_duration_since(finished.started),
    }
}

async fn after_failure(queue: &Queue, attempt: u32, error: &sqlx::Error) -> u32 {
    if attempt == 0 {
        tracing::warn!(queue = queue.name, %error, "cannot write down finished jobs; trying again until it works");
    }
    let wait = Duration::from_millis(50).saturating_mul(1 << attempt.min(10)).min(LONGEST_PAUSE);
    tokio::time::sleep(wait).await;
    attempt + 1
}

/// A random number in -1.0 ..= 1.0, from the random half of a UUIDv7.
fn spread() -> f64 {
    let random = u32::try_from(uuid::Uuid::now_v7().as_u128() & u128::from(u32::MAX)).unwrap_or_default();
    f64::from(random) / f64::from(u32::MAX) * 2.0 - 1.0
}
