//! A worker process whose jobs do nothing: this program, started again. Claiming, order, attempts
//! and history are the product's.

use domain::Db;
use domain::kernel::job::Job;
use domain::kernel::policy::{QueuePolicies, QueuePolicy};
use jobs::runtime::{Kinds, Runtime, Settings};
use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::Result;
use crate::work::NOOP;

/// A job that does nothing, with a payload of about 1 KB.
#[derive(Serialize, Deserialize)]
struct Noop {
    filling: String,
}

impl Job for Noop {
    const KIND: &'static str = "noop.v1";
    const QUEUE: &'static str = NOOP;
}

/// What a completed job leaves behind besides its attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Payload {
    /// As in the outbox: the payload goes with the job.
    Dropped,
    /// As in a queue that configuration says nothing about.
    Kept,
}

/// The limits of the outbox, with or without payloads in the history.
pub(crate) fn policy(payload: Payload) -> QueuePolicy {
    QueuePolicy { concurrency: 500, batch: 500, keep_payload: payload == Payload::Kept, ..QueuePolicy::default() }
}

/// Works on the queue until SIGTERM.
pub(crate) async fn run(options: PgConnectOptions, payload: Payload) -> Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    let pool =
        PgPoolOptions::new().max_connections(16).connect_with(options.options([("role", "portal_worker")])).await?;
    let policies = QueuePolicies([(NOOP.to_owned(), policy(payload))].into());
    let runtime = Runtime {
        db: Db::new(pool, policies),
        kinds: Kinds::default().job(async |_: Noop, _| Ok(())),
        dependencies: Vec::new(),
        settings: Settings::default(),
    };
    let stop = CancellationToken::new();
    let worker = tokio::spawn(jobs::runtime::run(runtime, stop.clone()));
    terminated.recv().await;
    stop.cancel();
    worker.await?;
    Ok(())
}
