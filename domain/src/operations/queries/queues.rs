//! Queues and workers.

use chrono::{DateTime, Utc};

use crate::kernel::command::Query;
use crate::kernel::error::Error;
use crate::kernel::tx::Tx;

use crate::operations::model::{Outage, Pause, Queue, QueueCounts, Retention, Worker, WorkerState};

/// Counting stops here: a count of this many means so many or more. It keeps the answer quick
/// however full a queue is.
pub const COUNT_LIMIT: i64 = 100_000;

/// Every queue that a worker ever served or that has jobs, by name.
#[derive(Debug, Clone, Copy)]
pub struct ListQueues;

/// Workers: those alive first, then the newest; 500 at most.
#[derive(Debug, Clone, Copy)]
pub struct ListWorkers;

struct QueueRow {
    name: String,
    pending: i64,
    scheduled: i64,
    running: i64,
    retrying: i64,
    blocked: i64,
    waiting: i64,
    dead: i64,
    archived: i64,
    completed_last_day: i64,
    oldest_due_seconds: Option<f64>,
    completed_per_minute: f64,
    paused_at: Option<DateTime<Utc>>,
    paused_by: Option<String>,
    pause_reason: Option<String>,
    waiting_for: Option<String>,
    waiting_since: Option<DateTime<Utc>>,
}

struct WorkerRow {
    id: String,
    host: String,
    pid: i32,
    version: String,
    queues: Vec<String>,
    started_at: DateTime<Utc>,
    beat_age_seconds: f64,
    stopped_at: Option<DateTime<Utc>>,
    died_at: Option<DateTime<Utc>>,
    jobs_held: i64,
}

impl Query for ListQueues {
    type Output = Vec<Queue>;

    async fn fetch(self, tx: &mut Tx) -> Result<Vec<Queue>, Error> {
        let rows =
            sqlx::query_file_as!(QueueRow, "src/operations/queues.sql", COUNT_LIMIT).fetch_all(tx.conn()).await?;
        let db = tx.db().clone();
        let queue = |row: QueueRow| {
            let retention = Retention::from(db.policy(&row.name));
            row.into_queue(retention)
        };
        Ok(rows.into_iter().map(queue).collect())
    }
}

impl Query for ListWorkers {
    type Output = Vec<Worker>;

    async fn fetch(self, tx: &mut Tx) -> Result<Vec<Worker>, Error> {
        let rows = sqlx::query_file_as!(WorkerRow, "src/operations/workers.sql").fetch_all(tx.conn()).await?;
        Ok(rows.into_iter().map(Worker::from).collect())
    }
}

impl QueueRow {
    fn into_queue(self, retention: Retention) -> Queue {
        // all or none, by the constraint queues_pause_complete
        let pause = self.paused_at.zip(self.paused_by).zip(self.pause_reason);
        Queue {
            name: self.name,
            pause: pause.map(|((at, by), reason)| Pause { at, by, reason }),
            waiting: self.waiting_for.zip(self.waiting_since).map(|(dependency, since)| Outage { dependency, since }),
            counts: QueueCounts {
                pending: self.pending,
                scheduled: self.scheduled,
                running: self.running,
                retrying: self.retrying,
                blocked: self.blocked,
                waiting: self.waiting,
                dead: self.dead,
                archived: self.archived,
                completed_last_day: self.completed_last_day,
            },
            oldest_due_seconds: self.oldest_due_seconds,
            completed_per_minute: self.completed_per_minute,
            retention,
        }
    }
}

impl From<WorkerRow> for Worker {
    fn from(row: WorkerRow) -> Self {
        let state = match (row.stopped_at, row.died_at) {
            (Some(_), _) => WorkerState::Stopped,
            (None, Some(_)) => WorkerState::Dead,
            (None, None) => WorkerState::Alive,
        };
        Self {
            id: row.id,
            host: row.host,
            pid: row.pid,
            version: row.version,
            queues: row.queues,
            started_at: row.started_at,
            beat_age_seconds: row.beat_age_seconds,
            state,
            ended_at: row.stopped_at.or(row.died_at),
            jobs_held: row.jobs_held,
        }
    }
}
