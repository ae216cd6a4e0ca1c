//! Makes documents anew.

use crate::kernel::command::Command;
use crate::kernel::error::Error;
use crate::kernel::tx::Tx;

use super::jobs::Entity;
use super::store;

/// Positions of the event log that are looked at in one transaction.
pub const WINDOW: i64 = 5_000;

/// Writes the documents anew whose events are among the [`WINDOW`] positions after this one: those that are missing,
/// that stayed behind, or that say something else than the event of their version. An older event than the one a
/// document holds changes nothing, so that events may arrive meanwhile.
#[derive(Debug, Clone, Copy)]
pub struct RebuildWindow {
    /// Only of this entity.
    pub entity: Option<Entity>,
    /// Up to here the log has been looked through.
    pub after: i64,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rebuilt {
    /// Documents that are other ones now.
    pub changed: u64,
    /// Up to where the log has been looked through; none at its end.
    pub next: Option<i64>,
}

impl Command for RebuildWindow {
    type Output = Rebuilt;

    async fn handle(self, tx: &mut Tx) -> Result<Rebuilt, Error> {
        let last = store::last_position(tx).await?;
        let changed = store::rebuild(tx, self.entity, self.after, self.after + WINDOW).await?;
        let next = self.after + WINDOW;
        Ok(Rebuilt { changed, next: (next < last).then_some(next) })
    }
}
