//! One step: makes the next deliveries' jobs, and moves on.

use uuid::Uuid;

use crate::kernel::command::{Command, Query as _};
use crate::kernel::error::{Error, Rejection};
use crate::kernel::tx::Tx;

use super::super::deliveries::{self, DeliveryJob};
use super::super::jobs::SendWebhooks;
use super::super::model::Endpoint;
use super::super::queries::GetEndpoint;
use super::super::rules;
use super::model::BulkKind;
use super::sql::{self, Moved, Turn};

/// Takes a step; nothing if it is not its turn.
#[derive(Debug, Clone)]
pub struct BulkStep(pub SendWebhooks);

/// A step was given up: so is all of it.
#[derive(Debug, Clone)]
pub struct FailBulk {
    /// The step.
    pub job: SendWebhooks,
    /// What happened.
    pub error: String,
}

impl Command for BulkStep {
    type Output = ();

    async fn handle(self, tx: &mut Tx) -> Result<(), Error> {
        let SendWebhooks { bulk, step } = self.0;
        let Some(turn) = sql::turn(tx, bulk, step).await? else { return Ok(()) };
        let endpoint = match target(tx, turn.endpoint_id).await? {
            Ok(endpoint) => endpoint,
            Err(no) => return sql::fail(tx, bulk, step, &no.to_string()).await,
        };
        let moved = match turn.kind {
            BulkKind::Recover => recover(tx, &turn, &endpoint).await?,
            BulkKind::Replay => replay(tx, &turn, &endpoint).await?,
        };
        sql::move_on(tx, bulk, &moved).await?;
        match moved.done {
            true => Ok(()),
            false => tx.enqueue(&SendWebhooks { bulk, step: step + 1 }).await,
        }
    }
}

impl Command for FailBulk {
    type Output = ();

    async fn handle(self, tx: &mut Tx) -> Result<(), Error> {
        sql::fail(tx, self.job.bulk, self.job.step, &self.error).await
    }
}

/// It may have been deleted or disabled since.
async fn target(tx: &mut Tx, id: Uuid) -> Result<Result<Endpoint, Rejection>, Error> {
    match (GetEndpoint { id }).fetch(tx).await {
        Ok(endpoint) => Ok(rules::can_be_sent_to(&endpoint).map(|()| endpoint)),
        Err(Error::Rejected(no)) => Ok(Err(no)),
        Err(error) => Err(error),
    }
}

async fn recover(tx: &mut Tx, turn: &Turn, endpoint: &Endpoint) -> Result<Moved, Error> {
    let failed = sql::failed(tx, turn).await?;
    let ids: Vec<Uuid> = failed.iter().filter_map(|delivery| delivery.event_id.parse().ok()).collect();
    let events = sql::events(tx, &ids).await?;
    // of those whose event is in no log there is none
    let jobs = events.into_iter().map(|event| deliveries::job(endpoint.id, event)).collect::<Result<Vec<_>, _>>()?;
    sql::send_anew(tx, &jobs).await?;
    let moved = Moved {
        after: failed.last().map(|last| (last.created_at, last.id)).or(turn.after()),
        position: turn.position,
        matched: failed.len(),
        sent: jobs.len(),
        done: failed.len() < sql::BATCH,
    };
    enqueue(tx, jobs).await?;
    Ok(moved)
}

async fn replay(tx: &mut Tx, turn: &Turn, endpoint: &Endpoint) -> Result<Moved, Error> {
    let (events, position) = sql::next_events(tx, turn).await?;
    let wanted = events.into_iter().filter(|event| endpoint.event_types.match_type(&event.event_type));
    let mut jobs = wanted.map(|event| deliveries::job(endpoint.id, event)).collect::<Result<Vec<_>, _>>()?;
    let matched = jobs.len();
    let made = deliveries::insert(tx, &jobs).await?;
    jobs.retain(|job| made.contains(&job.delivery));
    let moved = Moved { after: None, position, matched, sent: jobs.len(), done: position >= turn.last_position };
    enqueue(tx, jobs).await?;
    Ok(moved)
}

async fn enqueue(tx: &mut Tx, jobs: Vec<DeliveryJob>) -> Result<(), Error> {
    tx.enqueue_all(jobs.into_iter().map(|job| job.new).collect()).await
}
