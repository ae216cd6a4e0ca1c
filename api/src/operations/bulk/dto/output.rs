//! Operations as operators see them.

use chrono::{DateTime, Utc};
use domain::operations::bulk::{
    Gradual, Operation, OperationItem, Preview, PreviewItem, PreviewTotals, Progress, Verdict,
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::names::{ActionName, ItemResultName, OperationStateName, VerdictName};
use crate::list::List;

/// One action on many dead letters.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Operation)]
pub(in crate::operations::bulk) struct OperationBody {
    /// Stands in the history of each of its jobs.
    id: Uuid,
    #[schema(value_type = ActionName)]
    action: &'static str,
    /// What its items were selected by; null where they were named.
    #[schema(required = true, value_type = Option<Object>, example = json!({"queue": "demo"}))]
    filter: Option<Value>,
    /// The merge patch of each payload; null unless they are edited.
    #[schema(required = true, value_type = Option<Object>)]
    patch: Option<Value>,
    #[schema(example = "The broker is back")]
    reason: String,
    #[schema(example = "ada@offgrid.example")]
    created_by: String,
    /// How many items each step is of, before the rest; none: all at once.
    #[schema(example = json!([1, 10, 100]))]
    steps: Vec<i32>,
    /// Whether all others follow after the steps.
    then_rest: bool,
    /// Items per second at most.
    #[schema(example = 100)]
    rate_per_second: i32,
    stop_when: StopBody,
    /// For how many seconds the outcome of a step is waited for at most.
    #[schema(example = 300)]
    wait_seconds: i32,
    #[schema(value_type = OperationStateName)]
    state: &'static str,
    /// Why it stopped or paused by itself, in words.
    #[schema(required = true, example = "3 of the 10 items of step 2 that have run failed again")]
    explanation: Option<String>,
    progress: ProgressBody,
    created_at: DateTime<Utc>,
    /// When it last went on, or was changed.
    changed_at: DateTime<Utc>,
    /// Who last paused, resumed or cancelled it.
    #[schema(required = true)]
    changed_by: Option<String>,
    /// Why.
    #[schema(required = true)]
    change_reason: Option<String>,
    /// When it was completed or cancelled.
    #[schema(required = true)]
    ended_at: Option<DateTime<Utc>>,
}

/// When an operation stops by itself.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OperationStopRule)]
struct StopBody {
    /// When more than this share of a step failed again; 1 never stops.
    #[schema(example = 0.2)]
    share: f64,
    /// Whether only that counts which failed with the same fingerprint as before.
    same_fingerprint: bool,
}

/// How far an operation is, in items.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OperationProgress)]
struct ProgressBody {
    #[schema(example = 5000)]
    total: i32,
    /// Their turn has not come.
    #[schema(example = 4886)]
    waiting: i32,
    /// The action is done, whatever became of it.
    #[schema(example = 111)]
    done: i32,
    /// Nothing was to be done: they were no dead letters any more.
    #[schema(example = 3)]
    skipped: i32,
    /// Of those done: completed since.
    #[schema(example = 100)]
    succeeded: i32,
    /// Of those done: failed again.
    #[schema(example = 9)]
    failed: i32,
    /// Of those failed: with the fingerprint they had before.
    #[schema(example = 8)]
    failed_alike: i32,
    /// Of those done: cancelled by an operator since.
    #[schema(example = 0)]
    cancelled: i32,
    /// In which step it is; the first is 1.
    #[schema(example = 4)]
    step: i32,
}

/// One dead letter of an operation.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OperationItem)]
pub(in crate::operations::bulk) struct ItemBody {
    /// Its place; the first is 1.
    #[schema(example = 1)]
    position: i32,
    #[schema(example = "01JGFJJZ00E008000000000103")]
    job_id: String,
    #[schema(value_type = ItemResultName)]
    result: &'static str,
    /// Why it was skipped: `no_longer_dead` or `payload_invalid`.
    #[schema(required = true)]
    skipped_for: Option<String>,
    /// What of its payload is wrong.
    #[schema(required = true)]
    detail: Option<String>,
    /// Of what it had failed with when it was selected.
    #[schema(required = true, example = "7c9e8581fcd3db75")]
    fingerprint: Option<String>,
    /// Of what it failed with again.
    #[schema(required = true, example = "7c9e8581fcd3db75")]
    failed_with: Option<String>,
    /// That error, while it is a dead letter.
    #[schema(required = true, example = "connection refused")]
    error: Option<String>,
    /// When the action was done, or found needless.
    #[schema(required = true)]
    acted_at: Option<DateTime<Utc>>,
    /// When its outcome was seen.
    #[schema(required = true)]
    ended_at: Option<DateTime<Utc>>,
}

/// What an operation would do, now.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OperationPreview)]
pub(in crate::operations::bulk) struct PreviewBody {
    /// Of everything selected; null on the pages after the first.
    #[schema(required = true)]
    totals: Option<TotalsBody>,
    /// One by one, in the order of their ids.
    data: Vec<PreviewItemBody>,
    /// Send it as `cursor` for the next page; null on the last one.
    #[schema(required = true)]
    next: Option<String>,
}

/// How many there are of each verdict.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PreviewTotals)]
struct TotalsBody {
    /// All of them; 100,000 at most.
    #[schema(example = 5000)]
    selected: usize,
    /// There are more than 100,000: an operation on them would be refused.
    too_many: bool,
    #[schema(example = 4990)]
    ready: usize,
    #[schema(example = 2)]
    already_processed: usize,
    #[schema(example = 5)]
    blocked: usize,
    #[schema(example = 0)]
    endpoint_disabled: usize,
    #[schema(example = 3)]
    payload_invalid: usize,
    #[schema(example = 0)]
    no_longer_dead: usize,
    /// Payloads that were looked at: the first ones, up to 32 MiB of them.
    #[schema(example = 5000)]
    payloads_checked: usize,
}

/// What would happen to one dead letter.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PreviewItem)]
struct PreviewItemBody {
    #[schema(example = "01JGFJJZ00E008000000000103")]
    job_id: String,
    #[schema(value_type = VerdictName)]
    verdict: &'static str,
    /// Null of what is no dead letter.
    #[schema(required = true, example = "demo")]
    queue: Option<String>,
    #[schema(required = true, example = "demo.v1")]
    kind: Option<String>,
    #[schema(required = true, example = "demo")]
    tenant: Option<String>,
    /// The first job that holds it back.
    #[schema(required = true)]
    blocked_by: Option<String>,
    /// What of the payload is wrong, as a JSON pointer; empty for all of it.
    #[schema(required = true, example = "/event/data/quantity")]
    pointer: Option<String>,
    /// In words.
    #[schema(required = true)]
    detail: Option<String>,
}

impl From<Operation> for OperationBody {
    fn from(operation: Operation) -> Self {
        let gradual: Gradual = operation.gradual;
        let stop = gradual.stop;
        Self {
            id: operation.id,
            action: operation.action.as_str(),
            filter: operation.filter,
            patch: operation.patch,
            reason: operation.reason,
            created_by: operation.created_by,
            steps: gradual.steps().to_vec(),
            then_rest: gradual.then_rest,
            rate_per_second: gradual.rate.get(),
            stop_when: StopBody { share: stop.share(), same_fingerprint: stop.same_fingerprint },
            wait_seconds: gradual.wait_seconds(),
            state: operation.state.as_str(),
            explanation: operation.explanation,
            progress: operation.progress.into(),
            created_at: operation.created_at,
            changed_at: operation.changed_at,
            changed_by: operation.changed_by,
            change_reason: operation.change_reason,
            ended_at: operation.ended_at,
        }
    }
}

impl From<Progress> for ProgressBody {
    fn from(progress: Progress) -> Self {
        Self {
            total: progress.total,
            waiting: progress.total - progress.done - progress.skipped,
            done: progress.done,
            skipped: progress.skipped,
            succeeded: progress.succeeded,
            failed: progress.failed,
            failed_alike: progress.failed_alike,
            cancelled: progress.cancelled,
            step: progress.step,
        }
    }
}

impl From<OperationItem> for ItemBody {
    fn from(item: OperationItem) -> Self {
        Self {
            position: item.position,
            job_id: item.job_id,
            result: item.result.as_str(),
            skipped_for: item.skipped_for,
            detail: item.detail,
            fingerprint: item.fingerprint,
            failed_with: item.failed_with,
            error: item.error,
            acted_at: item.acted_at,
            ended_at: item.ended_at,
        }
    }
}

impl From<Preview> for PreviewBody {
    fn from(preview: Preview) -> Self {
        let List { data, next } = List::from(preview.items);
        Self { totals: preview.totals.map(TotalsBody::from), data, next }
    }
}

impl From<PreviewTotals> for TotalsBody {
    fn from(totals: PreviewTotals) -> Self {
        Self {
            selected: totals.selected,
            too_many: totals.too_many,
            ready: totals.ready,
            already_processed: totals.already_processed,
            blocked: totals.blocked,
            endpoint_disabled: totals.endpoint_disabled,
            payload_invalid: totals.payload_invalid,
            no_longer_dead: totals.no_longer_dead,
            payloads_checked: totals.payloads_checked,
        }
    }
}

impl From<PreviewItem> for PreviewItemBody {
    fn from(item: PreviewItem) -> Self {
        Self {
            job_id: item.job_id,
            verdict: Verdict::as_str(item.verdict),
            queue: item.queue,
            kind: item.kind,
            tenant: item.tenant,
            blocked_by: item.blocked_by,
            pointer: item.pointer,
            detail: item.detail,
        }
    }
}
