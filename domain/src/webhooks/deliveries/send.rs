//! Makes deliveries, and the jobs that send them.

use serde_json::value::RawValue;
use uuid::Uuid;

use crate::kernel::command::{Command, Query as _};
use crate::kernel::error::Error;
use crate::kernel::event;
use crate::kernel::inbox::ReceivedEvent;
use crate::kernel::job::{Job as _, NewJob};
use crate::kernel::tx::Tx;

use super::super::jobs::{DeliverWebhook, TEST_TYPE};
use super::super::model::{Delivery, DeliveryStatus};
use super::super::queries::GetEndpoint;
use super::super::rules;
use super::sql;

/// Makes a delivery of an event to every endpoint of its tenant that wants it, and the jobs that send them. Those
/// that are there already are left alone, also when a replay hands the event over again.
#[derive(Debug, Clone)]
pub struct FanOut {
    /// What happened.
    pub event: ReceivedEvent,
}

/// Sends something to an endpoint that is no event, once, to see whether it takes it.
///
/// Rejected with `webhook_endpoint_not_found` or `webhook_endpoint_disabled`.
#[derive(Debug, Clone, Copy)]
pub struct TestEndpoint {
    /// Which.
    pub id: Uuid,
}

/// Sends a delivery that has ended anew, under the same id, as often as a new one.
///
/// Rejected with `webhook_delivery_not_found`, `webhook_delivery_pending`, `webhook_delivery_unrepeatable`,
/// `webhook_endpoint_not_found` or `webhook_endpoint_disabled`.
#[derive(Debug, Clone, Copy)]
pub struct ResendDelivery {
    /// Which.
    pub id: Uuid,
}

impl Command for FanOut {
    type Output = ();

    async fn handle(self, tx: &mut Tx) -> Result<(), Error> {
        let endpoints = sql::enabled(tx).await?;
        let wanted = endpoints.into_iter().filter(|(_, types)| types.match_type(&self.event.event_type));
        let mut jobs = wanted.map(|(endpoint, _)| job(endpoint, self.event.clone())).collect::<Result<Vec<_>, _>>()?;
        if jobs.is_empty() {
            return Ok(());
        }
        let made = sql::insert(tx, &jobs).await?;
        jobs.retain(|job| made.contains(&job.delivery));
        tx.enqueue_all(jobs.into_iter().map(|job| job.new).collect()).await
    }
}

impl Command for TestEndpoint {
    type Output = Delivery;

    async fn handle(self, tx: &mut Tx) -> Result<Delivery, Error> {
        let endpoint = GetEndpoint { id: self.id }.fetch(tx).await?;
        rules::can_be_sent_to(&endpoint)?;
        let job = job(self.id, test_event(tx, self.id, endpoint.version)?)?;
        let delivery = Delivery {
            id: job.delivery,
            endpoint_id: self.id,
            event_id: job.event_id.clone(),
            event_type: job.event_type.clone(),
            subject: job.subject.clone(),
            is_test: true,
            status: DeliveryStatus::Pending,
            attempts: 0,
            error: None,
            created_at: tx.now(),
            finished_at: None,
        };
        sql::insert(tx, std::slice::from_ref(&job)).await?;
        tx.enqueue_all(vec![job.new]).await?;
        Ok(delivery)
    }
}

impl Command for ResendDelivery {
    type Output = Delivery;

    async fn handle(self, tx: &mut Tx) -> Result<Delivery, Error> {
        let mut delivery = sql::lock(tx, self.id).await?.ok_or_else(rules::delivery_not_found)?;
        if delivery.status == DeliveryStatus::Pending && !sql::is_queued(tx, delivery.id).await? {
            // an operator has cancelled its job
            delivery.status = DeliveryStatus::Failed;
        }
        rules::can_be_sent_anew(delivery.status, delivery.is_test)?;
        let endpoint = GetEndpoint { id: delivery.endpoint_id }.fetch(tx).await?;
        rules::can_be_sent_to(&endpoint)?;
        let event = sql::event(tx, &delivery.event_id).await?;
        let event = event.ok_or_else(|| rules::unrepeatable("its event is not in the log"))?;
        let job = job(endpoint.id, event)?;
        sql::send_anew(tx, delivery.id, job.new.id).await?;
        tx.enqueue_all(vec![job.new]).await?;
        (delivery.status, delivery.finished_at) = (DeliveryStatus::Pending, None);
        Ok(delivery)
    }
}

/// A job that is about to be, and the delivery it sends.
pub(in super::super) struct DeliveryJob {
    pub(in super::super) delivery: Uuid,
    pub(in super::super) endpoint: Uuid,
    pub(in super::super) event_id: String,
    pub(in super::super) event_type: String,
    pub(in super::super) subject: String,
    pub(in super::super) new: NewJob,
}

pub(in super::super) fn job(endpoint: Uuid, event: ReceivedEvent) -> Result<DeliveryJob, Error> {
    let (event_id, event_type, subject) = (event.id.clone(), event.event_type.clone(), event.subject.clone());
    let delivery = Delivery::id_of(endpoint, &event_id);
    let new = NewJob::new(&DeliverWebhook { delivery, endpoint, event })
        .map_err(|e| Error::Internal(format!("{}: {e}", DeliverWebhook::KIND)))?;
    let new = NewJob { subject: Some(format!("webhooks/{delivery}")), ..new };
    Ok(DeliveryJob { delivery, endpoint, event_id, event_type, subject, new })
}

fn test_event(tx: &mut Tx, endpoint: Uuid, version: i64) -> Result<ReceivedEvent, Error> {
    let data = RawValue::from_string(r#"{"message":"This is a test of the endpoint; nothing happened."}"#.to_owned());
    Ok(ReceivedEvent {
        id: Uuid::now_v7().to_string(),
        source: event::source("webhooks"),
        event_type: TEST_TYPE.to_owned(),
        subject: format!("webhooks/{endpoint}"),
        time: tx.now(),
        sequence: version,
        tenant_id: tx.tenant()?,
        correlation_id: tx.ctx().correlation_id.clone(),
        traceparent: tx.ctx().traceparent.clone(),
        data_version: event::FIRST_VERSION,
        data: data.map_err(|e| Error::Internal(format!("{TEST_TYPE}: {e}")))?,
        replay_id: None,
        replay_force: false,
    })
}
