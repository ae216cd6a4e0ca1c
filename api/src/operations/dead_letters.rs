//! `/v1/admin/dead-letters`

use axum::extract::State;
use axum::response::Response;
use domain::Db;
use domain::operations::{
    ArchiveDeadLetter, DiscardDeadLetter, EditDeadLetter, GetDeadLetter, JobDetail, JobId, ListDeadLetters,
    RestoreDeadLetter, Retried, RetryDeadLetter, RetryResult,
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::input::{ListParameters, Listing, OperatorReason, PayloadEdit, RetrySelection};
use super::jobs::shown;
use super::output::{JobBody, JobSummaryBody};
use crate::answer::{self, Found};
use crate::auth::Admin;
use crate::change::Change;
use crate::etag::IfNoneMatch;
use crate::list::List;
use crate::parameters::{Path, Query};
use crate::problem::Problem;
use crate::state;

pub(super) fn routes() -> OpenApiRouter<state::State> {
    OpenApiRouter::new()
        .routes(routes!(list_dead_letters))
        .routes(routes!(retry_dead_letters))
        .routes(routes!(get_dead_letter))
        .routes(routes!(retry_dead_letter))
        .routes(routes!(archive_dead_letter))
        .routes(routes!(discard_dead_letter))
        .routes(routes!(edit_and_retry_dead_letter))
        .routes(routes!(restore_dead_letter))
}

/// What retrying did, one by one.
#[derive(Debug, Serialize, ToSchema)]
struct RetryResults {
    /// How many are back in their queues.
    #[schema(example = 1)]
    retried: usize,
    /// In the order of `ids`, or oldest first.
    data: Vec<RetryResultBody>,
}

/// What retrying one dead letter did.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RetryResult)]
struct RetryResultBody {
    #[schema(example = "01JGFJJZ00E008000000000103")]
    id: String,
    /// `retried`; `not_dead` if it was not dead (any more), and is as it was; `not_found`.
    #[schema(example = "retried")]
    result: &'static str,
}

impl From<Vec<Retried>> for RetryResults {
    fn from(results: Vec<Retried>) -> Self {
        let retried = results.iter().filter(|one| one.result == RetryResult::Retried).count();
        let body = |one: Retried| RetryResultBody { id: one.id.as_str().to_owned(), result: one.result.as_str() };
        Self { retried, data: results.into_iter().map(body).collect() }
    }
}

/// List dead letters
///
/// Of every tenant, newest first: those that are dead and left to do, with `state=archived` those that are kept for
/// good, or with `state=discarded` those that were dropped.
#[utoipa::path(get, path = "", tag = "dead letters", params(ListParameters),
    security(("bearer" = ["portal-admin"])),
    responses(
        (status = 200, description = "A page of dead letters.", body = List<JobSummaryBody>),
        (status = 422, description = "`state_invalid`: `state` is none of `dead`, `archived` and `discarded`."),
    ))]
async fn list_dead_letters(
    Admin(ctx): Admin,
    State(db): State<Db>,
    Query(parameters): Query<ListParameters>,
) -> Result<Found<List<JobSummaryBody>>, Problem> {
    let Listing { filter, cursor, size } = parameters.parse()?;
    let page = domain::fetch(&db, &ctx, ListDeadLetters { filter, cursor, size }).await?;
    Ok(Found(List::from(page)))
}

/// Read a dead letter
///
/// With its payload and everything that happened to it; also one that was archived or discarded.
#[utoipa::path(get, path = "/{id}", tag = "dead letters",
    params(("id" = String, Path, description = "The job's id.", example = "01JGFJJZ00E008000000000103")),
    security(("bearer" = ["portal-admin"])),
    responses(
        (status = 200, description = "The dead letter.", body = JobBody),
        (status = 304, description = "Nothing has happened to it since the version that `If-None-Match` names."),
        (status = 404, description = "`dead_letter_not_found`"),
    ))]
async fn get_dead_letter(
    Admin(ctx): Admin,
    State(db): State<Db>,
    Path(id): Path<String>,
    known: IfNoneMatch,
) -> Result<Response, Problem> {
    let job = domain::fetch(&db, &ctx, GetDeadLetter { id: JobId::new(&id) }).await?;
    Ok(known.answer(job.version, JobBody::from(job)))
}

/// Retry a dead letter
///
/// Puts it back into its queue, due at once, with its id, key, tenant, trace and history. It has
/// one more attempt; when that fails, it is dead again.
#[utoipa::path(post, path = "/{id}/retry", tag = "dead letters",
    params(("id" = String, Path, description = "The job's id.", example = "01JGFJJZ00E008000000000103")),
    request_body = OperatorReason, security(("bearer" = ["portal-admin"])),
    responses(
        (status = 200, description = "The job as it is now.", body = JobBody),
        (status = 404, description = "`dead_letter_not_found`"),
        (status = 409, description = "`dead_letter_not_dead`: it was retried or put away meanwhile, or never died."),
    ))]
async fn retry_dead_letter(
    Admin(ctx): Admin,
    State(db): State<Db>,
    Path(id): Path<String>,
    Change { asked: reason, once }: Change<OperatorReason>,
) -> Result<Response, Problem> {
    once.run(&db, &ctx, RetryDeadLetter { id: JobId::new(&id), reason }, shown).await
}

/// Retry many dead letters
///
/// Those with the given ids, or the oldest of those for which a filter holds, in one transaction.
/// Says for each what happened.
#[utoipa::path(post, path = "/retry", tag = "dead letters", request_body = RetrySelection,
    security(("bearer" = ["portal-admin"])),
    responses(
        (status = 200, description = "What happened to each.", body = RetryResults),
        (status = 422, description = "`filter_empty`: a filter without conditions. `too_many_ids`: more than `limit`. \
                                      `ids_empty`"),
    ))]
async fn retry_dead_letters(
    Admin(ctx): Admin,
    State(db): State<Db>,
    Change { asked, once }: Change<RetrySelection>,
) -> Result<Response, Problem> {
    once.run(&db, &ctx, asked, |results| answer::done(200, &RetryResults::from(results))).await
}

/// Archive a dead letter
///
/// It is kept for good, but left to do no more, and the later jobs of its key go on.
#[utoipa::path(post, path = "/{id}/archive", tag = "dead letters",
    params(("id" = String, Path, description = "The job's id.", example = "01JGFJJZ00E008000000000105")),
    request_body = OperatorReason, security(("bearer" = ["portal-admin"])),
    responses(
        (status = 200, description = "The job as it is now.", body = JobBody),
        (status = 404, description = "`dead_letter_not_found`"),
        (status = 409, description = "`dead_letter_not_dead`: it was retried or put away meanwhile, or never died."),
    ))]
async fn archive_dead_letter(
    Admin(ctx): Admin,
    State(db): State<Db>,
    Path(id): Path<String>,
    Change { asked: reason, once }: Change<OperatorReason>,
) -> Result<Response, Problem> {
    once.run(&db, &ctx, ArchiveDeadLetter { id: JobId::new(&id), reason }, shown).await
}

/// Discard a dead letter
///
/// It stays visible as discarded for some days, and the later jobs of its key go on.
#[utoipa::path(post, path = "/{id}/discard", tag = "dead letters",
    params(("id" = String, Path, description = "The job's id.", example = "01JGFJJZ00E008000000000104")),
    request_body = OperatorReason, security(("bearer" = ["portal-admin"])),
    responses(
        (status = 200, description = "The job as it is now.", body = JobBody),
        (status = 404, description = "`dead_letter_not_found`"),
        (status = 409, description = "`dead_letter_not_dead`: it was retried or put away meanwhile, or never died."),
    ))]
async fn discard_dead_letter(
    Admin(ctx): Admin,
    State(db): State<Db>,
    Path(id): Path<String>,
    Change { asked: reason, once }: Change<OperatorReason>,
) -> Result<Response, Problem> {
    once.run(&db, &ctx, DiscardDeadLetter { id: JobId::new(&id), reason }, shown).await
}

/// Restore a dead letter
///
/// One that was archived or discarded is left to do again: it can be retried. It does not hold its key, because what
/// waited for it has gone on.
#[utoipa::path(post, path = "/{id}/restore", tag = "dead letters",
    params(("id" = String, Path, description = "The job's id.", example = "01JGFJJZ00E008000000000106")),
    request_body = OperatorReason, security(("bearer" = ["portal-admin"])),
    responses(
        (status = 200, description = "The job as it is now.", body = JobBody),
        (status = 404, description = "`dead_letter_not_found`"),
        (status = 409, description = "`dead_letter_not_put_away`: it is neither archived nor discarded; `dead_letter_corrected`: another event has taken the place of its own."),
    ))]
async fn restore_dead_letter(
    Admin(ctx): Admin,
    State(db): State<Db>,
    Path(id): Path<String>,
    Change { asked: reason, once }: Change<OperatorReason>,
) -> Result<Response, Problem> {
    once.run(&db, &ctx, RestoreDeadLetter { id: JobId::new(&id), reason }, shown).await
}

/// Edit a dead letter and retry it
///
/// Changes its payload by a JSON merge patch and puts it back into its queue. What comes of it must be a payload of its
/// kind; of an event that was received only `event.data` can be changed. `If-Match` is the `ETag` of the dead letter as
/// it was read. What the payload was is kept: see `edits`.
///
/// A committed event never changes. Of a job that publishes one (`publish-event.v1`), a new event is committed that takes
/// its place: with the data after the patch, the same aggregate and `sequence`, and the old event as its cause. It is
/// published where the dead letter stood, which is discarded; `edits` names it as `correction`.
#[utoipa::path(post, path = "/{id}/edit-and-retry", tag = "dead letters",
    params(("id" = String, Path, description = "The job's id.", example = "01JGFJJZ00E008000000000107")),
    request_body = PayloadEdit, security(("bearer" = ["portal-admin"])),
    responses(
        (status = 200, description = "The job as it is now.", body = JobBody),
        (status = 404, description = "`dead_letter_not_found`"),
        (status = 409, description = "`dead_letter_not_dead`: it was retried or put away meanwhile, or never died. \
                                      `payload_not_json`, `job_kind_unknown`, `event_type_unknown` or \
                                      `event_not_logged`: it cannot be edited."),
        (status = 412, description = "`version_conflict`: something has happened to it since the version that `If-Match` \
                                      names."),
        (status = 422, description = "`patch_changes_nothing`"),
        (status = 428, description = "`precondition_required`: `If-Match` is missing."),
    ))]
async fn edit_and_retry_dead_letter(
    Admin(ctx): Admin,
    State(db): State<Db>,
    Path(id): Path<String>,
    Change { asked: (patch, reason), once }: Change<PayloadEdit>,
) -> Result<Response, Problem> {
    let expected_version = once.required_version()?;
    let command = EditDeadLetter { id: JobId::new(&id), expected_version, patch, reason };
    let edited = |job: JobDetail| answer::changed(job.version, &JobBody::from(job));
    once.run(&db, &ctx, command, edited).await
}
