//! `/v1/admin/workers`

use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::Db;
use domain::operations::{ListWorkers, Worker};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answer::Found;
use crate::auth::Admin;
use crate::problem::Problem;
use crate::state;

pub(super) fn routes() -> OpenApiRouter<state::State> {
    OpenApiRouter::new().routes(routes!(list_workers))
}

/// Worker processes.
#[derive(Debug, Serialize, ToSchema)]
struct WorkerList {
    /// Those alive first, then the newest; 500 at most.
    data: Vec<WorkerBody>,
}

/// A worker process.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Worker)]
struct WorkerBody {
    /// New for every start of a process.
    id: String,
    #[schema(example = "worker-0")]
    host: String,
    /// Process id on that host.
    #[schema(example = 4711)]
    pid: i32,
    /// Of the program.
    #[schema(example = "0.1.0")]
    version: String,
    /// What it serves.
    #[schema(example = json!(["outbox"]))]
    queues: Vec<String>,
    started_at: DateTime<Utc>,
    /// Seconds since it was last heard of.
    #[schema(example = 2.5)]
    beat_age_seconds: f64,
    #[schema(value_type = WorkerStateName)]
    state: &'static str,
    /// When it stopped, or was found dead.
    #[schema(required = true)]
    ended_at: Option<DateTime<Utc>>,
    /// Jobs it holds.
    #[schema(example = 3)]
    jobs_held: i64,
}

/// `dead`: it fell silent, and its jobs were taken back.
#[derive(ToSchema)]
#[schema(as = WorkerState, rename_all = "lowercase")]
#[allow(dead_code, reason = "describes what WorkerState writes")]
enum WorkerStateName {
    Alive,
    Stopped,
    Dead,
}

impl From<Worker> for WorkerBody {
    fn from(worker: Worker) -> Self {
        Self {
            id: worker.id,
            host: worker.host,
            pid: worker.pid,
            version: worker.version,
            queues: worker.queues,
            started_at: worker.started_at,
            beat_age_seconds: worker.beat_age_seconds,
            state: worker.state.as_str(),
            ended_at: worker.ended_at,
            jobs_held: worker.jobs_held,
        }
    }
}

/// List workers
#[utoipa::path(get, path = "", tag = "workers", security(("bearer" = ["portal-admin"])),
    responses((status = 200, description = "Worker processes.", body = WorkerList)))]
async fn list_workers(Admin(ctx): Admin, State(db): State<Db>) -> Result<Found<WorkerList>, Problem> {
    let workers = domain::fetch(&db, &ctx, ListWorkers).await?;
    Ok(Found(WorkerList { data: workers.into_iter().map(WorkerBody::from).collect() }))
}
