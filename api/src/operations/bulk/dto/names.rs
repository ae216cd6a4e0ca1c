//! The words of operations, for the description.

use utoipa::ToSchema;

/// What is done to each dead letter.
#[derive(ToSchema)]
#[schema(as = OperationAction, rename_all = "snake_case")]
#[allow(dead_code, reason = "describes what Action reads and writes")]
pub(super) enum ActionName {
    Retry,
    Discard,
    Archive,
    Restore,
    EditAndRetry,
}

/// Where an operation stands.
#[derive(ToSchema)]
#[schema(as = OperationState, rename_all = "lowercase")]
#[allow(dead_code, reason = "describes what OperationState writes")]
pub(super) enum OperationStateName {
    Running,
    Paused,
    Stopped,
    Cancelled,
    Completed,
}

/// What became of an item.
#[derive(ToSchema)]
#[schema(as = OperationItemResult, rename_all = "lowercase")]
#[allow(dead_code, reason = "describes what ItemResult reads and writes")]
pub(super) enum ItemResultName {
    Waiting,
    Done,
    Skipped,
    Succeeded,
    Failed,
    Cancelled,
}

/// What would happen to a dead letter: `ready`; `already_processed`, its consumer has handled its event; `blocked` by an
/// earlier job of its key; `endpoint_disabled`; `payload_invalid`, its kind cannot read it; `no_longer_dead`, nothing.
#[derive(ToSchema)]
#[schema(as = PreviewVerdict, rename_all = "snake_case")]
#[allow(dead_code, reason = "describes what Verdict writes")]
pub(super) enum VerdictName {
    Ready,
    AlreadyProcessed,
    Blocked,
    EndpointDisabled,
    PayloadInvalid,
    NoLongerDead,
}
