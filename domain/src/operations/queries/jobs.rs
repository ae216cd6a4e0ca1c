//! Jobs, in whichever table they are.

use chrono::{DateTime, Utc};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use ulid::Ulid;
use uuid::Uuid;

use crate::kernel::command::Query;
use crate::kernel::error::{Error, Rejection};
use crate::kernel::page::{Page, PageSize, decode_cursor};
use crate::kernel::tx::Tx;
use crate::messaging::PublishEvent;

use crate::operations::model::{
    Attempt, AttemptOutcome, DeadLetter, DeadReason, Edit, JobDetail, JobFilter, JobId, JobState, JobSummary, Payload,
    PayloadSource, PutAway,
};
use crate::operations::{rules, store};

/// A page of jobs, newest first, in whichever table they are. Rejected with `cursor_invalid`.
#[derive(Debug, Clone, Default)]
pub struct ListJobs {
    /// Which.
    pub filter: JobFilter,
    /// `next` of the page before; none starts with the newest.
    pub cursor: Option<String>,
    /// How many at most.
    pub size: PageSize,
}

/// A page of dead letters, newest first: those that are dead, unless the filter asks for the
/// archived or discarded ones. Rejected with `cursor_invalid`, or `state_invalid` for any other state.
#[derive(Debug, Clone, Default)]
pub struct ListDeadLetters {
    /// Which.
    pub filter: JobFilter,
    /// `next` of the page before; none starts with the newest.
    pub cursor: Option<String>,
    /// How many at most.
    pub size: PageSize,
}

/// One job with its payload and history. Rejected with `job_not_found`.
#[derive(Debug, Clone)]
pub struct GetJob {
    /// Which.
    pub id: JobId,
}

/// One dead letter, put away or not, with its payload and history. Rejected with
/// `dead_letter_not_found`.
#[derive(Debug, Clone)]
pub struct GetDeadLetter {
    /// Which.
    pub id: JobId,
}

impl Query for ListJobs {
    type Output = Page<JobSummary>;

    async fn fetch(self, tx: &mut Tx) -> Result<Page<JobSummary>, Error> {
        let after = self.cursor.as_deref().map(cursor_id).transpose()?;
        let columns = self.filter.columns();
        let jobs = sqlx::query_file_as!(
            JobSummary,
            "src/operations/list.sql",
            &self.filter.places(),
            columns.state,
            columns.queue,
            columns.kind,
            columns.tenant,
            columns.subject,
            columns.correlation_id,
            columns.reason,
            columns.error,
            columns.created_from,
            columns.first_id,
            columns.created_to,
            columns.last_id,
            after.as_ref().map(JobId::as_str),
            self.size.rows_to_fetch(),
            columns.fingerprint
        )
        .fetch_all(tx.conn())
        .await?;
        Ok(Page::new(jobs, self.size, |job| job.id.clone()))
    }
}

impl Query for ListDeadLetters {
    type Output = Page<JobSummary>;

    async fn fetch(self, tx: &mut Tx) -> Result<Page<JobSummary>, Error> {
        let state = self.filter.state.unwrap_or(JobState::Dead);
        rules::is_state_of_dead_letters(state)?;
        let filter = JobFilter { state: Some(state), ..self.filter };
        ListJobs { filter, cursor: self.cursor, size: self.size }.fetch(tx).await
    }
}

impl Query for GetJob {
    type Output = JobDetail;

    async fn fetch(self, tx: &mut Tx) -> Result<JobDetail, Error> {
        job(tx, &self.id).await
    }
}

impl Query for GetDeadLetter {
    type Output = JobDetail;

    async fn fetch(self, tx: &mut Tx) -> Result<JobDetail, Error> {
        let found = find(tx, &self.id).await?.filter(|job| job.dead_letter.is_some());
        Ok(found.ok_or_else(rules::dead_letter_not_found)?)
    }
}

fn cursor_id(cursor: &str) -> Result<JobId, Rejection> {
    decode_cursor::<String>(cursor).map(|id| JobId::new(&id))
}

/// The oldest dead letters for which the filter holds: those that are dead, or with that state those that are archived.
pub(in crate::operations) async fn oldest_dead(
    tx: &mut Tx,
    filter: &JobFilter,
    limit: i64,
) -> Result<Vec<JobId>, Error> {
    // As in a read-only transaction: a plan for any conditions at all would serve none well.
    sqlx::query("set local plan_cache_mode = force_custom_plan").execute(tx.conn()).await?;
    let columns = filter.columns();
    let ids = sqlx::query_file_scalar!(
        "src/operations/select_dead.sql",
        columns.queue,
        columns.kind,
        columns.tenant,
        columns.subject,
        columns.correlation_id,
        columns.reason,
        columns.error,
        columns.created_from,
        columns.first_id,
        columns.created_to,
        columns.last_id,
        limit,
        columns.fingerprint,
        columns.state.unwrap_or(JobState::Dead.as_str())
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(ids)
}

/// One job with everything; rejected with `job_not_found`.
pub(in crate::operations) async fn job(tx: &mut Tx, id: &JobId) -> Result<JobDetail, Error> {
    Ok(find(tx, id).await?.ok_or_else(rules::job_not_found)?)
}

async fn find(tx: &mut Tx, id: &JobId) -> Result<Option<JobDetail>, Error> {
    let row = sqlx::query_file_as!(JobRow, "src/operations/job.sql", id.as_str()).fetch_optional(tx.conn()).await?;
    let Some(row) = row else { return Ok(None) };
    let mut job = row.into_detail();
    job.history = history(tx, id).await?;
    job.edits = edits(tx, id).await?;
    job.version = store::version(tx, id).await?;
    if job.payload.is_none() {
        job.payload = logged_payload(tx, id).await?.map(Payload::Json);
        job.payload_source = job.payload.is_some().then_some(PayloadSource::EventLog);
    }
    Ok(Some(job))
}

async fn history(tx: &mut Tx, id: &JobId) -> Result<Vec<Attempt>, Error> {
    let mut rows = sqlx::query_as!(
        Attempt,
        r#"select attempt, outcome as "outcome: AttemptOutcome", error, error_class, fingerprint, actor, reason, started_at,
                  ended_at, next_run_at
           from jobs.attempts where job_id = $1 order by position desc limit 1000"#,
        id.as_str()
    )
    .fetch_all(tx.conn())
    .await?;
    rows.reverse();
    Ok(rows)
}

async fn edits(tx: &mut Tx, id: &JobId) -> Result<Vec<Edit>, Error> {
    let rows = sqlx::query!(
        "select edited_at, edited_by, reason, patch, before, after, correction
         from jobs.edits where job_id = $1 order by edited_at, id",
        id.as_str()
    )
    .fetch_all(tx.conn())
    .await?;
    let edit = rows.into_iter().map(|row| Edit {
        at: row.edited_at,
        by: row.edited_by,
        reason: row.reason,
        patch: row.patch,
        before: Payload::read(&row.before),
        after: Payload::read(&row.after),
        correction: row.correction,
    });
    Ok(edit.collect())
}

/// The arguments that an outbox job had, from the event it published: that has the job's id.
async fn logged_payload(tx: &mut Tx, id: &JobId) -> Result<Option<Box<RawValue>>, Error> {
    let Ok(event_id) = Ulid::from_string(id.as_str()) else { return Ok(None) };
    let Some(event) = store::committed(tx, Uuid::from(event_id)).await? else { return Ok(None) };
    let payload = to_raw_value(&PublishEvent { event });
    Ok(Some(payload.map_err(|e| Error::Internal(format!("event of job {}: {e}", id.as_str())))?))
}

/// All or none, by the constraints dead_letters_archive_complete and dead_letters_discard_complete.
fn put_away(at: Option<DateTime<Utc>>, by: Option<String>, reason: Option<String>) -> Option<PutAway> {
    at.zip(by).zip(reason).map(|((at, by), reason)| PutAway { at, by, reason })
}

struct JobRow {
    id: String,
    queue: String,
    kind: String,
    state: JobState,
    tenant: Option<String>,
    subject: Option<String>,
    ordering_key: Option<String>,
    correlation_id: Option<String>,
    attempts: i32,
    redrives: i32,
    created_at: DateTime<Utc>,
    next_run_at: Option<DateTime<Utc>>,
    ended_at: Option<DateTime<Utc>>,
    worker: Option<String>,
    reason: Option<DeadReason>,
    error: Option<String>,
    fingerprint: Option<String>,
    max_attempts: Option<i32>,
    crashes: Option<i32>,
    causation_id: Option<String>,
    traceparent: Option<String>,
    started_at: Option<DateTime<Utc>>,
    waiting_for: Option<String>,
    blocked_by: Option<String>,
    payload: Option<Vec<u8>>,
    metadata: Option<Value>,
    holds_key: Option<bool>,
    discarded_at: Option<DateTime<Utc>>,
    discarded_by: Option<String>,
    discard_reason: Option<String>,
    archived_at: Option<DateTime<Utc>>,
    archived_by: Option<String>,
    archive_reason: Option<String>,
}

impl JobRow {
    fn into_detail(self) -> JobDetail {
        let archived = put_away(self.archived_at, self.archived_by, self.archive_reason);
        let discarded = put_away(self.discarded_at, self.discarded_by, self.discard_reason);
        let died = self.reason.zip(self.ended_at).zip(self.holds_key);
        let dead_letter =
            died.map(|((reason, died_at), holds_key)| DeadLetter { reason, died_at, holds_key, archived, discarded });
        let payload = self.payload.as_deref().map(Payload::read);
        JobDetail {
            summary: JobSummary {
                id: self.id,
                queue: self.queue,
                kind: self.kind,
                state: self.state,
                tenant: self.tenant,
                subject: self.subject,
                ordering_key: self.ordering_key,
                correlation_id: self.correlation_id,
                attempts: self.attempts,
                redrives: self.redrives,
                created_at: self.created_at,
                next_run_at: self.next_run_at,
                ended_at: self.ended_at,
                worker: self.worker,
                reason: self.reason,
                error: self.error,
                fingerprint: self.fingerprint,
            },
            max_attempts: self.max_attempts,
            crashes: self.crashes,
            causation_id: self.causation_id,
            traceparent: self.traceparent,
            started_at: self.started_at,
            waiting_for: self.waiting_for,
            blocked_by: self.blocked_by,
            payload_source: payload.is_some().then_some(PayloadSource::Job),
            payload,
            metadata: self.metadata,
            dead_letter,
            history: Vec::new(),
            edits: Vec::new(),
            version: 0,
        }
    }
}
