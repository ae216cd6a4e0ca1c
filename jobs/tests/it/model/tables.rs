//! What the queue's tables hold, as the model says and as they are: the two are compared whole.

use serde::Deserialize;
use sqlx::PgConnection;

/// Every job and its history. Live jobs in their order; the rest by job.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Tables {
    pub live: Vec<Job>,
    pub completed: Vec<Ended>,
    pub dead: Vec<Dead>,
    pub history: Vec<Entry>,
    pub edits: Vec<Edit>,
}

/// A row of `apalis.jobs`. The id counts up in order of insertion; a job that takes the place of another comes right
/// after it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Job {
    pub id: String,
    pub key: Option<String>,
    pub priority: i32,
    pub status: String,
    pub attempts: i32,
    pub max_attempts: i32,
    /// Milliseconds until it is due; 0 or less: it is.
    pub run_in: i64,
    pub deferred: bool,
    pub held_by: Option<String>,
    pub claims: i32,
    pub suspect: bool,
    pub alone: bool,
    pub crashes: i32,
    pub redrives: i32,
    pub waiting_for: Option<String>,
    pub payload: String,
    /// As operators see it.
    pub state: String,
}

/// A row of `jobs.completed`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Ended {
    pub id: String,
    pub state: String,
    pub attempt: i32,
    pub redrives: i32,
    pub worker: Option<String>,
    pub error: Option<String>,
    pub payload: Option<String>,
}

/// A row of `jobs.dead_letters`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Dead {
    pub id: String,
    pub key: Option<String>,
    pub priority: i32,
    pub reason: String,
    pub attempts: i32,
    pub max_attempts: i32,
    pub crashes: i32,
    pub redrives: i32,
    pub holds: bool,
    pub payload: String,
    /// `archived` or `discarded`.
    pub away: Option<String>,
}

/// A row of `jobs.attempts`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Entry {
    pub job: String,
    pub attempt: i32,
    pub outcome: String,
    pub error: Option<String>,
    pub actor: String,
    /// Milliseconds from then until the next attempt.
    pub next_in: Option<i64>,
}

/// A row of `jobs.edits`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Edit {
    pub job: String,
    pub before: String,
    pub after: String,
    /// An event was committed in the place of its own.
    pub corrected: bool,
}

/// Reads all of it, as an operator.
pub async fn read(conn: &mut PgConnection) -> sqlx::Result<Tables> {
    let json: sqlx::types::Json<Tables> = sqlx::query_scalar(
        "select jsonb_build_object(
            'live', (select coalesce(jsonb_agg(jsonb_build_object('id', j.id, 'key', j.ordering_key,
                'priority', j.priority, 'status', j.status, 'attempts', j.attempts, 'max_attempts', j.max_attempts,
                'run_in', (extract(epoch from j.run_at - now()) * 1000)::bigint, 'deferred', j.deferred,
                'held_by', j.lock_by, 'claims', j.claims, 'suspect', j.suspect, 'alone', j.alone,
                'crashes', j.crashes, 'redrives', j.redrives, 'waiting_for', j.waiting_for,
                'payload', encode(j.job, 'escape'),
                'state', (select string_agg(o.state, ' and ') from jobs.overview o where o.id = j.id))
                order by j.seq), '[]') from apalis.jobs j),
            'completed', (select coalesce(jsonb_agg(jsonb_build_object('id', c.id, 'state', c.state,
                'attempt', c.attempt, 'redrives', c.redrives, 'worker', c.worker, 'error', c.error,
                'payload', encode(c.payload, 'escape'))
                order by c.id), '[]') from jobs.completed c),
            'dead', (select coalesce(jsonb_agg(jsonb_build_object('id', d.id, 'key', d.ordering_key,
                'priority', d.priority, 'reason', d.reason, 'attempts', d.attempts, 'max_attempts', d.max_attempts,
                'crashes', d.crashes, 'redrives', d.redrives, 'holds', d.holds_key,
                'payload', encode(d.payload, 'escape'),
                'away', nullif(concat_ws(' and ', case when d.archived_at is not null then 'archived' end,
                    case when d.discarded_at is not null then 'discarded' end), ''))
                order by d.id), '[]') from jobs.dead_letters d),
            'edits', (select coalesce(jsonb_agg(jsonb_build_object('job', e.job_id,
                'before', encode(e.before, 'escape'), 'after', encode(e.after, 'escape'),
                'corrected', e.correction is not null) order by e.job_id, e.id), '[]') from jobs.edits e),
            'history', (select coalesce(jsonb_agg(jsonb_build_object('job', a.job_id, 'attempt', a.attempt,
                'outcome', a.outcome, 'error', a.error, 'actor', a.actor,
                'next_in', (extract(epoch from a.next_run_at - now()) * 1000)::bigint)
                order by a.job_id, a.position), '[]') from jobs.attempts a))",
    )
    .fetch_one(conn)
    .await?;
    Ok(json.0)
}
