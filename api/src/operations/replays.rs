//! `/v1/admin/replays`

mod dto;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use domain::Db;
use domain::messaging::{ChangeReplay, CountReplay, GetReplay, ListReplays, Replay, ReplayChange};
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
use dto::{CountsBody, NewReplay, Ordered, ReplayBody, ReplayPage};

pub(super) fn routes() -> OpenApiRouter<state::State> {
    OpenApiRouter::new()
        .routes(routes!(list_replays))
        .routes(routes!(start_replay))
        .routes(routes!(get_replay))
        .routes(routes!(pause_replay))
        .routes(routes!(resume_replay))
        .routes(routes!(cancel_replay))
}

/// List replays
///
/// Newest first.
#[utoipa::path(get, path = "", tag = "replays", params(ReplayPage), security(("bearer" = ["portal-admin"])),
    responses((status = 200, description = "A page of replays.", body = List<ReplayBody>)))]
async fn list_replays(
    Admin(ctx): Admin,
    State(db): State<Db>,
    Query(page): Query<ReplayPage>,
) -> Result<Found<List<ReplayBody>>, Problem> {
    let (cursor, size) = page.parse()?;
    Ok(Found(List::from(domain::fetch(&db, &ctx, ListReplays { cursor, size }).await?)))
}

/// Start a replay
///
/// Hands the events there are now, and for which every condition holds, to one consumer group, in their order. What
/// the group has already it skips, unless `force` is true. With `dryRun` nothing happens but counting; of types that
/// the group does not react to, events are counted, too, but never handed over.
#[utoipa::path(post, path = "", tag = "replays", request_body = NewReplay, security(("bearer" = ["portal-admin"])),
    responses(
        (status = 200, description = "What it would do: `dryRun`.", body = CountsBody),
        (status = 202, description = "It runs.", body = ReplayBody),
    ))]
async fn start_replay(
    Admin(ctx): Admin,
    State(db): State<Db>,
    Change { asked, once }: Change<NewReplay>,
) -> Result<Response, Problem> {
    match asked {
        Ordered::Count(start) => {
            let count = CountReplay { consumer: start.consumer, filter: start.filter };
            Ok(Found(CountsBody::from(domain::fetch(&db, &ctx, count).await?)).into_response())
        }
        Ordered::Start(start) => {
            once.run(&db, &ctx, *start, |replay| answer::done(202, &ReplayBody::from(replay))).await
        }
    }
}

/// Read a replay
///
/// With its progress.
#[utoipa::path(get, path = "/{id}", tag = "replays", params(("id" = Uuid, Path, description = "The replay's id.")),
    security(("bearer" = ["portal-admin"])),
    responses(
        (status = 200, description = "The replay.", body = ReplayBody),
        (status = 404, description = "`replay_not_found`"),
    ))]
async fn get_replay(
    Admin(ctx): Admin,
    State(db): State<Db>,
    Path(id): Path<Uuid>,
) -> Result<Found<ReplayBody>, Problem> {
    Ok(Found(domain::fetch(&db, &ctx, GetReplay { id }).await?.into()))
}

/// Pause a replay
///
/// Nothing more is handed over until it is resumed.
#[utoipa::path(post, path = "/{id}/pause", tag = "replays",
    params(("id" = Uuid, Path, description = "The replay's id.")),
    request_body = OperatorReason, security(("bearer" = ["portal-admin"])),
    responses(
        (status = 200, description = "The replay as it is now.", body = ReplayBody),
        (status = 404, description = "`replay_not_found`"),
        (status = 409, description = "`replay_not_running`"),
    ))]
async fn pause_replay(
    Admin(ctx): Admin,
    State(db): State<Db>,
    Path(id): Path<Uuid>,
    Change { asked: reason, once }: Change<OperatorReason>,
) -> Result<Response, Problem> {
    once.run(&db, &ctx, ChangeReplay { id, change: ReplayChange::Pause, reason }, shown).await
}

/// Resume a replay
///
/// It goes on where it stopped.
#[utoipa::path(post, path = "/{id}/resume", tag = "replays",
    params(("id" = Uuid, Path, description = "The replay's id.")),
    request_body = OperatorReason, security(("bearer" = ["portal-admin"])),
    responses(
        (status = 200, description = "The replay as it is now.", body = ReplayBody),
        (status = 404, description = "`replay_not_found`"),
        (status = 409, description = "`replay_not_paused`"),
    ))]
async fn resume_replay(
    Admin(ctx): Admin,
    State(db): State<Db>,
    Path(id): Path<Uuid>,
    Change { asked: reason, once }: Change<OperatorReason>,
) -> Result<Response, Problem> {
    once.run(&db, &ctx, ChangeReplay { id, change: ReplayChange::Resume, reason }, shown).await
}

/// Cancel a replay
///
/// For good: nothing more is handed over. What became a job stays one.
#[utoipa::path(post, path = "/{id}/cancel", tag = "replays",
    params(("id" = Uuid, Path, description = "The replay's id.")),
    request_body = OperatorReason, security(("bearer" = ["portal-admin"])),
    responses(
        (status = 200, description = "The replay as it is now.", body = ReplayBody),
        (status = 404, description = "`replay_not_found`"),
        (status = 409, description = "`replay_ended`: it was completed or cancelled."),
    ))]
async fn cancel_replay(
    Admin(ctx): Admin,
    State(db): State<Db>,
    Path(id): Path<Uuid>,
    Change { asked: reason, once }: Change<OperatorReason>,
) -> Result<Response, Problem> {
    once.run(&db, &ctx, ChangeReplay { id, change: ReplayChange::Cancel, reason }, shown).await
}

fn shown(replay: Replay) -> domain::Answer {
    answer::done(200, &ReplayBody::from(replay))
}
