//! What happened to endpoints. Each event carries the whole endpoint as it is afterwards, but for its secrets and the
//! values of its headers.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::kernel::event::Event;

use super::model::{DisableReason, Endpoint, EndpointState, RateLimit};

/// An endpoint was created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointCreated {
    /// As it is now.
    pub webhook: EndpointSnapshot,
}

/// Details of an endpoint were changed, or it has another secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointChanged {
    /// The fields that have another value now; at least one.
    pub changed: Vec<EndpointField>,
    /// As it is now.
    pub webhook: EndpointSnapshot,
}

/// An endpoint gets nothing any more: somebody disabled it, or the program did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointDisabled {
    /// `requested`, `gone` (it answered 410), or `failing` (nothing succeeded for a long time).
    pub reason: DisableReason,
    /// As it is now.
    pub webhook: EndpointSnapshot,
}

/// A disabled endpoint gets deliveries again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointEnabled {
    /// As it is now.
    pub webhook: EndpointSnapshot,
}

/// An endpoint was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointDeleted {
    /// As it was.
    pub webhook: EndpointSnapshot,
}

/// A field that can be among `changed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum EndpointField {
    /// `url`
    Url,
    /// `eventTypes`
    EventTypes,
    /// `description`
    Description,
    /// `headers`: names or values
    Headers,
    /// `rateLimit`
    RateLimit,
    /// The secret
    Secret,
}

/// An endpoint right after an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointSnapshot {
    /// Never changes.
    pub id: Uuid,
    /// Where it is.
    pub url: String,
    /// Types, and beginnings of types that end in `.*`.
    pub event_types: Vec<String>,
    /// What it is, for people.
    pub description: String,
    /// Headers that are sent along, in lower case; their values are nobody's business.
    pub header_names: Vec<String>,
    /// Deliveries per second at most; null if there is no limit.
    pub rate_limit: Option<i32>,
    /// `enabled` or `disabled`.
    pub state: EndpointState,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed: by this event.
    pub updated_at: DateTime<Utc>,
    /// 1 when created, one more with every event.
    pub version: i64,
}

impl From<&Endpoint> for EndpointSnapshot {
    fn from(endpoint: &Endpoint) -> Self {
        Self {
            id: endpoint.id,
            url: endpoint.url.as_str().to_owned(),
            event_types: endpoint.event_types.texts(),
            description: endpoint.description.as_str().to_owned(),
            header_names: endpoint.header_names.clone(),
            rate_limit: endpoint.rate_limit.map(RateLimit::get),
            state: endpoint.state(),
            created_at: endpoint.created_at,
            updated_at: endpoint.updated_at,
            version: endpoint.version,
        }
    }
}

/// Type and aggregate of each event.
macro_rules! event {
    ($($event:ident = $name:literal),* $(,)?) => {$(
        impl Event for $event {
            const MODULE: &'static str = "webhooks";
            const TYPE: &'static str = concat!("com.offgrid.portal.webhooks.", $name);

            fn aggregate_id(&self) -> Uuid {
                self.webhook.id
            }

            fn sequence(&self) -> i64 {
                self.webhook.version
            }
        }
    )*};
}
event!(
    EndpointCreated = "endpoint-created",
    EndpointChanged = "endpoint-changed",
    EndpointDisabled = "endpoint-disabled",
    EndpointEnabled = "endpoint-enabled",
    EndpointDeleted = "endpoint-deleted",
);

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook() -> EndpointSnapshot {
        EndpointSnapshot {
            id: "01980000-0000-7000-8000-000000000007".parse().unwrap(),
            url: "https://example.com/webhooks".to_owned(),
            event_types: vec!["com.offgrid.portal.orders.*".to_owned()],
            description: "The warehouse".to_owned(),
            header_names: vec!["authorization".to_owned()],
            rate_limit: Some(10),
            state: EndpointState::Enabled,
            created_at: "2026-03-01T09:30:00.123456Z".parse().unwrap(),
            updated_at: "2026-03-02T10:00:00Z".parse().unwrap(),
            version: 2,
        }
    }

    /// The wire format is a contract: its schema and an example of each event are pinned.
    fn pin<E: Event>(example: &E) {
        let name = E::TYPE.rsplit('.').next().unwrap();
        assert_eq!((example.aggregate_id(), example.sequence()), (webhook().id, 2));
        insta::assert_json_snapshot!(format!("{name}-example"), example);
        insta::assert_json_snapshot!(format!("{name}-schema"), schemars::schema_for!(E));
    }

    #[test]
    fn each_event_says_what_the_endpoint_is_like() {
        pin(&EndpointCreated { webhook: webhook() });
        pin(&EndpointChanged { changed: vec![EndpointField::EventTypes, EndpointField::Secret], webhook: webhook() });
        let disabled = EndpointSnapshot { state: EndpointState::Disabled, rate_limit: None, ..webhook() };
        pin(&EndpointDisabled { reason: DisableReason::Failing, webhook: disabled });
        pin(&EndpointEnabled { webhook: webhook() });
        pin(&EndpointDeleted { webhook: webhook() });
    }
}
