//! How an attempt ended, as a type: done, retry, cancel, snooze, unavailable, or for good.

use std::time::Duration;

use domain::{Error, Rejection};

/// The name under which jobs wait for PostgreSQL.
pub const DATABASE: &str = "database";

/// What a handler returns.
pub type JobResult = Result<(), JobError>;

/// Why an attempt did not end well. `class` is a stable, `snake_case` word that failures are
/// grouped by; `message` is for people.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum JobError {
    /// Trying again may help: counts as an attempt, waits, and is tried again.
    #[error("{message}")]
    Transient {
        /// What sort of failure.
        class: &'static str,
        /// What happened.
        message: String,
    },
    /// As [`Transient`](Self::Transient), but not before this long, however short the queue's own wait is: whom it
    /// needs said so.
    #[error("{message}")]
    NotBefore {
        /// What sort of failure.
        class: &'static str,
        /// What happened.
        message: String,
        /// The shortest wait.
        wait: Duration,
    },
    /// Trying again cannot help: a dead letter at once.
    #[error("{message}")]
    Permanent {
        /// What sort of failure.
        class: &'static str,
        /// What happened.
        message: String,
    },
    /// The arguments do not decode: a dead letter at once.
    #[error("{0}")]
    Undecodable(String),
    /// It killed its worker process this often: a dead letter without another try.
    #[error("killed its worker process {0} times")]
    CrashLoop(u32),
    /// A dependency is not reachable. Waits without using an attempt, unless the queue counts it.
    #[error("{message}")]
    Unavailable {
        /// Its name.
        dependency: &'static str,
        /// What happened.
        message: String,
    },
    /// Not now: again after this long, without using an attempt.
    #[error("snoozed for {} s", .0.as_secs())]
    Snooze(Duration),
    /// Stopped on purpose; the reason says why. It is finished, and no failure.
    #[error("{0}")]
    Cancel(String),
}

impl JobError {
    /// The word failures are grouped by.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Transient { class, .. } | Self::NotBefore { class, .. } | Self::Permanent { class, .. } => class,
            Self::Undecodable(_) => "undecodable",
            Self::CrashLoop(_) => "crash",
            Self::Unavailable { .. } => "unavailable",
            Self::Snooze(_) => "snoozed",
            Self::Cancel(_) => "cancelled",
        }
    }
}

impl From<Rejection> for JobError {
    /// The business says no: it will say no again.
    fn from(rejection: Rejection) -> Self {
        Self::Permanent { class: rejection.code, message: rejection.to_string() }
    }
}

impl From<Error> for JobError {
    fn from(error: Error) -> Self {
        match error {
            Error::Rejected(rejection) => rejection.into(),
            // not the job's fault: an attempt that could not reach the database is none
            error if error.is_unreachable() => Self::Unavailable { dependency: DATABASE, message: error.to_string() },
            Error::Database(e) => Self::Transient { class: "database", message: e.to_string() },
            Error::Internal(message) => Self::Transient { class: "internal", message },
        }
    }
}
