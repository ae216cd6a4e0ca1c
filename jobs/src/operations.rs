//! What the operations module's jobs do: they work on operators' operations, bit by bit, and clean up.

use domain::operations::CleanUp;
use domain::operations::bulk::{self, RunOperation, SuspendOperation};
use domain::{Command as _, Error, Tx};

use crate::runtime::{self, Exhausted, JobContext, JobError, JobResult, ctx_of};

/// Who did it, in the words of the log. In the history of a dead letter stands who ordered it.
const ACTOR: &str = "job:run-operation";

/// Does the next bit of an operation.
pub(crate) async fn run_operation(job: RunOperation, context: JobContext) -> JobResult {
    let ctx = ctx_of(&context, ACTOR)?;
    Ok(bulk::run_operation(&context.db, &ctx, &job).await?)
}

/// A bit of an operation was given up: the operation waits for an operator.
pub(crate) async fn suspend_operation(failed: Exhausted, tx: &mut Tx) -> Result<(), Error> {
    // what does not decode names no operation
    let Ok(job) = serde_json::from_slice::<RunOperation>(&failed.payload) else { return Ok(()) };
    SuspendOperation { job, error: failed.error.to_string() }.handle(tx).await
}

/// Cleans up with a retention of its own. What fails keeps none of the rest from being cleaned up.
pub(crate) async fn clean_up(job: CleanUp, context: JobContext) -> JobResult {
    let cleaned = runtime::clean(&context.db, Some(job.keep_days.get())).await;
    let failed = cleaned.into_iter().filter_map(|(what, cleaned)| Some(format!("{what}: {}", cleaned.err()?)));
    let failed = failed.collect::<Vec<_>>().join("; ");
    if failed.is_empty() { Ok(()) } else { Err(JobError::Transient { class: "not_cleaned_up", message: failed }) }
}
