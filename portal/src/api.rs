//! `portal api`: the REST API alone.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use api::auth::Authenticator;
use api::health::BrokerState;
use domain::Scope;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::config::Config;
use crate::database::{self, Login, Role};
use crate::failure::Failure;
use crate::{metrics, shutdown};

/// What remains after the last request: closing the pool.
pub(crate) const LAST_STEPS: Duration = Duration::from_secs(2);

/// Serves until a signal.
pub(crate) async fn run(config: &Config) -> Result<(), Failure> {
    let auth = config.auth.settings()?;
    let login = Login::user(config, "portal_api", "the API connects as portal_api")?;
    let pool = database::pool(&config.database, login, Role::Api).await?;
    database::ensure_current(&pool).await?;
    let listener = listen(config.http.addr, "PORTAL_HTTP__ADDR").await?;
    let metrics = metrics::Endpoint::of_api(config).await?;
    let settings = api::Settings { webhook_targets: config.webhooks.targets(), ..config.http.settings() };
    let patience = settings.drain_timeout + LAST_STEPS;
    let state = api::State {
        db: database::db(pool.clone(), config),
        auth: Authenticator::from_issuer(auth),
        // The workers talk to the broker; the API only writes events into the database.
        broker: watch::channel(BrokerState::NotUsed).1,
        settings,
    };
    let sources = metrics::Sources {
        pools: vec![("api", pool.clone())],
        db: state.db.clone(),
        scope: Scope::Installation,
        broker: state.broker.clone(),
        at_broker: Arc::new(BTreeMap::new),
    };
    let stop = shutdown::on_signal()?;
    metrics.serve(config, sources, &stop);
    tracing::info!(addr = %config.http.addr, "serving the API");
    shutdown::run(&stop, patience, async {
        api::serve(listener, state, stop.clone().cancelled_owned()).await.map_err(Failure::system("serving"))?;
        database::close(pool).await;
        Ok(())
    })
    .await
}

/// Binds an address; `variable` is what a user would change.
pub(crate) async fn listen(addr: SocketAddr, variable: &'static str) -> Result<TcpListener, Failure> {
    TcpListener::bind(addr).await.map_err(|source| Failure::Listen { addr, variable, source })
}
