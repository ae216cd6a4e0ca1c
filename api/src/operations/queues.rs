//! `/v1/admin/queues`

use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::kernel::page::SearchText;
use domain::operations::{COUNT_LIMIT, ListQueues, Pause, PauseQueue, Queue, QueueCounts, ResumeQueue, Retention};
use domain::{Db, Rejection};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::input::OperatorReason;
use crate::answer::{self, Found};
use crate::auth::Admin;
use crate::change::{Action, Change};
use crate::parameters::Path;
use crate::problem::Problem;
use crate::state;

pub(super) fn routes() -> OpenApiRouter<state::State> {
    OpenApiRouter::new().routes(routes!(list_queues)).routes(routes!(pause_queue)).routes(routes!(resume_queue))
}

/// Every queue.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct QueueList {
    /// Counting stops here: a count of this many means so many or more.
    #[schema(example = 100_000)]
    count_limit: i64,
    /// By name.
    data: Vec<QueueBody>,
}

/// A queue, now.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Queue)]
struct QueueBody {
    #[schema(example = "outbox")]
    name: String,
    counts: CountsBody,
    /// For how many seconds the longest waiting job has been due; null if none is due.
    #[schema(required = true, example = 1.5)]
    oldest_due_seconds: Option<f64>,
    /// Over the last five minutes, or over the newest 10,000 jobs if those took less.
    #[schema(example = 120.0)]
    completed_per_minute: f64,
    retention: RetentionBody,
    /// Null unless it is paused.
    #[schema(required = true)]
    paused: Option<PauseBody>,
    /// Null unless its workers cannot reach what they need.
    #[schema(required = true)]
    waiting: Option<OutageBody>,
}

/// Jobs per state.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = QueueCounts)]
struct CountsBody {
    /// Due.
    pending: i64,
    /// Not due yet, never run.
    scheduled: i64,
    /// Held by a worker.
    running: i64,
    /// Failed before.
    retrying: i64,
    /// Due, but an earlier job of the key comes first.
    blocked: i64,
    /// For a dependency.
    waiting: i64,
    /// Dead letters that nobody has handled.
    dead: i64,
    /// Dead letters that are kept for good.
    archived: i64,
    /// Completed in the last 24 hours.
    completed_last_day: i64,
}

/// For how many days what has ended is kept, as this server is configured. Dead letters that are left to do stay until
/// somebody does it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = QueueRetention)]
struct RetentionBody {
    #[schema(example = 7)]
    completed_days: u16,
    #[schema(example = 7)]
    cancelled_days: u16,
    /// Of dead letters.
    #[schema(example = 7)]
    discarded_days: u16,
    /// Of dead letters; null: until somebody restores them.
    #[schema(required = true)]
    archived_days: Option<u16>,
    /// Histories of jobs that are neither live nor dead letters.
    #[schema(example = 7)]
    attempts_days: u16,
}

impl From<Retention> for RetentionBody {
    fn from(retention: Retention) -> Self {
        Self {
            completed_days: retention.completed_days,
            cancelled_days: retention.cancelled_days,
            discarded_days: retention.discarded_days,
            archived_days: retention.archived_days,
            attempts_days: retention.attempts_days,
        }
    }
}

/// A dependency that a queue's workers cannot reach: its jobs wait without using attempts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = QueueOutage)]
struct OutageBody {
    #[schema(example = "broker")]
    dependency: String,
    since: DateTime<Utc>,
}

/// Why no job of a queue is started.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = QueuePause)]
struct PauseBody {
    at: DateTime<Utc>,
    #[schema(example = "ada")]
    by: String,
    #[schema(example = "The broker is being upgraded")]
    reason: String,
}

/// Whether a queue is paused.
#[derive(Debug, Serialize, ToSchema)]
struct QueueSwitch {
    #[schema(example = "outbox")]
    name: String,
    /// Null unless it is paused.
    #[schema(required = true)]
    paused: Option<PauseBody>,
}

impl From<Queue> for QueueBody {
    fn from(queue: Queue) -> Self {
        Self {
            name: queue.name,
            counts: queue.counts.into(),
            oldest_due_seconds: queue.oldest_due_seconds,
            completed_per_minute: queue.completed_per_minute,
            retention: queue.retention.into(),
            paused: queue.pause.map(PauseBody::from),
            waiting: queue.waiting.map(|outage| OutageBody { dependency: outage.dependency, since: outage.since }),
        }
    }
}

impl From<QueueCounts> for CountsBody {
    fn from(counts: QueueCounts) -> Self {
        Self {
            pending: counts.pending,
            scheduled: counts.scheduled,
            running: counts.running,
            retrying: counts.retrying,
            blocked: counts.blocked,
            waiting: counts.waiting,
            dead: counts.dead,
            archived: counts.archived,
            completed_last_day: counts.completed_last_day,
        }
    }
}

impl From<Pause> for PauseBody {
    fn from(pause: Pause) -> Self {
        Self { at: pause.at, by: pause.by, reason: pause.reason }
    }
}

/// List queues
///
/// Every queue that a worker ever served or that has jobs, with what is in it. Of the live states
/// together, of the dead, of the archived and of the completed, `countLimit` jobs are counted at most.
#[utoipa::path(get, path = "", tag = "queues", security(("bearer" = ["portal-admin"])),
    responses((status = 200, description = "Every queue.", body = QueueList)))]
async fn list_queues(Admin(ctx): Admin, State(db): State<Db>) -> Result<Found<QueueList>, Problem> {
    let queues = domain::fetch(&db, &ctx, ListQueues).await?;
    Ok(Found(QueueList { count_limit: COUNT_LIMIT, data: queues.into_iter().map(QueueBody::from).collect() }))
}

/// Pause a queue
///
/// No worker starts a job of it until it is resumed; what runs goes on.
#[utoipa::path(post, path = "/{queue}/pause", tag = "queues",
    params(("queue" = String, Path, description = "The queue's name.", example = "outbox")),
    request_body = OperatorReason, security(("bearer" = ["portal-admin"])),
    responses(
        (status = 200, description = "It is paused.", body = QueueSwitch),
        (status = 404, description = "`queue_not_found`"),
        (status = 409, description = "`queue_already_paused`"),
    ))]
async fn pause_queue(
    Admin(ctx): Admin,
    State(db): State<Db>,
    Path(name): Path<String>,
    Change { asked: reason, once }: Change<OperatorReason>,
) -> Result<Response, Problem> {
    let queue = named(&name)?;
    let paused = |pause: Pause| answer::done(200, &QueueSwitch { name, paused: Some(pause.into()) });
    once.run(&db, &ctx, PauseQueue { queue, reason }, paused).await
}

/// Resume a queue
///
/// Needs no body.
#[utoipa::path(post, path = "/{queue}/resume", tag = "queues",
    params(("queue" = String, Path, description = "The queue's name.", example = "demo")),
    security(("bearer" = ["portal-admin"])),
    responses(
        (status = 200, description = "It is not paused any more.", body = QueueSwitch),
        (status = 404, description = "`queue_not_found`"),
        (status = 409, description = "`queue_not_paused`"),
    ))]
async fn resume_queue(
    Admin(ctx): Admin,
    State(db): State<Db>,
    Path(name): Path<String>,
    Action(once): Action,
) -> Result<Response, Problem> {
    let queue = named(&name)?;
    once.run(&db, &ctx, ResumeQueue { queue }, |()| answer::done(200, &QueueSwitch { name, paused: None })).await
}

fn named(queue: &str) -> Result<SearchText, Problem> {
    Ok(SearchText::parse(queue, "queue").map_err(|wrong| Rejection::invalid(vec![wrong]))?)
}
