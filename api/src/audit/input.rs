//! Filters and moments as auditors write them.

use domain::audit::{EventFilter, ListEvents, Moment};
use domain::kernel::input;
use domain::kernel::page::{PageSize, SearchText};
use domain::{Actor, CorrelationId, FieldError, Rejection};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::body::Wrong;
use crate::list;
use crate::parameters::{self, given};
use crate::problem::Problem;

/// Filters and page of a list of events.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EventParameters {
    /// Only events of this module: `customers`.
    #[param(min_length = 1, max_length = 100)]
    stream: Option<String>,
    /// Only events of this type: `com.offgrid.portal.customers.customer-suspended`.
    #[serde(rename = "type")]
    #[param(min_length = 1, max_length = 100)]
    event_type: Option<String>,
    /// Only events of this customer, product, order or item of stock.
    #[param(value_type = Option<Uuid>)]
    aggregate: Option<String>,
    /// Only what this person or program did: the subject of a token.
    #[param(min_length = 1, max_length = 200, pattern = r"^[^\u0000-\u001f\u007f-\u009f]+$")]
    actor: Option<String>,
    /// Only what the request with this correlation id caused.
    #[param(pattern = "^[!-~]{1,128}$")]
    correlation_id: Option<String>,
    /// Only events of then or later.
    #[param(value_type = Option<DateTime<Utc>>)]
    from: Option<String>,
    /// Only events of before.
    #[param(value_type = Option<DateTime<Utc>>)]
    to: Option<String>,
    /// `next` of the page before.
    #[param(min_length = 1)]
    cursor: Option<String>,
    /// Events per page.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 200, default = 50)]
    limit: Option<String>,
}

impl EventParameters {
    /// # Errors
    /// 422 with one entry per wrong parameter.
    pub(super) fn query(self) -> Result<ListEvents, Problem> {
        let mut wrong = Wrong::default();
        let filter = EventFilter {
            stream: given(self.stream, "stream", SearchText::parse, &mut wrong),
            event_type: given(self.event_type, "type", SearchText::parse, &mut wrong),
            aggregate: given(self.aggregate, "aggregate", parameters::uuid, &mut wrong),
            actor: given(self.actor, "actor", parameters::parsed::<Actor>, &mut wrong),
            correlation_id: given(
                self.correlation_id,
                "correlationId",
                parameters::parsed::<CorrelationId>,
                &mut wrong,
            ),
            from: given(self.from, "from", parameters::instant, &mut wrong),
            to: given(self.to, "to", parameters::instant, &mut wrong),
        };
        match list::size(self.limit.as_deref(), &mut wrong) {
            Some(size) if wrong.is_empty() => Ok(ListEvents { filter, cursor: self.cursor, size }),
            _ => Err(Rejection::invalid(wrong.into_errors()).into()),
        }
    }
}

/// Page of a list without filters.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PageParameters {
    /// `next` of the page before.
    #[param(min_length = 1)]
    cursor: Option<String>,
    /// Rows per page.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 200, default = 50)]
    limit: Option<String>,
}

impl PageParameters {
    /// # Errors
    /// 422 with one entry per wrong parameter.
    pub(super) fn parse(self) -> Result<(Option<String>, PageSize), Problem> {
        let mut wrong = Wrong::default();
        let size = list::size(self.limit.as_deref(), &mut wrong);
        Ok((self.cursor, size.ok_or_else(|| Rejection::invalid(wrong.into_errors()))?))
    }
}

/// Which state of a document, and what to compare it with.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DocumentParameters {
    /// As it was at this time; not together with `version`.
    #[param(value_type = Option<DateTime<Utc>>)]
    as_of: Option<String>,
    /// As it was in this version: after the event with this `sequence`.
    #[param(value_type = Option<i64>, minimum = 1)]
    version: Option<String>,
    /// Show what is different from this version.
    #[param(value_type = Option<i64>, minimum = 1)]
    compare_with: Option<String>,
}

impl DocumentParameters {
    /// # Errors
    /// 422 with one entry per wrong parameter.
    pub(super) fn parse(self) -> Result<(Moment, Option<i64>), Problem> {
        let mut wrong = Wrong::default();
        let as_of = given(self.as_of, "asOf", parameters::instant, &mut wrong);
        let asked = given(self.version, "version", version, &mut wrong);
        let compare_with = given(self.compare_with, "compareWith", version, &mut wrong);
        let moment = match (as_of, asked) {
            (None, None) => Moment::Now,
            (Some(time), None) => Moment::Time(time),
            (None, Some(version)) => Moment::Version(version),
            (Some(_), Some(_)) => {
                wrong.note(input::wrong("version", "as_of_or_version", "give either asOf or version, not both"));
                Moment::Now
            }
        };
        if wrong.is_empty() { Ok((moment, compare_with)) } else { Err(Rejection::invalid(wrong.into_errors()).into()) }
    }
}

fn version(text: &str, parameter: &str) -> Result<i64, FieldError> {
    let version = text.parse().ok().filter(|version| *version > 0);
    version.ok_or_else(|| input::wrong(parameter, "wrong_type", format!("{parameter} is a version: a number from 1")))
}
