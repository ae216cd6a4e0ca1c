//! Sending many deliveries, and how far that is.

use axum::extract::State;
use axum::response::Response;
use domain::Db;
use domain::webhooks::{BulkKind, CancelBulk, GetBulk, StartBulk};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::dto::{BulkBody, BulkOrder};
use crate::answer::{self, Found};
use crate::auth::Staff;
use crate::change::{Action, Change};
use crate::parameters::Path;
use crate::problem::Problem;
use crate::state;

pub(super) fn routes() -> OpenApiRouter<state::State> {
    OpenApiRouter::new()
        .routes(routes!(recover_webhook_deliveries))
        .routes(routes!(replay_webhook_events))
        .routes(routes!(get_webhook_bulk))
        .routes(routes!(cancel_webhook_bulk))
}

/// Send all failed deliveries anew
///
/// Those of this endpoint that were made since then and have failed. It works in the background, no faster than the
/// endpoint's rate limit.
#[utoipa::path(post, path = "/endpoints/{id}/recover", tag = "webhooks",
    params(("id" = Uuid, Path, description = "The endpoint's id.")), request_body = BulkOrder,
    security(("bearer" = ["portal-staff"])),
    responses(
        (status = 202, description = "It runs.", body = BulkBody),
        (status = 404, description = "`webhook_endpoint_not_found`"),
        (status = 409, description = "`webhook_endpoint_disabled`"),
    ))]
async fn recover_webhook_deliveries(
    Staff(ctx): Staff,
    State(db): State<Db>,
    Path(endpoint_id): Path<Uuid>,
    Change { asked: since, once }: Change<BulkOrder>,
) -> Result<Response, Problem> {
    let start = StartBulk { endpoint_id, kind: BulkKind::Recover, since };
    once.run(&db, &ctx, start, |bulk| answer::done(202, &BulkBody::from(bulk))).await
}

/// Send stored events
///
/// Those of the log since then that the endpoint wants and has not had: a new endpoint gets what happened before it
/// was there. It works in the background, no faster than the endpoint's rate limit.
#[utoipa::path(post, path = "/endpoints/{id}/replay", tag = "webhooks",
    params(("id" = Uuid, Path, description = "The endpoint's id.")), request_body = BulkOrder,
    security(("bearer" = ["portal-staff"])),
    responses(
        (status = 202, description = "It runs.", body = BulkBody),
        (status = 404, description = "`webhook_endpoint_not_found`"),
        (status = 409, description = "`webhook_endpoint_disabled`"),
    ))]
async fn replay_webhook_events(
    Staff(ctx): Staff,
    State(db): State<Db>,
    Path(endpoint_id): Path<Uuid>,
    Change { asked: since, once }: Change<BulkOrder>,
) -> Result<Response, Problem> {
    let start = StartBulk { endpoint_id, kind: BulkKind::Replay, since };
    once.run(&db, &ctx, start, |bulk| answer::done(202, &BulkBody::from(bulk))).await
}

/// Read how far a recovery or a replay is
#[utoipa::path(get, path = "/bulks/{id}", tag = "webhooks",
    params(("id" = Uuid, Path, description = "Its id.")),
    security(("bearer" = ["portal-staff"])),
    responses(
        (status = 200, description = "It, with its progress.", body = BulkBody),
        (status = 404, description = "`webhook_bulk_not_found`"),
    ))]
async fn get_webhook_bulk(
    Staff(ctx): Staff,
    State(db): State<Db>,
    Path(id): Path<Uuid>,
) -> Result<Found<BulkBody>, Problem> {
    Ok(Found(domain::fetch(&db, &ctx, GetBulk { id }).await?.into()))
}

/// Cancel a recovery or a replay
///
/// For good. What became a delivery's job is sent.
#[utoipa::path(post, path = "/bulks/{id}/cancel", tag = "webhooks",
    params(("id" = Uuid, Path, description = "Its id.")),
    security(("bearer" = ["portal-staff"])),
    responses(
        (status = 200, description = "It, as it is now.", body = BulkBody),
        (status = 404, description = "`webhook_bulk_not_found`"),
        (status = 409, description = "`webhook_bulk_ended`"),
    ))]
async fn cancel_webhook_bulk(
    Staff(ctx): Staff,
    State(db): State<Db>,
    Path(id): Path<Uuid>,
    Action(once): Action,
) -> Result<Response, Problem> {
    once.run(&db, &ctx, CancelBulk { id }, |bulk| answer::done(200, &BulkBody::from(bulk))).await
}
