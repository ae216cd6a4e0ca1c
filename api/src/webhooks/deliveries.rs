//! Deliveries of an endpoint, one delivery, and sending it anew.

use axum::extract::State;
use axum::response::Response;
use domain::Db;
use domain::webhooks::{GetDelivery, ResendDelivery};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::dto::{DeliveryBody, DeliveryParameters, DeliveryWithAttempts};
use crate::answer::{self, Found};
use crate::auth::Staff;
use crate::change::Action;
use crate::list::List;
use crate::parameters::{Path, Query};
use crate::problem::Problem;
use crate::state;

pub(super) fn routes() -> OpenApiRouter<state::State> {
    OpenApiRouter::new()
        .routes(routes!(list_webhook_deliveries))
        .routes(routes!(get_webhook_delivery))
        .routes(routes!(resend_webhook_delivery))
}

/// List deliveries of an endpoint
///
/// Those for which every given filter holds, newest first unless `sort` says otherwise.
#[utoipa::path(get, path = "/endpoints/{id}/deliveries", tag = "webhooks",
    params(("id" = Uuid, Path, description = "The endpoint's id; also of a deleted one."), DeliveryParameters),
    security(("bearer" = ["portal-staff"])),
    responses(
        (status = 200, description = "A page of deliveries.", body = List<DeliveryBody>),
        (status = 404, description = "`webhook_endpoint_not_found`"),
    ))]
async fn list_webhook_deliveries(
    Staff(ctx): Staff,
    State(db): State<Db>,
    Path(id): Path<Uuid>,
    Query(parameters): Query<DeliveryParameters>,
) -> Result<Found<List<DeliveryBody>>, Problem> {
    let page = domain::fetch(&db, &ctx, parameters.query(id)?).await?;
    Ok(Found(List::from(page)))
}

/// Read a delivery
///
/// With its attempts in their order.
#[utoipa::path(get, path = "/deliveries/{id}", tag = "webhooks",
    params(("id" = Uuid, Path, description = "The delivery's id: the header `webhook-id`.")),
    security(("bearer" = ["portal-staff"])),
    responses(
        (status = 200, description = "The delivery.", body = DeliveryWithAttempts),
        (status = 404, description = "`webhook_delivery_not_found`"),
    ))]
async fn get_webhook_delivery(
    Staff(ctx): Staff,
    State(db): State<Db>,
    Path(id): Path<Uuid>,
) -> Result<Found<DeliveryWithAttempts>, Problem> {
    Ok(Found(domain::fetch(&db, &ctx, GetDelivery { id }).await?.into()))
}

/// Send a delivery anew
///
/// One that has ended, whether it was taken or not, under the same `webhook-id`, and as often as a new one.
#[utoipa::path(post, path = "/deliveries/{id}/resend", tag = "webhooks",
    params(("id" = Uuid, Path, description = "The delivery's id.")),
    security(("bearer" = ["portal-staff"])),
    responses(
        (status = 202, description = "The delivery, which is about to be sent.", body = DeliveryBody),
        (status = 404, description = "`webhook_delivery_not_found`, or `webhook_endpoint_not_found`: its endpoint was deleted."),
        (status = 409, description = "`webhook_delivery_pending`, `webhook_delivery_unrepeatable` or `webhook_endpoint_disabled`"),
    ))]
async fn resend_webhook_delivery(
    Staff(ctx): Staff,
    State(db): State<Db>,
    Path(id): Path<Uuid>,
    Action(once): Action,
) -> Result<Response, Problem> {
    once.run(&db, &ctx, ResendDelivery { id }, |delivery| answer::done(202, &DeliveryBody::from(delivery))).await
}
