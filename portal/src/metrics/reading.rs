//! What the database says, read at most every few seconds, and only when somebody asks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::operations::{Load, ReadLoad};
use domain::{Actor, CorrelationId, Ctx, Db, Error};
use tokio::sync::Mutex;

use super::Sources;
use crate::config;

/// A collector waits ten seconds by default, and the rest of the metrics shall reach it.
const PATIENCE: Duration = Duration::from_secs(2);

/// Reading takes this part of the time at most.
const SHARE: u32 = 20;

pub(super) struct Reading {
    db: Db,
    ctx: Option<Ctx>,
    query: ReadLoad,
    interval: Duration,
    last: Mutex<Last>,
}

/// None when it could not be read.
struct Last {
    load: Option<Arc<Load>>,
    next: Instant,
}

impl Reading {
    pub(super) fn new(sources: &Sources, settings: &config::Metrics) -> Self {
        let ctx = "metrics".parse::<Actor>().ok().map(|actor| Ctx {
            scope: sources.scope.clone(),
            actor,
            roles: Vec::new(),
            correlation_id: CorrelationId::generate(),
            causation_id: "metrics".to_owned(),
            traceparent: None,
        });
        Self {
            db: sources.db.clone(),
            ctx,
            query: ReadLoad { tenants: i64::from(settings.tenants) },
            interval: Duration::from_millis(settings.interval_ms),
            last: Mutex::new(Last { load: None, next: Instant::now() }),
        }
    }

    /// The load, read a moment ago; none while the database does not answer.
    pub(super) async fn load(&self) -> Option<Arc<Load>> {
        let mut last = self.last.lock().await;
        let begun = Instant::now();
        if begun >= last.next {
            let read = tokio::time::timeout(PATIENCE, self.read()).await;
            let pause = match &read {
                Ok(Ok(_)) => begun.elapsed() * SHARE,
                Ok(Err(error)) => {
                    tracing::warn!(%error, "metrics: the database cannot be asked");
                    Duration::ZERO
                }
                Err(_) => {
                    tracing::warn!("metrics: the database does not answer in time");
                    Duration::ZERO
                }
            };
            last.load = read.ok().and_then(Result::ok).map(Arc::new);
            last.next = Instant::now() + pause.max(self.interval);
        }
        last.load.clone()
    }

    async fn read(&self) -> Result<Load, Error> {
        let ctx = self.ctx.as_ref().ok_or_else(|| Error::Internal("metrics have no actor".into()))?;
        domain::fetch(&self.db, ctx, self.query).await
    }
}
