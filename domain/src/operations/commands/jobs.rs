//! Hurries and stops single jobs.

use crate::kernel::command::Command;
use crate::kernel::error::Error;
use crate::kernel::tx::Tx;

use crate::operations::model::{JobDetail, JobId, Reason};
use crate::operations::store::Located;
use crate::operations::{queries, rules, store};

use super::recorded;

/// Makes a job due at once that waits for its time, its next attempt or a dependency. The jobs of
/// its key still come in order. Answers with the job as it is now.
///
/// Rejected with `job_not_found` or `job_not_waiting`.
#[derive(Debug, Clone)]
pub struct RunJobNow {
    /// Which.
    pub id: JobId,
    /// Why.
    pub reason: Reason,
}

/// Stops a job that no worker holds: it ends as cancelled, and the later jobs of its key go on.
/// Answers with the job as it is now.
///
/// Rejected with `job_not_found`, `job_running` or `job_finished`.
#[derive(Debug, Clone)]
pub struct CancelJob {
    /// Which.
    pub id: JobId,
    /// Why.
    pub reason: Reason,
}

impl Command for RunJobNow {
    type Output = JobDetail;

    async fn handle(self, tx: &mut Tx) -> Result<JobDetail, Error> {
        let before = locate_locked(tx, &self.id).await?;
        rules::can_run_now(before.state)?;
        store::run_now(tx, &self.id, &self.reason).await?;
        tx.ring_after_commit(before.queue.clone());
        let job = queries::job(tx, &self.id).await?;
        recorded::job(tx, "run_job", (&before, &job), &self.reason).await?;
        Ok(job)
    }
}

impl Command for CancelJob {
    type Output = JobDetail;

    async fn handle(self, tx: &mut Tx) -> Result<JobDetail, Error> {
        let before = locate_locked(tx, &self.id).await?;
        rules::can_be_cancelled(before.state)?;
        rules::is_cancelled_alone(&before.kind)?;
        store::cancel(tx, &self.id, &self.reason).await?;
        tx.ring_after_commit(before.queue.clone());
        let job = queries::job(tx, &self.id).await?;
        recorded::job(tx, "cancel_job", (&before, &job), &self.reason).await?;
        Ok(job)
    }
}

/// Finds the job, locks its queue, and looks again: what it waited for may have happened meanwhile.
async fn locate_locked(tx: &mut Tx, id: &JobId) -> Result<Located, Error> {
    let job = store::locate(tx, id).await?.ok_or_else(rules::job_not_found)?;
    store::lock_queue(tx, &job.queue).await?;
    Ok(store::locate(tx, id).await?.ok_or_else(rules::job_not_found)?)
}
