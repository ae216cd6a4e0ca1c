//! Processes of the product: started, watched, stopped.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use sqlx::PgPool;
use tokio::process::{Child, Command};

use crate::Result;
use crate::noop::Payload;
use crate::scratch::Scratch;

/// A worker must have registered, an API must answer by then.
const START: Duration = Duration::from_secs(60);
const STOP: Duration = Duration::from_secs(30);

/// Which programs there are, and where what they print goes.
pub(crate) struct Programs {
    /// The product's binary.
    pub(crate) portal: PathBuf,
    pub(crate) logs: PathBuf,
}

/// A process; killed when dropped.
pub(crate) struct Process {
    child: Child,
    name: String,
    log: PathBuf,
}

impl Programs {
    /// `portal worker` with its defaults.
    pub(crate) fn worker(&self, scratch: &Scratch, amqp: &str, number: usize) -> Result<Process> {
        // publishing alone is measured: nothing receives what arrives
        let queues = ("PORTAL_WORKER__QUEUES", "outbox");
        let environment = [("PORTAL_DATABASE__URL", scratch.url()), ("PORTAL_AMQP__URL", amqp), queues];
        self.start(&self.portal, &["worker"], &environment, format!("worker-{number}"))
    }

    /// `portal api` on `addr`, which accepts the tokens of `issuer`.
    pub(crate) fn api(&self, scratch: &Scratch, addr: &str, issuer: &str) -> Result<Process> {
        let environment =
            [("PORTAL_DATABASE__URL", scratch.url()), ("PORTAL_HTTP__ADDR", addr), ("PORTAL_AUTH__ISSUER", issuer)];
        self.start(&self.portal, &["api"], &environment, "api".to_owned())
    }

    /// This program as a worker of no-op jobs.
    pub(crate) fn noop_worker(&self, scratch: &Scratch, payload: Payload, number: usize) -> Result<Process> {
        let payload = if payload == Payload::Kept { "kept" } else { "dropped" };
        let arguments = ["noop-worker", scratch.url(), payload];
        self.start(&std::env::current_exe()?, &arguments, &[], format!("noop-worker-{number}"))
    }

    fn start(&self, program: &Path, arguments: &[&str], environment: &[(&str, &str)], name: String) -> Result<Process> {
        fs::create_dir_all(&self.logs)?;
        let log = self.logs.join(format!("{name}.log"));
        let output = File::create(&log)?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).kill_on_drop(true);
        // settings of the caller are not those of the measured product
        for (variable, _) in std::env::vars_os() {
            let ours = variable.to_string_lossy();
            if ours == "DATABASE_URL" || ours == "AMQP_URL" || ours.starts_with("PORTAL_") && ours != "PORTAL_BENCH_RUN"
            {
                command.env_remove(&variable);
            }
        }
        // several programs on one machine, and nobody who reads them
        command.envs([("PORTAL_METRICS__API_ADDR", ""), ("PORTAL_METRICS__WORKER_ADDR", "")]);
        let child = command.envs(environment.iter().copied()).spawn();
        let child = child.map_err(|error| format!("{} cannot be started: {error}", program.display()))?;
        Ok(Process { child, name, log })
    }
}

impl Process {
    /// Resident memory in MB (10⁶ bytes).
    pub(crate) fn memory(&self) -> Result<f64> {
        let pid = self.child.id().ok_or_else(|| self.ended())?;
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        resident(&status).ok_or_else(|| format!("/proc/{pid}/status says nothing of VmRSS").into())
    }

    /// Ends it in order.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let Some(pid) = self.child.id() else { return Err(self.ended().into()) };
        Command::new("kill").args(["-TERM", &pid.to_string()]).status().await?;
        match tokio::time::timeout(STOP, self.child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(_) => Err(self.ended().into()),
            Err(_) => Err(format!("{} did not stop within {STOP:?}", self.name).into()),
        }
    }

    /// An error if it is not running any more.
    pub(crate) fn check(&mut self) -> Result<()> {
        if self.child.try_wait()?.is_some() { Err(self.ended().into()) } else { Ok(()) }
    }

    fn ended(&self) -> String {
        format!("{} ended unasked or in error: see {}", self.name, self.log.display())
    }
}

/// Stops several at once.
pub(crate) async fn stop_all(processes: Vec<Process>) -> Result<()> {
    for process in processes {
        process.stop().await?;
    }
    Ok(())
}

/// Waits until all of these processes have registered as workers and listen to the doorbell.
pub(crate) async fn until_registered(pool: &PgPool, workers: &mut [Process]) -> Result<()> {
    let expected = workers.len();
    until(pool, expected, || workers.iter_mut().try_for_each(Process::check)).await
}

/// Waits until a worker of this very process does.
pub(crate) async fn until_one_registered(pool: &PgPool) -> Result<()> {
    until(pool, 1, || Ok(())).await
}

async fn until(pool: &PgPool, expected: usize, mut check: impl FnMut() -> Result<()>) -> Result<()> {
    let deadline = Instant::now() + START;
    loop {
        let alive: i64 =
            sqlx::query_scalar("select count(*) from jobs.workers where stopped_at is null and died_at is null")
                .fetch_one(pool)
                .await?;
        // `LISTEN` is the last statement of the connection that hears the doorbell
        let listening: i64 = sqlx::query_scalar(
            "select count(*) from pg_stat_activity
             where datname = current_database() and query ilike 'listen %'",
        )
        .fetch_one(pool)
        .await?;
        if alive == expected as i64 && listening >= alive {
            return Ok(());
        }
        check()?;
        if Instant::now() > deadline {
            return Err(format!("{alive} of {expected} workers registered, {listening} listen").into());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn resident(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024.0 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_from_the_process_status() {
        assert_eq!(resident("Name:\tportal\nVmHWM:\t  99 kB\nVmRSS:\t   20000 kB\n"), Some(20.48));
        assert_eq!(resident("Name:\tportal\n"), None);
    }
}
