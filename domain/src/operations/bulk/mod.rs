//! Operations: one action on many dead letters, previewed, then done bit by bit.
//!
//! [`PreviewOperation`] says what would happen to each, and changes nothing. [`StartOperation`] writes down which dead
//! letters it is on, so that what dies later is no part of it, and enqueues a job. Each such job takes one *turn*: it
//! looks at what became of items that were retried, does the action on the next ones, and enqueues the job after it,
//! all in one transaction. A job that runs again finds that it is not its turn any more; a worker that is killed in
//! the middle has done nothing. So each item is acted on once.
//!
//! A gradual retry goes in *steps* (1, 10, 100, the rest). After each it waits until every item of the step has
//! completed, or failed again, or its time is up; it stops by itself, and says why, when too large a share failed as
//! before. While a large step is under way, it stops as soon as 20 of its items have run and too many of these failed.
//! A step in which nothing has run in time stops it too: it would say nothing about the rest.
//!
//! An edit applies the same merge patch to each payload. What does not fit its kind after it is skipped, and says why; so
//! is a job that publishes an event, which is corrected one by one.
//!
//! A job of an operation has the operation's id in its history, in the reason.
//!
//! | code | kind | when |
//! |---|---|---|
//! | `operation_not_found` | not found | no such operation |
//! | `operation_not_running` | conflict | pausing one that does not run |
//! | `operation_not_paused` | conflict | resuming one that is neither paused nor stopped |
//! | `operation_ended` | conflict | cancelling one that was completed or cancelled |
//! | `too_many_items` | invalid | a filter for which more than 100,000 dead letters match |
//! | `too_many_ids`, `ids_empty` | invalid | more than 10,000 ids, or none |
//! | `filter_empty` | invalid | a filter without conditions |
//! | `patch_missing`, `patch_without_edit` | invalid | an edit without a patch, or a patch of anything else |
//! | `gradual_without_jobs` | invalid | steps of an action that runs no jobs |

mod commands;
mod jobs;
mod model;
mod payload;
mod preview;
mod queries;
mod rules;
mod step;
mod store;
mod turn;

pub use commands::{ChangeOperation, OperationChange, StartOperation, SuspendOperation};
pub use jobs::RunOperation;
pub use model::{
    Action, Gradual, ItemResult, MOST_IDS, MOST_ITEMS, MOST_STEPS, Operation, OperationItem, OperationState, Preview,
    PreviewItem, PreviewTotals, Progress, StopRule, Verdict,
};
pub use preview::PreviewOperation;
pub use queries::{GetOperation, ListOperationItems, ListOperations};
pub use step::run_operation;
