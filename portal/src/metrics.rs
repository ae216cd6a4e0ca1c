//! `/metrics`, for Prometheus: what this process has counted, how its connections are, and, from the database,
//! how much there is to do. `docs/metrics.md` describes every metric.

mod gauges;
mod reading;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use api::health::BrokerState;
use api::metrics::Scrape;
use domain::{Db, Scope};
use prometheus::{Registry, TextEncoder};
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::failure::Failure;
use crate::{api as http, config};
use reading::Reading;

/// What is looked at when somebody asks.
pub(crate) struct Sources {
    /// The pools of this process, by the name they have in the metrics.
    pub(crate) pools: Vec<(&'static str, PgPool)>,
    /// Where the load is read …
    pub(crate) db: Db,
    /// … and what entitles to that: workers may by themselves, the API on behalf of the installation.
    pub(crate) scope: Scope,
    /// What the bus says about its broker.
    pub(crate) broker: watch::Receiver<BrokerState>,
    /// The messages of each consumer group that wait at the broker.
    pub(crate) at_broker: Arc<dyn Fn() -> BTreeMap<String, u64> + Send + Sync>,
}

/// Where it will be served; an address that is taken is found out before anything else begins.
pub(crate) struct Endpoint(Option<TcpListener>);

impl Endpoint {
    /// `variable` is what a user would change. Without an address nothing is served.
    pub(crate) async fn bind(addr: Option<SocketAddr>, variable: &'static str) -> Result<Self, Failure> {
        match addr {
            Some(addr) => Ok(Self(Some(http::listen(addr, variable).await?))),
            None => Ok(Self(None)),
        }
    }

    /// That of `portal api`, and of `portal dev`.
    pub(crate) async fn of_api(config: &Config) -> Result<Self, Failure> {
        Self::bind(config.metrics.api_addr, "PORTAL_METRICS__API_ADDR").await
    }

    /// That of `portal worker`.
    pub(crate) async fn of_worker(config: &Config) -> Result<Self, Failure> {
        Self::bind(config.metrics.worker_addr, "PORTAL_METRICS__WORKER_ADDR").await
    }

    /// Serves until `stop`.
    pub(crate) fn serve(self, config: &Config, sources: Sources, stop: &CancellationToken) -> Option<JoinHandle<()>> {
        let listener = self.0?;
        let router = api::metrics::router(scrape(&config.metrics, sources));
        let (settings, stopped) = (config.http.settings(), stop.clone().cancelled_owned());
        tracing::info!(addr = listener.local_addr().ok().map(tracing::field::display), "serving metrics");
        Some(tokio::spawn(async move {
            if let Err(error) = api::serve_router(listener, router, &settings, stopped).await {
                tracing::error!(%error, "metrics are no longer served");
            }
        }))
    }
}

fn scrape(settings: &config::Metrics, sources: Sources) -> Scrape {
    let counted = counted();
    let reading = Reading::new(&sources, settings);
    let shared = Arc::new((counted, reading, sources));
    Arc::new(move || {
        let shared = shared.clone();
        Box::pin(async move {
            let (counted, reading, sources) = &*shared;
            let load = reading.load().await;
            let mut families = counted.gather();
            families.extend(gauges::gather(sources, load.as_deref()));
            TextEncoder::new().encode_to_string(&families).unwrap_or_else(|error| {
                // names and labels are checked when they are made
                tracing::error!(%error, "metrics cannot be written");
                String::new()
            })
        })
    })
}

/// What the crates count by themselves. Each process has all of it, and shows what it has used.
fn counted() -> Registry {
    let registry = Registry::new();
    for collector in ::api::metrics::collectors().into_iter().chain(jobs::metrics::collectors()) {
        if let Err(error) = registry.register(collector) {
            tracing::error!(%error, "a metric has the name of another");
        }
    }
    registry
}
