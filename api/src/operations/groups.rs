//! `/v1/admin/dead-letters/groups`

use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::kernel::page::SearchText;
use domain::operations::{Affected, DeadReason, FailureGroup, GroupFilter, GroupSort, GroupState, ListFailureGroups};
use domain::{Db, Rejection, TenantId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::output::DeadReasonName;
use crate::answer::Found;
use crate::auth::Admin;
use crate::body::Wrong;
use crate::list::{self, List};
use crate::parameters::{Query, parsed};
use crate::problem::Problem;
use crate::state;

pub(super) fn routes() -> OpenApiRouter<state::State> {
    OpenApiRouter::new().routes(routes!(list_dead_letter_groups))
}

/// Which groups, and in what order.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct GroupParameters {
    /// `dead`: dead letters that nobody has handled. `retrying`: jobs that have failed and have attempts left.
    #[param(value_type = Option<GroupStateName>, inline)]
    state: Option<String>,
    /// Only jobs of this queue.
    #[param(min_length = 1, max_length = 100)]
    queue: Option<String>,
    /// Only jobs of this kind.
    #[param(min_length = 1, max_length = 100)]
    kind: Option<String>,
    /// Only jobs of this tenant.
    #[param(pattern = "^[a-z0-9][a-z0-9-]{0,62}$")]
    tenant: Option<String>,
    /// Only dead letters with this reason.
    #[param(value_type = Option<DeadReasonName>, inline)]
    reason: Option<String>,
    /// The largest first, or those that failed last.
    #[param(value_type = Option<GroupOrder>, inline)]
    sort: Option<String>,
    /// `next` of the page before.
    #[param(min_length = 1)]
    cursor: Option<String>,
    /// Groups per page.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 200, default = 50)]
    limit: Option<String>,
}

/// Where the jobs of a group stand.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase", default = "dead")]
#[allow(dead_code, reason = "describes what GroupState reads")]
enum GroupStateName {
    Dead,
    Retrying,
}

/// The orders of groups.
#[derive(ToSchema)]
#[schema(default = "-count")]
#[allow(dead_code, reason = "describes what GroupSort reads")]
enum GroupOrder {
    #[schema(rename = "-count")]
    Count,
    #[schema(rename = "-last_seen")]
    LastSeen,
}

impl GroupParameters {
    /// # Errors
    /// 422 with one entry per wrong parameter.
    fn parse(self) -> Result<ListFailureGroups, Problem> {
        let mut wrong = Wrong::default();
        let state = wrong.take_optional(self.state.map(|text| GroupState::parse(&text, "state")));
        let queue = wrong.take_optional(self.queue.map(|text| SearchText::parse(&text, "queue")));
        let kind = wrong.take_optional(self.kind.map(|text| SearchText::parse(&text, "kind")));
        let tenant = wrong.take_optional(self.tenant.map(|text| parsed::<TenantId>(&text, "tenant")));
        let reason = wrong.take_optional(self.reason.map(|text| DeadReason::parse(&text, "reason")));
        let sort = wrong.take_optional(self.sort.map(|text| GroupSort::parse(&text, "sort")));
        let size = list::size(self.limit.as_deref(), &mut wrong);
        match (state, queue, kind, tenant, reason, sort, size) {
            (Some(state), Some(queue), Some(kind), Some(tenant), Some(reason), Some(sort), Some(size)) => {
                let filter = GroupFilter { state: state.unwrap_or_default(), queue, kind, tenant, reason };
                Ok(ListFailureGroups { filter, sort: sort.unwrap_or_default(), cursor: self.cursor, size })
            }
            _ => Err(Rejection::invalid(wrong.into_errors()).into()),
        }
    }
}

/// Jobs whose failures are alike: in queue, kind, class, and the error but for its ids, numbers and quoted values.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DeadLetterGroup)]
struct GroupBody {
    /// Lists them, as `?fingerprint=`, and selects them in the filter of a retry.
    #[schema(example = "7c9e8581fcd3db75")]
    fingerprint: String,
    #[schema(example = "outbox")]
    queue: String,
    #[schema(example = "publish-event.v1")]
    kind: String,
    /// Why they are dead letters, as the sample says; null while they are retried.
    #[schema(required = true, value_type = Option<DeadReasonName>)]
    reason: Option<&'static str>,
    /// What sort of failure.
    #[schema(required = true, example = "broker")]
    error_class: Option<String>,
    /// The error without what differs between them: `#` stands for numbers and ids, `"…"` for quoted values.
    #[schema(example = "connection refused (os error #)")]
    pattern: String,
    #[schema(example = 5000)]
    count: i64,
    /// When the first of them died; while they are retried, of each the newest failure counts.
    first_seen: DateTime<Utc>,
    last_seen: DateTime<Utc>,
    sample: SampleBody,
    /// Those with the most of them first.
    tenants: AffectedBody,
    /// What they are about: aggregates, as `customers/{id}`; 1,000 are counted at most.
    subjects: AffectedBody,
}

/// The newest job of a group.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GroupSample)]
struct SampleBody {
    #[schema(example = "01JGFJJZ00E008000000000103")]
    id: String,
    #[schema(example = "connection refused (os error 111)")]
    error: String,
}

/// How many there are of something.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Affected)]
struct AffectedBody {
    #[schema(example = 2)]
    count: i64,
    /// Five at most.
    #[schema(example = json!(["acme", "demo"]))]
    first: Vec<String>,
}

impl From<FailureGroup> for GroupBody {
    fn from(group: FailureGroup) -> Self {
        Self {
            fingerprint: group.fingerprint,
            queue: group.queue,
            kind: group.kind,
            reason: group.reason.map(DeadReason::as_str),
            error_class: group.error_class,
            pattern: group.pattern,
            count: group.count,
            first_seen: group.first_seen,
            last_seen: group.last_seen,
            sample: SampleBody { id: group.sample.id, error: group.sample.error },
            tenants: group.tenants.into(),
            subjects: group.subjects.into(),
        }
    }
}

impl From<Affected> for AffectedBody {
    fn from(affected: Affected) -> Self {
        Self { count: affected.count, first: affected.first }
    }
}

/// List groups of dead letters
///
/// What fails, how often, since when, and whom it affects: dead letters that nobody has handled, or with
/// `state=retrying` jobs that have failed and have attempts left (the newest 20,000), grouped by what
/// their failures have in common. Groups change while they are paged through: one may be missed or seen twice then.
#[utoipa::path(get, path = "", tag = "dead letters", params(GroupParameters),
    security(("bearer" = ["portal-admin"])),
    responses(
        (status = 200, description = "A page of groups.", body = List<GroupBody>),
        (status = 422, description = "`reason_not_dead`: `reason` with `state=retrying`."),
    ))]
async fn list_dead_letter_groups(
    Admin(ctx): Admin,
    State(db): State<Db>,
    Query(parameters): Query<GroupParameters>,
) -> Result<Found<List<GroupBody>>, Problem> {
    let page = domain::fetch(&db, &ctx, parameters.parse()?).await?;
    Ok(Found(List::from(page)))
}
