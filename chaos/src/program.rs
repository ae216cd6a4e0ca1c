//! A program under test, and its supervisor: whenever it ends, it is started again.

use std::fs::File;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::Result;

/// Between an end and the next start.
const PAUSE: Duration = Duration::from_millis(200);
/// For an orderly end.
const FAREWELL: Duration = Duration::from_secs(20);

/// Environment variables.
pub(crate) type Environment = Vec<(String, String)>;

/// What to run.
pub(crate) struct Spec {
    pub(crate) name: String,
    pub(crate) binary: PathBuf,
    pub(crate) argument: &'static str,
    pub(crate) environment: Environment,
    pub(crate) log: PathBuf,
}

/// A supervised program; killed when dropped.
pub(crate) struct Program {
    pub(crate) name: String,
    pub(crate) log: PathBuf,
    shared: Arc<Shared>,
    supervisor: JoinHandle<Result<()>>,
}

struct Shared {
    state: Mutex<State>,
    /// Counts starts and ends.
    lives: watch::Sender<Lives>,
}

#[derive(Default)]
struct State {
    pid: Option<Pid>,
    /// Until it is killed, or restarted with something else: a start that fails because the database
    /// is away must not be the last to have it.
    extra: Environment,
    stopping: bool,
}

impl State {
    fn ended(&mut self, status: ExitStatus) {
        self.pid = None;
        if was_killed(status) {
            self.extra.clear();
        }
    }
}

/// How often it was started and has ended.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Lives {
    pub(crate) started: usize,
    pub(crate) ended: usize,
    /// Ended by `kill -9`, from wherever.
    pub(crate) killed: usize,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Program {
    /// Starts it.
    pub(crate) fn start(spec: Spec) -> Self {
        let shared = Arc::new(Shared { state: Mutex::default(), lives: watch::channel(Lives::default()).0 });
        let (name, log) = (spec.name.clone(), spec.log.clone());
        Self { name, log, supervisor: tokio::spawn(supervise(spec, shared.clone())), shared }
    }

    /// Sends a signal to the process that runs now, if one does.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        match self.shared.state().pid {
            Some(pid) => Ok(kill_process(pid, signal)?),
            None => Ok(()),
        }
    }

    pub(crate) fn lives(&self) -> Lives {
        *self.shared.lives.borrow()
    }

    /// Waits until it was started more often than `before`.
    pub(crate) async fn started_after(&self, before: Lives, patience: Duration) -> Result<()> {
        self.until("start again", patience, |now| now.started > before.started).await
    }

    /// Waits until it was killed more often than `before`, and started again.
    pub(crate) async fn killed_after(&self, before: Lives, patience: Duration) -> Result<()> {
        self.until("die", patience, |now| now.killed > before.killed && now.started > now.ended).await
    }

    async fn until(&self, what: &str, patience: Duration, done: impl FnMut(&Lives) -> bool) -> Result<()> {
        let mut lives = self.shared.lives.subscribe();
        match timeout(patience, lives.wait_for(done)).await {
            Ok(_) => Ok(()),
            Err(_) => Err(format!("{} did not {what} within {patience:?}", self.name).into()),
        }
    }

    /// Ends it in an orderly way; it then has `extra` in its environment, until it is killed.
    pub(crate) async fn restart_with(&self, extra: Environment) -> Result<()> {
        self.shared.state().extra = extra;
        let before = self.lives();
        self.signal(Signal::TERM)?;
        self.started_after(before, FAREWELL).await
    }

    /// Ends it for good, in an orderly way.
    pub(crate) async fn stop(self) -> Result<()> {
        self.shared.state().stopping = true;
        self.signal(Signal::CONT)?;
        self.signal(Signal::TERM)?;
        let abort = self.supervisor.abort_handle();
        match timeout(FAREWELL, self.supervisor).await {
            Ok(ended) => ended?,
            Err(_) => {
                abort.abort();
                Err(format!("{} did not stop within {FAREWELL:?}", self.name).into())
            }
        }
    }
}

async fn supervise(spec: Spec, shared: Arc<Shared>) -> Result<()> {
    loop {
        let extra = shared.state().extra.clone();
        let log = File::options().create(true).append(true).open(&spec.log)?;
        let mut command = Command::new(&spec.binary);
        command.arg(spec.argument).envs(spec.environment.clone()).envs(extra);
        // Ctrl-C is for us: this process group ends when we say so
        command.process_group(0).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let mut child = command.spawn()?;
        shared.state().pid = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        shared.lives.send_modify(|lives| lives.started += 1);
        let status = child.wait().await?;
        shared.state().ended(status);
        shared.lives.send_modify(|lives| {
            lives.ended += 1;
            lives.killed += usize::from(was_killed(status));
        });
        if shared.state().stopping {
            return Ok(());
        }
        sleep(PAUSE).await;
    }
}

fn was_killed(status: ExitStatus) -> bool {
    std::os::unix::process::ExitStatusExt::signal(&status) == Some(Signal::KILL.as_raw())
}
