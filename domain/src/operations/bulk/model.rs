//! Operations as operators order and see them.

mod gradual;
mod preview;

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::kernel::error::FieldError;
use crate::kernel::input;

pub use gradual::{Gradual, MOST_STEPS, StopRule};
pub use preview::{Preview, PreviewItem, PreviewTotals, Verdict};

/// No operation is on more dead letters than this.
pub const MOST_ITEMS: usize = 100_000;
/// No operation names more of them than this.
pub const MOST_IDS: usize = 10_000;

/// What is done to each dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Action {
    /// It is put back into its queue, with one more attempt.
    Retry,
    /// It is dropped.
    Discard,
    /// It is kept for good.
    Archive,
    /// It is one to do again, after it was put away.
    Restore,
    /// Its payload is changed, and it is put back.
    EditAndRetry,
}

/// Where an operation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum OperationState {
    /// It works, or waits for what became of a step.
    Running,
    /// It waits until it is resumed.
    Paused,
    /// It stopped by itself: too much failed again. It can be resumed.
    Stopped,
    /// Somebody ended it for good.
    Cancelled,
    /// All its items are done, and their outcomes seen, or waited for long enough.
    Completed,
}

/// What became of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum ItemResult {
    /// Its turn has not come.
    Waiting,
    /// The action is done; what is retried has not run yet, as far as is known.
    Done,
    /// Nothing was done.
    Skipped,
    /// It was retried, and completed.
    Succeeded,
    /// It was retried, and failed again.
    Failed,
    /// It was retried, and an operator cancelled it.
    Cancelled,
}

/// One action on many dead letters.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// Its id; it stands in the history of each of its jobs.
    pub id: Uuid,
    /// What is done.
    pub action: Action,
    /// What its items were selected by, under the names that callers use; none where they were named.
    pub filter: Option<Value>,
    /// The merge patch of each payload, where it is edited.
    pub patch: Option<Value>,
    /// Why.
    pub reason: String,
    /// Who ordered it.
    pub created_by: String,
    /// How it goes about it.
    pub gradual: Gradual,
    /// Where it stands.
    pub state: OperationState,
    /// Why it stopped or paused by itself.
    pub explanation: Option<String>,
    /// How far it is.
    pub progress: Progress,
    /// When it was ordered.
    pub created_at: DateTime<Utc>,
    /// When it last went on, or was changed.
    pub changed_at: DateTime<Utc>,
    /// Who last paused, resumed or cancelled it.
    pub changed_by: Option<String>,
    /// Why.
    pub change_reason: Option<String>,
    /// When it was completed or cancelled.
    pub ended_at: Option<DateTime<Utc>>,
}

/// How far an operation is, in items.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Of how many it is.
    pub total: i32,
    /// The action is done.
    pub done: i32,
    /// Nothing was to be done.
    pub skipped: i32,
    /// Of those done: completed since.
    pub succeeded: i32,
    /// Of those done: failed again.
    pub failed: i32,
    /// Of those failed: with the fingerprint they had before.
    pub failed_alike: i32,
    /// Of those done: cancelled by an operator since.
    pub cancelled: i32,
    /// In which step it is; the first is 1.
    pub step: i32,
}

/// One dead letter of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationItem {
    /// Its place in the operation; the first is 1.
    pub position: i32,
    /// The job.
    pub job_id: String,
    /// What became of it.
    pub result: ItemResult,
    /// Why it was skipped: the code of a verdict.
    pub skipped_for: Option<String>,
    /// What was wrong with it, in words.
    pub detail: Option<String>,
    /// What it had failed with when it was selected.
    pub fingerprint: Option<String>,
    /// What it failed with again.
    pub failed_with: Option<String>,
    /// That error's text, while it is a dead letter.
    pub error: Option<String>,
    /// When the action was done, or found needless.
    pub acted_at: Option<DateTime<Utc>>,
    /// When its outcome was seen.
    pub ended_at: Option<DateTime<Utc>>,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Retry, Self::Discard, Self::Archive, Self::Restore, Self::EditAndRetry];

    /// # Errors
    /// Names `pointer` and the actions there are; code `unknown_action`.
    pub fn parse(text: &str, pointer: &str) -> Result<Self, FieldError> {
        let names = Self::ALL.map(Self::as_str);
        Self::ALL
            .into_iter()
            .find(|action| action.as_str() == text)
            .ok_or_else(|| input::wrong(pointer, "unknown_action", format!("must be one of {}", names.join(", "))))
    }

    /// As it is written in JSON and stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Discard => "discard",
            Self::Archive => "archive",
            Self::Restore => "restore",
            Self::EditAndRetry => "edit_and_retry",
        }
    }

    /// Whether the jobs run again, so that something becomes of them.
    pub fn runs_jobs(self) -> bool {
        matches!(self, Self::Retry | Self::EditAndRetry)
    }
}

impl OperationState {
    /// As it is written in JSON and stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
            Self::Cancelled => "cancelled",
            Self::Completed => "completed",
        }
    }

    /// Whether it goes on no more, unless somebody resumes it.
    pub fn is_at_rest(self) -> bool {
        matches!(self, Self::Stopped | Self::Cancelled | Self::Completed)
    }
}

impl ItemResult {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Waiting, Self::Done, Self::Skipped, Self::Succeeded, Self::Failed, Self::Cancelled];

    /// # Errors
    /// Names `pointer` and the results there are; code `unknown_result`.
    pub fn parse(text: &str, pointer: &str) -> Result<Self, FieldError> {
        let names = Self::ALL.map(Self::as_str);
        Self::ALL
            .into_iter()
            .find(|result| result.as_str() == text)
            .ok_or_else(|| input::wrong(pointer, "unknown_result", format!("must be one of {}", names.join(", "))))
    }

    /// As it is written in JSON and stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::Skipped => "skipped",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_they_are_written() {
        for action in Action::ALL {
            assert_eq!(Action::parse(action.as_str(), "").unwrap(), action);
        }
        for result in ItemResult::ALL {
            assert_eq!(ItemResult::parse(result.as_str(), "").unwrap(), result);
        }
        let unknown = Action::parse("Retry", "/action").unwrap_err();
        assert_eq!((unknown.pointer.as_str(), unknown.code), ("/action", "unknown_action"));
        assert_eq!(unknown.detail, "must be one of retry, discard, archive, restore, edit_and_retry");
        assert_eq!(ItemResult::parse("dead", "result").unwrap_err().code, "unknown_result");
    }
}
