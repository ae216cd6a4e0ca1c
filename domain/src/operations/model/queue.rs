//! Queues and workers as operators see them.

use chrono::{DateTime, Utc};

use crate::kernel::policy::QueuePolicy;

/// A queue, now.
#[derive(Debug, Clone)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// Set while no job of it is started.
    pub pause: Option<Pause>,
    /// Set while its workers cannot reach what they need: its jobs wait.
    pub waiting: Option<Outage>,
    /// How many jobs are where.
    pub counts: QueueCounts,
    /// For how many seconds the longest waiting job has been due; none if none is due.
    pub oldest_due_seconds: Option<f64>,
    /// Jobs completed per minute: over the last five minutes, or over the newest 10,000 if those
    /// took less.
    pub completed_per_minute: f64,
    /// How long what has ended is kept, as this process is configured.
    pub retention: Retention,
}

/// For how many days what has ended in a queue is kept. Dead letters that are left to do stay until somebody does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Completed jobs.
    pub completed_days: u16,
    /// Cancelled ones.
    pub cancelled_days: u16,
    /// Discarded dead letters.
    pub discarded_days: u16,
    /// Archived ones; none: until somebody restores them.
    pub archived_days: Option<u16>,
    /// Histories of jobs that are neither live nor dead letters.
    pub attempts_days: u16,
}

impl From<QueuePolicy> for Retention {
    fn from(policy: QueuePolicy) -> Self {
        Self {
            completed_days: policy.keep_completed_days,
            cancelled_days: policy.keep_cancelled_days,
            discarded_days: policy.keep_discarded_days,
            archived_days: (policy.keep_archived_days > 0).then_some(policy.keep_archived_days),
            attempts_days: policy.keep_attempts_days,
        }
    }
}

/// A dependency that a queue's workers cannot reach.
#[derive(Debug, Clone)]
pub struct Outage {
    /// Its name: `broker`.
    pub dependency: String,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// Why no job of a queue is started.
#[derive(Debug, Clone)]
pub struct Pause {
    /// Since when.
    pub at: DateTime<Utc>,
    /// Who paused it.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// Jobs per state. Counting stops at [`COUNT_LIMIT`](crate::operations::COUNT_LIMIT): of the live
/// states together, of the dead, of the archived, and of the completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueCounts {
    /// Due.
    pub pending: i64,
    /// Not due yet, never run.
    pub scheduled: i64,
    /// Held by a worker.
    pub running: i64,
    /// Failed before.
    pub retrying: i64,
    /// Due, but an earlier job of the key comes first.
    pub blocked: i64,
    /// For a dependency.
    pub waiting: i64,
    /// Dead letters that nobody has handled.
    pub dead: i64,
    /// Dead letters that are kept for good.
    pub archived: i64,
    /// Completed in the last 24 hours.
    pub completed_last_day: i64,
}

/// A worker process.
#[derive(Debug, Clone)]
pub struct Worker {
    /// New for every start of a process.
    pub id: String,
    /// Host name.
    pub host: String,
    /// Process id on that host.
    pub pid: i32,
    /// Version of the program.
    pub version: String,
    /// What it serves.
    pub queues: Vec<String>,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// Seconds since it was last heard of.
    pub beat_age_seconds: f64,
    /// Whether it works.
    pub state: WorkerState,
    /// When it stopped, or was found dead.
    pub ended_at: Option<DateTime<Utc>>,
    /// Jobs it holds.
    pub jobs_held: i64,
}

/// Whether a worker works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerState {
    /// It does, as far as known: see the age of its last beat.
    Alive,
    /// It ended as it should.
    Stopped,
    /// It fell silent, and its jobs were taken back.
    Dead,
}

impl WorkerState {
    /// As it is written in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Stopped => "stopped",
            Self::Dead => "dead",
        }
    }
}
