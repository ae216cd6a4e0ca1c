//! `/v1/audit/events` and `/v1/audit/streams`

use axum::extract::State;
use domain::Db;
use domain::audit::ListStreamEvents;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::input::{EventParameters, PageParameters};
use super::output::EventBody;
use crate::answer::Found;
use crate::auth::Staff;
use crate::list::List;
use crate::parameters::{Path, Query};
use crate::problem::Problem;
use crate::state;

pub(super) fn routes() -> OpenApiRouter<state::State> {
    OpenApiRouter::new().routes(routes!(list_events))
}

pub(super) fn stream_routes() -> OpenApiRouter<state::State> {
    OpenApiRouter::new().routes(routes!(list_stream_events))
}

/// List events
///
/// Those for which every given filter holds, newest first by the time when their commands ran. Events
/// are never changed, and none is missing.
#[utoipa::path(get, path = "", tag = "audit", params(EventParameters),
    security(("bearer" = ["portal-staff"])),
    responses((status = 200, description = "A page of events.", body = List<EventBody>)))]
async fn list_events(
    Staff(ctx): Staff,
    State(db): State<Db>,
    Query(parameters): Query<EventParameters>,
) -> Result<Found<List<EventBody>>, Problem> {
    let page = domain::fetch(&db, &ctx, parameters.query()?).await?;
    Ok(Found(List::from(page)))
}

/// List the events of an aggregate
///
/// All that ever happened to one customer or product, in the order of their `sequence`.
#[utoipa::path(get, path = "/{aggregate}", tag = "audit",
    params(("aggregate" = Uuid, Path, description = "The id of the customer or product."), PageParameters),
    security(("bearer" = ["portal-staff"])),
    responses(
        (status = 200, description = "A page of its events.", body = List<EventBody>),
        (status = 404, description = "`stream_not_found`: there are no events of such an aggregate."),
    ))]
async fn list_stream_events(
    Staff(ctx): Staff,
    State(db): State<Db>,
    Path(aggregate): Path<Uuid>,
    Query(parameters): Query<PageParameters>,
) -> Result<Found<List<EventBody>>, Problem> {
    let (cursor, size) = parameters.parse()?;
    let page = domain::fetch(&db, &ctx, ListStreamEvents { aggregate, cursor, size }).await?;
    Ok(Found(List::from(page)))
}
