//! What commands on single jobs leave for the auditors.

use serde_json::json;

use crate::kernel::error::Error;
use crate::kernel::record::{Record, Target};
use crate::kernel::tx::Tx;

use crate::operations::model::{JobDetail, Reason};
use crate::operations::store::Located;

/// What was done to a dead letter.
pub(super) async fn dead_letter(
    tx: &mut Tx,
    action: &'static str,
    (before, after): (&Located, &JobDetail),
    reason: &Reason,
) -> Result<(), Error> {
    record(tx, (action, "dead_letter"), (before, after), reason).await
}

/// What was done to a job that has not ended.
pub(super) async fn job(
    tx: &mut Tx,
    action: &'static str,
    (before, after): (&Located, &JobDetail),
    reason: &Reason,
) -> Result<(), Error> {
    record(tx, (action, "job"), (before, after), reason).await
}

async fn record(
    tx: &mut Tx,
    (action, kind): (&'static str, &'static str),
    (before, after): (&Located, &JobDetail),
    reason: &Reason,
) -> Result<(), Error> {
    tx.record(Record {
        action,
        target: Target::one(kind, &after.summary.id),
        reason: Some(reason),
        before: before.summary(),
        after: json!({"state": after.summary.state.as_str(), "redrives": after.summary.redrives}),
    })
    .await
}
