//! One queue in this process: what claimer, apalis worker and completer share.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::Db;
use domain::kernel::policy::QueuePolicy;
use tokio::sync::{Notify, RwLock, mpsc};
use tokio_util::sync::CancellationToken;

use super::claim::ClaimedJob;
use super::complete::Finished;
use super::dispatch::Dispatch;
use super::execute::Kinds;
use super::outcome::JobResult;
use super::process::Dependency;

pub(crate) struct Queue {
    pub(crate) name: String,
    pub(crate) policy: QueuePolicy,
    /// This start of this process, see `jobs.workers`.
    pub(crate) worker: String,
    /// How often any queue of this worker has claimed.
    turns: Arc<AtomicI64>,
    pub(crate) db: Db,
    pub(crate) kinds: Kinds,
    /// Ordinary jobs run under its read lock, a suspect under its write lock: alone in the process.
    pub(crate) solo: Arc<RwLock<()>>,
    /// What it cannot work without; `None` when there is nothing, or when attempts are to be counted.
    pub(crate) needs: Option<Dependency>,
    pub(crate) poll: Duration,
    /// A reason to look for jobs: the doorbell rang, or there is room again.
    pub(crate) wake: Notify,
    /// Held while claiming and while a failure is written: a claim sees a failed job either still
    /// held by us, and its successors then gather behind it, or already waiting.
    pub(crate) settling: tokio::sync::Mutex<()>,
    /// Some jobs were settled in the database.
    pub(crate) settled: Notify,
    /// Claim nothing more, start nothing more.
    pub(crate) stop: CancellationToken,
    dispatch: Mutex<Dispatch>,
    finished: Mutex<Option<mpsc::UnboundedSender<Finished>>>,
}

/// What a queue is made of besides its shared state.
pub(crate) struct QueueParts {
    pub(crate) name: String,
    pub(crate) worker: String,
    pub(crate) turns: Arc<AtomicI64>,
    pub(crate) db: Db,
    pub(crate) kinds: Kinds,
    pub(crate) solo: Arc<RwLock<()>>,
    pub(crate) needs: Option<Dependency>,
    pub(crate) poll: Duration,
    pub(crate) stop: CancellationToken,
}

impl Queue {
    /// The queue, and the end of the channel its completer reads.
    pub(crate) fn new(parts: QueueParts) -> (Arc<Self>, mpsc::UnboundedReceiver<Finished>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let queue = Self {
            policy: parts.db.policy(&parts.name),
            name: parts.name,
            worker: parts.worker,
            turns: parts.turns,
            db: parts.db,
            kinds: parts.kinds,
            solo: parts.solo,
            needs: parts.needs,
            poll: parts.poll,
            wake: Notify::new(),
            settled: Notify::new(),
            settling: tokio::sync::Mutex::default(),
            stop: parts.stop,
            dispatch: Mutex::default(),
            finished: Mutex::new(Some(sender)),
        };
        (Arc::new(queue), receiver)
    }

    /// Numbers the claims of this worker.
    pub(crate) fn next_turn(&self) -> i64 {
        self.turns.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn dispatch(&self) -> MutexGuard<'_, Dispatch> {
        self.dispatch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// False while it is known that what the queue needs cannot be reached.
    pub(crate) fn is_up(&self) -> bool {
        self.needs.as_ref().is_none_or(|needs| *needs.up.borrow())
    }

    /// Waits until a job is settled in the database, or nobody will settle it any more.
    pub(crate) async fn until_settled(&self, job: &str) {
        loop {
            let settled = self.settled.notified();
            if !self.dispatch().holds(job) {
                return;
            }
            tokio::select! {
                () = settled => {}
                () = self.stop.cancelled() => return,
            }
        }
    }

    /// An attempt is over: lets the key go on, or closes it, and tells the completer.
    pub(crate) fn finish(&self, job: ClaimedJob, result: JobResult, started: Instant) {
        {
            let mut dispatch = self.dispatch();
            match &result {
                Ok(()) => dispatch.succeeded(&job),
                Err(_) => dispatch.close(&job),
            }
        }
        let finished = Finished { job, result, started, ended: Instant::now() };
        if let Some(sender) = &*self.finished.lock().unwrap_or_else(PoisonError::into_inner) {
            // no receiver: the process is past its shutdown timeout, and hands everything back
            let _ = sender.send(finished);
        }
    }

    /// No attempt ends any more: the completer writes what it has and returns.
    pub(crate) fn close(&self) {
        self.finished.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}
