//! What the operations module's job does: it works on operators' operations, bit by bit.

use domain::operations::bulk::{self, RunOperation, SuspendOperation};
use domain::{Command as _, Error, Tx};

use crate::runtime::{Exhausted, JobContext, JobResult, ctx_of};

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
