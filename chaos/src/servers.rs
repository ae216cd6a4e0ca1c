//! PostgreSQL and RabbitMQ, run by the scripts of this checkout.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;

use crate::Result;
use crate::places::{PASSWORD, Places};

/// Runs a script to its end; what it printed.
async fn script(places: &Places, name: &str, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new(places.scripts.join(name));
    let output = command.args(arguments).stdin(Stdio::null()).kill_on_drop(true).output().await?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{name} {}: {}", arguments.join(" "), said.trim()).into())
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// The database server.
#[derive(Debug, Clone)]
pub(crate) struct Postgres(pub(crate) Places);

impl Postgres {
    /// Durable settings; the URL of its superuser, in the database `postgres`.
    pub(crate) async fn start(&self) -> Result<String> {
        let port = self.0.database_port().to_string();
        script(&self.0, "postgres.sh", &["start", &text(&self.0.postgres), &port]).await
    }

    /// Makes roles and database. The schema is `portal migrate`'s business.
    pub(crate) async fn prepare(&self) -> Result<()> {
        self.psql(&["-f", &text(&self.0.roles)]).await?;
        for role in ["portal_owner", "portal_api", "portal_worker"] {
            self.psql(&["-c", &format!("alter role {role} password '{PASSWORD}'")]).await?;
        }
        self.psql(&["-c", "create database portal owner portal_owner"]).await
    }

    async fn psql(&self, arguments: &[&str]) -> Result<()> {
        let directory = text(&self.0.postgres);
        let all: Vec<&str> = ["psql", &directory, "postgres"].iter().chain(arguments).copied().collect();
        script(&self.0, "postgres.sh", &all).await.map(drop)
    }

    pub(crate) async fn stop(&self) -> Result<()> {
        script(&self.0, "postgres.sh", &["stop", &text(&self.0.postgres), "fast"]).await.map(drop)
    }

    /// `kill -9` of the server; its processes notice that it is gone.
    pub(crate) async fn kill(&self) -> Result<()> {
        let pid_file = std::fs::read_to_string(self.home().join("data/postmaster.pid"))?;
        let pid: i32 = pid_file.lines().next().unwrap_or_default().parse()?;
        let pid = Pid::from_raw(pid).ok_or("postmaster.pid holds no pid")?;
        Ok(kill_process(pid, Signal::KILL)?)
    }

    /// Where the script put it, if not where it was told.
    fn home(&self) -> PathBuf {
        let elsewhere = std::fs::read_to_string(self.0.postgres.join("location"));
        elsewhere.map_or_else(|_| self.0.postgres.clone(), |path| path.trim().into())
    }
}

/// The broker.
#[derive(Debug, Clone)]
pub(crate) struct RabbitMq(pub(crate) Places);

impl RabbitMq {
    /// Returns when it answers.
    pub(crate) async fn start(&self) -> Result<()> {
        self.run(&["start", &text(&self.0.rabbitmq), &self.0.amqp_port.to_string()]).await
    }

    pub(crate) async fn stop(&self) -> Result<()> {
        self.run(&["stop", &text(&self.0.rabbitmq)]).await
    }

    pub(crate) async fn kill(&self) -> Result<()> {
        self.run(&["kill", &text(&self.0.rabbitmq)]).await
    }

    /// How many messages each queue holds, those included that are on their way to a consumer. Up to 5 s old.
    pub(crate) async fn messages(&self) -> Result<BTreeMap<String, u64>> {
        let list = ["ctl", &text(&self.0.rabbitmq), "list_queues", "--quiet", "--no-table-headers", "name", "messages"];
        let printed = script(&self.0, "rabbitmq.sh", &list).await?;
        let queue = |line: &str| -> Result<(String, u64)> {
            let (name, messages) = line.split_once('\t').ok_or_else(|| format!("not a queue: {line}"))?;
            Ok((name.to_owned(), messages.trim().parse()?))
        };
        printed.lines().map(queue).collect()
    }

    async fn run(&self, arguments: &[&str]) -> Result<()> {
        script(&self.0, "rabbitmq.sh", arguments).await.map(drop)
    }
}
