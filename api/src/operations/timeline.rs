//! `/v1/admin/timeline`

use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::kernel::input;
use domain::operations::{GetTimeline, Timeline, TimelineEntry, TimelineOf};
use domain::{CorrelationId, Db, Rejection};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answer::Found;
use crate::auth::Admin;
use crate::body::Wrong;
use crate::parameters::{Query, parsed, uuid};
use crate::problem::Problem;
use crate::state;

pub(super) fn routes() -> OpenApiRouter<state::State> {
    OpenApiRouter::new().routes(routes!(get_timeline))
}

/// Whose story: exactly one of these.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct TimelineParameters {
    /// An order's events, and all that their requests caused.
    #[param(value_type = Option<Uuid>)]
    order: Option<String>,
    /// A customer's events, and all that their requests caused.
    #[param(value_type = Option<Uuid>)]
    customer: Option<String>,
    /// One event, and what became of it.
    #[param(value_type = Option<Uuid>)]
    event: Option<String>,
    /// All that the request with this correlation id caused.
    #[param(pattern = "^[!-~]{1,128}$")]
    correlation_id: Option<String>,
}

impl TimelineParameters {
    /// # Errors
    /// 422 when none or several are given, or one that is wrong.
    fn parse(self) -> Result<TimelineOf, Problem> {
        let mut wrong = Wrong::default();
        let of = match (self.order, self.customer, self.event, self.correlation_id) {
            (Some(id), None, None, None) => wrong.take(uuid(&id, "order")).map(TimelineOf::Order),
            (None, Some(id), None, None) => wrong.take(uuid(&id, "customer")).map(TimelineOf::Customer),
            (None, None, Some(id), None) => wrong.take(uuid(&id, "event")).map(TimelineOf::Event),
            (None, None, None, Some(id)) => {
                wrong.take(parsed::<CorrelationId>(&id, "correlationId")).map(TimelineOf::Correlation)
            }
            _ => {
                let detail = "give exactly one of order, customer, event and correlationId";
                wrong.note(input::wrong("query", "one_id_only", detail));
                None
            }
        };
        of.ok_or_else(|| Rejection::invalid(wrong.into_errors()).into())
    }
}

/// What happened, the earliest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Timeline)]
struct TimelineBody {
    /// What is yet to come stands last.
    data: Vec<EntryBody>,
    /// Whether there is more than the 1,000 entries that are shown at most.
    #[schema(example = false)]
    truncated: bool,
}

/// One thing that happened, or comes next. What does not apply to its step is null.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TimelineEntry)]
struct EntryBody {
    /// When it happened, ended, or comes.
    at: DateTime<Utc>,
    #[schema(value_type = StepName)]
    step: &'static str,
    /// A person, a consumer group as the actor of its commands, or a worker.
    #[schema(required = true, example = "ada@offgrid.example")]
    who: Option<String>,
    /// The queue, which also names the consumer group.
    #[schema(required = true, example = "stock")]
    queue: Option<String>,
    /// Follow it with `?event=`.
    #[schema(required = true)]
    event_id: Option<String>,
    /// Follow it at `/v1/admin/jobs/{id}`.
    #[schema(required = true, example = "01JGFJJZ00E008000000000101")]
    job_id: Option<String>,
    #[schema(required = true, example = "com.offgrid.portal.orders.order-created")]
    event_type: Option<String>,
    #[schema(required = true, example = "orders/01941f29-7c00-7000-8000-000000000501")]
    subject: Option<String>,
    #[schema(required = true, example = "demo")]
    tenant: Option<String>,
    /// Shared by everything the originating request caused.
    #[schema(required = true, example = "walk-through-1")]
    correlation_id: Option<String>,
    /// What caused it directly: a request, event or job.
    #[schema(required = true)]
    causation_id: Option<String>,
    /// The first is 1; of what comes next, the attempt it will be.
    #[schema(required = true, example = 1)]
    attempt: Option<i32>,
    /// How it ended, or the state of a job that is not done.
    #[schema(required = true, example = "failed")]
    outcome: Option<String>,
    #[schema(required = true, example = "connection refused")]
    error: Option<String>,
    /// An operator's words, or why a job was given up.
    #[schema(required = true)]
    reason: Option<String>,
    /// When the attempt began.
    #[schema(required = true)]
    started_at: Option<DateTime<Utc>>,
    /// When it is, or was to be, tried next.
    #[schema(required = true)]
    next_run_at: Option<DateTime<Utc>>,
}

/// The steps.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code, reason = "describes what Step::as_str writes")]
enum StepName {
    Command,
    Event,
    Outbox,
    Received,
    Attempt,
    Operator,
    Confirmed,
    Handled,
    Notification,
    Webhook,
    Completed,
    DeadLetter,
    Running,
    Next,
}

impl From<Timeline> for TimelineBody {
    fn from(timeline: Timeline) -> Self {
        Self { data: timeline.entries.into_iter().map(EntryBody::from).collect(), truncated: timeline.truncated }
    }
}

impl From<TimelineEntry> for EntryBody {
    fn from(entry: TimelineEntry) -> Self {
        Self {
            at: entry.at,
            step: entry.step.as_str(),
            who: entry.who,
            queue: entry.queue,
            event_id: entry.event_id,
            job_id: entry.job_id,
            event_type: entry.event_type,
            subject: entry.subject,
            tenant: entry.tenant,
            correlation_id: entry.correlation_id,
            causation_id: entry.causation_id,
            attempt: entry.attempt,
            outcome: entry.outcome,
            error: entry.error,
            reason: entry.reason,
            started_at: entry.started_at,
            next_run_at: entry.next_run_at,
        }
    }
}

/// Read a timeline
///
/// The story of one order, customer, event or request, of any tenant: commands, events, attempts to publish
/// them, the broker's confirms, what each consumer group made of them, what customers were told, and what comes next.
#[utoipa::path(get, path = "", tag = "timeline", params(TimelineParameters),
    security(("bearer" = ["portal-admin"])),
    responses(
        (status = 200, description = "What happened.", body = TimelineBody),
        (status = 404, description = "`timeline_not_found`: no event of the log has to do with it."),
    ))]
async fn get_timeline(
    Admin(ctx): Admin,
    State(db): State<Db>,
    Query(parameters): Query<TimelineParameters>,
) -> Result<Found<TimelineBody>, Problem> {
    let timeline = domain::fetch(&db, &ctx, GetTimeline { of: parameters.parse()? }).await?;
    Ok(Found(timeline.into()))
}
