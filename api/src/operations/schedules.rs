//! `/v1/admin/schedules`

mod dto;

use axum::extract::State;
use axum::response::Response;
use domain::schedules::{ChangeSchedule, DeleteSchedule, GetSchedule, ListSchedules, RunSchedule, ScheduleDetail};
use domain::{Answer, Db};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::input::OperatorReason;
use super::jobs;
use super::output::JobBody;
use crate::answer::{self, Found};
use crate::auth::Admin;
use crate::change::{Action, Change};
use crate::list::List;
use crate::parameters::{Path, Query};
use crate::problem::Problem;
use crate::state;
use dto::{NewSchedule, ReasonParameter, ScheduleBody, SchedulePage, SchedulePatch};

pub(super) fn routes() -> OpenApiRouter<state::State> {
    OpenApiRouter::new()
        .routes(routes!(list_schedules, create_schedule))
        .routes(routes!(get_schedule, change_schedule, delete_schedule))
        .routes(routes!(run_schedule))
}

/// List schedules
///
/// Newest first, each with its next due times and what it did last.
#[utoipa::path(get, path = "", tag = "schedules", params(SchedulePage), security(("bearer" = ["portal-admin"])),
    responses((status = 200, description = "A page of schedules.", body = List<ScheduleBody>)))]
async fn list_schedules(
    Admin(ctx): Admin,
    State(db): State<Db>,
    Query(page): Query<SchedulePage>,
) -> Result<Found<List<ScheduleBody>>, Problem> {
    let (cursor, size) = page.parse()?;
    Ok(Found(List::from(domain::fetch(&db, &ctx, ListSchedules { cursor, size }).await?)))
}

/// Create a schedule
///
/// Of a definition (`/v1/admin/job-definitions`) that a schedule may start. `cron` has five fields and is read by the
/// clocks of `timeZone`. When those are changed, a time that is left out happens once, right after the change; one that
/// comes twice happens the first time. Every due time starts one job, however many workers run; the jobs of one
/// schedule run one after another. `missed` says what becomes of due times at which no worker ran for more than a
/// minute.
#[utoipa::path(post, path = "", tag = "schedules", request_body = NewSchedule, security(("bearer" = ["portal-admin"])),
    responses(
        (status = 201, description = "The schedule.", body = ScheduleBody),
        (status = 409, description = "`schedule_name_taken`"),
        (status = 422, description = "In `errors`: `cron_invalid`, `cron_never_due`, `time_zone_unknown`, `job_definition_unknown`, `parameter_invalid`, `tenant_required` or `tenant_not_used`."),
    ))]
async fn create_schedule(
    Admin(ctx): Admin,
    State(db): State<Db>,
    Change { asked, once }: Change<NewSchedule>,
) -> Result<Response, Problem> {
    let created = |detail: ScheduleDetail| {
        let (id, version) = (detail.schedule.id, detail.schedule.version);
        answer::created(format!("/v1/admin/schedules/{id}"), version, &ScheduleBody::from(detail))
    };
    once.run(&db, &ctx, asked, created).await
}

/// Read a schedule
///
/// With its next due times and what it did last.
#[utoipa::path(get, path = "/{id}", tag = "schedules",
    params(("id" = Uuid, Path, description = "The schedule's id.")),
    security(("bearer" = ["portal-admin"])),
    responses(
        (status = 200, description = "The schedule.", body = ScheduleBody,
            headers(("ETag" = String, description = "The version, in quotes: what the schedule did last is not part of it."))),
        (status = 404, description = "`schedule_not_found`"),
    ))]
async fn get_schedule(Admin(ctx): Admin, State(db): State<Db>, Path(id): Path<Uuid>) -> Result<Response, Problem> {
    Ok(answer::response(changed(domain::fetch(&db, &ctx, GetSchedule { id }).await?)))
}

/// Change a schedule
///
/// Another `cron` or `timeZone` counts from now on, and so does enabling it: what was due while it was disabled is not
/// missed.
#[utoipa::path(patch, path = "/{id}", tag = "schedules",
    params(("id" = Uuid, Path, description = "The schedule's id.")), request_body = SchedulePatch,
    security(("bearer" = ["portal-admin"])),
    responses(
        (status = 200, description = "The schedule as it is now.", body = ScheduleBody),
        (status = 404, description = "`schedule_not_found`"),
        (status = 409, description = "`schedule_name_taken`, or `schedule_definition_gone`: no release that runs here has it."),
        (status = 412, description = "`version_conflict`: it is not the version that `If-Match` names."),
        (status = 422, description = "In `errors`: `cron_invalid`, `cron_never_due`, `time_zone_unknown` or `parameter_invalid`."),
    ))]
async fn change_schedule(
    Admin(ctx): Admin,
    State(db): State<Db>,
    Path(id): Path<Uuid>,
    Change { asked, once }: Change<SchedulePatch>,
) -> Result<Response, Problem> {
    let command = ChangeSchedule { id, expected_version: once.expected_version(), ..asked };
    once.run(&db, &ctx, command, changed).await
}

/// Delete a schedule
///
/// And what is known of its past. Its jobs stay.
#[utoipa::path(delete, path = "/{id}", tag = "schedules",
    params(("id" = Uuid, Path, description = "The schedule's id."), ReasonParameter),
    security(("bearer" = ["portal-admin"])),
    responses(
        (status = 204, description = "It is gone."),
        (status = 404, description = "`schedule_not_found`"),
        (status = 412, description = "`version_conflict`: it is not the version that `If-Match` names."),
    ))]
async fn delete_schedule(
    Admin(ctx): Admin,
    State(db): State<Db>,
    Path(id): Path<Uuid>,
    Query(parameter): Query<ReasonParameter>,
    Action(once): Action,
) -> Result<Response, Problem> {
    let command = DeleteSchedule { id, expected_version: once.expected_version(), reason: parameter.parse()? };
    once.run(&db, &ctx, command, |()| answer::gone()).await
}

/// Run a schedule now
///
/// Starts a job at once, whether or not the schedule is enabled; its due times stay what they are.
#[utoipa::path(post, path = "/{id}/run", tag = "schedules",
    params(("id" = Uuid, Path, description = "The schedule's id.")), request_body = OperatorReason,
    security(("bearer" = ["portal-admin"])),
    responses(
        (status = 201, description = "The job; `Location` is where it is.", body = JobBody),
        (status = 404, description = "`schedule_not_found`"),
        (status = 409, description = "`schedule_definition_gone`: no release that runs here has it."),
    ))]
async fn run_schedule(
    Admin(ctx): Admin,
    State(db): State<Db>,
    Path(id): Path<Uuid>,
    Change { asked: reason, once }: Change<OperatorReason>,
) -> Result<Response, Problem> {
    once.run(&db, &ctx, RunSchedule { id, reason }, jobs::started).await
}

/// 200 with the schedule and its version.
fn changed(detail: ScheduleDetail) -> Answer {
    answer::changed(detail.schedule.version, &ScheduleBody::from(detail))
}
