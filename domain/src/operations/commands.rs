//! What operators can do. Each command takes the queue's lock before it decides, and leaves a row
//! of history that says who and why, and a record for the auditors.

mod archive;
mod dead_letters;
mod demo;
mod edit;
mod jobs;
mod queues;
mod recorded;

pub use archive::{ArchiveDeadLetter, RestoreDeadLetter};
pub use dead_letters::{
    DiscardDeadLetter, MOST_RETRIED, RetryDeadLetter, RetryDeadLetters, RetryLimit, WhichDeadLetters,
};
pub use demo::AddDemoJobs;
pub use edit::EditDeadLetter;
pub use jobs::{CancelJob, RunJobNow};
pub use queues::{PauseQueue, ResumeQueue};
