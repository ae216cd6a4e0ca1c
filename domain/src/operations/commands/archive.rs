//! Puts dead letters away, and brings them back.

use crate::kernel::command::Command;
use crate::kernel::error::Error;
use crate::kernel::tx::Tx;

use crate::operations::model::{JobDetail, JobId, Reason};
use crate::operations::{queries, rules, store};

use super::dead_letters::locate_locked;
use super::recorded;

/// Keeps a dead letter for good: it is not left to do any more, and the later jobs of its key go on.
/// Answers with the job as it is now.
///
/// Rejected with `dead_letter_not_found` or `dead_letter_not_dead`.
#[derive(Debug, Clone)]
pub struct ArchiveDeadLetter {
    /// Which.
    pub id: JobId,
    /// Why.
    pub reason: Reason,
}

/// Makes an archived or discarded dead letter one to do again. It does not hold its key: what waited
/// for it has gone on. Answers with the job as it is now.
///
/// Rejected with `dead_letter_not_found`, `dead_letter_not_put_away` or `dead_letter_corrected`.
#[derive(Debug, Clone)]
pub struct RestoreDeadLetter {
    /// Which.
    pub id: JobId,
    /// Why.
    pub reason: Reason,
}

impl Command for ArchiveDeadLetter {
    type Output = JobDetail;

    async fn handle(self, tx: &mut Tx) -> Result<JobDetail, Error> {
        let before = locate_locked(tx, &self.id).await?;
        rules::is_dead(before.state)?;
        store::archive(tx, &self.id, &self.reason).await?;
        // the key may go on
        tx.ring_after_commit(before.queue.clone());
        let job = queries::job(tx, &self.id).await?;
        recorded::dead_letter(tx, "archive_dead_letter", (&before, &job), &self.reason).await?;
        Ok(job)
    }
}

impl Command for RestoreDeadLetter {
    type Output = JobDetail;

    async fn handle(self, tx: &mut Tx) -> Result<JobDetail, Error> {
        let before = locate_locked(tx, &self.id).await?;
        rules::can_be_restored(before.state, store::correction(tx, &self.id).await?)?;
        store::restore(tx, &self.id, &self.reason).await?;
        let job = queries::job(tx, &self.id).await?;
        recorded::dead_letter(tx, "restore_dead_letter", (&before, &job), &self.reason).await?;
        Ok(job)
    }
}
