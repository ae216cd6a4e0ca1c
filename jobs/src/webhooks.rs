//! What webhooks do on events, and how they are sent: what is said (`body`), how it is signed (`sign`), where it may go
//! (`guard`), over HTTP (`sender`), and in whose turn (`gates`).
//!
//! The consumer group `webhooks` gets every event there is and makes deliveries of it, each with a job of its own.
//! An attempt sends first and writes down then: who ends in between sends the same again, under the same `webhook-id`.
//!
//! | what happens | what follows |
//! |---|---|
//! | 2xx | it is taken |
//! | 410 | the endpoint is disabled, the delivery is a dead letter |
//! | no connection, no answer in time, 3xx, any other status | counts as an attempt; `Retry-After` lengthens the wait |
//! | the endpoint is left alone, or busy, or at its rate limit | waits without using an attempt |
//! | the endpoint is disabled | a dead letter of class `endpoint_disabled` |
//!
//! A host that cannot be reached counts as an attempt: 16 of them within 5.4 days are what is promised. While its
//! circuit is open only one delivery at a time tries, so that it costs the others none of theirs.

mod body;
mod gates;
mod guard;
mod retry_after;
mod sender;
mod settings;
mod sign;

use std::sync::Arc;
use std::time::Instant;

use chrono::Utc;
use domain::kernel::inbox::ReceivedEvent;
use domain::webhooks::{
    Attempted, BulkStep, DeliverWebhook, FailBulk, FanOut, FinishAttempt, GiveUpDelivery, SendWebhooks, StartDelivery,
    Started, Verdict,
};
use domain::{Command as _, Ctx, Error, Tx};

use crate::runtime::{Exhausted, JobContext, JobError, JobResult, ctx_of};

use gates::Pass;
pub use guard::{Lookup, system_lookup};
pub use sender::Sender;
use sender::Sent;
pub use settings::Settings;

/// Who did it, in the words of the log.
const ACTOR: &str = "job:deliver-webhook";

/// Something happened: whoever wants to be told of it gets a delivery.
pub(crate) async fn fan_out(event: ReceivedEvent, tx: &mut Tx) -> Result<(), Error> {
    FanOut { event }.handle(tx).await
}

/// Makes one attempt at a delivery.
pub(crate) async fn deliver(sender: Arc<Sender>, job: DeliverWebhook, context: JobContext) -> JobResult {
    let pass = sender.gates().enter(job.endpoint).await?;
    let ctx = ctx_of(&context, ACTOR)?;
    let start = StartDelivery { delivery: job.delivery, job_id: context.id.clone() };
    let outgoing = match domain::run(&context.db, &ctx, start).await? {
        Started::Go(outgoing) => outgoing,
        Started::Nothing => return Ok(()),
        Started::Disabled => {
            let message = "its endpoint is disabled; enable it, and send it anew".to_owned();
            return Err(JobError::Permanent { class: "endpoint_disabled", message });
        }
        Started::Deleted => return cancel(&job, &context, &ctx).await,
    };
    pass.turn(outgoing.rate_limit)?;
    let (started_at, begun) = (Utc::now(), Instant::now());
    let sent = send(&sender, &pass, &job, &outgoing).await?;
    pass.took(begun.elapsed());
    domain::fail_point!("fail-point:delivered", returns Err(Error::Internal("it is said to fail".into()).into()));
    let attempted = Attempted {
        url: outgoing.url.clone(),
        started_at,
        duration: begun.elapsed(),
        status: sent.status,
        response: sent.response.clone(),
        failure: sent.failure.clone(),
    };
    let verdict = verdict(&sent);
    let finish =
        FinishAttempt { delivery: job.delivery, attempted, verdict, disable_after: sender.settings().disable_after };
    domain::run(&context.db, &ctx, finish).await?;
    // a test is over, whatever came of it; its attempt says what
    if outgoing.is_test { Ok(()) } else { result(sent, verdict) }
}

/// A delivery became a dead letter: it has failed, until it is put back or sent anew.
pub(crate) async fn give_up(exhausted: Exhausted, tx: &mut Tx) -> Result<(), Error> {
    // what does not decode names no delivery
    let Ok(job) = serde_json::from_slice::<DeliverWebhook>(&exhausted.payload) else { return Ok(()) };
    let error = exhausted.error.to_string();
    GiveUpDelivery { delivery: job.delivery, job_id: exhausted.id, error }.handle(tx).await
}

/// Takes a step of sending many deliveries.
pub(crate) async fn send_many(job: SendWebhooks, context: JobContext) -> JobResult {
    let ctx = ctx_of(&context, "job:send-webhooks")?;
    Ok(domain::run(&context.db, &ctx, BulkStep(job)).await?)
}

/// A step of sending many was given up, and with it the rest.
pub(crate) async fn fail_many(exhausted: Exhausted, tx: &mut Tx) -> Result<(), Error> {
    // what does not decode names nothing
    let Ok(job) = serde_json::from_slice::<SendWebhooks>(&exhausted.payload) else { return Ok(()) };
    FailBulk { job, error: exhausted.error.to_string() }.handle(tx).await
}

/// Nobody is there to take it any more.
async fn cancel(job: &DeliverWebhook, context: &JobContext, ctx: &Ctx) -> JobResult {
    let error = "its endpoint was deleted".to_owned();
    let give_up = GiveUpDelivery { delivery: job.delivery, job_id: context.id.clone(), error: error.clone() };
    domain::run(&context.db, ctx, give_up).await?;
    Err(JobError::Cancel(error))
}

/// A call that is given up, because it takes too long or its process stops, has failed.
async fn send(
    sender: &Sender,
    pass: &Pass,
    job: &DeliverWebhook,
    outgoing: &domain::webhooks::Outgoing,
) -> Result<Sent, JobError> {
    let call = pass.call()?;
    let sent = sender.send(job, outgoing).await?;
    if sent.status.is_some() {
        call.answered();
    }
    Ok(sent)
}

fn verdict(sent: &Sent) -> Verdict {
    match (&sent.failure, sent.status) {
        (None, _) => Verdict::Taken,
        (Some(_), Some(410)) => Verdict::Gone,
        (Some(_), _) => Verdict::Failed,
    }
}

fn result(sent: Sent, verdict: Verdict) -> JobResult {
    let Some((class, message)) = sent.failure else { return Ok(()) };
    Err(match (verdict, sent.retry_after) {
        (Verdict::Gone, _) => JobError::Permanent { class, message },
        (_, Some(wait)) => JobError::NotBefore { class, message, wait },
        (_, None) => JobError::Transient { class, message },
    })
}
