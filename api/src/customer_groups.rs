//! `/v1/customer-groups`: the groups that customers of the tenant belong to.

use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::customers::{CreateCustomerGroup, CustomerGroup, GetCustomerGroup, GroupName, ListCustomerGroups};
use domain::{Db, Rejection};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::answer::{self, Found};
use crate::auth::{CustomerTeam, Viewer};
use crate::body::{Input, Wrong};
use crate::change::Change;
use crate::etag::IfNoneMatch;
use crate::list::{self, List};
use crate::parameters::{Path, Query};
use crate::problem::Problem;
use crate::state;

/// A group of customers of the tenant.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CustomerGroup)]
struct CustomerGroupBody {
    /// Never changes.
    #[schema(example = "01941f29-7c00-7000-8000-000000000101")]
    id: Uuid,
    /// Unique within the tenant.
    #[schema(example = "Wholesale")]
    name: String,
    created_at: DateTime<Utc>,
    /// In quotes it is the `ETag`.
    #[schema(example = 1)]
    version: i64,
}

impl From<CustomerGroup> for CustomerGroupBody {
    fn from(group: CustomerGroup) -> Self {
        Self {
            id: group.id,
            name: group.name.as_str().to_owned(),
            created_at: group.created_at,
            version: group.version,
        }
    }
}

/// A customer group to create.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Retail, north"}))]
struct NewCustomerGroup {
    /// One line; not that of another group of the tenant.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
}

impl Input for NewCustomerGroup {
    type Parsed = CreateCustomerGroup;

    fn parse(self, wrong: &mut Wrong) -> Option<CreateCustomerGroup> {
        wrong.take(GroupName::parse(&self.name, "/name")).map(|name| CreateCustomerGroup { name })
    }
}

/// Which page of the groups.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListParameters {
    /// `next` of the page before.
    #[param(min_length = 1)]
    cursor: Option<String>,
    /// Groups per page.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 200, default = 50)]
    limit: Option<String>,
}

/// What `/v1/customer-groups` has.
pub(crate) fn routes() -> OpenApiRouter<state::State> {
    OpenApiRouter::new()
        .routes(routes!(list_customer_groups, create_customer_group))
        .routes(routes!(get_customer_group))
}

/// Create a customer group
#[utoipa::path(post, path = "", tag = "customer groups", request_body = NewCustomerGroup,
    security(("bearer" = ["portal-customer-team"])),
    responses(
        (status = 201, description = "The new group.", body = CustomerGroupBody),
        (status = 409, description = "`customer_group_name_taken`: another group has the name."),
    ))]
async fn create_customer_group(
    CustomerTeam(ctx): CustomerTeam,
    State(db): State<Db>,
    Change { asked, once }: Change<NewCustomerGroup>,
) -> Result<Response, Problem> {
    let created = |group: CustomerGroup| {
        answer::created(format!("/v1/customer-groups/{}", group.id), group.version, &CustomerGroupBody::from(group))
    };
    once.run(&db, &ctx, asked, created).await
}

/// Read a customer group
#[utoipa::path(get, path = "/{id}", tag = "customer groups",
    params(("id" = Uuid, Path, description = "The group's id.")),
    security(("bearer" = ["portal-viewer"])),
    responses(
        (status = 200, description = "The group.", body = CustomerGroupBody),
        (status = 304, description = "It is still the version that `If-None-Match` names."),
        (status = 404, description = "`customer_group_not_found`"),
    ))]
async fn get_customer_group(
    Viewer(ctx): Viewer,
    State(db): State<Db>,
    Path(id): Path<Uuid>,
    known: IfNoneMatch,
) -> Result<Response, Problem> {
    let group = domain::fetch(&db, &ctx, GetCustomerGroup { id }).await?;
    Ok(known.answer(group.version, CustomerGroupBody::from(group)))
}

/// List customer groups
///
/// Ordered by name.
#[utoipa::path(get, path = "", tag = "customer groups", params(ListParameters),
    security(("bearer" = ["portal-viewer"])),
    responses((status = 200, description = "A page of groups.", body = List<CustomerGroupBody>)))]
async fn list_customer_groups(
    Viewer(ctx): Viewer,
    State(db): State<Db>,
    Query(parameters): Query<ListParameters>,
) -> Result<Found<List<CustomerGroupBody>>, Problem> {
    let mut wrong = Wrong::default();
    let size =
        list::size(parameters.limit.as_deref(), &mut wrong).ok_or_else(|| Rejection::invalid(wrong.into_errors()))?;
    let page = domain::fetch(&db, &ctx, ListCustomerGroups { cursor: parameters.cursor, size }).await?;
    Ok(Found(List::from(page)))
}
