//! `/v1/admin/audit`

use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::kernel::page::SearchText;
use domain::operations::{AuditFilter, AuditRecord, ListAuditRecords};
use domain::{Actor, CorrelationId, Db, Rejection};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::answer::Found;
use crate::auth::Admin;
use crate::body::Wrong;
use crate::list::{self, List};
use crate::parameters::{self, Query, given};
use crate::problem::Problem;
use crate::state;

pub(super) fn routes() -> OpenApiRouter<state::State> {
    OpenApiRouter::new().routes(routes!(list_audit_records))
}

/// Filters and page of what operators did.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AuditParameters {
    /// Only what this person did: the subject of a token.
    #[param(min_length = 1, max_length = 200, pattern = r"^[^\u0000-\u001f\u007f-\u009f]+$")]
    actor: Option<String>,
    /// Only this action: `retry_dead_letter`.
    #[param(min_length = 1, max_length = 100)]
    action: Option<String>,
    /// Only what was done to this kind of thing: `dead_letter`, `job`, `operation`, `queue` or `replay`.
    #[param(min_length = 1, max_length = 100)]
    target_kind: Option<String>,
    /// Only what was done to this, alone or with others.
    #[param(min_length = 1, max_length = 100)]
    target_id: Option<String>,
    /// Only what the request with this correlation id did.
    #[param(pattern = "^[!-~]{1,128}$")]
    correlation_id: Option<String>,
    /// Only what was done then or later.
    #[param(value_type = Option<DateTime<Utc>>)]
    from: Option<String>,
    /// Only what was done before.
    #[param(value_type = Option<DateTime<Utc>>)]
    to: Option<String>,
    /// `next` of the page before.
    #[param(min_length = 1)]
    cursor: Option<String>,
    /// Records per page.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 200, default = 50)]
    limit: Option<String>,
}

impl AuditParameters {
    /// # Errors
    /// 422 with one entry per wrong parameter.
    fn query(self) -> Result<ListAuditRecords, Problem> {
        let mut wrong = Wrong::default();
        let filter = AuditFilter {
            actor: given(self.actor, "actor", parameters::parsed::<Actor>, &mut wrong),
            action: given(self.action, "action", SearchText::parse, &mut wrong),
            target_kind: given(self.target_kind, "targetKind", SearchText::parse, &mut wrong),
            target_id: given(self.target_id, "targetId", SearchText::parse, &mut wrong),
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
            Some(size) if wrong.is_empty() => Ok(ListAuditRecords { filter, cursor: self.cursor, size }),
            _ => Err(Rejection::invalid(wrong.into_errors()).into()),
        }
    }
}

/// What an operator did.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuditRecord)]
struct AuditRecordBody {
    id: Uuid,
    at: DateTime<Utc>,
    /// The subject of the token.
    #[schema(example = "ada")]
    actor: String,
    /// The portal's roles in the token.
    #[schema(example = json!(["portal-admin"]))]
    roles: Vec<String>,
    /// Verb and thing.
    #[schema(example = "retry_dead_letter")]
    action: String,
    target: TargetBody,
    /// In the operator's words; null where none are asked for.
    #[schema(required = true, example = "The broker is back")]
    reason: Option<String>,
    /// What counted of the target before, in short.
    #[schema(value_type = Object, example = json!({"state": "dead"}))]
    before: Value,
    /// The same afterwards.
    #[schema(value_type = Object, example = json!({"state": "retrying"}))]
    after: Value,
    /// Shared by everything the request caused.
    correlation_id: String,
    /// The request itself: `X-Request-Id` of its answer.
    request_id: String,
}

/// What it was done to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditTarget)]
struct TargetBody {
    #[schema(example = "dead_letter")]
    kind: String,
    /// Each that was changed.
    #[schema(example = json!(["01JGFJJZ00E008000000000103"]))]
    ids: Vec<String>,
}

impl From<AuditRecord> for AuditRecordBody {
    fn from(record: AuditRecord) -> Self {
        Self {
            id: record.id,
            at: record.at,
            actor: record.actor,
            roles: record.roles,
            action: record.action,
            target: TargetBody { kind: record.target_kind, ids: record.target_ids },
            reason: record.reason,
            before: record.before,
            after: record.after,
            correlation_id: record.correlation_id,
            request_id: record.request_id,
        }
    }
}

/// List what operators did
///
/// Newest first. Every change made through `/v1/admin` is here from the moment it takes effect, with who did it and
/// why, and nothing here can be changed or deleted. What was refused changed nothing, and is not here.
#[utoipa::path(get, path = "", tag = "operators' audit", params(AuditParameters),
    security(("bearer" = ["portal-admin"])),
    responses((status = 200, description = "A page of records.", body = List<AuditRecordBody>)))]
async fn list_audit_records(
    Admin(ctx): Admin,
    State(db): State<Db>,
    Query(parameters): Query<AuditParameters>,
) -> Result<Found<List<AuditRecordBody>>, Problem> {
    Ok(Found(List::from(domain::fetch(&db, &ctx, parameters.query()?).await?)))
}
