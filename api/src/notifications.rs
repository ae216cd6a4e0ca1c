//! `/v1/notifications`: what the tenant's customers are told about their orders, and the templates of it.

mod dto;
mod templates;

use axum::extract::State;
use domain::Db;
use domain::notifications::GetNotification;
use dto::{ListParameters, NotificationBody};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::answer::Found;
use crate::auth::Viewer;
use crate::list::List;
use crate::parameters::{Path, Query};
use crate::problem::Problem;
use crate::state;

/// What `/v1/notifications` has.
pub(crate) fn routes() -> OpenApiRouter<state::State> {
    OpenApiRouter::new()
        .routes(routes!(list_notifications))
        .routes(routes!(get_notification))
        .nest("/templates", templates::routes())
}

/// Read a notification
#[utoipa::path(get, path = "/{id}", tag = "notifications",
    params(("id" = Uuid, Path, description = "The notification's id.")),
    security(("bearer" = ["portal-viewer"])),
    responses(
        (status = 200, description = "The notification.", body = NotificationBody),
        (status = 404, description = "`notification_not_found`"),
    ))]
async fn get_notification(
    Viewer(ctx): Viewer,
    State(db): State<Db>,
    Path(id): Path<Uuid>,
) -> Result<Found<NotificationBody>, Problem> {
    Ok(Found(domain::fetch(&db, &ctx, GetNotification { id }).await?.into()))
}

/// List notifications
///
/// Those for which every given filter holds, newest first unless `sort` says otherwise.
#[utoipa::path(get, path = "", tag = "notifications", params(ListParameters),
    security(("bearer" = ["portal-viewer"])),
    responses((status = 200, description = "A page of notifications.", body = List<NotificationBody>)))]
async fn list_notifications(
    Viewer(ctx): Viewer,
    State(db): State<Db>,
    Query(parameters): Query<ListParameters>,
) -> Result<Found<List<NotificationBody>>, Problem> {
    let page = domain::fetch(&db, &ctx, parameters.query()?).await?;
    Ok(Found(List::from(page)))
}
