//! Failures that are alike.

use chrono::{DateTime, Utc};

use super::state::DeadReason;
use crate::kernel::ctx::TenantId;
use crate::kernel::error::FieldError;
use crate::kernel::input;
use crate::kernel::page::SearchText;

/// Jobs whose failures have the same fingerprint.
#[derive(Debug, Clone)]
pub struct FailureGroup {
    /// What they have in common.
    pub fingerprint: String,
    /// Their queue.
    pub queue: String,
    /// Their kind.
    pub kind: String,
    /// Why they are dead letters, as the sample says; none while they are retried.
    pub reason: Option<DeadReason>,
    /// What sort of failure.
    pub error_class: Option<String>,
    /// The error without what differs between them.
    pub pattern: String,
    /// How many they are.
    pub count: i64,
    /// When the first of them died, or failed last.
    pub first_seen: DateTime<Utc>,
    /// The same of the last.
    pub last_seen: DateTime<Utc>,
    /// The newest job.
    pub sample: Sample,
    /// Whose they are; those with the most of them first.
    pub tenants: Affected,
    /// What they are about; 1,000 of them are counted at most.
    pub subjects: Affected,
}

/// One job of a group.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Its id.
    pub id: String,
    /// What it said.
    pub error: String,
}

/// How many there are of something, and the first few.
#[derive(Debug, Clone)]
pub struct Affected {
    /// How many.
    pub count: i64,
    /// Five at most.
    pub first: Vec<String>,
}

/// Which failures are grouped; every given condition must hold.
#[derive(Debug, Clone, Default)]
pub struct GroupFilter {
    /// Dead, or still retried.
    pub state: GroupState,
    /// Of this queue.
    pub queue: Option<SearchText>,
    /// Of this kind.
    pub kind: Option<SearchText>,
    /// Of this tenant.
    pub tenant: Option<TenantId>,
    /// Dead letters for this reason.
    pub reason: Option<DeadReason>,
}

/// Where the jobs of a group stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum GroupState {
    /// Dead letters that nobody has handled.
    #[default]
    Dead,
    /// They have failed, and have attempts left: waiting for the next one, or in it.
    Retrying,
}

/// What groups are ordered by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum GroupSort {
    /// `-count`: the largest first.
    #[default]
    Count,
    /// `-last_seen`: those that failed last first.
    LastSeen,
}

impl GroupState {
    /// # Errors
    /// Names `pointer` and the states there are; code `unknown_state`.
    pub fn parse(text: &str, pointer: &str) -> Result<Self, FieldError> {
        match text {
            "dead" => Ok(Self::Dead),
            "retrying" => Ok(Self::Retrying),
            _ => Err(input::wrong(pointer, "unknown_state", "must be one of dead, retrying")),
        }
    }
}

impl GroupSort {
    /// # Errors
    /// Names `pointer` and what is allowed; code `sort_invalid`.
    pub fn parse(text: &str, pointer: &str) -> Result<Self, FieldError> {
        [Self::Count, Self::LastSeen]
            .into_iter()
            .find(|sort| sort.as_str() == text)
            .ok_or_else(|| input::wrong(pointer, "sort_invalid", "sort is one of -count, -last_seen"))
    }

    /// As callers write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Count => "-count",
            Self::LastSeen => "-last_seen",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_and_orders_have_names() {
        assert_eq!(GroupState::parse("dead", "state").unwrap(), GroupState::Dead);
        assert_eq!(GroupState::parse("retrying", "state").unwrap(), GroupState::Retrying);
        let error = GroupState::parse("discarded", "state").unwrap_err();
        assert_eq!((error.pointer.as_str(), error.code), ("state", "unknown_state"));
        for sort in [GroupSort::Count, GroupSort::LastSeen] {
            assert_eq!(GroupSort::parse(sort.as_str(), "sort").unwrap(), sort);
        }
        assert_eq!(GroupSort::parse("count", "sort").unwrap_err().code, "sort_invalid");
    }
}
