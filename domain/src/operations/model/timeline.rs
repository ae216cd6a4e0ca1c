//! The story of one order, customer, event or request.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::kernel::ctx::CorrelationId;

/// Whose story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimelineOf {
    /// An order's events, and everything that has a correlation id with one of them.
    Order(Uuid),
    /// A customer's events, and everything that has a correlation id with one of them.
    Customer(Uuid),
    /// One event, and what became of it.
    Event(Uuid),
    /// All that one request caused.
    Correlation(CorrelationId),
}

/// What happened, in the order of time.
#[derive(Debug, Clone)]
pub struct Timeline {
    /// The earliest first; what is yet to come stands last.
    pub entries: Vec<TimelineEntry>,
    /// Whether there is more than is shown.
    pub truncated: bool,
}

/// One thing that happened, or comes next. What does not apply to its step is none.
#[derive(Debug, Clone)]
pub struct TimelineEntry {
    /// When it happened, ended, or comes.
    pub at: DateTime<Utc>,
    /// What.
    pub step: Step,
    /// Who did it: a person, a consumer group as the actor of its commands, a worker.
    pub who: Option<String>,
    /// The queue, which is also the consumer group.
    pub queue: Option<String>,
    /// The event it is about.
    pub event_id: Option<String>,
    /// The job it is about.
    pub job_id: Option<String>,
    /// The CloudEvents type.
    pub event_type: Option<String>,
    /// What it is about: `orders/{id}`.
    pub subject: Option<String>,
    /// Whose it is.
    pub tenant: Option<String>,
    /// Shared by everything the originating request caused.
    pub correlation_id: Option<String>,
    /// What caused it directly.
    pub causation_id: Option<String>,
    /// Which attempt; the first is 1.
    pub attempt: Option<i32>,
    /// How it ended, or the state of a job that is not done.
    pub outcome: Option<String>,
    /// What went wrong.
    pub error: Option<String>,
    /// Why: an operator's words, or why a job was given up.
    pub reason: Option<String>,
    /// When the attempt began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it is tried next.
    pub next_run_at: Option<DateTime<Utc>>,
}

/// The kinds of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Step {
    /// Somebody asked for a change.
    Command,
    /// It was committed.
    Event,
    /// Together with the job that publishes it.
    Outbox,
    /// A consumer group has the event, and a job to handle it.
    Received,
    /// An attempt that did not succeed.
    Attempt,
    /// What an operator did to a job.
    Operator,
    /// The broker confirmed the event.
    Confirmed,
    /// The event had its effect in a consumer group.
    Handled,
    /// A customer was told, or could not be.
    Notification,
    /// An endpoint took a webhook, or did not.
    Webhook,
    /// A job ended.
    Completed,
    /// A job was given up.
    DeadLetter,
    /// A worker holds a job now.
    Running,
    /// A job that waits.
    Next,
}

impl Step {
    /// As it is written in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Event => "event",
            Self::Outbox => "outbox",
            Self::Received => "received",
            Self::Attempt => "attempt",
            Self::Operator => "operator",
            Self::Confirmed => "confirmed",
            Self::Handled => "handled",
            Self::Notification => "notification",
            Self::Webhook => "webhook",
            Self::Completed => "completed",
            Self::DeadLetter => "dead_letter",
            Self::Running => "running",
            Self::Next => "next",
        }
    }
}
