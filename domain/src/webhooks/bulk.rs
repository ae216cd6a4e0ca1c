//! Sending many deliveries: all of an endpoint that failed since a time, or all stored events to it.
//!
//! Each step is a job and one transaction: it makes the next deliveries' jobs, moves the cursor and enqueues the next
//! step. A step that runs twice finds that it is not its turn any more. How fast they are sent is the endpoint's rate
//! limit; until then they wait in the queue.
//!
//! A replay is of the events there are when it is ordered. What commits later is new to the endpoint, and is sent to it
//! as such; what it has of them already is not sent again.

mod model;
mod sql;
mod step;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::queries::GetEndpoint;
use super::rules;
use crate::kernel::command::{Command, Query};
use crate::kernel::error::Error;
use crate::kernel::tx::Tx;

use super::jobs::SendWebhooks;
pub use model::{Bulk, BulkKind, BulkState};
pub use step::{BulkStep, FailBulk};

/// Sends many deliveries of an endpoint. Rejected with `webhook_endpoint_not_found` or `webhook_endpoint_disabled`.
#[derive(Debug, Clone, Copy)]
pub struct StartBulk {
    /// To which.
    pub endpoint_id: Uuid,
    /// What.
    pub kind: BulkKind,
    /// Deliveries made, or events that happened, then or later.
    pub since: DateTime<Utc>,
}

/// Makes no more of them; what became a job is sent. Rejected with `webhook_bulk_not_found` or `webhook_bulk_ended`.
#[derive(Debug, Clone, Copy)]
pub struct CancelBulk {
    /// Which.
    pub id: Uuid,
}

/// How far it is. Rejected with `webhook_bulk_not_found`.
#[derive(Debug, Clone, Copy)]
pub struct GetBulk {
    /// Which.
    pub id: Uuid,
}

impl Command for StartBulk {
    type Output = Bulk;

    async fn handle(self, tx: &mut Tx) -> Result<Bulk, Error> {
        let endpoint = GetEndpoint { id: self.endpoint_id }.fetch(tx).await?;
        rules::can_be_sent_to(&endpoint)?;
        let id = Uuid::now_v7();
        sql::insert(tx, id, &self).await?;
        tx.enqueue(&SendWebhooks { bulk: id, step: 0 }).await?;
        GetBulk { id }.fetch(tx).await
    }
}

impl Command for CancelBulk {
    type Output = Bulk;

    async fn handle(self, tx: &mut Tx) -> Result<Bulk, Error> {
        let state = sql::lock(tx, self.id).await?.ok_or_else(rules::bulk_not_found)?;
        rules::can_be_cancelled(state)?;
        sql::cancel(tx, self.id).await?;
        GetBulk { id: self.id }.fetch(tx).await
    }
}

impl Query for GetBulk {
    type Output = Bulk;

    async fn fetch(self, tx: &mut Tx) -> Result<Bulk, Error> {
        Ok(sql::get(tx, self.id).await?.ok_or_else(rules::bulk_not_found)?)
    }
}
