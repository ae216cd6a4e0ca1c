//! Reads operations and their items, and says which dead letters one would be on.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::kernel::command::Query;
use crate::kernel::error::Error;
use crate::kernel::page::{Page, PageSize, decode_cursor};
use crate::kernel::tx::Tx;
use crate::operations::commands::WhichDeadLetters;
use crate::operations::model::{JobFilter, JobState};
use crate::operations::{queries, rules as operators};

use super::model::{Action, Gradual, ItemResult, Operation, OperationItem, OperationState, Progress, StopRule};
use super::rules;

/// One operation. Rejected with `operation_not_found`.
#[derive(Debug, Clone, Copy)]
pub struct GetOperation {
    /// Which.
    pub id: Uuid,
}

/// A page of operations, newest first. Rejected with `cursor_invalid`.
#[derive(Debug, Clone, Default)]
pub struct ListOperations {
    /// `next` of the page before; none starts with the newest.
    pub cursor: Option<String>,
    /// How many at most.
    pub size: PageSize,
}

/// A page of an operation's items, in the order in which it acts on them. Rejected with `operation_not_found` or
/// `cursor_invalid`.
#[derive(Debug, Clone)]
pub struct ListOperationItems {
    /// Of which.
    pub id: Uuid,
    /// Only those of which this became.
    pub result: Option<ItemResult>,
    /// `next` of the page before; none starts with the first.
    pub cursor: Option<String>,
    /// How many at most.
    pub size: PageSize,
}

struct Row {
    id: Uuid,
    action: Action,
    filter: Option<Value>,
    patch: Option<Value>,
    reason: String,
    created_by: String,
    steps: Vec<i32>,
    then_rest: bool,
    rate: i32,
    stop_share: f64,
    stop_same: bool,
    wait_seconds: i32,
    state: OperationState,
    explanation: Option<String>,
    total: i32,
    done: i32,
    skipped: i32,
    succeeded: i32,
    failed: i32,
    failed_alike: i32,
    cancelled: i32,
    step: i32,
    created_at: DateTime<Utc>,
    changed_at: DateTime<Utc>,
    changed_by: Option<String>,
    change_reason: Option<String>,
    ended_at: Option<DateTime<Utc>>,
}

impl Query for GetOperation {
    type Output = Operation;

    async fn fetch(self, tx: &mut Tx) -> Result<Operation, Error> {
        operation(tx, self.id).await
    }
}

impl Query for ListOperations {
    type Output = Page<Operation>;

    async fn fetch(self, tx: &mut Tx) -> Result<Page<Operation>, Error> {
        let after: Option<Uuid> = self.cursor.as_deref().map(decode_cursor).transpose()?;
        let rows = rows(tx, None, after, self.size.rows_to_fetch()).await?;
        Ok(Page::new(rows, self.size, |operation| operation.id))
    }
}

impl Query for ListOperationItems {
    type Output = Page<OperationItem>;

    async fn fetch(self, tx: &mut Tx) -> Result<Page<OperationItem>, Error> {
        operation(tx, self.id).await?;
        let after: Option<i32> = self.cursor.as_deref().map(decode_cursor).transpose()?;
        let items = sqlx::query_file_as!(
            OperationItem,
            "src/operations/bulk/items.sql",
            self.id,
            self.result.map(ItemResult::as_str),
            after.unwrap_or_default(),
            self.size.rows_to_fetch()
        )
        .fetch_all(tx.conn())
        .await?;
        Ok(Page::new(items, self.size, |item| item.position))
    }
}

/// Rejected with `operation_not_found`.
pub(super) async fn operation(tx: &mut Tx, id: Uuid) -> Result<Operation, Error> {
    Ok(rows(tx, Some(id), None, 1).await?.pop().ok_or_else(rules::operation_not_found)?)
}

async fn rows(tx: &mut Tx, id: Option<Uuid>, after: Option<Uuid>, limit: i64) -> Result<Vec<Operation>, Error> {
    let rows =
        sqlx::query_file_as!(Row, "src/operations/bulk/operations.sql", id, after, limit).fetch_all(tx.conn()).await?;
    Ok(rows.into_iter().map(Operation::from).collect())
}

/// The dead letters that the action would be on, in the order of their ids: `most` and one more, if there are.
pub(super) async fn selected(
    tx: &mut Tx,
    action: Action,
    which: &WhichDeadLetters,
    most: usize,
) -> Result<Vec<String>, Error> {
    let filter = match which {
        WhichDeadLetters::Ids(ids) => return Ok(rules::distinct(ids.clone())?),
        WhichDeadLetters::Filter(filter) => filter,
    };
    operators::selects_some(filter)?;
    let state = if action == Action::Restore { JobState::Archived } else { JobState::Dead };
    let filter = JobFilter { state: Some(state), ..(**filter).clone() };
    let limit = i64::try_from(most).unwrap_or(i64::MAX).saturating_add(1);
    let ids = queries::oldest_dead(tx, &filter, limit).await?;
    Ok(ids.into_iter().map(|id| id.as_str().to_owned()).collect())
}

/// A filter under the names that callers use.
pub(super) fn described(which: &WhichDeadLetters) -> Option<Value> {
    let WhichDeadLetters::Filter(filter) = which else { return None };
    let columns = filter.columns();
    let conditions = [
        ("queue", columns.queue.map(str::to_owned)),
        ("kind", columns.kind.map(str::to_owned)),
        ("tenant", columns.tenant.map(str::to_owned)),
        ("subject", columns.subject.map(str::to_owned)),
        ("correlationId", columns.correlation_id.map(str::to_owned)),
        ("error", filter.error.as_ref().map(|text| text.as_str().to_owned())),
        ("fingerprint", columns.fingerprint.map(str::to_owned)),
        ("reason", columns.reason.map(str::to_owned)),
        ("createdFrom", filter.created_from.map(|at| at.to_rfc3339())),
        ("createdTo", filter.created_to.map(|at| at.to_rfc3339())),
    ];
    let given = conditions.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value?))));
    Some(Value::Object(given.collect::<Map<_, _>>()))
}

impl From<Row> for Operation {
    fn from(row: Row) -> Self {
        let stop = StopRule::stored(row.stop_share, row.stop_same);
        Self {
            id: row.id,
            action: row.action,
            filter: row.filter,
            patch: row.patch,
            reason: row.reason,
            created_by: row.created_by,
            gradual: Gradual::stored(row.steps, (row.then_rest, row.rate, row.wait_seconds), stop),
            state: row.state,
            explanation: row.explanation,
            progress: Progress {
                total: row.total,
                done: row.done,
                skipped: row.skipped,
                succeeded: row.succeeded,
                failed: row.failed,
                failed_alike: row.failed_alike,
                cancelled: row.cancelled,
                step: row.step + 1,
            },
            created_at: row.created_at,
            changed_at: row.changed_at,
            changed_by: row.changed_by,
            change_reason: row.change_reason,
            ended_at: row.ended_at,
        }
    }
}
