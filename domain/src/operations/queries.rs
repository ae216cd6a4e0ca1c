//! Reads queues, jobs, workers, what happened from a command to the last consumer, and what operators did.

mod groups;
mod jobs;
mod load;
mod queues;
mod records;
mod timeline;

pub use groups::ListFailureGroups;
pub use jobs::{GetDeadLetter, GetJob, ListDeadLetters, ListJobs};
pub use load::ReadLoad;
pub use queues::{COUNT_LIMIT, ListQueues, ListWorkers};
pub use records::ListAuditRecords;
pub use timeline::{GetTimeline, MOST_ENTRIES};

pub(super) use jobs::{job, oldest_dead};
