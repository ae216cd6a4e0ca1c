//! `/v1/admin/jobs`

mod start;

use axum::extract::State;
use axum::response::Response;
use domain::Db;
use domain::operations::{CancelJob, GetJob, JobDetail, JobId, ListJobs, RunJobNow};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::input::{ListParameters, Listing, OperatorReason};
use super::output::{JobBody, JobSummaryBody};
use crate::answer::{self, Found};
use crate::auth::Admin;
use crate::change::Change;
use crate::list::List;
use crate::parameters::{Path, Query};
use crate::problem::Problem;
use crate::state;
use start::NewJob;

pub(super) fn routes() -> OpenApiRouter<state::State> {
    OpenApiRouter::new()
        .routes(routes!(list_jobs, start_job))
        .routes(routes!(get_job))
        .routes(routes!(run_job))
        .routes(routes!(cancel_job))
}

/// List jobs
///
/// Of every tenant, in every state for which all given filters hold, newest first. Completed jobs
/// are kept for some days. `createdFrom` and `createdTo` are exact as long as the clocks of the
/// installation's hosts agree to a minute.
#[utoipa::path(get, path = "", tag = "jobs", params(ListParameters),
    security(("bearer" = ["portal-admin"])),
    responses((status = 200, description = "A page of jobs.", body = List<JobSummaryBody>)))]
async fn list_jobs(
    Admin(ctx): Admin,
    State(db): State<Db>,
    Query(parameters): Query<ListParameters>,
) -> Result<Found<List<JobSummaryBody>>, Problem> {
    let Listing { filter, cursor, size } = parameters.parse()?;
    let page = domain::fetch(&db, &ctx, ListJobs { filter, cursor, size }).await?;
    Ok(Found(List::from(page)))
}

/// Start a job
///
/// By hand, of a definition (`/v1/admin/job-definitions`) that may be. Its parameters are what the definition's schema
/// says. `runAt` is the earliest time it runs; without it that is now.
#[utoipa::path(post, path = "", tag = "jobs", request_body = NewJob, security(("bearer" = ["portal-admin"])),
    responses(
        (status = 201, description = "The job.", body = JobBody),
        (status = 422, description = "In `errors`: `job_definition_unknown`, `parameter_invalid` with its place, `tenant_required` or `tenant_not_used`."),
    ))]
async fn start_job(
    Admin(ctx): Admin,
    State(db): State<Db>,
    Change { asked, once }: Change<NewJob>,
) -> Result<Response, Problem> {
    once.run(&db, &ctx, asked, started).await
}

/// Read a job
///
/// With its payload and everything that happened to it, wherever it is now.
#[utoipa::path(get, path = "/{id}", tag = "jobs",
    params(("id" = String, Path, description = "The job's id.", example = "01JGFJJZ00E008000000000101")),
    security(("bearer" = ["portal-admin"])),
    responses(
        (status = 200, description = "The job.", body = JobBody),
        (status = 404, description = "`job_not_found`"),
    ))]
async fn get_job(Admin(ctx): Admin, State(db): State<Db>, Path(id): Path<String>) -> Result<Found<JobBody>, Problem> {
    let job = domain::fetch(&db, &ctx, GetJob { id: JobId::new(&id) }).await?;
    Ok(Found(JobBody::from(job)))
}

/// Run a job now
///
/// Makes a job due at once that is scheduled, retrying, or waiting for a dependency. It uses no
/// additional attempt, and the jobs of its key still come in order.
#[utoipa::path(post, path = "/{id}/run-now", tag = "jobs",
    params(("id" = String, Path, description = "The job's id.", example = "01JGFJJZ00E008000000000101")),
    request_body = OperatorReason, security(("bearer" = ["portal-admin"])),
    responses(
        (status = 200, description = "The job as it is now.", body = JobBody),
        (status = 404, description = "`job_not_found`"),
        (status = 409, description = "`job_not_waiting`: it is due already, running, or has ended."),
    ))]
async fn run_job(
    Admin(ctx): Admin,
    State(db): State<Db>,
    Path(id): Path<String>,
    Change { asked: reason, once }: Change<OperatorReason>,
) -> Result<Response, Problem> {
    once.run(&db, &ctx, RunJobNow { id: JobId::new(&id), reason }, shown).await
}

/// Cancel a job
///
/// One that no worker holds. It ends as cancelled, and the later jobs of its key go on.
#[utoipa::path(post, path = "/{id}/cancel", tag = "jobs",
    params(("id" = String, Path, description = "The job's id.", example = "01JGFJJZ00E008000000000102")),
    request_body = OperatorReason, security(("bearer" = ["portal-admin"])),
    responses(
        (status = 200, description = "The job as it is now.", body = JobBody),
        (status = 404, description = "`job_not_found`"),
        (status = 409, description = "`job_running`: a worker holds it. `job_finished`: it has ended, or is a dead letter. `job_is_a_step`: cancel what it is a step of."),
    ))]
async fn cancel_job(
    Admin(ctx): Admin,
    State(db): State<Db>,
    Path(id): Path<String>,
    Change { asked: reason, once }: Change<OperatorReason>,
) -> Result<Response, Problem> {
    once.run(&db, &ctx, CancelJob { id: JobId::new(&id), reason }, shown).await
}

/// 200 with the job.
pub(super) fn shown(job: JobDetail) -> domain::Answer {
    answer::done(200, &JobBody::from(job))
}

/// 201 with the job and where it is.
pub(super) fn started(job: JobDetail) -> domain::Answer {
    let location = format!("/v1/admin/jobs/{}", job.summary.id);
    answer::placed(location, &JobBody::from(job))
}
