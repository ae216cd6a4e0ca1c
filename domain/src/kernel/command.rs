//! Commands change, queries read; each in one transaction that [`run`] or [`fetch`] begins and ends.

use std::future::Future;

use super::ctx::Ctx;
use super::db::{Access, Db};
use super::error::Error;
use super::tx::Tx;

/// Asks for a change. Loads and locks, asks a rule, saves, emits.
pub trait Command: Send {
    /// What the caller gets to see of the result.
    type Output: Send;

    /// Does it. Dropping the transaction on an error undoes everything.
    ///
    /// # Errors
    /// [`Error::Rejected`] for an expected "no", anything else for a fault.
    fn handle(self, tx: &mut Tx) -> impl Future<Output = Result<Self::Output, Error>> + Send;
}

/// Reads only.
pub trait Query: Send {
    /// What is read.
    type Output: Send;

    /// Reads it, in a read-only transaction.
    ///
    /// # Errors
    /// As [`Command::handle`].
    fn fetch(self, tx: &mut Tx) -> impl Future<Output = Result<Self::Output, Error>> + Send;
}

/// Runs a command: state, events and jobs commit together, or none of them exists. Rings the
/// doorbell after the commit.
///
/// # Errors
/// Whatever the command returns; [`Error::Database`] when the commit fails; [`Error::Internal`] for a command over
/// the installation that left no [`Record`](super::record::Record).
pub async fn run<C: Command>(db: &Db, ctx: &Ctx, command: C) -> Result<C::Output, Error> {
    db.answered(async {
        let mut tx = Tx::begin(db, ctx, Access::ReadWrite).await?;
        let output = handle(command, &mut tx).await?;
        tx.commit().await?;
        Ok(output)
    })
    .await
}

/// Every command goes through here: what it must not leave out is looked at before anything is committed.
pub(super) async fn handle<C: Command>(command: C, tx: &mut Tx) -> Result<C::Output, Error> {
    let output = command.handle(tx).await?;
    tx.ensure_recorded().await?;
    Ok(output)
}

/// Runs a query.
///
/// # Errors
/// Whatever the query returns.
pub async fn fetch<Q: Query>(db: &Db, ctx: &Ctx, query: Q) -> Result<Q::Output, Error> {
    db.answered(async {
        let mut tx = Tx::begin(db, ctx, Access::ReadOnly).await?;
        let output = query.fetch(&mut tx).await?;
        tx.commit().await?;
        Ok(output)
    })
    .await
}
