//! Arguments of the job that works on an operation.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::kernel::error::Error;
use crate::kernel::job::{Job, NewJob};

/// Do the next bit of an operation.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct RunOperation {
    /// Which.
    pub operation: Uuid,
    /// Whose turn it must be; the first is 0.
    pub turn: i64,
}

impl Job for RunOperation {
    const KIND: &'static str = "run-operation.v1";
    const QUEUE: &'static str = "operations";
}

impl RunOperation {
    /// As a job that is due at once.
    pub(super) fn due_now(&self) -> Result<NewJob, Error> {
        self.due_in(Duration::ZERO)
    }

    /// As a job that is due after this time.
    pub(super) fn due_in(&self, delay: Duration) -> Result<NewJob, Error> {
        let job = NewJob::new(self).map_err(|e| Error::Internal(format!("{}: {e}", Self::KIND)))?;
        Ok(NewJob { delay, subject: Some(format!("operations/{}", self.operation)), ..job })
    }
}
