//! The worker process: registers, runs one apalis worker per queue under an apalis monitor, and
//! hands everything back when it stops. Declared dead (it was paused, or cut off), it starts over
//! under a new id.

mod once;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use apalis_core::monitor::Monitor;
use apalis_core::worker::Worker;
use apalis_core::worker::builder::WorkerBuilder;
use domain::Db;
use sqlx::PgPool;
use tokio::sync::{RwLock, mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::limit::ConcurrencyLimitLayer;

use super::claim::{self, ClaimedJob};
use super::complete::Finished;
use super::execute::Kinds;
use super::queue::{Queue, QueueParts};
use super::settings::Settings;
use super::storage::QueueStorage;
use super::{claimer, completer, doorbell, layer, liveness, retention};

pub use once::{Once, run_once};

/// What the completers get at a stop to write down the last results.
const LAST_WRITES: Duration = Duration::from_secs(2);

/// Between two lives, when the first ended by itself.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// What a worker process runs.
#[derive(Clone)]
pub struct Runtime {
    /// Connected as `portal_worker`.
    pub db: Db,
    /// Kinds of jobs and how they run.
    pub kinds: Kinds,
    /// What queues depend on.
    pub dependencies: Vec<Dependency>,
    /// The process's settings.
    pub settings: Settings,
}

/// Something a queue needs to make progress.
#[derive(Clone)]
pub struct Dependency {
    /// The queue that needs it.
    pub queue: &'static str,
    /// What it is called where operators see it.
    pub name: &'static str,
    /// Whether it can be reached. While it cannot, the queue is not claimed, unless its policy
    /// counts such attempts.
    pub up: watch::Receiver<bool>,
}

/// Runs jobs until `stop` is cancelled; then finishes or hands back everything within
/// `settings.shutdown_timeout` plus about two seconds.
pub async fn run(runtime: Runtime, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let worker = format!("worker-{}", ulid::Ulid::from(uuid::Uuid::now_v7()));
        let names = queue_names(&runtime);
        if !register(&runtime, &worker, &names, &stop).await {
            return;
        }
        tracing::info!(worker, queues = ?names, "worker started");
        Generation::start(&runtime, worker, names).run(&stop).await;
    }
}

fn queue_names(runtime: &Runtime) -> Vec<String> {
    runtime.kinds.queues().into_iter().filter(|name| runtime.settings.serves(name)).map(str::to_owned).collect()
}

/// Until it works; false when stopped before.
async fn register(runtime: &Runtime, worker: &str, queues: &[String], stop: &CancellationToken) -> bool {
    loop {
        match runtime.db.ask(async |conn| liveness::register(conn, worker, queues).await).await {
            Ok(()) => return true,
            Err(error) => tracing::warn!(%error, "cannot register as a worker; trying again"),
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
            () = stop.cancelled() => return false,
        }
    }
}

/// One life of the process under one worker id.
struct Generation {
    runtime: Runtime,
    worker: String,
    queues: BTreeMap<String, Arc<Queue>>,
    receivers: Vec<(Arc<Queue>, mpsc::UnboundedReceiver<Finished>)>,
    /// Ends this life: a stop, or the others declared it dead.
    end: CancellationToken,
}

impl Generation {
    fn start(runtime: &Runtime, worker: String, names: Vec<String>) -> Self {
        let (end, solo) = (CancellationToken::new(), Arc::new(RwLock::new(())));
        let turns = Arc::<std::sync::atomic::AtomicI64>::default();
        let mut queues = BTreeMap::new();
        let mut receivers = Vec::new();
        for name in names {
            let (queue, receiver) = Queue::new(QueueParts {
                needs: dependency(runtime, &name),
                name: name.clone(),
                worker: worker.clone(),
                turns: turns.clone(),
                db: runtime.db.clone(),
                kinds: runtime.kinds.clone(),
                solo: solo.clone(),
                poll: runtime.settings.poll,
                stop: end.clone(),
            });
            receivers.push((queue.clone(), receiver));
            queues.insert(name, queue);
        }
        Self { runtime: runtime.clone(), worker, queues, receivers, end }
    }

    async fn run(mut self, stop: &CancellationToken) {
        let lost = CancellationToken::new();
        let mut background = self.background(lost.clone());
        let completers = self.completers();
        let mut claimers = JoinSet::new();
        for queue in self.queues.values() {
            claimers.spawn(claimer::run(queue.clone()));
        }
        let mut monitor = tokio::spawn(monitor(self.queues.values().cloned().collect(), self.end.clone()));

        let crashed = tokio::select! {
            () = stop.cancelled() => false,
            () = lost.cancelled() => false,
            _ = &mut monitor => true,
        };
        self.end.cancel();
        // the jobs of a worker that was declared dead are somebody else's by now
        let patience = if lost.is_cancelled() { Duration::ZERO } else { self.runtime.settings.shutdown_timeout };
        if crashed {
            tracing::error!(worker = self.worker, "apalis monitor ended unasked; starting anew");
            tokio::time::sleep(RESTART_PAUSE).await;
        } else {
            wait_or_abort(monitor, patience).await;
        }
        self.queues.values().for_each(|queue| queue.close());
        let _ =
            tokio::time::timeout(LAST_WRITES, futures::future::join(claimers.join_all(), completers.join_all())).await;
        self.hand_back().await;
        background.shutdown().await;
    }

    fn completers(&mut self) -> JoinSet<()> {
        self.receivers.drain(..).map(|(queue, receiver)| completer::run(queue, receiver)).collect()
    }

    /// Connections of their own: handlers that use up the pool must not make this worker look dead.
    fn own_pool(&self) -> PgPool {
        let pool = self.runtime.db.pool();
        pool.options().clone().max_connections(2).connect_lazy_with((*pool.connect_options()).clone())
    }

    fn background(&self, lost: CancellationToken) -> JoinSet<()> {
        let (db, settings) = (&self.runtime.db, &self.runtime.settings);
        let mut tasks = JoinSet::new();
        let own = self.own_pool();
        tasks.spawn(liveness::beat(own.clone(), self.worker.clone(), settings.clone(), lost));
        tasks.spawn(liveness::observe(own, self.runtime.clone(), self.worker.clone()));
        tasks.spawn(doorbell::listen(db.clone(), self.queues.clone()));
        tasks.spawn(retention::run(db.clone()));
        tasks
    }

    async fn hand_back(&self) {
        let queues: Vec<String> = self.queues.keys().cloned().collect();
        let retire = claim::retire(&self.runtime.db, &self.worker, &queues);
        match tokio::time::timeout(LAST_WRITES, retire).await {
            Ok(Ok(0)) => {}
            Ok(Ok(jobs)) => tracing::info!(worker = self.worker, jobs, "handed back unfinished jobs"),
            Ok(Err(error)) => {
                tracing::warn!(worker = self.worker, %error, "jobs not handed back: they will be rescued")
            }
            Err(_) => tracing::warn!(worker = self.worker, "jobs not handed back in time: they will be rescued"),
        }
        self.runtime.db.ring(self.queues.keys().cloned());
        tracing::info!(worker = self.worker, "worker stopped");
    }
}

fn dependency(runtime: &Runtime, queue: &str) -> Option<Dependency> {
    let counts = runtime.db.policy(queue).on_unavailable == domain::kernel::policy::OnUnavailable::Count;
    let needs = runtime.dependencies.iter().find(|dependency| dependency.queue == queue)?;
    (!counts).then(|| needs.clone())
}

/// One apalis worker per queue. Our backend reports no errors and our outermost layer catches the
/// panics of jobs, so a worker ends unasked only through a bug. Nobody would then report the end of
/// the jobs it ran: the whole process starts over, which hands them back.
async fn monitor(queues: Vec<Arc<Queue>>, end: CancellationToken) {
    let mut monitor = Monitor::new();
    for queue in queues {
        monitor = monitor.register(move |_| worker(&queue));
    }
    let signal = async move {
        end.cancelled().await;
        Ok(())
    };
    if let Err(error) = monitor.run_with_signal(signal).await {
        tracing::error!(%error, "apalis monitor ended");
    }
}

#[allow(clippy::type_complexity, reason = "spelled out once, for the monitor's type inference")]
fn worker(
    queue: &Arc<Queue>,
) -> Worker<
    ClaimedJob,
    QueueStorage,
    impl tower::Service<
        apalis_core::task::Task<ClaimedJob>,
        Response = (),
        Error = super::outcome::JobError,
        Future = futures::future::BoxFuture<'static, super::outcome::JobResult>,
    >
    + Send
    + 'static
    + use<>,
    tower::layer::util::Stack<ConcurrencyLimitLayer, tower::layer::util::Identity>,
> {
    WorkerBuilder::new(queue.name.as_str())
        .backend(QueueStorage(queue.clone()))
        .layer(ConcurrencyLimitLayer::new(queue.policy.concurrency.max(1)))
        .build(layer::handler(queue))
}

async fn wait_or_abort(mut task: tokio::task::JoinHandle<()>, patience: Duration) {
    if tokio::time::timeout(patience, &mut task).await.is_err() {
        task.abort();
        let _ = task.await;
    }
}
