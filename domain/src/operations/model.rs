//! What operators see and say.

mod filter;
mod job;
mod queue;
mod state;
mod timeline;

pub use filter::JobFilter;
pub use job::{
    Attempt, AttemptOutcome, DeadLetter, Discard, JobDetail, JobId, JobSummary, Payload, PayloadSource, Retried,
    RetryResult,
};
pub use queue::{Outage, Pause, Queue, QueueCounts, Worker, WorkerState};
pub use state::{DeadReason, JobState};
pub use timeline::{Step, Timeline, TimelineEntry, TimelineOf};

use crate::kernel::error::FieldError;
use crate::kernel::input;

/// Why an operator did it: one line of 1–500 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    /// # Errors
    /// Names `pointer`; codes `required`, `too_long`, `control_character`.
    pub fn parse(text: &str, pointer: &str) -> Result<Self, FieldError> {
        input::line(text, pointer, 500).map(Self)
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
