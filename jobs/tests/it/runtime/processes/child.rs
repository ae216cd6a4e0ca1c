//! A worker in a process of its own: this test binary, executed again.
//!
//! The plan travels in an environment variable; without it the "test" [`run`] is nobody's child and
//! returns at once. The child ends when its parent does, because its standard input then ends.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use domain::kernel::policy::{QueuePolicies, QueuePolicy};
use domain::{Db, Error, Tx};
use jobs::bus::{ContentMode, Embedded};
use jobs::runtime::{JobContext, JobResult, Kinds, Runtime, Settings};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgPoolOptions;
use sqlx::{ConnectOptions as _, PgPool};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::support::{self, QUEUE, Task};

const VARIABLE: &str = "PORTAL_TEST_CHILD";
const TEST: &str = "runtime::processes::child::run";

/// What a job says in `what` to end its worker's process; every other one takes the worker's pace.
pub const ABORT: &str = "abort";

/// How a worker behaves.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    pub timing: Timing,
    /// How long a job takes in this worker.
    pub pace: Duration,
    pub shutdown_timeout: Duration,
    pub concurrency: usize,
    pub batch: usize,
    pub reaction: Option<Reaction>,
    /// Whether it runs what the program runs, too, operations among it.
    pub operations: bool,
}

/// What the kind does when a job became a dead letter.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub enum Reaction {
    /// It enqueues another job.
    Compensate,
    /// It ends the process as well.
    Abort,
}

/// Whose heartbeat and rescue times.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub enum Timing {
    /// The defaults of the product.
    Production,
    /// A tenth of them.
    Short,
}

impl Plan {
    /// A worker with short times whose jobs take this long.
    pub fn paced(pace: Duration) -> Self {
        Self {
            timing: Timing::Short,
            pace,
            shutdown_timeout: Duration::from_secs(5),
            concurrency: 4,
            batch: 30,
            reaction: None,
            operations: false,
        }
    }

    fn settings(&self) -> Settings {
        let settings = match self.timing {
            Timing::Production => Settings::default(),
            Timing::Short => support::settings(),
        };
        Settings { shutdown_timeout: self.shutdown_timeout, ..settings }
    }
}

/// A running child; killed when dropped, also by a test that fails.
pub struct Process(Child);

impl Process {
    pub fn start(owner: &PgPool, plan: &Plan) -> Self {
        let url = (*owner.connect_options()).clone().username("portal_worker").password("portal-test").to_url_lossy();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", TEST, "--nocapture"])
            .env(VARIABLE, serde_json::to_string(&(url.to_string(), plan)).unwrap())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    pub fn pid(&self) -> i32 {
        self.0.id().try_into().unwrap()
    }

    /// Sends a signal by name: `STOP`, `CONT`, `TERM`, `KILL`.
    pub fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.pid());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success(), "{kill}");
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }

    /// Waits for its end; panics when it takes longer than this.
    pub async fn ended_within(&mut self, limit: Duration) -> ExitStatus {
        let ended = async {
            loop {
                match self.0.try_wait().unwrap() {
                    Some(status) => return status,
                    None => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        };
        tokio::time::timeout(limit, ended).await.unwrap_or_else(|_| panic!("the child still runs after {limit:?}"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The child's side.
#[test]
#[allow(clippy::disallowed_methods, reason = "the way a parent tells its child what to do")]
fn run() {
    let Ok(plan) = std::env::var(VARIABLE) else { return };
    let (url, plan): (String, Plan) = serde_json::from_str(&plan).unwrap();
    std::thread::spawn(|| {
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(1);
    });
    let threads = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    threads.block_on(serve(&url, plan));
}

async fn serve(url: &str, plan: Plan) {
    let policy = QueuePolicy { concurrency: plan.concurrency, batch: plan.batch, ..support::quick() };
    let policies = QueuePolicies(BTreeMap::from([(QUEUE.to_owned(), policy)]));
    let db = Db::new(PgPoolOptions::new().max_connections(5).connect(url).await.unwrap(), policies);
    let (settings, pace) = (plan.settings(), plan.pace);
    let kinds = if plan.operations { program() } else { Kinds::default() };
    let kinds = kinds.job(move |task, context| work(task, context, pace));
    let kinds = match plan.reaction {
        Some(reaction) => kinds.on_exhausted::<Task, _>(move |_, tx| Box::pin(react(reaction, tx))),
        None => kinds,
    };
    let runtime = Runtime { db, kinds, dependencies: Vec::new(), settings };
    let stop = CancellationToken::new();
    let mut terminated = signal(SignalKind::terminate()).unwrap();
    let stopping = stop.clone();
    tokio::spawn(async move {
        terminated.recv().await;
        stopping.cancel();
    });
    jobs::runtime::run(runtime, stop).await;
}

/// Everything that the program runs.
fn program() -> Kinds {
    let bus = Arc::new(Embedded::new(ContentMode::Structured));
    jobs::registry::kinds(bus, Arc::default(), Arc::new(jobs::registry::reactions()), Arc::default(), Arc::default())
}

async fn react(reaction: Reaction, tx: &mut Tx) -> Result<(), Error> {
    match reaction {
        Reaction::Compensate => tx.enqueue(&Task { n: 99, what: "compensate".into() }).await,
        Reaction::Abort => std::process::abort(),
    }
}

async fn work(task: Task, _: JobContext, pace: Duration) -> JobResult {
    match task.what.as_str() {
        ABORT => std::process::abort(),
        _ => tokio::time::sleep(pace).await,
    }
    Ok(())
}
