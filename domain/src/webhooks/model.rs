//! What an endpoint and a delivery are, and the types their fields are parsed into.

use std::time::Duration;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::kernel::error::FieldError;
use crate::kernel::input;

use super::pattern::EventPatterns;
use super::url::EndpointUrl;

/// Where a tenant wants to be told of its events. Without secrets, and without the values of its headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Never changes.
    pub id: Uuid,
    /// Where it is.
    pub url: EndpointUrl,
    /// Which events it wants.
    pub event_types: EventPatterns,
    /// What it is, for people.
    pub description: Description,
    /// Headers that are sent along, in lower case.
    pub header_names: Vec<String>,
    /// Deliveries per second at most.
    pub rate_limit: Option<RateLimit>,
    /// Why it gets nothing, and since when.
    pub disabled: Option<Disabled>,
    /// When the first of the attempts began that all failed since; none after one that succeeded.
    pub failing_since: Option<DateTime<Utc>>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed; what deliveries do to it does not count.
    pub updated_at: DateTime<Utc>,
    /// 1 when created, one more with every change.
    pub version: i64,
}

/// Why an endpoint gets nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disabled {
    /// Why.
    pub reason: DisableReason,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// Why an endpoint was disabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, sqlx::Type)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum DisableReason {
    /// Somebody wanted it.
    Requested,
    /// It answered 410: it wants nothing more.
    Gone,
    /// Nothing succeeded for a long time.
    Failing,
}

/// Whether an endpoint gets deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EndpointState {
    /// It does.
    Enabled,
    /// It does not.
    Disabled,
}

/// Up to 500 characters.
#[derive(Debug, Clone, PartialEq, Eq, Default, sqlx::Type)]
#[sqlx(transparent)]
pub struct Description(String);

/// Deliveries per second: 1 to 1,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(transparent)]
pub struct RateLimit(i32);

/// How long a secret is still signed with after another took its place: up to 7 days, a day unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overlap(Duration);

/// One event on its way to one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Never changes; see [`Delivery::id_of`].
    pub id: Uuid,
    /// To which.
    pub endpoint_id: Uuid,
    /// The CloudEvent's `id`.
    pub event_id: String,
    /// The CloudEvent's `type`.
    pub event_type: String,
    /// The CloudEvent's `subject`.
    pub subject: String,
    /// Whether somebody only tries the endpoint.
    pub is_test: bool,
    /// Where it stands.
    pub status: DeliveryStatus,
    /// How often it was sent.
    pub attempts: i32,
    /// Of the last attempt that failed.
    pub error: Option<String>,
    /// When the event was heard of.
    pub created_at: DateTime<Utc>,
    /// When it was taken, or given up.
    pub finished_at: Option<DateTime<Utc>>,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum DeliveryStatus {
    /// A job is there to send it.
    Pending,
    /// The endpoint took it.
    Succeeded,
    /// It was given up.
    Failed,
}

/// One attempt at a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The first is 1.
    pub attempt: i32,
    /// Where it was sent.
    pub url: String,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// How long it took.
    pub duration_ms: i32,
    /// Of the answer; none if there was none.
    pub status: Option<i32>,
    /// The beginning of the answer's body.
    pub response: String,
    /// What sort of failure; none if it was taken.
    pub error_class: Option<String>,
    /// What happened.
    pub error: Option<String>,
}

impl Endpoint {
    /// Whether it gets deliveries.
    pub fn state(&self) -> EndpointState {
        if self.disabled.is_none() { EndpointState::Enabled } else { EndpointState::Disabled }
    }
}

impl Delivery {
    /// The id of the delivery of an event to an endpoint: the receiver knows it again by it.
    pub fn id_of(endpoint_id: Uuid, event_id: &str) -> Uuid {
        let digest = Sha256::new().chain_update(endpoint_id.as_bytes()).chain_update(event_id).finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }
}

impl DisableReason {
    /// As it is written and stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Gone => "gone",
            Self::Failing => "failing",
        }
    }
}

impl EndpointState {
    /// # Errors
    /// Names `pointer`; code `unknown_state`.
    pub fn parse(text: &str, pointer: &str) -> Result<Self, FieldError> {
        let found = [Self::Enabled, Self::Disabled].into_iter().find(|state| state.as_str() == text);
        found.ok_or_else(|| input::wrong(pointer, "unknown_state", "must be enabled or disabled"))
    }

    /// As it is written and stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
        }
    }
}

impl DeliveryStatus {
    /// # Errors
    /// Names `pointer`; code `unknown_status`.
    pub fn parse(text: &str, pointer: &str) -> Result<Self, FieldError> {
        let found = [Self::Pending, Self::Succeeded, Self::Failed].into_iter().find(|status| status.as_str() == text);
        found.ok_or_else(|| input::wrong(pointer, "unknown_status", "must be pending, succeeded or failed"))
    }

    /// As it is written and stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

impl Description {
    /// # Errors
    /// Names `pointer`; codes `too_long`, `control_character`.
    pub fn parse(text: &str, pointer: &str) -> Result<Self, FieldError> {
        input::lines(text, pointer, 500).map(Self)
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl RateLimit {
    /// # Errors
    /// Names `pointer`; code `rate_invalid`.
    pub fn new(rate: i64, pointer: &str) -> Result<Self, FieldError> {
        match i32::try_from(rate) {
            Ok(rate @ 1..=1000) => Ok(Self(rate)),
            _ => Err(input::wrong(pointer, "rate_invalid", "must be a number from 1 to 1000, deliveries per second")),
        }
    }

    /// The number itself.
    pub fn get(self) -> i32 {
        self.0
    }
}

impl Default for Overlap {
    fn default() -> Self {
        Self(Duration::from_secs(86_400))
    }
}

impl Overlap {
    /// # Errors
    /// Names `pointer`; code `overlap_invalid`.
    pub fn new(seconds: i64, pointer: &str) -> Result<Self, FieldError> {
        match u64::try_from(seconds) {
            Ok(seconds @ 0..=604_800) => Ok(Self(Duration::from_secs(seconds))),
            _ => Err(input::wrong(pointer, "overlap_invalid", "must be a number of seconds from 0 to 604800, 7 days")),
        }
    }

    /// The time itself.
    pub fn get(self) -> Duration {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_and_an_event_make_one_id() {
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert_eq!(Delivery::id_of(one, "a"), Delivery::id_of(one, "a"));
        assert_ne!(Delivery::id_of(one, "a"), Delivery::id_of(other, "a"));
        assert_ne!(Delivery::id_of(one, "a"), Delivery::id_of(one, "b"));
    }

    #[test]
    fn words_and_numbers_are_what_they_may_be() {
        use DeliveryStatus::{Failed, Pending, Succeeded};
        for status in [Pending, Succeeded, Failed] {
            assert_eq!(DeliveryStatus::parse(status.as_str(), "").unwrap(), status);
        }
        for state in [EndpointState::Enabled, EndpointState::Disabled] {
            assert_eq!(EndpointState::parse(state.as_str(), "").unwrap(), state);
        }
        assert_eq!(DeliveryStatus::parse("sent", "status").unwrap_err().code, "unknown_status");
        assert_eq!(EndpointState::parse("deleted", "state").unwrap_err().code, "unknown_state");
        assert_eq!((RateLimit::new(1, "").unwrap().get(), RateLimit::new(1000, "").unwrap().get()), (1, 1000));
        for bad in [0, -1, 1001, i64::MAX] {
            assert_eq!(RateLimit::new(bad, "/rateLimit").unwrap_err().code, "rate_invalid");
        }
        assert_eq!(Overlap::new(0, "").unwrap().get(), Duration::ZERO);
        for bad in [-1, 604_801] {
            assert_eq!(Overlap::new(bad, "/overlapSeconds").unwrap_err().code, "overlap_invalid");
        }
        assert_eq!(Description::parse(&"x".repeat(501), "/description").unwrap_err().code, "too_long");
    }
}
