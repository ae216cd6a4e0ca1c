//! As callers see them.

use chrono::{DateTime, Utc};
use domain::webhooks::{Attempt, Bulk, Delivery, DeliveryStatus, DisableReason, Endpoint, EndpointState, RateLimit};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Where the tenant wants to be told of its events.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookEndpoint)]
pub(in super::super) struct EndpointBody {
    /// Never changes.
    #[schema(example = "01941f29-7c00-7000-8000-000000000601")]
    id: Uuid,
    #[schema(example = "https://example.com/webhooks")]
    url: String,
    #[schema(example = json!(["com.offgrid.portal.orders.*"]))]
    event_types: Vec<String>,
    #[schema(example = "The warehouse")]
    description: String,
    /// Headers that are sent along, in lower case. Their values are not shown.
    #[schema(example = json!(["x-api-key"]))]
    header_names: Vec<String>,
    /// Deliveries per second at most; null if there is no limit.
    #[schema(required = true, example = 10)]
    rate_limit: Option<i32>,
    state: State,
    /// Null while it is enabled.
    #[schema(required = true)]
    disable_reason: Option<Reason>,
    /// Null while it is enabled.
    #[schema(required = true, example = json!(null))]
    disabled_at: Option<DateTime<Utc>>,
    /// When the first of the attempts began that all failed since; null after one that succeeded.
    #[schema(required = true, example = json!(null))]
    failing_since: Option<DateTime<Utc>>,
    /// What deliveries are signed with; only in the answer that made it, null everywhere else.
    #[schema(required = true, example = json!(null))]
    secret: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    /// 1 when created, one more with every change. In quotes it is the `ETag`.
    #[schema(example = 1)]
    version: i64,
}

/// Whether it gets deliveries.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = WebhookEndpointState)]
pub(super) enum State {
    Enabled,
    Disabled,
}

/// Why it does not.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = WebhookDisableReason)]
pub(super) enum Reason {
    /// Somebody wanted it.
    Requested,
    /// It answered 410.
    Gone,
    /// Nothing succeeded for a long time.
    Failing,
}

/// A new secret.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookSecret)]
pub(in super::super) struct SecretBody {
    /// Whose.
    #[schema(example = "01941f29-7c00-7000-8000-000000000601")]
    id: Uuid,
    /// `whsec_` and base64; null in a repetition's answer.
    #[schema(required = true, example = json!(null))]
    secret: Option<String>,
    /// The endpoint's, as it is now.
    #[schema(example = 2)]
    version: i64,
}

/// One event on its way to one endpoint.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookDelivery)]
pub(in super::super) struct DeliveryBody {
    /// Follows from endpoint and event: the header `webhook-id`, the same with every attempt.
    #[schema(example = "01941f29-7c00-7000-8000-000000000701")]
    id: Uuid,
    #[schema(example = "01941f29-7c00-7000-8000-000000000601")]
    endpoint_id: Uuid,
    /// The CloudEvent's `id`.
    #[schema(example = "01941f29-7c00-7000-8000-000000000801")]
    event_id: String,
    #[schema(example = "com.offgrid.portal.orders.order-created")]
    event_type: String,
    /// What the event is about.
    #[schema(example = "orders/01941f29-7c00-7000-8000-000000000501")]
    subject: String,
    /// Whether somebody only tried the endpoint.
    test: bool,
    status: DeliveryState,
    /// How often it was sent.
    #[schema(example = 1, minimum = 0)]
    attempts: i32,
    /// Of the last attempt that failed.
    #[schema(required = true)]
    error: Option<String>,
    created_at: DateTime<Utc>,
    /// When it was taken, or given up.
    #[schema(required = true)]
    finished_at: Option<DateTime<Utc>>,
}

/// Where a delivery stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = WebhookDeliveryStatus)]
pub(super) enum DeliveryState {
    /// It is about to be sent, or tried again.
    Pending,
    /// The endpoint took it.
    Succeeded,
    /// It was given up; its job is a dead letter.
    Failed,
}

/// A delivery, and what was tried.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookDeliveryWithAttempts)]
pub(in super::super) struct DeliveryWithAttempts {
    delivery: DeliveryBody,
    /// In their order.
    attempts: Vec<AttemptBody>,
}

/// One attempt.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookAttempt)]
struct AttemptBody {
    /// The first is 1.
    #[schema(example = 1, minimum = 1)]
    attempt: i32,
    #[schema(example = "https://example.com/webhooks")]
    url: String,
    started_at: DateTime<Utc>,
    #[schema(example = 83, minimum = 0)]
    duration_ms: i32,
    /// Of the answer; null if there was none.
    #[schema(required = true, example = 503)]
    status: Option<i32>,
    /// The beginning of the answer's body.
    response: String,
    /// What sort of failure; null if it was taken.
    #[schema(required = true, example = "http_5xx")]
    error_class: Option<String>,
    #[schema(required = true, example = "it answered 503 Service Unavailable")]
    error: Option<String>,
}

/// Many deliveries that are sent.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookBulk)]
pub(in super::super) struct BulkBody {
    id: Uuid,
    endpoint_id: Uuid,
    /// `recover` or `replay`.
    #[schema(example = "recover")]
    kind: &'static str,
    since: DateTime<Utc>,
    /// `running`, `cancelled`, `completed` or `failed`.
    #[schema(example = "running")]
    state: &'static str,
    /// Deliveries or events that it is about, so far.
    #[schema(example = 200)]
    matched: i64,
    /// Those of them that became a job.
    #[schema(example = 200)]
    sent: i64,
    /// Why it failed.
    #[schema(required = true)]
    error: Option<String>,
    #[schema(example = "ada@offgrid.example")]
    created_by: String,
    created_at: DateTime<Utc>,
    /// When it last went on.
    changed_at: DateTime<Utc>,
    #[schema(required = true)]
    ended_at: Option<DateTime<Utc>>,
}

impl From<Bulk> for BulkBody {
    fn from(bulk: Bulk) -> Self {
        Self {
            id: bulk.id,
            endpoint_id: bulk.endpoint_id,
            kind: bulk.kind.as_str(),
            since: bulk.since,
            state: bulk.state.as_str(),
            matched: bulk.matched,
            sent: bulk.sent,
            error: bulk.error,
            created_by: bulk.created_by,
            created_at: bulk.created_at,
            changed_at: bulk.changed_at,
            ended_at: bulk.ended_at,
        }
    }
}

impl From<Endpoint> for EndpointBody {
    fn from(endpoint: Endpoint) -> Self {
        Self {
            id: endpoint.id,
            url: endpoint.url.as_str().to_owned(),
            event_types: endpoint.event_types.texts(),
            description: endpoint.description.as_str().to_owned(),
            state: match endpoint.state() {
                EndpointState::Enabled => State::Enabled,
                EndpointState::Disabled => State::Disabled,
            },
            header_names: endpoint.header_names,
            rate_limit: endpoint.rate_limit.map(RateLimit::get),
            disable_reason: endpoint.disabled.map(|disabled| disabled.reason.into()),
            disabled_at: endpoint.disabled.map(|disabled| disabled.since),
            failing_since: endpoint.failing_since,
            secret: None,
            created_at: endpoint.created_at,
            updated_at: endpoint.updated_at,
            version: endpoint.version,
        }
    }
}

impl From<DisableReason> for Reason {
    fn from(reason: DisableReason) -> Self {
        match reason {
            DisableReason::Requested => Self::Requested,
            DisableReason::Gone => Self::Gone,
            DisableReason::Failing => Self::Failing,
        }
    }
}

impl From<Endpoint> for SecretBody {
    fn from(endpoint: Endpoint) -> Self {
        Self { id: endpoint.id, secret: None, version: endpoint.version }
    }
}

impl From<Delivery> for DeliveryBody {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.id,
            endpoint_id: delivery.endpoint_id,
            event_id: delivery.event_id,
            event_type: delivery.event_type,
            subject: delivery.subject,
            test: delivery.is_test,
            status: match delivery.status {
                DeliveryStatus::Pending => DeliveryState::Pending,
                DeliveryStatus::Succeeded => DeliveryState::Succeeded,
                DeliveryStatus::Failed => DeliveryState::Failed,
            },
            attempts: delivery.attempts,
            error: delivery.error,
            created_at: delivery.created_at,
            finished_at: delivery.finished_at,
        }
    }
}

impl From<(Delivery, Vec<Attempt>)> for DeliveryWithAttempts {
    fn from((delivery, attempts): (Delivery, Vec<Attempt>)) -> Self {
        Self { delivery: delivery.into(), attempts: attempts.into_iter().map(AttemptBody::from).collect() }
    }
}

impl From<Attempt> for AttemptBody {
    fn from(attempt: Attempt) -> Self {
        Self {
            attempt: attempt.attempt,
            url: attempt.url,
            started_at: attempt.started_at,
            duration_ms: attempt.duration_ms,
            status: attempt.status,
            response: attempt.response,
            error_class: attempt.error_class,
            error: attempt.error,
        }
    }
}
