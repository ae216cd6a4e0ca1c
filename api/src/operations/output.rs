//! Jobs as operators see them.

use chrono::{DateTime, Utc};
use domain::operations::{
    Attempt, DeadLetter, DeadReason, Edit, JobDetail, JobState, JobSummary, Payload, PayloadSource, PutAway,
};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

/// One line of a list of jobs.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = JobSummary)]
pub(super) struct JobSummaryBody {
    /// The same wherever the job is; a ULID, whose order is that of creation.
    #[schema(example = "01KAH7Z5M8T3R1W6Q0N4V2X9YB")]
    id: String,
    #[schema(example = "outbox")]
    queue: String,
    /// How the payload decodes.
    #[schema(example = "publish-event.v1")]
    kind: String,
    #[schema(value_type = JobStateName)]
    state: &'static str,
    /// Null if it belongs to the installation.
    #[schema(required = true, example = "demo")]
    tenant: Option<String>,
    /// What it is about.
    #[schema(required = true, example = "customers/01941f29-7c00-7000-8000-000000000001")]
    subject: Option<String>,
    /// Jobs of one queue and key run one after another.
    #[schema(required = true, example = "customers/01941f29-7c00-7000-8000-000000000001")]
    ordering_key: Option<String>,
    /// Shared by everything the originating request caused.
    #[schema(required = true, example = "walk-through-1")]
    correlation_id: Option<String>,
    /// Attempts that have ended, the successful one too.
    #[schema(example = 6)]
    attempts: i32,
    /// How often an operator put it back.
    #[schema(example = 0)]
    redrives: i32,
    created_at: DateTime<Utc>,
    /// When it is, or was, due; null while it runs and after it ended.
    #[schema(required = true)]
    next_run_at: Option<DateTime<Utc>>,
    /// When it completed, was cancelled, or died.
    #[schema(required = true)]
    ended_at: Option<DateTime<Utc>>,
    /// Who holds it, or completed it.
    #[schema(required = true)]
    worker: Option<String>,
    /// Why it is a dead letter.
    #[schema(required = true, value_type = Option<DeadReasonName>)]
    reason: Option<&'static str>,
    /// What its last failed attempt said; of a live job also what it was handed back with.
    #[schema(required = true, example = "connection refused")]
    error: Option<String>,
    /// What that failure is grouped by; null for a completed job.
    #[schema(required = true, example = "7c9e8581fcd3db75")]
    fingerprint: Option<String>,
}

/// Everything there is to know about one job.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Job)]
pub(super) struct JobBody {
    #[serde(flatten)]
    summary: JobSummaryBody,
    /// Attempts it may use; null for a completed job.
    #[schema(required = true, example = 6)]
    max_attempts: Option<i32>,
    /// How often its worker died while it ran alone; null for a completed job.
    #[schema(required = true, example = 0)]
    crashes: Option<i32>,
    /// What caused it directly: a request, event or job.
    #[schema(required = true)]
    causation_id: Option<String>,
    /// W3C trace context of what inserted it.
    #[schema(required = true, example = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]
    traceparent: Option<String>,
    /// When its present or last attempt began, as far as known.
    #[schema(required = true)]
    started_at: Option<DateTime<Utc>>,
    /// The dependency it waits for.
    #[schema(required = true)]
    waiting_for: Option<String>,
    /// The first job that holds it back, while it is blocked.
    #[schema(required = true)]
    blocked_by: Option<String>,
    /// Its arguments, if they are JSON.
    #[schema(required = true, value_type = Value)]
    payload: Option<Box<RawValue>>,
    /// Its arguments in Base64, if they are not JSON.
    #[schema(required = true)]
    payload_raw: Option<String>,
    /// `job`, or `event_log`: the outbox does not keep what is there anyway. Null without a payload.
    #[schema(required = true, example = "job")]
    payload_source: Option<&'static str>,
    /// Free-form; null for a completed job.
    #[schema(required = true, value_type = Option<Object>)]
    metadata: Option<Value>,
    /// What is particular to a dead letter.
    #[schema(required = true)]
    dead_letter: Option<DeadLetterBody>,
    /// Everything that did not go straight, oldest first; the newest 1,000 at most.
    history: Vec<AttemptBody>,
    /// What operators made of the payload, oldest first.
    edits: Vec<EditBody>,
}

/// What an operator made of a payload.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PayloadEdited)]
struct EditBody {
    at: DateTime<Utc>,
    by: String,
    reason: String,
    /// The merge patch.
    #[schema(value_type = Object)]
    patch: Value,
    /// The payload it was applied to.
    #[schema(value_type = Object)]
    before: Option<Box<RawValue>>,
    /// What came of it.
    #[schema(value_type = Object)]
    after: Option<Box<RawValue>>,
    /// The event that was committed in the place of the one that the job should have published; null for other jobs.
    #[schema(required = true)]
    correction: Option<Uuid>,
}

/// What is particular to a dead letter.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DeadLetter)]
struct DeadLetterBody {
    #[schema(value_type = DeadReasonName)]
    reason: &'static str,
    died_at: DateTime<Utc>,
    /// Whether later jobs of its key wait for it.
    holds_key: bool,
    /// Null unless an operator keeps it for good.
    #[schema(required = true)]
    archived_at: Option<DateTime<Utc>>,
    #[schema(required = true)]
    archived_by: Option<String>,
    #[schema(required = true)]
    archive_reason: Option<String>,
    /// Null unless an operator dropped it.
    #[schema(required = true)]
    discarded_at: Option<DateTime<Utc>>,
    #[schema(required = true)]
    discarded_by: Option<String>,
    #[schema(required = true)]
    discard_reason: Option<String>,
}

/// An attempt that did not succeed, or something an operator did.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Attempt)]
struct AttemptBody {
    /// The first is 1; of an operator's entry the attempts so far.
    #[schema(example = 1)]
    attempt: i32,
    /// `failed`, `dead`, `unavailable`, `snoozed`, `cancelled` or `crashed`; `redriven`, `archived`,
    /// `discarded`, `restored` or `run_now` by an operator.
    #[schema(example = "failed")]
    outcome: &'static str,
    #[schema(required = true, example = "connection refused")]
    error: Option<String>,
    /// What sort of failure.
    #[schema(required = true, example = "broker")]
    error_class: Option<String>,
    /// What failures are grouped by: queue, kind, class, and the error without ids, numbers and quoted values. Null
    /// for what is no failure.
    #[schema(required = true, example = "7c9e8581fcd3db75")]
    fingerprint: Option<String>,
    /// The worker, or the operator.
    actor: String,
    /// Why, in the operator's words.
    #[schema(required = true)]
    reason: Option<String>,
    #[schema(required = true)]
    started_at: Option<DateTime<Utc>>,
    ended_at: DateTime<Utc>,
    /// When it is tried again; null when it is not.
    #[schema(required = true)]
    next_run_at: Option<DateTime<Utc>>,
}

/// Where a job stands.
#[derive(ToSchema)]
#[schema(as = JobState, rename_all = "lowercase")]
#[allow(dead_code, reason = "describes what JobState writes and reads")]
pub(super) enum JobStateName {
    Pending,
    Scheduled,
    Running,
    Retrying,
    Blocked,
    Waiting,
    Completed,
    Cancelled,
    Dead,
    Archived,
    Discarded,
}

/// Why a job is a dead letter.
#[derive(ToSchema)]
#[schema(as = DeadReason, rename_all = "snake_case")]
#[allow(dead_code, reason = "describes what DeadReason writes and reads")]
pub(super) enum DeadReasonName {
    Exhausted,
    Permanent,
    Undecodable,
    CrashLoop,
}

impl From<JobSummary> for JobSummaryBody {
    fn from(job: JobSummary) -> Self {
        Self {
            id: job.id,
            queue: job.queue,
            kind: job.kind,
            state: JobState::as_str(job.state),
            tenant: job.tenant,
            subject: job.subject,
            ordering_key: job.ordering_key,
            correlation_id: job.correlation_id,
            attempts: job.attempts,
            redrives: job.redrives,
            created_at: job.created_at,
            next_run_at: job.next_run_at,
            ended_at: job.ended_at,
            worker: job.worker,
            reason: job.reason.map(DeadReason::as_str),
            error: job.error,
            fingerprint: job.fingerprint,
        }
    }
}

impl From<JobDetail> for JobBody {
    fn from(job: JobDetail) -> Self {
        let (payload, payload_raw) = match job.payload {
            Some(Payload::Json(json)) => (Some(json), None),
            Some(Payload::Raw(base64)) => (None, Some(base64)),
            None => (None, None),
        };
        Self {
            summary: job.summary.into(),
            max_attempts: job.max_attempts,
            crashes: job.crashes,
            causation_id: job.causation_id,
            traceparent: job.traceparent,
            started_at: job.started_at,
            waiting_for: job.waiting_for,
            blocked_by: job.blocked_by,
            payload,
            payload_raw,
            payload_source: job.payload_source.map(|source| match source {
                PayloadSource::Job => "job",
                PayloadSource::EventLog => "event_log",
            }),
            metadata: job.metadata,
            dead_letter: job.dead_letter.map(DeadLetterBody::from),
            history: job.history.into_iter().map(AttemptBody::from).collect(),
            edits: job.edits.into_iter().map(EditBody::from).collect(),
        }
    }
}

impl From<Edit> for EditBody {
    fn from(edit: Edit) -> Self {
        // only JSON is ever edited
        let json = |payload| match payload {
            Payload::Json(json) => Some(json),
            Payload::Raw(_) => None,
        };
        Self {
            at: edit.at,
            by: edit.by,
            reason: edit.reason,
            patch: edit.patch,
            before: json(edit.before),
            after: json(edit.after),
            correction: edit.correction,
        }
    }
}

impl From<DeadLetter> for DeadLetterBody {
    fn from(dead: DeadLetter) -> Self {
        let columns = |put_away: Option<PutAway>| match put_away {
            Some(PutAway { at, by, reason }) => (Some(at), Some(by), Some(reason)),
            None => (None, None, None),
        };
        let (archived_at, archived_by, archive_reason) = columns(dead.archived);
        let (discarded_at, discarded_by, discard_reason) = columns(dead.discarded);
        Self {
            reason: dead.reason.as_str(),
            died_at: dead.died_at,
            holds_key: dead.holds_key,
            archived_at,
            archived_by,
            archive_reason,
            discarded_at,
            discarded_by,
            discard_reason,
        }
    }
}

impl From<Attempt> for AttemptBody {
    fn from(attempt: Attempt) -> Self {
        Self {
            attempt: attempt.attempt,
            outcome: attempt.outcome.as_str(),
            error: attempt.error,
            error_class: attempt.error_class,
            fingerprint: attempt.fingerprint,
            actor: attempt.actor,
            reason: attempt.reason,
            started_at: attempt.started_at,
            ended_at: attempt.ended_at,
            next_run_at: attempt.next_run_at,
        }
    }
}
