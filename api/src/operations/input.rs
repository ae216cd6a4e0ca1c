//! Filters and reasons as operators write them.

use domain::kernel::input;
use domain::kernel::page::{PageSize, SearchText};
use domain::operations::{
    DeadReason, Fingerprint, JobFilter, JobId, JobState, MOST_RETRIED, Reason, RetryDeadLetters, RetryLimit,
    WhichDeadLetters,
};
use domain::{CorrelationId, Rejection, TenantId};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::output::{DeadReasonName, JobStateName};
use crate::body::{Input, Object, Wrong};
use crate::list;
use crate::parameters::{instant, parsed};
use crate::problem::Problem;

/// Filters and page of a list of jobs or dead letters.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParameters {
    /// Only jobs of this queue.
    #[param(min_length = 1, max_length = 100)]
    queue: Option<String>,
    /// Only jobs in this state.
    #[param(value_type = Option<JobStateName>, inline)]
    state: Option<String>,
    /// Only jobs of this kind: `publish-event.v1`.
    #[param(min_length = 1, max_length = 100)]
    kind: Option<String>,
    /// Only jobs of this tenant.
    #[param(pattern = "^[a-z0-9][a-z0-9-]{0,62}$")]
    tenant: Option<String>,
    /// Only jobs about exactly this: `customers/{id}`.
    #[param(min_length = 1, max_length = 100)]
    subject: Option<String>,
    /// Only what the request with this correlation id caused.
    #[param(pattern = "^[!-~]{1,128}$")]
    correlation_id: Option<String>,
    /// Only jobs whose last error contains this, ignoring case.
    #[param(min_length = 1, max_length = 100)]
    error: Option<String>,
    /// Only jobs whose last failure has this fingerprint; none that completed.
    #[param(pattern = "^[0-9a-f]{16}$")]
    fingerprint: Option<String>,
    /// Only dead letters with this reason.
    #[param(value_type = Option<DeadReasonName>, inline)]
    reason: Option<String>,
    /// Only jobs created then or later.
    #[param(value_type = Option<DateTime<Utc>>)]
    created_from: Option<String>,
    /// Only jobs created before.
    #[param(value_type = Option<DateTime<Utc>>)]
    created_to: Option<String>,
    /// `next` of the page before.
    #[param(min_length = 1)]
    cursor: Option<String>,
    /// Jobs per page.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 200, default = 50)]
    limit: Option<String>,
}

/// A filter with its page.
pub(super) struct Listing {
    pub(super) filter: JobFilter,
    pub(super) cursor: Option<String>,
    pub(super) size: PageSize,
}

impl ListParameters {
    /// # Errors
    /// 422 with one entry per wrong parameter.
    pub(super) fn parse(self) -> Result<Listing, Problem> {
        let mut wrong = Wrong::default();
        let terms = Terms {
            queue: self.queue,
            kind: self.kind,
            tenant: self.tenant,
            subject: self.subject,
            correlation_id: self.correlation_id,
            error: self.error,
            fingerprint: self.fingerprint,
            reason: self.reason,
            created_from: self.created_from,
            created_to: self.created_to,
        };
        let filter = terms.parse("", &mut wrong);
        let state = wrong.take_optional(self.state.map(|state| JobState::parse(&state, "state")));
        let size = list::size(self.limit.as_deref(), &mut wrong);
        match (filter, state, size) {
            (Some(filter), Some(state), Some(size)) => {
                Ok(Listing { filter: JobFilter { state, ..filter }, cursor: self.cursor, size })
            }
            _ => Err(Rejection::invalid(wrong.into_errors()).into()),
        }
    }
}

/// The conditions of a filter, unparsed; every given one must hold.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = DeadLetterFilter)]
pub(super) struct Terms {
    /// Only jobs of this queue.
    #[schema(min_length = 1, max_length = 100)]
    queue: Option<String>,
    /// Only jobs of this kind.
    #[schema(min_length = 1, max_length = 100)]
    kind: Option<String>,
    /// Only jobs of this tenant.
    #[schema(pattern = "^[a-z0-9][a-z0-9-]{0,62}$")]
    tenant: Option<String>,
    /// Only jobs about exactly this.
    #[schema(min_length = 1, max_length = 100)]
    subject: Option<String>,
    /// Only what the request with this correlation id caused.
    #[schema(pattern = "^[!-~]{1,128}$")]
    correlation_id: Option<String>,
    /// Only those whose error contains this, ignoring case.
    #[schema(min_length = 1, max_length = 100)]
    error: Option<String>,
    /// Only those of this group.
    #[schema(pattern = "^[0-9a-f]{16}$")]
    fingerprint: Option<String>,
    /// Only those with this reason.
    #[schema(value_type = Option<DeadReasonName>)]
    reason: Option<String>,
    /// Only jobs created then or later.
    #[schema(value_type = Option<DateTime<Utc>>)]
    created_from: Option<String>,
    /// Only jobs created before.
    #[schema(value_type = Option<DateTime<Utc>>)]
    created_to: Option<String>,
}

impl Terms {
    /// `at` comes before the names of the fields: nothing for parameters, `/filter/` in a body.
    pub(super) fn parse(self, at: &str, wrong: &mut Wrong) -> Option<JobFilter> {
        let pointer = |name: &str| format!("{at}{name}");
        let mut text = |value: Option<String>, name: &str| {
            wrong.take_optional(value.map(|value| SearchText::parse(&value, &pointer(name))))
        };
        let (queue, kind) = (text(self.queue, "queue"), text(self.kind, "kind"));
        let (subject, error) = (text(self.subject, "subject"), text(self.error, "error"));
        let tenant = self.tenant.map(|text| parsed::<TenantId>(&text, &pointer("tenant")));
        let correlation_id = self.correlation_id.map(|text| parsed::<CorrelationId>(&text, &pointer("correlationId")));
        let fingerprint = self.fingerprint.map(|text| Fingerprint::parse(&text, &pointer("fingerprint")));
        let reason = self.reason.map(|text| DeadReason::parse(&text, &pointer("reason")));
        let mut instant =
            |value: Option<String>, name: &str| wrong.take_optional(value.map(|value| instant(&value, &pointer(name))));
        let (from, to) = (instant(self.created_from, "createdFrom"), instant(self.created_to, "createdTo"));
        let (tenant, correlation_id) = (wrong.take_optional(tenant), wrong.take_optional(correlation_id));
        let (fingerprint, reason) = (wrong.take_optional(fingerprint), wrong.take_optional(reason));
        Some(JobFilter {
            queue: queue?,
            state: None,
            kind: kind?,
            tenant: tenant?,
            subject: subject?,
            correlation_id: correlation_id?,
            error: error?,
            fingerprint: fingerprint?,
            reason: reason?,
            created_from: from?,
            created_to: to?,
        })
    }
}

/// Why an operator does it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "The broker's disk was full; fixed in INC-204"}))]
pub(super) struct OperatorReason {
    /// One line; kept in the job's history, or with the pause.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

impl Input for OperatorReason {
    type Parsed = Reason;

    fn parse(self, wrong: &mut Wrong) -> Option<Reason> {
        wrong.take(Reason::parse(&self.reason, "/reason"))
    }
}

/// A correction of what a dead letter says.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"patch": {"hello": "world"}, "reason": "A typing error; see INC-207"}))]
pub(super) struct PayloadEdit {
    /// A JSON merge patch (RFC 7396) of the payload: what is given replaces what was there, null removes it.
    #[schema(value_type = Object)]
    patch: Map<String, Value>,
    /// One line; kept with the edit.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

impl Input for PayloadEdit {
    type Parsed = (Map<String, Value>, Reason);

    fn parse(self, wrong: &mut Wrong) -> Option<Self::Parsed> {
        let reason = wrong.take(Reason::parse(&self.reason, "/reason"));
        Some((self.patch, reason?))
    }
}

/// Which dead letters to retry: either `ids` or `filter`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "filter": {"queue": "outbox", "error": "connection refused"}, "limit": 100, "reason": "The broker is back"
}))]
pub(super) struct RetrySelection {
    /// These.
    #[schema(min_items = 1, max_items = 1000)]
    ids: Option<Vec<String>>,
    /// The oldest of those for which every condition holds; at least one must be given.
    #[schema(value_type = Option<Terms>)]
    filter: Option<Object<Terms>>,
    /// How many at most; of `ids`, no more may be given.
    #[schema(minimum = 1, maximum = 1000)]
    limit: u32,
    /// One line; kept in each job's history.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

impl Input for RetrySelection {
    type Parsed = RetryDeadLetters;

    fn parse(self, wrong: &mut Wrong) -> Option<RetryDeadLetters> {
        let limit = wrong.take_checked(RetryLimit::new(self.limit, "/limit"));
        let reason = wrong.take(Reason::parse(&self.reason, "/reason"));
        let which = match (self.ids, self.filter) {
            (Some(ids), None) => Some(WhichDeadLetters::Ids(ids.iter().map(|id| JobId::new(id)).collect())),
            (None, Some(Object(terms))) => {
                terms.parse("/filter/", wrong).map(|filter| WhichDeadLetters::Filter(Box::new(filter)))
            }
            _ => {
                let detail = format!("give either ids, {MOST_RETRIED} at most, or a filter");
                wrong.note(input::wrong("/ids", "ids_or_filter", detail));
                None
            }
        };
        Some(RetryDeadLetters { which: which?, limit: limit?, reason: reason? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz;

    #[test]
    fn fuzz_operator_bodies() {
        ::fuzz::target(env!("CARGO_MANIFEST_DIR"), "operator_bodies", |bytes| {
            fuzz::body::<OperatorReason>(bytes);
            fuzz::body::<PayloadEdit>(bytes);
            fuzz::body::<RetrySelection>(bytes);
        });
    }
}
