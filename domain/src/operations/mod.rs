//! Operating the installation: its queues, the jobs of every tenant wherever they are, dead
//! letters, workers. Everything here runs over [`Scope::Installation`](crate::Scope), as the
//! database role `portal_admin`, which sees queues and jobs but no business data.
//!
//! Reading: the view `jobs.overview` shows every job with its state, whether it is live, completed
//! or dead; the queries here select from it. Lists are newest first by id (ids are ULIDs).
//! Failures that are alike bear the same fingerprint, which the tables compute themselves.
//! Changing: a command finds the job's queue, takes that queue's lock, so that no claim decides
//! meanwhile what may run, looks again, asks a rule, and writes the change with a row of history
//! (who and why). The queue's workers are woken after the commit.
//!
//! A dead letter is left to do until it is retried, archived or discarded. Archived ones are kept until somebody
//! restores them, discarded ones for some days; neither holds its key. Restored, a dead letter is one to do again. It
//! does not hold its key a second time: what waited for it has gone on.
//!
//! Editing: a payload that was wrong is patched, checked against the type it is read as ([`JobKind`], [`EventKind`]: their
//! JSON Schemas are made from the same types) and retried. What it was is kept. A committed event is corrected by another.
//!
//! Auditing: every command ends by recording what it did, see [`Record`](crate::kernel::record::Record); the row
//! commits with the change, nobody can change it afterwards, and [`ListAuditRecords`] reads it. A command that
//! changed something and recorded nothing is not committed.
//!
//! | code | kind | when |
//! |---|---|---|
//! | `job_not_found` | not found | no such job |
//! | `job_not_waiting` | conflict | running a job now that waits for no time or dependency |
//! | `job_is_a_step` | conflict | cancelling a job of a replay, an operation, or a recovery of webhooks |
//! | `job_running` | conflict | cancelling a job that a worker holds |
//! | `job_finished` | conflict | cancelling a job that has ended |
//! | `dead_letter_not_found` | not found | no such job, or asking for one that is no dead letter |
//! | `reason_not_dead` | invalid | grouping jobs that are retried by the reason of dead letters |
//! | `dead_letter_not_dead` | conflict | retrying, archiving or discarding a job that is not dead (any more) |
//! | `dead_letter_not_put_away` | conflict | restoring a job that is neither archived nor discarded |
//! | `dead_letter_corrected` | conflict | restoring the dead letter of an event that another has taken the place of |
//! | `version_conflict` | precondition | editing a dead letter that something has happened to since it was read |
//! | `payload_not_json` | conflict | editing a payload that is no JSON object |
//! | `job_kind_unknown`, `event_type_unknown` | conflict | editing what this release could not check |
//! | `event_not_logged` | conflict | correcting an event that is not in the log |
//! | `patch_changes_nothing` | invalid | the payload is like that already |
//! | `payload_invalid`, `field_fixed` | in `errors` | after the patch it is no payload of its kind; an attribute was changed |
//! | `queue_not_found` | not found | no worker ever served this queue, and it has no jobs |
//! | `queue_already_paused` | conflict | pausing a paused queue |
//! | `queue_not_paused` | conflict | resuming a queue that is not paused |
//! | `timeline_not_found` | not found | no event has to do with what is asked for |

pub mod bulk;
mod commands;
mod jobs;
mod model;
mod queries;
mod rules;
mod store;

pub use commands::{
    AddDemoJobs, ArchiveDeadLetter, CancelJob, DiscardDeadLetter, EditDeadLetter, MOST_RETRIED, PauseQueue,
    RestoreDeadLetter, ResumeQueue, RetryDeadLetter, RetryDeadLetters, RetryLimit, RunJobNow, WhichDeadLetters,
};
pub use jobs::{CleanUp, KeepDays};
pub use model::{
    Affected, Attempt, AttemptOutcome, AuditFilter, AuditRecord, Carries, DeadLetter, DeadLoad, DeadReason, Edit,
    EventKind, FailureGroup, Fingerprint, GroupFilter, GroupSort, GroupState, JobDetail, JobFilter, JobId, JobKind,
    JobState, JobSummary, Load, Outage, Pause, Payload, PayloadSource, PutAway, Queue, QueueCounts, QueueLoad, Reason,
    Retention, Retried, RetryResult, Sample, Step, TenantLoad, Timeline, TimelineEntry, TimelineOf, Worker,
    WorkerState,
};
pub use queries::{
    COUNT_LIMIT, GetDeadLetter, GetJob, GetTimeline, ListAuditRecords, ListDeadLetters, ListFailureGroups, ListJobs,
    ListQueues, ListWorkers, MOST_ENTRIES, ReadLoad,
};
