//! The states of a job, and the tables they are found in.

use crate::kernel::error::FieldError;
use crate::kernel::input;

/// Where a job stands. The view `jobs.overview` decides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum JobState {
    /// Due, and waits for a worker.
    Pending,
    /// Has never run, and is not due yet.
    Scheduled,
    /// A worker holds it.
    Running,
    /// Has failed, and waits for its next attempt.
    Retrying,
    /// Due, but an earlier job of its key runs, waits, or holds the key as a dead letter.
    Blocked,
    /// Handed back until its dependency is reachable again.
    Waiting,
    /// Succeeded.
    Completed,
    /// Stopped on purpose.
    Cancelled,
    /// Given up; kept for a human.
    Dead,
    /// A dead letter that an operator keeps for good: nothing is left to do.
    Archived,
    /// A dead letter that an operator dropped.
    Discarded,
}

/// Why a job is a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum DeadReason {
    /// Its last attempt failed.
    Exhausted,
    /// Trying again cannot help.
    Permanent,
    /// Its payload does not decode.
    Undecodable,
    /// It killed its worker too often.
    CrashLoop,
}

/// The table a job is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::operations) enum Place {
    Live,
    Completed,
    Dead,
}

impl JobState {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Pending,
        Self::Scheduled,
        Self::Running,
        Self::Retrying,
        Self::Blocked,
        Self::Waiting,
        Self::Completed,
        Self::Cancelled,
        Self::Dead,
        Self::Archived,
        Self::Discarded,
    ];

    /// # Errors
    /// Names `pointer` and the states there are; code `unknown_state`.
    pub fn parse(text: &str, pointer: &str) -> Result<Self, FieldError> {
        named(&Self::ALL, Self::as_str, text)
            .ok_or_else(|| input::wrong(pointer, "unknown_state", one_of(&Self::ALL, Self::as_str)))
    }

    /// As it is written in JSON and stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Scheduled => "scheduled",
            Self::Running => "running",
            Self::Retrying => "retrying",
            Self::Blocked => "blocked",
            Self::Waiting => "waiting",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Dead => "dead",
            Self::Archived => "archived",
            Self::Discarded => "discarded",
        }
    }

    pub(in crate::operations) fn place(self) -> Place {
        match self {
            Self::Completed | Self::Cancelled => Place::Completed,
            Self::Dead | Self::Archived | Self::Discarded => Place::Dead,
            _ => Place::Live,
        }
    }
}

impl DeadReason {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Exhausted, Self::Permanent, Self::Undecodable, Self::CrashLoop];

    /// # Errors
    /// Names `pointer` and the reasons there are; code `unknown_reason`.
    pub fn parse(text: &str, pointer: &str) -> Result<Self, FieldError> {
        named(&Self::ALL, Self::as_str, text)
            .ok_or_else(|| input::wrong(pointer, "unknown_reason", one_of(&Self::ALL, Self::as_str)))
    }

    /// As it is written in JSON and stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exhausted => "exhausted",
            Self::Permanent => "permanent",
            Self::Undecodable => "undecodable",
            Self::CrashLoop => "crash_loop",
        }
    }
}

impl Place {
    pub(in crate::operations) const ALL: [Self; 3] = [Self::Live, Self::Completed, Self::Dead];

    pub(in crate::operations) fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Completed => "completed",
            Self::Dead => "dead",
        }
    }
}

fn named<T: Copy>(all: &[T], name: fn(T) -> &'static str, text: &str) -> Option<T> {
    all.iter().copied().find(|value| name(*value) == text)
}

fn one_of<T: Copy>(all: &[T], name: fn(T) -> &'static str) -> String {
    format!("must be one of {}", all.iter().map(|value| name(*value)).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_or_reason_is_read_as_it_is_written() {
        for state in JobState::ALL {
            assert_eq!(JobState::parse(state.as_str(), "state").unwrap(), state);
        }
        for reason in DeadReason::ALL {
            assert_eq!(DeadReason::parse(reason.as_str(), "reason").unwrap(), reason);
        }
    }

    #[test]
    fn an_unknown_one_is_refused_with_the_known_ones() {
        let error = JobState::parse("lost", "state").unwrap_err();
        assert_eq!((error.pointer.as_str(), error.code), ("state", "unknown_state"));
        assert!(error.detail.ends_with("completed, cancelled, dead, archived, discarded"), "{}", error.detail);
        assert_eq!(DeadReason::parse("", "reason").unwrap_err().code, "unknown_reason");
    }
}
