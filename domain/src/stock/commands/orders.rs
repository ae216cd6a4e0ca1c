//! What orders take from stock and give back. Each command is what an order's event means for stock, and
//! may be run any number of times, in any order: the order's decision says what it has led to already.

use uuid::Uuid;

use crate::kernel::command::Command;
use crate::kernel::error::Error;
use crate::kernel::tx::Tx;

use super::super::events::{LineReason, Outcome, ProcessLine, StockProcess, StockProcessCompleted, StockProcessFailed};
use super::super::model::StockLine;
use super::super::store::{Change, State};
use super::super::{rules, store};

/// Reserves all lines of an order, or none. Emits [`StockProcessCompleted`] or
/// [`StockProcessFailed`]; nothing if the order has its decision already.
#[derive(Debug, Clone)]
pub struct ReserveStock {
    /// The order.
    pub order_id: Uuid,
    /// What it wants, each SKU once.
    pub lines: Vec<StockLine>,
}

/// Says that stock could not be asked. Emits [`StockProcessFailed`] with `processing_failed` for every
/// line; nothing if the order has its decision already.
#[derive(Debug, Clone)]
pub struct FailStock {
    /// The order.
    pub order_id: Uuid,
    /// What it wanted.
    pub lines: Vec<StockLine>,
}

/// Takes what an order has reserved from what is on hand. Emits nothing.
#[derive(Debug, Clone, Copy)]
pub struct DeductStock {
    /// The order, which is confirmed.
    pub order_id: Uuid,
}

/// Gives back what an order holds: pieces that it has reserved, or that it took from what is on hand. One
/// that was not asked for yet will get nothing. Emits nothing.
#[derive(Debug, Clone)]
pub struct ReleaseStock {
    /// The order, which is cancelled.
    pub order_id: Uuid,
    /// What it wanted.
    pub lines: Vec<StockLine>,
}

impl Command for ReserveStock {
    type Output = ();

    async fn handle(self, tx: &mut Tx) -> Result<(), Error> {
        // first the items, then the decision: who waits for a decision holds items already, and who has
        // made one needs no more of them
        let items = store::lock_all(tx, &self.lines).await?;
        let lines = rules::answers(&self.lines, &items);
        if lines.iter().any(|line| line.reason.is_some()) {
            return fail(tx, self.order_id, lines).await;
        }
        if store::decide(tx, self.order_id, State::Reserved, &lines).await? {
            store::change(tx, &lines, Change::Reserve).await?;
            tx.emit(&StockProcessCompleted { stock: process(self.order_id, Outcome::Reserved, lines) })?;
        }
        Ok(())
    }
}

impl Command for FailStock {
    type Output = ();

    async fn handle(self, tx: &mut Tx) -> Result<(), Error> {
        let failed = |line| ProcessLine { reason: Some(LineReason::ProcessingFailed), ..rules::asked(line) };
        let lines = self.lines.iter().map(failed).collect();
        fail(tx, self.order_id, lines).await
    }
}

impl Command for DeductStock {
    type Output = ();

    async fn handle(self, tx: &mut Tx) -> Result<(), Error> {
        let (state, lines) = store::lock_decision(tx, self.order_id).await?;
        if state == State::Reserved {
            store::change(tx, &lines, Change::Deduct).await?;
            store::set_state(tx, self.order_id, State::Deducted).await?;
        }
        Ok(())
    }
}

impl Command for ReleaseStock {
    type Output = ();

    async fn handle(self, tx: &mut Tx) -> Result<(), Error> {
        let lines: Vec<ProcessLine> = self.lines.iter().map(rules::asked).collect();
        if store::decide(tx, self.order_id, State::Withdrawn, &lines).await? {
            return Ok(());
        }
        let (state, lines) = store::lock_decision(tx, self.order_id).await?;
        let (change, after) = match state {
            State::Reserved => (Change::Release, State::Released),
            State::Deducted => (Change::Return, State::Returned),
            State::Released | State::Returned | State::Failed | State::Withdrawn => return Ok(()),
        };
        store::change(tx, &lines, change).await?;
        store::set_state(tx, self.order_id, after).await
    }
}

async fn fail(tx: &mut Tx, order_id: Uuid, lines: Vec<ProcessLine>) -> Result<(), Error> {
    if store::decide(tx, order_id, State::Failed, &lines).await? {
        tx.emit(&StockProcessFailed { stock: process(order_id, Outcome::Failed, lines) })?;
    }
    Ok(())
}

fn process(order_id: Uuid, outcome: Outcome, lines: Vec<ProcessLine>) -> StockProcess {
    StockProcess { order_id, outcome, lines, version: 1 }
}
