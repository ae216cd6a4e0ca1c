//! What operators see and say.

mod filter;
mod fingerprint;
mod group;
mod job;
mod kind;
mod load;
mod queue;
mod record;
mod state;
mod timeline;

pub use filter::JobFilter;
pub use fingerprint::Fingerprint;
pub use group::{Affected, FailureGroup, GroupFilter, GroupSort, GroupState, Sample};
pub use job::{
    Attempt, AttemptOutcome, DeadLetter, Edit, JobDetail, JobId, JobSummary, Payload, PayloadSource, PutAway, Retried,
    RetryResult,
};
pub use kind::{Carries, EventKind, JobKind};
pub use load::{DeadLoad, Load, QueueLoad, StateLoad, TenantLoad};
pub use queue::{Outage, Pause, Queue, QueueCounts, Retention, Worker, WorkerState};
pub use record::{AuditFilter, AuditRecord};
pub use state::{DeadReason, JobState};
pub use timeline::{Step, Timeline, TimelineEntry, TimelineOf};

pub use crate::kernel::reason::Reason;
