//! Reads endpoints and deliveries, always of the transaction's tenant.

use uuid::Uuid;

use crate::kernel::command::Query;
use crate::kernel::error::Error;
use crate::kernel::page::{Listing, Page, SearchText};
use crate::kernel::tx::Tx;

use super::model::{Attempt, Delivery, DeliveryStatus, Description, DisableReason, Endpoint, EndpointState, RateLimit};
use super::rules;
use super::store::Row;
use super::url::EndpointUrl;

/// One endpoint. Rejected with `webhook_endpoint_not_found`.
#[derive(Debug, Clone, Copy)]
pub struct GetEndpoint {
    /// Which.
    pub id: Uuid,
}

/// A page of endpoints. They have no name to be sorted by.
#[derive(Debug, Clone, Default)]
pub struct ListEndpoints {
    /// Only those.
    pub state: Option<EndpointState>,
    /// Order, start and size.
    pub page: Listing,
}

/// One delivery with its attempts in their order. Rejected with `webhook_delivery_not_found`.
#[derive(Debug, Clone, Copy)]
pub struct GetDelivery {
    /// Which.
    pub id: Uuid,
}

/// A page of the deliveries of an endpoint for which every given filter holds. Rejected with
/// `webhook_endpoint_not_found`; those of a deleted one can be listed.
#[derive(Debug, Clone)]
pub struct ListDeliveries {
    /// To which.
    pub endpoint_id: Uuid,
    /// Only those.
    pub status: Option<DeliveryStatus>,
    /// Only of events of this type.
    pub event_type: Option<SearchText>,
    /// Order, start and size.
    pub page: Listing,
}

impl Query for GetEndpoint {
    type Output = Endpoint;

    async fn fetch(self, tx: &mut Tx) -> Result<Endpoint, Error> {
        let row = sqlx::query_as!(
            Row,
            r#"select id, url as "url: EndpointUrl", event_types, description as "description: Description", header_names,
                      rate_limit as "rate_limit: RateLimit", disable_reason as "disable_reason: DisableReason",
                      state_since, failing_since, created_at, updated_at, version
               from webhooks.endpoints where id = $1 and state <> 'deleted'"#,
            self.id
        )
        .fetch_optional(tx.conn())
        .await?;
        Ok(row.map(Endpoint::from).ok_or_else(rules::endpoint_not_found)?)
    }
}

impl Query for ListEndpoints {
    type Output = Page<Endpoint>;

    async fn fetch(self, tx: &mut Tx) -> Result<Page<Endpoint>, Error> {
        let Listing { sort, after, size } = &self.page;
        let rows = sqlx::query_file_as!(
            Row,
            "src/webhooks/endpoints.sql",
            self.state.map(EndpointState::as_str),
            sort.as_str(),
            after.id,
            after.created_at,
            size.rows_to_fetch()
        )
        .fetch_all(tx.conn())
        .await?;
        let endpoints = rows.into_iter().map(Endpoint::from).collect();
        Ok(self.page.page(endpoints, |endpoint: &Endpoint| (endpoint.created_at, "", endpoint.id)))
    }
}

impl Query for GetDelivery {
    type Output = (Delivery, Vec<Attempt>);

    async fn fetch(self, tx: &mut Tx) -> Result<(Delivery, Vec<Attempt>), Error> {
        let delivery = sqlx::query_as!(
            Delivery,
            r#"select id, endpoint_id, event_id, event_type, subject, is_test, status as "status: DeliveryStatus",
                      attempts, error, created_at, finished_at
               from webhooks.deliveries where id = $1"#,
            self.id
        )
        .fetch_optional(tx.conn())
        .await?;
        let delivery = delivery.ok_or_else(rules::delivery_not_found)?;
        let attempts = sqlx::query_as!(
            Attempt,
            "select attempt, url, started_at, duration_ms, status, response, error_class, error
             from webhooks.attempts where delivery_id = $1 order by attempt",
            self.id
        )
        .fetch_all(tx.conn())
        .await?;
        Ok((delivery, attempts))
    }
}

impl Query for ListDeliveries {
    type Output = Page<Delivery>;

    async fn fetch(self, tx: &mut Tx) -> Result<Page<Delivery>, Error> {
        let known = sqlx::query_scalar!(
            r#"select exists (select from webhooks.endpoints where id = $1) as "known!""#,
            self.endpoint_id
        )
        .fetch_one(tx.conn())
        .await?;
        if !known {
            return Err(rules::endpoint_not_found().into());
        }
        let Listing { sort, after, size } = &self.page;
        let deliveries = sqlx::query_file_as!(
            Delivery,
            "src/webhooks/deliveries.sql",
            self.endpoint_id,
            self.status.map(DeliveryStatus::as_str),
            self.event_type.as_ref().map(SearchText::as_str),
            sort.as_str(),
            after.id,
            after.created_at,
            size.rows_to_fetch()
        )
        .fetch_all(tx.conn())
        .await?;
        Ok(self.page.page(deliveries, |delivery: &Delivery| (delivery.created_at, "", delivery.id)))
    }
}
