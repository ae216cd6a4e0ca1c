//! Reads queues, jobs and workers.

mod jobs;
mod queues;

pub use jobs::{GetDeadLetter, GetJob, ListDeadLetters, ListJobs};
pub use queues::{COUNT_LIMIT, ListQueues, ListWorkers};

pub(super) use jobs::{job, oldest_dead};
