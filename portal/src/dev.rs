//! `portal dev`: everything in one process, over a database that it prepares itself.
//!
//! The three kinds of work keep their own pools and act as their own roles, as in production; only
//! the login is one and the same. Events go to the embedded bus, or to RabbitMQ if one is
//! configured, and come back to a console that prints them.

mod banner;
mod bus;
mod database;
mod tokens;

use std::net::SocketAddr;
use std::time::Duration;

use api::auth::Authenticator;
use domain::{Db, Scope};
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::database::{Login, Role};
use crate::failure::Failure;
use crate::seed::{self, Seeded};
use crate::{api as http, metrics, shutdown, worker};
use bus::DevBus;
use tokens::Issuer;

/// Requests and jobs in progress may take this long at a stop: nobody waits long in development.
const DRAIN: Duration = Duration::from_secs(2);
/// All of the stop, closing connections included.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the events of the demo data may hold up the start.
const DEMO_EVENTS: Duration = Duration::from_secs(5);

/// Runs until a signal.
pub(crate) async fn run(config: &Config) -> Result<(), Failure> {
    if !config.http.addr.ip().is_loopback() {
        return Err(Failure::NotLoopback(config.http.addr));
    }
    let listener = http::listen(config.http.addr, "PORTAL_HTTP__ADDR").await?;
    let metrics = metrics::Endpoint::of_api(config).await?;
    let login = Login::user(config, "postgres", "`portal dev` needs a PostgreSQL (`make run` starts one)")?;
    let stop = shutdown::on_signal()?;
    shutdown::run(&stop, PATIENCE, async {
        match stop.run_until_cancelled(Dev::prepare(config, login)).await {
            Some(dev) => {
                let dev = dev?;
                metrics.serve(config, dev.sources(), &stop);
                dev.serve(listener, &stop).await
            }
            None => Ok(()),
        }
    })
    .await
}

/// What is ready before the first request.
struct Dev<'a> {
    config: &'a Config,
    api: PgPool,
    worker: PgPool,
    worker_db: Db,
    issuer: Issuer,
    bus: DevBus,
}

impl<'a> Dev<'a> {
    async fn prepare(config: &'a Config, login: Login<'_>) -> Result<Self, Failure> {
        worker::ensure_known_queues(config)?;
        database::prepare(config, login).await?;
        let api = pool(config, login, Role::Api).await?;
        let worker = pool(config, login, Role::Worker).await?;
        let worker_db = crate::database::db(worker.clone(), config);
        let bus = DevBus::start(config, &worker_db)?;
        Ok(Self { config, api, worker, worker_db, issuer: Issuer::new(&config.auth)?, bus })
    }

    async fn serve(self, listener: TcpListener, stop: &CancellationToken) -> Result<(), Failure> {
        let addr = listener.local_addr().map_err(Failure::system("listening"))?;
        let api_db = crate::database::db(self.api.clone(), self.config);
        let seeded = seed::load(&api_db).await?;
        let state = self.state(api_db);
        let wiring = self.bus.wiring(self.config)?;
        let mut settings = self.config.worker.settings();
        settings.shutdown_timeout = settings.shutdown_timeout.min(DRAIN);
        let (served, (), told) = tokio::join!(
            api::serve(listener, state, stop.clone().cancelled_owned()),
            jobs::run(self.worker_db.clone(), wiring, settings, stop.clone()),
            async {
                let told = self.announce(addr, &seeded, stop).await;
                if told.is_err() {
                    stop.cancel();
                }
                told
            },
        );
        crate::database::close(self.api).await;
        crate::database::close(self.worker).await;
        told.and(served.map_err(Failure::system("serving")))
    }

    fn sources(&self) -> metrics::Sources {
        metrics::Sources {
            pools: vec![("api", self.api.clone()), ("worker", self.worker.clone())],
            db: self.worker_db.clone(),
            scope: Scope::Process,
            broker: self.bus.broker_state(),
            at_broker: self.bus.at_broker(),
        }
    }

    fn state(&self, db: Db) -> api::State {
        let mut settings = self.config.http.settings();
        settings.drain_timeout = settings.drain_timeout.min(DRAIN);
        settings.webhook_targets = self.config.webhooks.targets();
        api::State {
            db,
            auth: Authenticator::with_keys(self.issuer.settings().clone(), self.issuer.public_keys()),
            broker: self.bus.broker_state(),
            settings,
        }
    }

    /// Says where everything is, then shows events until the stop.
    async fn announce(
        &self,
        addr: SocketAddr,
        seeded: &[(&str, Seeded)],
        stop: &CancellationToken,
    ) -> Result<(), Failure> {
        let loaded = seeded.iter().any(|(_, seeded)| *seeded == Seeded::Loaded);
        let quiet = async {
            if self.bus.is_reachable().await && loaded {
                // Dozens of events that nobody asked for would scroll the tokens away.
                let _ = tokio::time::timeout(DEMO_EVENTS, published(&self.worker)).await;
            }
        };
        if stop.run_until_cancelled(quiet).await.is_none() {
            return Ok(());
        }
        let events = self.bus.subscribe();
        banner::print(addr, &self.bus.description(), &self.issuer)?;
        self.bus.show(events, stop.clone()).await;
        Ok(())
    }
}

async fn pool(config: &Config, login: Login<'_>, role: Role) -> Result<PgPool, Failure> {
    crate::database::pool(&config.database, login, role).await
}

/// Returns when no event is left to publish, and none to handle, which may lead to more of them.
async fn published(worker: &PgPool) -> sqlx::Result<()> {
    while sqlx::query_scalar(
        "select exists (select from apalis.jobs where job_type = 'outbox' or kind = 'handle-event.v1')",
    )
    .fetch_one(worker)
    .await?
    {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
