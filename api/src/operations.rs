//! `/v1/admin`: the operation of the installation, for every tenant. Role `portal-admin`.

mod audit;
mod bulk;
mod dead_letters;
mod groups;
mod input;
mod job_definitions;
mod jobs;
mod output;
mod queues;
mod replays;
mod schedules;
mod timeline;
mod workers;

use utoipa_axum::router::OpenApiRouter;

use crate::state::State;

/// What `/v1/admin` has.
pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .nest("/audit", audit::routes())
        .nest("/dead-letters", dead_letters::routes())
        .nest("/dead-letters/groups", groups::routes())
        .nest("/job-definitions", job_definitions::routes())
        .nest("/jobs", jobs::routes())
        .nest("/operations", bulk::routes())
        .nest("/queues", queues::routes())
        .nest("/replays", replays::routes())
        .nest("/schedules", schedules::routes())
        .nest("/timeline", timeline::routes())
        .nest("/workers", workers::routes())
}
