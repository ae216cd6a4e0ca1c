//! Whether the process is alive, and whether it can do its work.
//!
//! Ready needs the database, with a current schema. The broker and the identity provider are shown
//! but do not make it unready: commands are accepted while the broker is down, and their events
//! wait; tokens are checked with the keys at hand while the identity provider is down.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRef, State};
use axum::http::StatusCode;
use domain::kernel::lag::{self, QueueLag};
use domain::kernel::schema;
use domain::{Db, Error, FieldError};
use serde::Serialize;
use tokio::sync::watch;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answer::Found;
use crate::auth::{Authenticator, IdentityProviderState};
use crate::problem::Problem;

/// What the bus says about its broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BrokerState {
    /// Events travel inside of the database.
    Embedded,
    /// Connected.
    Up,
    /// Not connected; events wait.
    Down {
        /// Why, for the log and the operator.
        reason: String,
    },
    /// This process does not talk to a broker.
    NotUsed,
}

/// What readiness looks at.
#[derive(Clone)]
pub struct Checks {
    /// Must be reachable, with a current schema.
    pub db: Db,
    /// Shown.
    pub broker: watch::Receiver<BrokerState>,
    /// Shown: the messages of each consumer group that wait at the broker. Empty in a process that does not know.
    pub at_broker: Arc<dyn Fn() -> BTreeMap<String, u64> + Send + Sync>,
    /// Shown; none in a process that checks no tokens.
    pub identity_provider: Option<Arc<Authenticator>>,
    /// How long to wait for the database.
    pub timeout: Duration,
}

/// The process runs.
#[derive(Serialize, ToSchema)]
struct Live {
    #[schema(example = "live")]
    status: &'static str,
}

/// The process can do its work.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Ready {
    #[schema(example = "ready")]
    status: &'static str,
    checks: ReadyChecks,
    /// How far the queues are behind; decides nothing.
    queues: Vec<ReadyQueue>,
}

/// A queue that workers serve: `outbox`, or a consumer group.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ReadyQueue {
    #[schema(example = "stock")]
    name: String,
    /// Seconds since the job was enqueued that has waited longest, those behind a failing one included; 0 when
    /// none waits.
    #[schema(example = 0.2)]
    lag_seconds: f64,
    /// Events that wait at the broker for this consumer group, at the last look, at most half a minute ago; left
    /// out where this process does not look.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = u64, example = 0)]
    at_broker: Option<u64>,
}

/// What was looked at. Only the database and its schema decide.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ReadyChecks {
    /// Always `up` here.
    #[schema(example = "up")]
    database: &'static str,
    /// Always `current` here.
    #[schema(example = "current")]
    schema: &'static str,
    /// `up`, `down` (events wait), `embedded`, or `notUsed`.
    #[schema(example = "embedded")]
    broker: &'static str,
    /// `up`, `stale` (unreachable, known keys count), `down` (tokens are refused), or `notUsed`.
    #[schema(example = "notUsed")]
    identity_provider: &'static str,
}

/// Only `/health/live` and `/health/ready`, for a process that serves nothing else.
pub fn router(checks: Checks) -> axum::Router {
    let (router, _) = OpenApiRouter::new().nest("/health", routes::<Checks>()).split_for_parts();
    router.with_state(checks).layer(axum::middleware::from_fn(crate::ctx::carry))
}

/// The health endpoints.
pub(crate) fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Checks: FromRef<S>,
{
    OpenApiRouter::new().routes(routes!(get_liveness)).routes(routes!(get_readiness))
}

/// Whether the process runs
///
/// Restart it when this fails. Looks at nothing else, so that an outage elsewhere restarts nobody.
#[utoipa::path(get, path = "/live", tag = "health", responses((status = 200, description = "It runs.", body = Live)))]
async fn get_liveness() -> Found<Live> {
    Found(Live { status: "live" })
}

/// Whether the process can do its work
///
/// Send it no requests while this fails.
#[utoipa::path(get, path = "/ready", tag = "health", responses(
    (status = 200, description = "It can.", body = Ready),
    (status = 503, description = "`not_ready`: `errors` names the check that failed."),
))]
async fn get_readiness(State(checks): State<Checks>) -> Result<Found<Ready>, Problem> {
    let look = async {
        Ok::<_, Error>(match checks.db.ask(schema::state).await? {
            schema::State::Current => Ok(checks.db.ask(lag::lag).await?),
            schema::State::Behind(missing) => Err(missing),
        })
    };
    match tokio::time::timeout(checks.timeout, look).await {
        Ok(Ok(Ok(queues))) => Ok(Found(ready(&checks, queues))),
        Ok(Ok(Err(missing))) => {
            Err(not_ready("schema", "schema_behind", format!("{missing} migrations are missing; run `portal migrate`")))
        }
        Ok(Err(error)) => {
            tracing::warn!(%error, "readiness: the database cannot be asked");
            Err(not_ready("database", "database_unavailable", "the database cannot be reached".into()))
        }
        Err(_) => Err(not_ready("database", "database_unavailable", "the database does not answer in time".into())),
    }
}

fn ready(checks: &Checks, queues: Vec<QueueLag>) -> Ready {
    let broker = match &*checks.broker.borrow() {
        BrokerState::Embedded => "embedded",
        BrokerState::Up => "up",
        BrokerState::Down { .. } => "down",
        BrokerState::NotUsed => "notUsed",
    };
    let state = checks.identity_provider.as_ref().map_or(IdentityProviderState::NotUsed, |auth| auth.state());
    let identity_provider = match state {
        IdentityProviderState::Up => "up",
        IdentityProviderState::Stale { .. } => "stale",
        IdentityProviderState::Down { .. } => "down",
        IdentityProviderState::NotUsed => "notUsed",
    };
    let at_broker = (checks.at_broker)();
    let queues = queues
        .into_iter()
        .map(|QueueLag { queue, seconds }| ReadyQueue {
            at_broker: at_broker.get(&queue).copied(),
            name: queue,
            lag_seconds: seconds,
        })
        .collect();
    let checks = ReadyChecks { database: "up", schema: "current", broker, identity_provider };
    Ready { status: "ready", checks, queues }
}

fn not_ready(check: &str, code: &'static str, detail: String) -> Problem {
    let field = FieldError { pointer: check.to_owned(), code, detail: detail.clone() };
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", format!("{check}: {detail}")).with_fields(vec![field])
}
