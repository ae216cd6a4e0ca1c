//! `/v1/admin/operations`

mod dto;
mod events;

use axum::extract::{Extension, State};
use axum::response::{IntoResponse as _, Response};
use domain::Db;
use domain::operations::bulk::{ChangeOperation, GetOperation, ListOperations, Operation, OperationChange};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::input::OperatorReason;
use crate::answer::{self, Found};
use crate::auth::Admin;
use crate::change::Change;
use crate::list::List;
use crate::parameters::{Path, Query};
use crate::problem::Problem;
use crate::state;
use crate::streams::Streams;
use dto::{ItemBody, ItemPage, NewOperation, OperationBody, OperationPage, Ordered, PreviewBody};
use events::FollowedEvent;

pub(super) fn routes() -> OpenApiRouter<state::State> {
    OpenApiRouter::new()
        .routes(routes!(list_operations))
        .routes(routes!(start_operation))
        .routes(routes!(get_operation))
        .routes(routes!(list_operation_items))
        .routes(routes!(pause_operation))
        .routes(routes!(resume_operation))
        .routes(routes!(cancel_operation))
        .routes(routes!(follow_operation))
}

/// List operations
///
/// Newest first.
#[utoipa::path(get, path = "", tag = "operations", params(OperationPage), security(("bearer" = ["portal-admin"])),
    responses((status = 200, description = "A page of operations.", body = List<OperationBody>)))]
async fn list_operations(
    Admin(ctx): Admin,
    State(db): State<Db>,
    Query(page): Query<OperationPage>,
) -> Result<Found<List<OperationBody>>, Problem> {
    let (cursor, size) = page.parse()?;
    Ok(Found(List::from(domain::fetch(&db, &ctx, ListOperations { cursor, size }).await?)))
}

/// Preview or start an operation
///
/// One action on many dead letters: those with the given ids, or those there are now for which every condition of a
/// filter holds. Which ones is written down when it starts: what dies later is no part of it.
///
/// With `dryRun` nothing happens: the answer says what would, in all and one by one, up to 100,000. Without, workers
/// do it bit by bit, each item once; follow it under `/v1/admin/operations/{id}`. What is no dead letter any more when
/// its turn comes is skipped.
///
/// A `gradual` retry goes in steps. After each it waits until its items have completed or failed again, and stops by
/// itself when too many failed.
#[utoipa::path(post, path = "", tag = "operations", request_body = NewOperation,
    security(("bearer" = ["portal-admin"])),
    responses(
        (status = 200, description = "What it would do: `dryRun`.", body = PreviewBody),
        (status = 202, description = "It runs.", body = OperationBody),
        (status = 422, description = "`filter_empty`: a filter without conditions. `ids_empty`. `too_many_ids`: more \
                                      than 10,000. `too_many_items`: more than 100,000 match. `gradual_without_jobs`: \
                                      steps of an action that runs no jobs. `patch_missing`. `patch_without_edit`"),
    ))]
async fn start_operation(
    Admin(ctx): Admin,
    State(db): State<Db>,
    Change { asked, once }: Change<NewOperation>,
) -> Result<Response, Problem> {
    match asked {
        Ordered::Preview(preview) => {
            Ok(Found(PreviewBody::from(domain::fetch(&db, &ctx, *preview).await?)).into_response())
        }
        Ordered::Start(start) => {
            once.run(&db, &ctx, *start, |operation| answer::done(202, &OperationBody::from(operation))).await
        }
    }
}

/// Read an operation
///
/// With its progress, and why it stopped if it did so by itself.
#[utoipa::path(get, path = "/{id}", tag = "operations",
    params(("id" = Uuid, Path, description = "The operation's id.")), security(("bearer" = ["portal-admin"])),
    responses(
        (status = 200, description = "The operation.", body = OperationBody),
        (status = 404, description = "`operation_not_found`"),
    ))]
async fn get_operation(
    Admin(ctx): Admin,
    State(db): State<Db>,
    Path(id): Path<Uuid>,
) -> Result<Found<OperationBody>, Problem> {
    Ok(Found(domain::fetch(&db, &ctx, GetOperation { id }).await?.into()))
}

/// List what became of an operation's items
///
/// In the order in which it acts on them.
#[utoipa::path(get, path = "/{id}/items", tag = "operations",
    params(("id" = Uuid, Path, description = "The operation's id."), ItemPage),
    security(("bearer" = ["portal-admin"])),
    responses(
        (status = 200, description = "A page of items.", body = List<ItemBody>),
        (status = 404, description = "`operation_not_found`"),
    ))]
async fn list_operation_items(
    Admin(ctx): Admin,
    State(db): State<Db>,
    Path(id): Path<Uuid>,
    Query(page): Query<ItemPage>,
) -> Result<Found<List<ItemBody>>, Problem> {
    Ok(Found(List::from(domain::fetch(&db, &ctx, page.query(id)?).await?)))
}

/// Pause an operation
///
/// Nothing more is done until it is resumed. What was put back runs.
#[utoipa::path(post, path = "/{id}/pause", tag = "operations",
    params(("id" = Uuid, Path, description = "The operation's id.")),
    request_body = OperatorReason, security(("bearer" = ["portal-admin"])),
    responses(
        (status = 200, description = "The operation as it is now.", body = OperationBody),
        (status = 404, description = "`operation_not_found`"),
        (status = 409, description = "`operation_not_running`"),
    ))]
async fn pause_operation(
    Admin(ctx): Admin,
    State(db): State<Db>,
    Path(id): Path<Uuid>,
    Change { asked: reason, once }: Change<OperatorReason>,
) -> Result<Response, Problem> {
    once.run(&db, &ctx, ChangeOperation { id, change: OperationChange::Pause, reason }, shown).await
}

/// Resume an operation
///
/// One that was paused goes on where it was; one that stopped by itself goes on with its next step, or with the others
/// of a step that it stopped in. One that paused after its steps goes on with the rest.
#[utoipa::path(post, path = "/{id}/resume", tag = "operations",
    params(("id" = Uuid, Path, description = "The operation's id.")),
    request_body = OperatorReason, security(("bearer" = ["portal-admin"])),
    responses(
        (status = 200, description = "The operation as it is now.", body = OperationBody),
        (status = 404, description = "`operation_not_found`"),
        (status = 409, description = "`operation_not_paused`: it is neither paused nor stopped."),
    ))]
async fn resume_operation(
    Admin(ctx): Admin,
    State(db): State<Db>,
    Path(id): Path<Uuid>,
    Change { asked: reason, once }: Change<OperatorReason>,
) -> Result<Response, Problem> {
    once.run(&db, &ctx, ChangeOperation { id, change: OperationChange::Resume, reason }, shown).await
}

/// Cancel an operation
///
/// For good: nothing more is done. What was done stays done.
#[utoipa::path(post, path = "/{id}/cancel", tag = "operations",
    params(("id" = Uuid, Path, description = "The operation's id.")),
    request_body = OperatorReason, security(("bearer" = ["portal-admin"])),
    responses(
        (status = 200, description = "The operation as it is now.", body = OperationBody),
        (status = 404, description = "`operation_not_found`"),
        (status = 409, description = "`operation_ended`: it was completed or cancelled."),
    ))]
async fn cancel_operation(
    Admin(ctx): Admin,
    State(db): State<Db>,
    Path(id): Path<Uuid>,
    Change { asked: reason, once }: Change<OperatorReason>,
) -> Result<Response, Problem> {
    once.run(&db, &ctx, ChangeOperation { id, change: OperationChange::Cancel, reason }, shown).await
}

/// Follow an operation
///
/// Server-sent events. `progress` comes at once, and again whenever something has changed, at most once a second; its
/// data is the operation as `GET /v1/admin/operations/{id}` shows it. `end` is the last one, of an operation that is
/// completed, cancelled or stopped; then the stream closes. A comment every 15 seconds keeps it open in between. One
/// that closes without `end` has been open for an hour, or the server stops: open it again.
#[utoipa::path(get, path = "/{id}/events", tag = "operations",
    params(("id" = Uuid, Path, description = "The operation's id.")), security(("bearer" = ["portal-admin"])),
    responses(
        (status = 200, description = "The events.", body = FollowedEvent, content_type = "text/event-stream"),
        (status = 404, description = "`operation_not_found`"),
        (status = 503, description = "`too_many_streams`: this server has 100 open; or `too_many_requests`, \
                                      `request_timeout`, `database_unavailable`, `identity_provider_unavailable`. \
                                      See `Retry-After`"),
    ))]
async fn follow_operation(
    Admin(ctx): Admin,
    State(db): State<Db>,
    Extension(streams): Extension<Streams>,
    Path(id): Path<Uuid>,
) -> Result<Response, Problem> {
    let now = domain::fetch(&db, &ctx, GetOperation { id }).await?;
    events::follow(&streams, (db, ctx), now)
}

fn shown(operation: Operation) -> domain::Answer {
    answer::done(200, &OperationBody::from(operation))
}
