//! Who may do what to an endpoint and a delivery: pure decisions.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::kernel::error::Rejection;

use super::bulk::BulkState;
use super::model::{DeliveryStatus, Endpoint};

/// Endpoints of a tenant at most: every event may become as many jobs.
pub(super) const MOST_ENDPOINTS: i64 = 50;
/// Secrets of an endpoint that are valid at once at most: every delivery bears as many signatures.
pub(super) const MOST_SECRETS: i64 = 5;

/// A tenant that has as many as it may creates no more.
pub(super) fn can_create_another(present: i64) -> Result<(), Rejection> {
    if present < MOST_ENDPOINTS {
        return Ok(());
    }
    let detail = format!("this tenant has {MOST_ENDPOINTS} endpoints; delete one, or change one");
    Err(Rejection::conflict("webhook_endpoints_too_many", detail))
}

/// `valid` counts those that are signed with already.
pub(super) fn can_have_another_secret(valid: i64) -> Result<(), Rejection> {
    if valid < MOST_SECRETS {
        return Ok(());
    }
    let detail = format!("{MOST_SECRETS} secrets are valid; wait until one expires");
    Err(Rejection::conflict("webhook_secrets_too_many", detail))
}

/// What is sent to a disabled endpoint would be given up at once.
pub(super) fn can_be_sent_to(endpoint: &Endpoint) -> Result<(), Rejection> {
    match endpoint.disabled {
        None => Ok(()),
        Some(disabled) => Err(Rejection::conflict(
            "webhook_endpoint_disabled",
            format!("this endpoint is disabled since {}; enable it first", disabled.since.format("%FT%TZ")),
        )),
    }
}

/// What is under way is sent anyway; a test is made anew.
pub(super) fn can_be_sent_anew(status: DeliveryStatus, is_test: bool) -> Result<(), Rejection> {
    if is_test {
        return Err(unrepeatable("it was a test; test the endpoint anew"));
    }
    match status {
        DeliveryStatus::Succeeded | DeliveryStatus::Failed => Ok(()),
        DeliveryStatus::Pending => {
            let detail = "it is still being tried; see its attempts";
            Err(Rejection::conflict("webhook_delivery_pending", detail))
        }
    }
}

/// Whether nothing has succeeded for too long.
pub(super) fn has_failed_too_long(since: DateTime<Utc>, now: DateTime<Utc>, limit: Duration) -> bool {
    (now - since).to_std().is_ok_and(|failing| failing >= limit)
}

pub(super) fn unrepeatable(why: &'static str) -> Rejection {
    Rejection::conflict("webhook_delivery_unrepeatable", why)
}

/// What a reader asks for must exist in its tenant.
pub(super) fn endpoint_not_found() -> Rejection {
    Rejection::not_found("webhook_endpoint_not_found", "there is no webhook endpoint with this id")
}

/// As [`endpoint_not_found`], for deliveries.
pub(super) fn delivery_not_found() -> Rejection {
    Rejection::not_found("webhook_delivery_not_found", "there is no webhook delivery with this id")
}

/// As [`endpoint_not_found`], for recoveries and replays.
pub(super) fn bulk_not_found() -> Rejection {
    Rejection::not_found("webhook_bulk_not_found", "there is no recovery or replay of webhooks with this id")
}

/// Only what runs can be stopped.
pub(super) fn can_be_cancelled(state: BulkState) -> Result<(), Rejection> {
    match state {
        BulkState::Running => Ok(()),
        other => Err(Rejection::conflict("webhook_bulk_ended", format!("it is {} already", other.as_str()))),
    }
}

pub(super) fn url_forbidden(why: &str) -> Rejection {
    Rejection::invalid_field("webhook_url_forbidden", "/url", format!("this URL is not called: {why}"))
}

#[cfg(test)]
mod tests {
    use super::super::model::{Description, DisableReason, Disabled};
    use super::super::pattern::EventPatterns;
    use super::super::url::EndpointUrl;
    use super::*;
    use crate::kernel::error::RejectionKind::{Conflict, Invalid, NotFound};

    fn endpoint(disabled: Option<Disabled>) -> Endpoint {
        Endpoint {
            id: uuid::Uuid::nil(),
            url: EndpointUrl::parse("https://example.com", "").unwrap(),
            event_types: EventPatterns::parse(&["*".to_owned()], "").unwrap(),
            description: Description::default(),
            header_names: Vec::new(),
            rate_limit: None,
            disabled,
            failing_since: None,
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
            version: 1,
        }
    }

    #[test]
    fn only_an_enabled_endpoint_is_sent_to() {
        assert_eq!(can_be_sent_to(&endpoint(None)), Ok(()));
        let disabled = Disabled { reason: DisableReason::Gone, since: "2026-03-01T09:30:00Z".parse().unwrap() };
        let rejection = can_be_sent_to(&endpoint(Some(disabled))).unwrap_err();
        assert_eq!((rejection.code, rejection.kind), ("webhook_endpoint_disabled", Conflict));
        assert_eq!(rejection.detail, "this endpoint is disabled since 2026-03-01T09:30:00Z; enable it first");
    }

    #[test]
    fn only_what_has_ended_is_sent_anew() {
        use DeliveryStatus::{Failed, Pending, Succeeded};
        assert_eq!(can_be_sent_anew(Succeeded, false), Ok(()));
        assert_eq!(can_be_sent_anew(Failed, false), Ok(()));
        assert_eq!(can_be_sent_anew(Pending, false).unwrap_err().code, "webhook_delivery_pending");
        assert_eq!(can_be_sent_anew(Failed, true).unwrap_err().code, "webhook_delivery_unrepeatable");
    }

    #[test]
    fn failing_is_long_from_the_limit_on() {
        let since: DateTime<Utc> = "2026-03-01T00:00:00Z".parse().unwrap();
        let day = Duration::from_secs(86_400);
        let after = |seconds| has_failed_too_long(since, since + chrono::TimeDelta::seconds(seconds), day);
        assert_eq!([after(-1), after(0), after(86_399), after(86_400)], [false, false, false, true]);
    }

    #[test]
    fn there_are_limits() {
        assert_eq!(can_create_another(49), Ok(()));
        assert_eq!(can_create_another(50).unwrap_err().code, "webhook_endpoints_too_many");
        assert_eq!(can_have_another_secret(4), Ok(()));
        assert_eq!(can_have_another_secret(5).unwrap_err().code, "webhook_secrets_too_many");
    }

    #[test]
    fn each_no_has_its_code_and_kind() {
        for (rejection, code, kind) in [
            (endpoint_not_found(), "webhook_endpoint_not_found", NotFound),
            (delivery_not_found(), "webhook_delivery_not_found", NotFound),
            (bulk_not_found(), "webhook_bulk_not_found", NotFound),
            (can_be_cancelled(BulkState::Completed).unwrap_err(), "webhook_bulk_ended", Conflict),
            (url_forbidden("x"), "webhook_url_forbidden", Invalid),
            (unrepeatable("x"), "webhook_delivery_unrepeatable", Conflict),
        ] {
            assert_eq!((rejection.code, rejection.kind), (code, kind));
        }
    }
}
