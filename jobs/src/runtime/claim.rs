//! Taking jobs from the table.

use std::time::{Duration, Instant};

use domain::Db;
use sqlx::{Connection, PgConnection};

/// A job this process holds. `id` and `claims` together are its fence: a completion with an older
/// claim, or by a worker that lost it, changes nothing.
#[derive(Debug, Clone, Default)]
pub struct ClaimedJob {
    /// ULID, as apalis stores it.
    pub id: String,
    /// How its arguments decode; the queue's name for a row pushed by a stock apalis storage.
    pub kind: String,
    /// Arguments, as stored.
    pub payload: Vec<u8>,
    /// Failed attempts so far.
    pub attempts: u32,
    /// It may be attempted this often in all.
    pub max_attempts: u32,
    /// Counts claims.
    pub claims: i32,
    /// Position in the queue.
    pub seq: i64,
    /// Higher goes first.
    pub priority: i32,
    /// Jobs with the same key run one after another.
    pub ordering_key: Option<String>,
    /// Whose data it is about.
    pub tenant_id: Option<String>,
    /// Shared by everything the originating request caused.
    pub correlation_id: Option<String>,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// Was held by a worker that died: must run alone.
    pub suspect: bool,
    /// Workers that died while it ran alone.
    pub crashes: u32,
    /// When it was due, on the clock of this process; for the metrics only.
    pub(crate) due_since: Option<Instant>,
}

impl ClaimedJob {
    /// The number of the attempt it is claimed for; the first is 1.
    pub fn attempt(&self) -> u32 {
        self.attempts + 1
    }

    /// A copy for those who do not run it.
    pub(crate) fn without_payload(&self) -> Self {
        Self {
            id: self.id.clone(),
            kind: self.kind.clone(),
            payload: Vec::new(),
            ordering_key: self.ordering_key.clone(),
            tenant_id: self.tenant_id.clone(),
            correlation_id: self.correlation_id.clone(),
            traceparent: self.traceparent.clone(),
            ..*self
        }
    }
}

/// How much to claim.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) jobs: usize,
    pub(crate) suspects: usize,
}

/// Claims up to `limits.jobs` jobs in one round trip, in the order in which they are to run. `turn`
/// counts claims: see [`release_unknown`].
pub(crate) async fn claim(
    db: &Db,
    queue: &str,
    worker: &str,
    limits: Limits,
    turn: i64,
) -> sqlx::Result<Vec<ClaimedJob>> {
    let (most, suspects) = (limits.jobs.try_into().unwrap_or(i32::MAX), limits.suspects.try_into().unwrap_or(i32::MAX));
    let claim = async |conn: &mut PgConnection| {
        sqlx::query_file!("src/runtime/claim.sql", queue, worker, most, suspects, turn).fetch_all(conn).await
    };
    let rows = db.ask(claim).await?;
    let now = Instant::now();
    let mut jobs: Vec<ClaimedJob> = rows
        .into_iter()
        .map(|row| ClaimedJob {
            id: row.id,
            kind: row.kind,
            payload: row.payload,
            attempts: row.attempts.unsigned_abs(),
            max_attempts: row.max_attempts.unsigned_abs(),
            claims: row.claims,
            seq: row.seq,
            priority: row.priority,
            ordering_key: row.ordering_key,
            tenant_id: row.tenant_id,
            correlation_id: row.correlation_id,
            traceparent: row.traceparent,
            suspect: row.suspect,
            crashes: row.crashes.unsigned_abs(),
            due_since: Duration::try_from_secs_f64(row.waited).ok().and_then(|waited| now.checked_sub(waited)),
        })
        .collect();
    // `update … returning` promises no order
    jobs.sort_by_key(|job| (std::cmp::Reverse(job.priority), job.seq));
    Ok(jobs)
}

/// Notes that a suspect now runs alone, so that the next death of this worker is charged to it.
/// False when the job is no longer ours.
pub(crate) async fn mark_alone(db: &Db, job: &ClaimedJob, worker: &str) -> sqlx::Result<bool> {
    let mark = async |conn: &mut PgConnection| {
        sqlx::query!(
            "update apalis.jobs set alone = true where id = $1 and lock_by = $2 and claims = $3",
            job.id,
            worker,
            job.claims
        )
        .execute(conn)
        .await
    };
    let marked = db.ask(mark).await?;
    Ok(marked.rows_affected() == 1)
}

/// Notes what a queue waits for, and since when; or that it waits for nothing.
pub(crate) async fn note_waiting(db: &Db, queue: &str, waiting_for: Option<&str>) -> sqlx::Result<()> {
    let note = async |conn: &mut PgConnection| {
        sqlx::query!(
            "update jobs.queues
             set waiting_for = $2, waiting_since = case when $2::text is not null then coalesce(waiting_since, now()) end
             where name = $1 and waiting_for is distinct from $2",
            queue,
            waiting_for
        )
        .execute(conn)
        .await
    };
    db.ask(note).await.map(drop)
}

/// Hands back jobs that have not started, using up no attempt.
pub(crate) async fn release(db: &Db, worker: &str, jobs: &[ClaimedJob]) -> sqlx::Result<()> {
    let ids: Vec<String> = jobs.iter().map(|job| job.id.clone()).collect();
    let claims: Vec<i32> = jobs.iter().map(|job| job.claims).collect();
    let release = async |conn: &mut PgConnection| {
        sqlx::query!(
            "update apalis.jobs j
             set lock_by = null, lock_at = null, alone = false,
                 status = case when j.attempts > 0 then 'Failed' else 'Pending' end
             from unnest($1::text[], $2::integer[]) as b(id, claims)
             -- not `=`: see complete.sql
             where j.id = b.id and j.lock_by is not distinct from $3 and j.claims = b.claims",
            &ids,
            &claims,
            worker
        )
        .execute(conn)
        .await
    };
    db.ask(release).await.map(drop)
}

/// Hands back what a worker holds in a queue without knowing it: jobs of a claim whose answer it
/// never got. `known` are the ids it does know. Claims of earlier turns are over then: the server may
/// still work on one after the connection broke, and a line may deliver one long after it was given up.
/// None when another queue of the worker has done so with a later turn meanwhile: nothing was handed back then.
pub(crate) async fn release_unknown(
    db: &Db,
    queue: &str,
    worker: &str,
    known: &[String],
    turn: i64,
) -> sqlx::Result<Option<i64>> {
    let release = async |conn: &mut PgConnection| {
        sqlx::query_scalar!("select jobs.release_unknown($1, $2, $3, $4) as released", queue, worker, known, turn)
            .fetch_one(conn)
            .await
    };
    db.ask(release).await
}

/// Says goodbye and hands back all a worker holds, using up no attempt: both or neither, because a
/// worker that stopped is never rescued. A claim still under way at the server ends before, and none
/// comes after.
pub(crate) async fn retire(db: &Db, worker: &str, queues: &[String]) -> sqlx::Result<u64> {
    db.ask(async |conn| retire_on(conn, worker, queues).await).await
}

async fn retire_on(conn: &mut PgConnection, worker: &str, queues: &[String]) -> sqlx::Result<u64> {
    let mut tx = conn.begin().await?;
    // in order of name, as everybody who locks several
    sqlx::query!("select jobs.lock_queue(q) from (select unnest($1::text[]) as q order by 1) held", queues)
        .execute(&mut *tx)
        .await?;
    sqlx::query!("update jobs.workers set stopped_at = now() where id = $1 and died_at is null", worker)
        .execute(&mut *tx)
        .await?;
    let released = sqlx::query!(
        "update apalis.jobs
         set lock_by = null, lock_at = null, alone = false,
             status = case when attempts > 0 then 'Failed' else 'Pending' end
         where lock_by = $1",
        worker
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(released.rows_affected())
}
