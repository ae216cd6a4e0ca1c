//! `/v1/webhooks`: where the tenant wants to be told of its events, and what became of telling it. Role
//! `portal-staff`, for reading too: a URL may hold a token.

mod bulks;
mod deliveries;
mod dto;

use axum::extract::State;
use axum::response::Response;
use domain::webhooks::{
    ChangeEndpoint, CreateEndpoint, DeleteEndpoint, DisableEndpoint, EnableEndpoint, Endpoint, GetEndpoint,
    RotateSecret, SigningSecret, Targets, TestEndpoint,
};
use domain::{Answer, Db};
use dto::{DeliveryBody, EndpointBody, EndpointPatch, ListParameters, NewEndpoint, Rotation, SecretBody};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::answer::{self, Found};
use crate::auth::Staff;
use crate::change::{Action, Change};
use crate::etag::IfNoneMatch;
use crate::list::List;
use crate::parameters::{Path, Query};
use crate::problem::Problem;
use crate::state;

/// What `/v1/webhooks` has.
pub(crate) fn routes() -> OpenApiRouter<state::State> {
    OpenApiRouter::new()
        .routes(routes!(list_webhook_endpoints, create_webhook_endpoint))
        .routes(routes!(get_webhook_endpoint, change_webhook_endpoint, delete_webhook_endpoint))
        .routes(routes!(enable_webhook_endpoint))
        .routes(routes!(disable_webhook_endpoint))
        .routes(routes!(rotate_webhook_secret))
        .routes(routes!(test_webhook_endpoint))
        .merge(deliveries::routes())
        .merge(bulks::routes())
}

/// Create an endpoint
///
/// It is enabled, and gets what happens from now on. `secret` is in this answer and nowhere else: keep it. A
/// repetition with the same `Idempotency-Key` answers `"secret": null`; rotate the secret then. Emits
/// `endpoint-created`.
#[utoipa::path(post, path = "/endpoints", tag = "webhooks", request_body = NewEndpoint,
    security(("bearer" = ["portal-staff"])),
    responses(
        (status = 201, description = "The new endpoint, with its secret.", body = EndpointBody),
        (status = 409, description = "`webhook_endpoints_too_many`: there are 50 already."),
        (status = 422, description = "`webhook_url_forbidden`: it is not https, or names an address that is not public."),
    ))]
async fn create_webhook_endpoint(
    Staff(ctx): Staff,
    State(db): State<Db>,
    State(targets): State<Targets>,
    Change { asked: details, once }: Change<NewEndpoint>,
) -> Result<Response, Problem> {
    let secret = SigningSecret::generate()?;
    let shown = secret.reveal();
    let command = CreateEndpoint { details, secret, targets };
    let created = |endpoint: Endpoint| {
        let location = format!("/v1/webhooks/endpoints/{}", endpoint.id);
        answer::created(location, endpoint.version, &EndpointBody::from(endpoint))
    };
    once.showing("secret", shown).run(&db, &ctx, command, created).await
}

/// List endpoints
///
/// Newest first unless `sort` says otherwise. Neither secrets nor the values of headers are shown.
#[utoipa::path(get, path = "/endpoints", tag = "webhooks", params(ListParameters),
    security(("bearer" = ["portal-staff"])),
    responses((status = 200, description = "A page of endpoints.", body = List<EndpointBody>)))]
async fn list_webhook_endpoints(
    Staff(ctx): Staff,
    State(db): State<Db>,
    Query(parameters): Query<ListParameters>,
) -> Result<Found<List<EndpointBody>>, Problem> {
    let page = domain::fetch(&db, &ctx, parameters.query()?).await?;
    Ok(Found(List::from(page)))
}

/// Read an endpoint
#[utoipa::path(get, path = "/endpoints/{id}", tag = "webhooks",
    params(("id" = Uuid, Path, description = "The endpoint's id.")),
    security(("bearer" = ["portal-staff"])),
    responses(
        (status = 200, description = "The endpoint.", body = EndpointBody),
        (status = 304, description = "It is still the version that `If-None-Match` names."),
        (status = 404, description = "`webhook_endpoint_not_found`"),
    ))]
async fn get_webhook_endpoint(
    Staff(ctx): Staff,
    State(db): State<Db>,
    Path(id): Path<Uuid>,
    known: IfNoneMatch,
) -> Result<Response, Problem> {
    let endpoint = domain::fetch(&db, &ctx, GetEndpoint { id }).await?;
    Ok(known.answer(endpoint.version, EndpointBody::from(endpoint)))
}

/// Change an endpoint
///
/// A JSON merge patch: a field that is left out stays, `rateLimit: null` removes the limit; `headers` replaces all of
/// them. Emits `endpoint-changed` if something has another value than before.
#[utoipa::path(patch, path = "/endpoints/{id}", tag = "webhooks",
    params(("id" = Uuid, Path, description = "The endpoint's id.")),
    request_body(content((EndpointPatch = "application/merge-patch+json"), (EndpointPatch = "application/json"))),
    security(("bearer" = ["portal-staff"])),
    responses(
        (status = 200, description = "The endpoint as it is now.", body = EndpointBody),
        (status = 404, description = "`webhook_endpoint_not_found`"),
        (status = 412, description = "`version_conflict`: it is not the version that `If-Match` names."),
        (status = 422, description = "`webhook_url_forbidden`: it is not https, or names an address that is not public."),
    ))]
async fn change_webhook_endpoint(
    Staff(ctx): Staff,
    State(db): State<Db>,
    State(targets): State<Targets>,
    Path(id): Path<Uuid>,
    Change { asked: changes, once }: Change<EndpointPatch>,
) -> Result<Response, Problem> {
    let command = ChangeEndpoint { id, expected_version: once.expected_version(), changes, targets };
    once.run(&db, &ctx, command, changed).await
}

/// Delete an endpoint
///
/// With its secrets. What is on its way to it is not sent any more; its deliveries can still be read. Emits
/// `endpoint-deleted`.
#[utoipa::path(delete, path = "/endpoints/{id}", tag = "webhooks",
    params(("id" = Uuid, Path, description = "The endpoint's id.")),
    security(("bearer" = ["portal-staff"])),
    responses(
        (status = 204, description = "It is gone."),
        (status = 404, description = "`webhook_endpoint_not_found`"),
        (status = 412, description = "`version_conflict`: it is not the version that `If-Match` names."),
    ))]
async fn delete_webhook_endpoint(
    Staff(ctx): Staff,
    State(db): State<Db>,
    Path(id): Path<Uuid>,
    Action(once): Action,
) -> Result<Response, Problem> {
    let command = DeleteEndpoint { id, expected_version: once.expected_version() };
    once.run(&db, &ctx, command, |()| answer::nothing()).await
}

/// Enable an endpoint
///
/// It gets what happens from now on; what failed before can be sent anew. Emits `endpoint-enabled` unless it is so
/// already.
#[utoipa::path(post, path = "/endpoints/{id}/enable", tag = "webhooks",
    params(("id" = Uuid, Path, description = "The endpoint's id.")),
    security(("bearer" = ["portal-staff"])),
    responses(
        (status = 200, description = "The endpoint as it is now.", body = EndpointBody),
        (status = 404, description = "`webhook_endpoint_not_found`"),
        (status = 412, description = "`version_conflict`: it is not the version that `If-Match` names."),
    ))]
async fn enable_webhook_endpoint(
    Staff(ctx): Staff,
    State(db): State<Db>,
    Path(id): Path<Uuid>,
    Action(once): Action,
) -> Result<Response, Problem> {
    let command = EnableEndpoint { id, expected_version: once.expected_version() };
    once.run(&db, &ctx, command, changed).await
}

/// Disable an endpoint
///
/// It gets nothing more, and what is on its way to it becomes a dead letter. Emits `endpoint-disabled` unless it is so
/// already.
#[utoipa::path(post, path = "/endpoints/{id}/disable", tag = "webhooks",
    params(("id" = Uuid, Path, description = "The endpoint's id.")),
    security(("bearer" = ["portal-staff"])),
    responses(
        (status = 200, description = "The endpoint as it is now.", body = EndpointBody),
        (status = 404, description = "`webhook_endpoint_not_found`"),
        (status = 412, description = "`version_conflict`: it is not the version that `If-Match` names."),
    ))]
async fn disable_webhook_endpoint(
    Staff(ctx): Staff,
    State(db): State<Db>,
    Path(id): Path<Uuid>,
    Action(once): Action,
) -> Result<Response, Problem> {
    let command = DisableEndpoint { id, expected_version: once.expected_version() };
    once.run(&db, &ctx, command, changed).await
}

/// Give an endpoint another secret
///
/// Until the overlap is over, deliveries are signed with the old secrets too. `secret` is in this answer and nowhere
/// else, not even in a repetition's. Emits `endpoint-changed`.
#[utoipa::path(post, path = "/endpoints/{id}/rotate-secret", tag = "webhooks",
    params(("id" = Uuid, Path, description = "The endpoint's id.")), request_body = Rotation,
    security(("bearer" = ["portal-staff"])),
    responses(
        (status = 200, description = "The new secret.", body = SecretBody),
        (status = 404, description = "`webhook_endpoint_not_found`"),
        (status = 409, description = "`webhook_secrets_too_many`: five are valid already."),
        (status = 412, description = "`version_conflict`: it is not the version that `If-Match` names."),
    ))]
async fn rotate_webhook_secret(
    Staff(ctx): Staff,
    State(db): State<Db>,
    Path(id): Path<Uuid>,
    Change { asked: overlap, once }: Change<Rotation>,
) -> Result<Response, Problem> {
    let secret = SigningSecret::generate()?;
    let shown = secret.reveal();
    let command = RotateSecret { id, expected_version: once.expected_version(), secret, overlap };
    let rotated = |endpoint: Endpoint| answer::changed(endpoint.version, &SecretBody::from(endpoint));
    once.showing("secret", shown).run(&db, &ctx, command, rotated).await
}

/// Try an endpoint
///
/// Sends it something of the type `com.offgrid.portal.webhooks.endpoint-tested`, once. What became of it is in the
/// delivery.
#[utoipa::path(post, path = "/endpoints/{id}/test", tag = "webhooks",
    params(("id" = Uuid, Path, description = "The endpoint's id.")),
    security(("bearer" = ["portal-staff"])),
    responses(
        (status = 202, description = "The delivery, which is about to be sent.", body = DeliveryBody),
        (status = 404, description = "`webhook_endpoint_not_found`"),
        (status = 409, description = "`webhook_endpoint_disabled`"),
    ))]
async fn test_webhook_endpoint(
    Staff(ctx): Staff,
    State(db): State<Db>,
    Path(id): Path<Uuid>,
    Action(once): Action,
) -> Result<Response, Problem> {
    once.run(&db, &ctx, TestEndpoint { id }, |delivery| answer::done(202, &DeliveryBody::from(delivery))).await
}

fn changed(endpoint: Endpoint) -> Answer {
    answer::changed(endpoint.version, &EndpointBody::from(endpoint))
}
