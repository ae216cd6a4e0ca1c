//! Orders, pauses, resumes and cancels operations.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::kernel::command::Command;
use crate::kernel::error::Error;
use crate::kernel::record::{Record, Target};
use crate::kernel::tx::Tx;
use crate::operations::commands::WhichDeadLetters;
use crate::operations::model::Reason;

use super::jobs::RunOperation;
use super::model::{Action, Gradual, MOST_ITEMS, Operation, OperationState};
use super::{queries, rules, store};

/// Does one action on many dead letters: on those that there are now, and for which the filter holds, whatever comes
/// later. Rejected with `filter_empty`, `ids_empty`, `too_many_ids`, `too_many_items`, `gradual_without_jobs`,
/// `patch_missing` or `patch_without_edit`.
#[derive(Debug, Clone)]
pub struct StartOperation {
    /// What is done.
    pub action: Action,
    /// To which.
    pub which: WhichDeadLetters,
    /// In steps, or all at once.
    pub gradual: Option<Gradual>,
    /// The merge patch of each payload, where it is edited.
    pub patch: Option<Map<String, Value>>,
    /// Why.
    pub reason: Reason,
}

/// What an operator does to an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationChange {
    /// Nothing more is done until it is resumed.
    Pause,
    /// It goes on where it stopped.
    Resume,
    /// Nothing more is done.
    Cancel,
}

/// Pauses, resumes or cancels an operation. Rejected with `operation_not_found`, `operation_not_running`,
/// `operation_not_paused` or `operation_ended`.
#[derive(Debug, Clone)]
pub struct ChangeOperation {
    /// Which.
    pub id: Uuid,
    /// How.
    pub change: OperationChange,
    /// Why.
    pub reason: Reason,
}

/// Pauses an operation whose job was given up, so that it does not seem to run; it can be resumed.
#[derive(Debug, Clone)]
pub struct SuspendOperation {
    /// The job.
    pub job: RunOperation,
    /// What happened last.
    pub error: String,
}

impl OperationChange {
    /// As auditors read it.
    fn action(self) -> &'static str {
        match self {
            Self::Pause => "pause_operation",
            Self::Resume => "resume_operation",
            Self::Cancel => "cancel_operation",
        }
    }
}

impl Command for StartOperation {
    type Output = Operation;

    async fn handle(self, tx: &mut Tx) -> Result<Operation, Error> {
        if self.gradual.is_some() {
            rules::can_be_gradual(self.action)?;
        }
        rules::patch_fits(self.action, self.patch.is_some())?;
        let jobs = queries::selected(tx, self.action, &self.which, MOST_ITEMS).await?;
        rules::fits(jobs.len())?;
        let id = Uuid::now_v7();
        let filter = queries::described(&self.which);
        let gradual = self.gradual.unwrap_or_else(Gradual::at_once);
        let patch = self.patch.map(Value::Object);
        let (action, reason) = (self.action, &self.reason);
        let new = store::New { id, action, filter, patch, gradual: &gradual, reason, jobs: &jobs };
        store::insert(tx, new).await?;
        tx.enqueue_all(vec![RunOperation { operation: id, turn: 0 }.due_now()?]).await?;
        let operation = queries::operation(tx, id).await?;
        tx.record(Record {
            action: "start_operation",
            target: Target::one("operation", id.to_string()),
            reason: Some(&self.reason),
            before: json!({}),
            after: json!({
                "state": operation.state.as_str(), "action": operation.action.as_str(), "total": operation.progress.total,
                "filter": operation.filter, "patch": operation.patch, "steps": operation.gradual.steps(), "rate": operation.gradual.rate.get(),
            }),
        })
        .await?;
        Ok(operation)
    }
}

impl Command for ChangeOperation {
    type Output = Operation;

    async fn handle(self, tx: &mut Tx) -> Result<Operation, Error> {
        let now = store::lock(tx, self.id).await?.ok_or_else(rules::operation_not_found)?;
        let state = match self.change {
            OperationChange::Pause => rules::can_be_paused(now.state).map(|()| OperationState::Paused)?,
            OperationChange::Resume => rules::can_be_resumed(now.state).map(|()| OperationState::Running)?,
            OperationChange::Cancel => rules::can_be_cancelled(now.state).map(|()| OperationState::Cancelled)?,
        };
        // a new number, so that the job of before, should it still be waiting, does nothing
        let turn = now.turn + 1;
        store::set_state(tx, self.id, state, turn, &self.reason).await?;
        if state == OperationState::Running {
            tx.enqueue_all(vec![RunOperation { operation: self.id, turn }.due_now()?]).await?;
        }
        let operation = queries::operation(tx, self.id).await?;
        tx.record(Record {
            action: self.change.action(),
            target: Target::one("operation", self.id.to_string()),
            reason: Some(&self.reason),
            before: json!({"state": now.state.as_str()}),
            after: json!({
                "state": state.as_str(), "done": operation.progress.done, "skipped": operation.progress.skipped,
                "total": operation.progress.total,
            }),
        })
        .await?;
        Ok(operation)
    }
}

impl Command for SuspendOperation {
    type Output = ();

    async fn handle(self, tx: &mut Tx) -> Result<(), Error> {
        store::suspend(tx, self.job.operation, self.job.turn, &self.error).await
    }
}
