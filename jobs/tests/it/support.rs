//! A database per test, connected as the roles the product runs as, and a job kind to play with.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::kernel::job::{Job, NewJob};
use domain::kernel::policy::{QueuePolicies, QueuePolicy};
use domain::kernel::schema;
use domain::{Command, CorrelationId, Ctx, Db, Error, Scope, Tx};
use jobs::runtime::{JobContext, JobResult, Kinds, Runtime, Settings};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, PgPool};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The queue of [`Task`].
pub const QUEUE: &str = "test";

/// Another queue with the same policy.
pub const OTHER_QUEUE: &str = "other";

/// A job whose meaning the test's handler decides.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Task {
    pub n: u32,
    pub what: String,
}

impl Job for Task {
    const KIND: &'static str = "task.v1";
    const QUEUE: &'static str = QUEUE;
}

/// A migrated database: `owner` for looking at everything, `api` and `worker` as in production.
pub struct TestDb {
    pub owner: PgPool,
    pub api: Db,
    pub worker: Db,
}

impl TestDb {
    pub async fn new(owner: PgPool, policy: QueuePolicy) -> Self {
        schema::migrate(&owner).await.unwrap();
        Self::over(owner, policy).await
    }

    /// Over a database that is migrated already.
    pub async fn over(owner: PgPool, policy: QueuePolicy) -> Self {
        let queues = jobs::registry::queues().into_iter().chain([QUEUE, OTHER_QUEUE]);
        let policies =
            QueuePolicies(queues.map(|queue| (queue.to_owned(), policy.clone())).collect::<BTreeMap<_, _>>());
        Self {
            api: Db::new(pool_as(&owner, "portal_api").await, policies.clone()),
            worker: Db::new(pool_as(&owner, "portal_worker").await, policies),
            owner,
        }
    }

    /// Enqueues jobs of one key each, as `portal_api` would; the `n`s count up from 0.
    pub async fn enqueue(&self, keys: &[Option<&str>]) -> Vec<String> {
        let jobs: Vec<NewJob> = keys.iter().zip(0..).map(|(key, n)| job(n, *key)).collect();
        let ids = jobs.iter().map(|job| job.id.to_string()).collect();
        self.enqueue_jobs(jobs).await;
        ids
    }

    pub async fn enqueue_jobs(&self, jobs: Vec<NewJob>) {
        domain::run(&self.api, &ctx(), Enqueue(jobs)).await.unwrap();
    }

    pub async fn count(&self, sql: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&self.owner).await.unwrap()
    }

    /// Waits until the statement yields `expected`; panics after 30 s.
    pub async fn until(&self, sql: &str, expected: i64) {
        let mut last = -1;
        for _ in 0..600 {
            last = self.count(sql).await;
            if last == expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{sql} stayed {last}, expected {expected}");
    }
}

/// A job of [`Task`] with an optional key.
pub fn job(n: u32, key: Option<&str>) -> NewJob {
    let task = Task { n, what: key.unwrap_or_default().to_owned() };
    NewJob { ordering_key: key.map(str::to_owned), ..NewJob::new(&task).unwrap() }
}

pub fn ctx() -> Ctx {
    Ctx {
        scope: Scope::Tenant("acme".parse().unwrap()),
        actor: "tester".parse().unwrap(),
        roles: Vec::new(),
        correlation_id: CorrelationId::generate(),
        causation_id: "test".into(),
        traceparent: None,
    }
}

struct Enqueue(Vec<NewJob>);

impl Command for Enqueue {
    type Output = ();
    async fn handle(self, tx: &mut Tx) -> Result<(), Error> {
        tx.enqueue_all(self.0).await
    }
}

/// The same database as another role, with the password that the test cluster gives all roles.
pub async fn pool_as(owner: &PgPool, role: &str) -> PgPool {
    let options = (*owner.connect_options()).clone().username(role).password("portal-test");
    PgPoolOptions::new().max_connections(10).connect_with(options).await.unwrap()
}

/// Fast enough for tests, with the proportions of production.
pub fn settings() -> Settings {
    Settings {
        poll: Duration::from_millis(200),
        heartbeat: Duration::from_millis(300),
        dead_after: Duration::from_millis(1500),
        observe: Duration::from_millis(100),
        shutdown_timeout: Duration::from_secs(5),
        ..Settings::default()
    }
}

/// A policy with short waits.
pub fn quick() -> QueuePolicy {
    QueuePolicy { backoff_base_ms: 50, backoff_cap_ms: 200, ..QueuePolicy::default() }
}

/// What ran, in order.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<Task>>>);

impl Log {
    pub fn push(&self, task: Task) {
        self.0.lock().unwrap().push(task);
    }
    pub fn ns(&self) -> Vec<u32> {
        self.0.lock().unwrap().iter().map(|task| task.n).collect()
    }
    pub fn tasks(&self) -> Vec<Task> {
        self.0.lock().unwrap().clone()
    }
}

/// A running worker process, in this one.
pub struct Running {
    pub stop: CancellationToken,
    handle: JoinHandle<()>,
}

impl Running {
    pub fn start<H, F>(db: &Db, settings: Settings, handler: H) -> Self
    where
        H: Fn(Task, JobContext) -> F + Send + Sync + 'static,
        F: Future<Output = JobResult> + Send + 'static,
    {
        Self::start_kinds(db, settings, Kinds::default().job(handler))
    }

    pub fn start_kinds(db: &Db, settings: Settings, kinds: Kinds) -> Self {
        Self::start_runtime(Runtime { db: db.clone(), kinds, dependencies: Vec::new(), settings })
    }

    pub fn start_runtime(runtime: Runtime) -> Self {
        let stop = CancellationToken::new();
        Self { handle: tokio::spawn(jobs::runtime::run(runtime, stop.clone())), stop }
    }

    /// Graceful stop.
    pub async fn stop(self) {
        self.stop.cancel();
        self.handle.await.unwrap();
    }
}
