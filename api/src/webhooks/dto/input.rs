//! As callers write them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::Rejection;
use domain::kernel::page::SearchText;
use domain::webhooks::{
    DeliveryStatus, Description, EndpointChanges, EndpointDetails, EndpointState, EndpointUrl, EventPatterns, Headers,
    ListDeliveries, ListEndpoints, Overlap, RateLimit,
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::output::{DeliveryState, State};
use crate::body::{Input, Wrong};
use crate::list::{self, TimeOrder};
use crate::parameters;
use crate::patch;
use crate::problem::Problem;

/// An endpoint to create.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewWebhookEndpoint, example = json!({
    "url": "https://example.com/webhooks", "eventTypes": ["com.offgrid.portal.orders.*"],
    "description": "The warehouse", "headers": {"X-Api-Key": "an-api-key"}, "rateLimit": 10
}))]
pub(in super::super) struct NewEndpoint {
    /// `https://`, without user and password.
    #[schema(min_length = 1, max_length = 2000, format = "uri", pattern = "^[Hh][Tt][Tt][Pp][Ss]?://")]
    url: String,
    /// CloudEvents types; the end of one may be `*`, which stands for one or more words.
    #[schema(min_items = 1, max_items = 50)]
    event_types: Vec<String>,
    /// For people.
    #[schema(max_length = 500)]
    description: Option<String>,
    /// Sent along with every delivery. Values are never shown again.
    headers: Option<BTreeMap<String, String>>,
    /// Deliveries per second at most; as many as there are if it is not given.
    #[schema(minimum = 1, maximum = 1000)]
    rate_limit: Option<i64>,
}

/// What to change of an endpoint; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = WebhookEndpointPatch, example = json!({"eventTypes": ["*"], "rateLimit": null}))]
pub(in super::super) struct EndpointPatch {
    /// Another URL; cannot be removed.
    #[serde(default, deserialize_with = "patch::required")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 2000, format = "uri",
        pattern = "^[Hh][Tt][Tt][Pp][Ss]?://")]
    url: Option<String>,
    /// Other types; cannot be removed.
    #[serde(default, deserialize_with = "patch::required")]
    #[schema(value_type = Vec<String>, required = false, min_items = 1, max_items = 50)]
    event_types: Option<Vec<String>>,
    /// Another description; `""` removes it.
    #[serde(default, deserialize_with = "patch::required")]
    #[schema(value_type = String, required = false, max_length = 500)]
    description: Option<String>,
    /// All headers from now on; `{}` removes them.
    #[serde(default, deserialize_with = "patch::required")]
    #[schema(value_type = BTreeMap<String, String>, required = false)]
    headers: Option<BTreeMap<String, String>>,
    /// Another limit; null removes it.
    #[serde(default, deserialize_with = "patch::nullable")]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 1000)]
    rate_limit: Option<Option<i64>>,
}

/// How long the old secrets stay valid.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = WebhookSecretRotation, example = json!({"overlapSeconds": 3600}))]
pub(in super::super) struct Rotation {
    /// A day if it is not given; 0: not at all.
    #[schema(minimum = 0, maximum = 604_800)]
    overlap_seconds: Option<i64>,
}

/// What of an endpoint is sent.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookBulkOrder, example = json!({"since": "2026-01-31T08:00:00Z"}))]
pub(in super::super) struct BulkOrder {
    /// Deliveries made, or events that happened, then or later.
    #[schema(value_type = DateTime<Utc>)]
    since: String,
}

impl Input for BulkOrder {
    type Parsed = DateTime<Utc>;

    fn parse(self, wrong: &mut Wrong) -> Option<DateTime<Utc>> {
        wrong.take(parameters::instant(&self.since, "/since"))
    }
}

impl Input for NewEndpoint {
    type Parsed = EndpointDetails;

    fn parse(self, wrong: &mut Wrong) -> Option<EndpointDetails> {
        let url = wrong.take(EndpointUrl::parse(&self.url, "/url"));
        let event_types = wrong.take(EventPatterns::parse(&self.event_types, "/eventTypes"));
        let description =
            wrong.take(Description::parse(self.description.as_deref().unwrap_or_default(), "/description"));
        let headers = wrong.take(Headers::parse(&self.headers.unwrap_or_default(), "/headers"));
        let rate_limit = wrong.take_optional(self.rate_limit.map(|rate| RateLimit::new(rate, "/rateLimit")));
        Some(EndpointDetails {
            url: url?,
            event_types: event_types?,
            description: description?,
            headers: headers?,
            rate_limit: rate_limit?,
        })
    }
}

impl Input for EndpointPatch {
    type Parsed = EndpointChanges;

    fn parse(self, wrong: &mut Wrong) -> Option<EndpointChanges> {
        let url = wrong.take_optional(self.url.map(|url| EndpointUrl::parse(&url, "/url")));
        let event_types =
            wrong.take_optional(self.event_types.map(|types| EventPatterns::parse(&types, "/eventTypes")));
        let description = wrong.take_optional(self.description.map(|text| Description::parse(&text, "/description")));
        let headers = wrong.take_optional(self.headers.map(|headers| Headers::parse(&headers, "/headers")));
        let rate_limit = match self.rate_limit {
            Some(rate) => wrong.take_optional(rate.map(|rate| RateLimit::new(rate, "/rateLimit"))).map(Some),
            None => Some(None),
        };
        Some(EndpointChanges {
            url: url?,
            event_types: event_types?,
            description: description?,
            headers: headers?,
            rate_limit: rate_limit?,
        })
    }
}

impl Input for Rotation {
    type Parsed = Overlap;

    fn parse(self, wrong: &mut Wrong) -> Option<Overlap> {
        let overlap = self.overlap_seconds.map(|seconds| Overlap::new(seconds, "/overlapSeconds"));
        wrong.take_optional(overlap).map(Option::unwrap_or_default)
    }
}

/// Filters, order and page of a list of endpoints.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in super::super) struct ListParameters {
    /// Only endpoints in this state.
    #[param(value_type = Option<State>, inline)]
    state: Option<String>,
    /// `-` is descending; the default is `-created_at`.
    #[param(value_type = Option<TimeOrder>, inline)]
    sort: Option<String>,
    /// `next` of the page before.
    #[param(min_length = 1)]
    cursor: Option<String>,
    /// Endpoints per page.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 200, default = 50)]
    limit: Option<String>,
}

impl ListParameters {
    /// # Errors
    /// 422 with one entry per wrong parameter.
    pub(in super::super) fn query(self) -> Result<ListEndpoints, Problem> {
        let mut wrong = Wrong::default();
        let state = wrong.take_optional(self.state.map(|state| EndpointState::parse(&state, "state")));
        let (sort, cursor, limit) = (self.sort.as_deref(), self.cursor.as_deref(), self.limit.as_deref());
        let page = list::listing_by_time(sort, cursor, limit, &mut wrong);
        match (state, page) {
            (Some(state), Some(page)) => Ok(ListEndpoints { state, page }),
            _ => Err(Rejection::invalid(wrong.into_errors()).into()),
        }
    }
}

/// Filters, order and page of a list of deliveries.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in super::super) struct DeliveryParameters {
    /// Only deliveries with this status.
    #[param(value_type = Option<DeliveryState>, inline)]
    status: Option<String>,
    /// Only deliveries of events of this type.
    #[param(min_length = 1, max_length = 100)]
    event_type: Option<String>,
    /// `-` is descending; the default is `-created_at`.
    #[param(value_type = Option<TimeOrder>, inline)]
    sort: Option<String>,
    /// `next` of the page before.
    #[param(min_length = 1)]
    cursor: Option<String>,
    /// Deliveries per page.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 200, default = 50)]
    limit: Option<String>,
}

impl DeliveryParameters {
    /// # Errors
    /// 422 with one entry per wrong parameter.
    pub(in super::super) fn query(self, endpoint_id: Uuid) -> Result<ListDeliveries, Problem> {
        let mut wrong = Wrong::default();
        let status = wrong.take_optional(self.status.map(|status| DeliveryStatus::parse(&status, "status")));
        let event_type = wrong.take_optional(self.event_type.map(|text| SearchText::parse(&text, "eventType")));
        let (sort, cursor, limit) = (self.sort.as_deref(), self.cursor.as_deref(), self.limit.as_deref());
        let page = list::listing_by_time(sort, cursor, limit, &mut wrong);
        match (status, event_type, page) {
            (Some(status), Some(event_type), Some(page)) => {
                Ok(ListDeliveries { endpoint_id, status, event_type, page })
            }
            _ => Err(Rejection::invalid(wrong.into_errors()).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz;

    #[test]
    fn fuzz_webhook_bodies() {
        ::fuzz::target(env!("CARGO_MANIFEST_DIR"), "webhook_bodies", |bytes| {
            fuzz::body::<NewEndpoint>(bytes);
            fuzz::body::<EndpointPatch>(bytes);
            fuzz::body::<Rotation>(bytes);
            fuzz::body::<BulkOrder>(bytes);
        });
    }
}
