//! One attempt at a delivery: what it needs, and what became of it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::kernel::command::Command;
use crate::kernel::error::Error;
use crate::kernel::tx::Tx;

use super::super::commands::disable;
use super::super::headers::Header;
use super::super::model::{DeliveryStatus, DisableReason, RateLimit};
use super::super::secret::SigningSecret;
use super::super::{rules, store};
use super::sql;

/// Begins an attempt, for the job that is the delivery's present one.
#[derive(Debug, Clone)]
pub struct StartDelivery {
    /// Which.
    pub delivery: Uuid,
    /// The job that asks.
    pub job_id: String,
}

/// What is to be done.
#[derive(Debug)]
pub enum Started {
    /// Nothing: it was taken, or another job sends it.
    Nothing,
    /// Nothing: the endpoint is disabled, and gets nothing more.
    Disabled,
    /// Nothing: there is no endpoint any more.
    Deleted,
    /// To send it.
    Go(Box<Outgoing>),
}

/// All that is needed to send a delivery.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Where to.
    pub url: String,
    /// What is sent along.
    pub headers: Vec<Header>,
    /// Deliveries per second at most.
    pub rate_limit: Option<RateLimit>,
    /// What it is signed with, the present one first.
    pub secrets: Vec<SigningSecret>,
    /// Whether somebody only tries the endpoint.
    pub is_test: bool,
}

/// Writes down what became of an attempt, and what follows for the endpoint: it is disabled, with an event, when it
/// is gone, or nothing has succeeded for too long. Tests say nothing about it.
#[derive(Debug, Clone)]
pub struct FinishAttempt {
    /// Of which delivery.
    pub delivery: Uuid,
    /// What happened.
    pub attempted: Attempted,
    /// What it means.
    pub verdict: Verdict,
    /// For so long everything may fail.
    pub disable_after: Duration,
}

/// An attempt as it is kept.
#[derive(Debug, Clone)]
pub struct Attempted {
    /// Where it was sent.
    pub url: String,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// How long it took.
    pub duration: Duration,
    /// Of the answer.
    pub status: Option<u16>,
    /// The beginning of the answer's body, without NUL.
    pub response: String,
    /// Class and message, if it failed.
    pub failure: Option<(&'static str, String)>,
}

/// What an attempt means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The endpoint took it.
    Taken,
    /// It did not.
    Failed,
    /// It did not, and wants nothing more.
    Gone,
}

/// Writes down that a delivery was given up; nothing if another job sends it, or it was taken.
#[derive(Debug, Clone)]
pub struct GiveUpDelivery {
    /// Which.
    pub delivery: Uuid,
    /// The job that was given up.
    pub job_id: String,
    /// What happened last.
    pub error: String,
}

impl Command for StartDelivery {
    type Output = Started;

    async fn handle(self, tx: &mut Tx) -> Result<Started, Error> {
        let Some(row) = sql::outgoing(tx, self.delivery).await? else { return Ok(Started::Deleted) };
        if row.job_id != self.job_id || row.status == DeliveryStatus::Succeeded {
            return Ok(Started::Nothing);
        }
        match row.state.as_str() {
            "enabled" => {}
            "disabled" => return Ok(Started::Disabled),
            _ => return Ok(Started::Deleted),
        }
        if row.status == DeliveryStatus::Failed {
            // an operator put its dead letter back
            sql::reopen(tx, self.delivery).await?;
        }
        let secrets = sql::secrets(tx, row.endpoint_id).await?;
        let headers = row.headers.0.into_iter().map(|(name, value)| Header { name, value }).collect();
        let (url, rate_limit, is_test) = (row.url, row.rate_limit, row.is_test);
        Ok(Started::Go(Box::new(Outgoing { url, headers, rate_limit, secrets, is_test })))
    }
}

impl Command for FinishAttempt {
    type Output = ();

    async fn handle(self, tx: &mut Tx) -> Result<(), Error> {
        let Some(delivery) = sql::count_attempt(tx, self.delivery, &self.attempted).await? else { return Ok(()) };
        sql::insert_attempt(tx, self.delivery, delivery.attempts, &self.attempted).await?;
        if delivery.is_test {
            return Ok(());
        }
        match self.verdict {
            Verdict::Taken => sql::note_success(tx, delivery.endpoint_id).await,
            Verdict::Gone => disable_endpoint(tx, delivery.endpoint_id, DisableReason::Gone).await,
            Verdict::Failed => {
                let since = sql::note_failure(tx, delivery.endpoint_id, self.attempted.started_at).await?;
                match since {
                    Some(since) if rules::has_failed_too_long(since, tx.now(), self.disable_after) => {
                        disable_endpoint(tx, delivery.endpoint_id, DisableReason::Failing).await
                    }
                    _ => Ok(()),
                }
            }
        }
    }
}

impl Command for GiveUpDelivery {
    type Output = ();

    async fn handle(self, tx: &mut Tx) -> Result<(), Error> {
        sql::give_up(tx, self.delivery, &self.job_id, &self.error).await
    }
}

/// Once: others may have found the same.
async fn disable_endpoint(tx: &mut Tx, id: Uuid, reason: DisableReason) -> Result<(), Error> {
    match store::lock(tx, id).await? {
        Some(endpoint) if endpoint.disabled.is_none() => disable(tx, endpoint, reason).await.map(drop),
        _ => Ok(()),
    }
}
