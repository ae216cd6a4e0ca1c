//! A job as operators see it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde_json::Value;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::state::{DeadReason, JobState};

/// A job's id, as somebody wrote it: any text, that of no job too.
#[derive(Debug, Clone, PartialEq, Eq, Hash, sqlx::Type)]
#[sqlx(transparent)]
pub struct JobId(String);

impl JobId {
    /// Takes any text; normally a ULID.
    pub fn new(text: &str) -> Self {
        // PostgreSQL takes no NUL, so there is no job with one in its id.
        Self(text.replace('\0', "\u{fffd}"))
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One line of a list of jobs.
#[derive(Debug, Clone)]
pub struct JobSummary {
    /// Its id, the same wherever the job is; a ULID.
    pub id: String,
    /// Where it waits, or waited.
    pub queue: String,
    /// How its payload decodes: `publish-event.v1`.
    pub kind: String,
    /// Where it stands.
    pub state: JobState,
    /// Whose it is; none if it belongs to the installation.
    pub tenant: Option<String>,
    /// What it is about: `customers/{id}`.
    pub subject: Option<String>,
    /// Jobs of one queue and key run one after another.
    pub ordering_key: Option<String>,
    /// Shared by everything the originating request caused.
    pub correlation_id: Option<String>,
    /// Attempts that have ended, the successful one too.
    pub attempts: i32,
    /// How often an operator put it back.
    pub redrives: i32,
    /// When it was inserted.
    pub created_at: DateTime<Utc>,
    /// When it is, or was, due; none while it runs and after it ended.
    pub next_run_at: Option<DateTime<Utc>>,
    /// When it completed, was cancelled, or died.
    pub ended_at: Option<DateTime<Utc>>,
    /// Who holds it, or completed it.
    pub worker: Option<String>,
    /// Why it is a dead letter.
    pub reason: Option<DeadReason>,
    /// What its last failed attempt said; of a live job also what it was handed back with.
    pub error: Option<String>,
    /// The fingerprint of that failure; not known of a completed job.
    pub fingerprint: Option<String>,
}

/// Everything there is to know about one job.
#[derive(Debug, Clone)]
pub struct JobDetail {
    /// As in a list.
    pub summary: JobSummary,
    /// Attempts it may use; not known of a completed job.
    pub max_attempts: Option<i32>,
    /// How often its worker died while it ran alone; not known of a completed job.
    pub crashes: Option<i32>,
    /// What caused it directly: a request, event or job.
    pub causation_id: Option<String>,
    /// W3C trace context of what inserted it.
    pub traceparent: Option<String>,
    /// When its present or last attempt began, as far as known.
    pub started_at: Option<DateTime<Utc>>,
    /// The dependency it waits for.
    pub waiting_for: Option<String>,
    /// The first job that holds it back, while it is blocked.
    pub blocked_by: Option<String>,
    /// Its arguments; none if the queue does not keep them and the event log has none.
    pub payload: Option<Payload>,
    /// Where `payload` was found.
    pub payload_source: Option<PayloadSource>,
    /// Free-form; not kept of a completed job.
    pub metadata: Option<Value>,
    /// What is particular to a dead letter.
    pub dead_letter: Option<DeadLetter>,
    /// Everything that did not go straight, oldest first; the newest 1,000 at most.
    pub history: Vec<Attempt>,
    /// What operators made of its payload, oldest first.
    pub edits: Vec<Edit>,
    /// Another one after each thing that happened to it, success apart.
    pub version: i64,
}

/// What an operator made of a payload.
#[derive(Debug, Clone)]
pub struct Edit {
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// The merge patch.
    pub patch: Value,
    /// The payload it was applied to.
    pub before: Payload,
    /// What came of it.
    pub after: Payload,
    /// The event that was committed in the place of the one it carries, if it publishes one.
    pub correction: Option<Uuid>,
}

/// A job's arguments.
#[derive(Debug, Clone)]
pub enum Payload {
    /// As the JSON they normally are.
    Json(Box<RawValue>),
    /// The bytes in Base64, if they are none.
    Raw(String),
}

/// Where a payload was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadSource {
    /// With the job.
    Job,
    /// In the event log: the outbox does not keep what is there anyway.
    EventLog,
}

/// What is particular to a dead letter.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// Why it was given up.
    pub reason: DeadReason,
    /// When.
    pub died_at: DateTime<Utc>,
    /// Whether later jobs of its key wait for it.
    pub holds_key: bool,
    /// Set while an operator keeps it for good.
    pub archived: Option<PutAway>,
    /// Set while an operator has dropped it.
    pub discarded: Option<PutAway>,
}

/// Who archived or dropped a dead letter, when and why.
#[derive(Debug, Clone)]
pub struct PutAway {
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// One row of a job's history: an attempt that did not succeed, or something an operator did.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The first is 1; of an operator's row the attempts so far.
    pub attempt: i32,
    /// What became of it.
    pub outcome: AttemptOutcome,
    /// What it said.
    pub error: Option<String>,
    /// What sort of failure.
    pub error_class: Option<String>,
    /// What failures are grouped by; none of what is no failure.
    pub fingerprint: Option<String>,
    /// Worker, or operator.
    pub actor: String,
    /// Why, in the operator's words.
    pub reason: Option<String>,
    /// When the attempt began; none of an operator's row.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended, or the operator acted.
    pub ended_at: DateTime<Utc>,
    /// When it is tried again; none when it is not.
    pub next_run_at: Option<DateTime<Utc>>,
}

/// What became of an attempt, or what an operator did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum AttemptOutcome {
    /// Tried again later.
    Failed,
    /// Given up.
    Dead,
    /// Its dependency was not reachable; no attempt counted.
    Unavailable,
    /// Again later by its own wish; no attempt counted.
    Snoozed,
    /// Stopped on purpose.
    Cancelled,
    /// Its worker died.
    Crashed,
    /// An operator put it back.
    Redriven,
    /// An operator dropped it.
    Discarded,
    /// An operator keeps it for good.
    Archived,
    /// An operator brought it back to those that are left to do.
    Restored,
    /// An operator made it due at once.
    RunNow,
}

/// What retrying one of many dead letters did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retried {
    /// Which.
    pub id: JobId,
    /// What happened.
    pub result: RetryResult,
}

/// What retrying a dead letter did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryResult {
    /// It is back in its queue.
    Retried,
    /// It was not dead (any more): left as it is.
    NotDead,
    /// There is no such job.
    NotFound,
}

impl AttemptOutcome {
    /// As it is written in JSON and stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Dead => "dead",
            Self::Unavailable => "unavailable",
            Self::Snoozed => "snoozed",
            Self::Cancelled => "cancelled",
            Self::Crashed => "crashed",
            Self::Redriven => "redriven",
            Self::Discarded => "discarded",
            Self::Archived => "archived",
            Self::Restored => "restored",
            Self::RunNow => "run_now",
        }
    }
}

impl RetryResult {
    /// As it is written in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retried => "retried",
            Self::NotDead => "not_dead",
            Self::NotFound => "not_found",
        }
    }
}

impl Payload {
    /// JSON if it is JSON.
    pub(in crate::operations) fn read(bytes: &[u8]) -> Self {
        serde_json::from_slice(bytes).map_or_else(|_| Self::Raw(STANDARD.encode(bytes)), Self::Json)
    }
}
