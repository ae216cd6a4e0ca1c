//! Replays as operators order and see them.

use chrono::{DateTime, Utc};
use domain::kernel::page::{PageSize, SearchText};
use domain::messaging::{Rate, Repeat, Replay, ReplayCounts, ReplayFilter, StartReplay};
use domain::operations::Reason;
use domain::{Rejection, TenantId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::body::{Input, Object, Wrong};
use crate::list;
use crate::parameters::{instant, parsed, uuid};
use crate::problem::Problem;

/// Page of a list of replays.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ReplayPage {
    /// `next` of the page before.
    #[param(min_length = 1)]
    cursor: Option<String>,
    /// Replays per page.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 200, default = 50)]
    limit: Option<String>,
}

impl ReplayPage {
    /// # Errors
    /// 422 for a limit that is none.
    pub(super) fn parse(self) -> Result<(Option<String>, PageSize), Problem> {
        let mut wrong = Wrong::default();
        let size = list::size(self.limit.as_deref(), &mut wrong);
        size.map(|size| (self.cursor, size)).ok_or_else(|| Rejection::invalid(wrong.into_errors()).into())
    }
}

/// What to hand to whom, how fast and why.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "consumer": "stock", "filter": {"stream": "orders"}, "rate": 100, "dryRun": true, "reason": "A new projection"
}))]
pub(super) struct NewReplay {
    /// The consumer group.
    #[schema(min_length = 1, max_length = 100)]
    consumer: String,
    /// Which events; without conditions all that the group reacts to.
    #[schema(value_type = Option<Terms>)]
    filter: Option<Object<Terms>>,
    /// Events per second at most; 100 if it is not given.
    #[schema(minimum = 1, maximum = 10_000)]
    rate: Option<i64>,
    /// Hand over also what the group has already, once in this replay.
    force: Option<bool>,
    /// Only count.
    dry_run: Option<bool>,
    /// One line; kept with the replay.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// The conditions, unparsed; every given one must hold.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = ReplayFilter)]
struct Terms {
    /// Only events of this module: `orders`.
    #[schema(min_length = 1, max_length = 100)]
    stream: Option<String>,
    /// Only events of this type.
    #[serde(rename = "type")]
    #[schema(min_length = 1, max_length = 100)]
    event_type: Option<String>,
    /// Only events of this aggregate.
    #[schema(value_type = Option<Uuid>)]
    aggregate: Option<String>,
    /// Only events of then or later.
    #[schema(value_type = Option<DateTime<Utc>>)]
    from: Option<String>,
    /// Only events of before.
    #[schema(value_type = Option<DateTime<Utc>>)]
    to: Option<String>,
    /// Only events of this tenant.
    #[schema(pattern = "^[a-z0-9][a-z0-9-]{0,62}$")]
    tenant: Option<String>,
}

/// What was asked for.
pub(super) enum Ordered {
    Start(Box<StartReplay>),
    Count(Box<StartReplay>),
}

impl Input for NewReplay {
    type Parsed = Ordered;

    fn parse(self, wrong: &mut Wrong) -> Option<Ordered> {
        let consumer = wrong.take(SearchText::parse(&self.consumer, "/consumer"));
        let rate = wrong.take_optional(self.rate.map(|rate| Rate::new(rate, "/rate")));
        let reason = wrong.take(Reason::parse(&self.reason, "/reason"));
        let filter = match self.filter {
            Some(Object(terms)) => terms.parse(wrong),
            None => Some(ReplayFilter::default()),
        };
        let repeat = if self.force.unwrap_or_default() { Repeat::Force } else { Repeat::Skip };
        let start = StartReplay {
            consumer: consumer?,
            filter: filter?,
            rate: rate?.unwrap_or_default(),
            repeat,
            reason: reason?,
        };
        let start = Box::new(start);
        Some(if self.dry_run.unwrap_or_default() { Ordered::Count(start) } else { Ordered::Start(start) })
    }
}

impl Terms {
    fn parse(self, wrong: &mut Wrong) -> Option<ReplayFilter> {
        let stream = wrong.take_optional(self.stream.map(|text| SearchText::parse(&text, "/filter/stream")));
        let event_type = wrong.take_optional(self.event_type.map(|text| SearchText::parse(&text, "/filter/type")));
        let aggregate = wrong.take_optional(self.aggregate.map(|text| uuid(&text, "/filter/aggregate")));
        let from = wrong.take_optional(self.from.map(|text| instant(&text, "/filter/from")));
        let to = wrong.take_optional(self.to.map(|text| instant(&text, "/filter/to")));
        let tenant = wrong.take_optional(self.tenant.map(|text| parsed::<TenantId>(&text, "/filter/tenant")));
        Some(ReplayFilter {
            stream: stream?,
            event_type: event_type?,
            aggregate: aggregate?,
            from: from?,
            to: to?,
            tenant: tenant?,
        })
    }
}

/// What a replay would do.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReplayCounts)]
pub(super) struct CountsBody {
    /// Events for which the filter holds; counting stops at 100,000.
    #[schema(example = 1200)]
    matched: i64,
    /// Those among them that the group has already.
    #[schema(example = 1150)]
    known: i64,
}

impl From<ReplayCounts> for CountsBody {
    fn from(counts: ReplayCounts) -> Self {
        Self { matched: counts.matched, known: counts.known }
    }
}

/// Stored events that are handed to a consumer group again.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Replay)]
pub(super) struct ReplayBody {
    /// Also the mark `replayid` of the events it hands over.
    id: Uuid,
    #[schema(example = "stock")]
    consumer: String,
    filter: FilterBody,
    /// Events per second at most.
    #[schema(example = 100)]
    rate: i32,
    force: bool,
    #[schema(example = "A new projection")]
    reason: String,
    #[schema(example = "ada@offgrid.example")]
    created_by: String,
    /// `running`, `paused`, `cancelled` or `completed`.
    #[schema(example = "running")]
    state: &'static str,
    /// How far it has looked through the log …
    #[schema(example = 5000)]
    position: i64,
    /// … which ended here when it was ordered.
    #[schema(example = 12_000)]
    last_position: i64,
    /// Events for which the filter holds, so far.
    #[schema(example = 600)]
    matched: i64,
    /// Those that became jobs of the group.
    #[schema(example = 25)]
    handed_over: i64,
    /// Those that it had already.
    #[schema(example = 575)]
    skipped: i64,
    created_at: DateTime<Utc>,
    /// When it last went on, or was changed.
    changed_at: DateTime<Utc>,
    /// Who last paused, resumed or cancelled it.
    #[schema(required = true)]
    changed_by: Option<String>,
    /// Why.
    #[schema(required = true)]
    change_reason: Option<String>,
    /// When it was completed or cancelled.
    #[schema(required = true)]
    ended_at: Option<DateTime<Utc>>,
}

/// Which events a replay is of; what is null does not matter.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReplayConditions)]
struct FilterBody {
    #[schema(required = true, example = "orders")]
    stream: Option<String>,
    #[schema(required = true)]
    r#type: Option<String>,
    #[schema(required = true)]
    aggregate: Option<Uuid>,
    #[schema(required = true)]
    from: Option<DateTime<Utc>>,
    #[schema(required = true)]
    to: Option<DateTime<Utc>>,
    #[schema(required = true, example = "demo")]
    tenant: Option<String>,
}

impl From<Replay> for ReplayBody {
    fn from(replay: Replay) -> Self {
        Self {
            id: replay.id,
            consumer: replay.consumer,
            filter: FilterBody {
                stream: replay.stream,
                r#type: replay.event_type,
                aggregate: replay.aggregate,
                from: replay.from,
                to: replay.to,
                tenant: replay.tenant,
            },
            rate: replay.rate,
            force: replay.force,
            reason: replay.reason,
            created_by: replay.created_by,
            state: replay.state.as_str(),
            position: replay.position,
            last_position: replay.last_position,
            matched: replay.matched,
            handed_over: replay.handed_over,
            skipped: replay.matched - replay.handed_over,
            created_at: replay.created_at,
            changed_at: replay.changed_at,
            changed_by: replay.changed_by,
            change_reason: replay.change_reason,
            ended_at: replay.ended_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz;

    #[test]
    fn fuzz_replay_bodies() {
        ::fuzz::target(env!("CARGO_MANIFEST_DIR"), "replay_bodies", fuzz::body::<NewReplay>);
    }
}
