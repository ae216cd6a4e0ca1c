//! `portal worker`: runs jobs, publishes events to RabbitMQ, and says how it is.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use api::health::{self, BrokerState, Checks};
use domain::{Db, Scope};
use jobs::bus::consumer::Receive;
use jobs::bus::{self, Bus, BusState, RabbitMq};
use jobs::notifications::{Sender, SettingsError};
use jobs::runtime::{Once, Settings};
use jobs::{Wiring, registry, webhooks};
use sqlx::PgPool;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::{self, Config};
use crate::database::{self, Login, Role};
use crate::failure::Failure;
use crate::{api as http, metrics, shutdown};

/// What remains after the last job: handing back, closing the bus and the pool.
const LAST_STEPS: Duration = Duration::from_secs(6);

/// Works until a signal; `queues`, if there are any, take the place of the configured ones.
pub(crate) async fn run(config: &Config, queues: &[String]) -> Result<(), Failure> {
    let pool = ready(config, queues).await?;
    let metrics = metrics::Endpoint::of_worker(config).await?;
    let stop = shutdown::on_signal()?;
    let (notifications, collapse) = (sender(config)?, collapsed(config)?);
    let broker = bus_settings(config)?;
    let bus: Arc<dyn Bus> = Arc::new(rabbitmq(broker.clone())?);
    let db = database::db(pool.clone(), config);
    let health = match serve_health(config, &db, &bus, &stop).await {
        Ok(health) => health,
        Err(failure) => {
            bus.close().await;
            return Err(failure);
        }
    };
    metrics.serve(config, sources(pool.clone(), &db, &bus), &stop);
    let settings = settings(config, queues);
    let patience = settings.shutdown_timeout + LAST_STEPS;
    shutdown::run(&stop, patience, async {
        let webhooks = webhook_sender(config);
        let receive = Some(receive(config, broker));
        let wiring = Wiring { receive, notifications, collapse, webhooks, ..Wiring::to(bus) };
        jobs::run(db, wiring, settings, stop.clone()).await;
        if let Some(health) = health {
            let _ = health.await;
        }
        database::close(pool).await;
        Ok(())
    })
    .await
}

/// Runs one job of the first of these queues that has one, and says how that went. Serves no health checks, and
/// receives nothing.
pub(crate) async fn once(config: &Config, queues: &[String]) -> Result<Once, Failure> {
    let pool = ready(config, queues).await?;
    let stop = shutdown::on_signal()?;
    let (notifications, collapse) = (sender(config)?, collapsed(config)?);
    let webhooks = webhook_sender(config);
    let bus: Arc<dyn Bus> = Arc::new(rabbitmq(bus_settings(config)?)?);
    let settings = settings(config, queues);
    let patience = settings.shutdown_timeout + LAST_STEPS;
    shutdown::run(&stop, patience, async {
        let wiring = Wiring { notifications, collapse, webhooks, ..Wiring::to(bus) };
        let outcome = jobs::run_once(database::db(pool.clone(), config), wiring, settings, stop.clone()).await;
        database::close(pool).await;
        outcome.map_err(Failure::domain("taking a job"))
    })
    .await
}

/// The pool of a worker that can begin.
async fn ready(config: &Config, queues: &[String]) -> Result<PgPool, Failure> {
    ensure_known_queues(config)?;
    ensure_known("--queues", queues)?;
    if config.amqp.url.is_empty() {
        let needed = "the worker publishes events to RabbitMQ (only `portal dev` does without)";
        return Err(config::Error::missing("amqp.url", needed).into());
    }
    let login = Login::user(config, "portal_worker", "the workers connect as portal_worker")?;
    let pool = database::pool(&config.database, login, Role::Worker).await?;
    database::ensure_current(&pool).await?;
    Ok(pool)
}

fn settings(config: &Config, queues: &[String]) -> Settings {
    let mut settings = config.worker.settings();
    if !queues.is_empty() {
        settings.queues = queues.to_vec();
    }
    settings
}

/// What a worker's metrics look at.
fn sources(pool: PgPool, db: &Db, bus: &Arc<dyn Bus>) -> metrics::Sources {
    let bus = bus.clone();
    metrics::Sources {
        pools: vec![("worker", pool)],
        db: db.clone(),
        scope: Scope::Process,
        broker: broker_state(&*bus),
        at_broker: Arc::new(move || bus.waiting()),
    }
}

/// What the bus takes of `[amqp]`.
pub(crate) fn bus_settings(config: &Config) -> Result<bus::Settings, Failure> {
    let amqp = &config.amqp;
    let ca_certificates = match amqp.ca_file.as_str() {
        "" => None,
        path => {
            let unreadable = |error| config::Error::from_bus("ca_file", format!("cannot read {path}: {error}"));
            Some(std::fs::read_to_string(path).map_err(unreadable)?)
        }
    };
    Ok(bus::Settings {
        url: amqp.url.expose().to_owned(),
        exchange: amqp.exchange.clone(),
        content_mode: amqp.content_mode,
        confirm_timeout: Duration::from_millis(amqp.confirm_timeout_ms),
        reconnect_max: Duration::from_millis(amqp.reconnect_max_ms),
        delivery_limit: amqp.delivery_limit,
        ca_certificates,
    })
}

/// How customers are told.
pub(crate) fn sender(config: &Config) -> Result<Arc<Sender>, Failure> {
    let wrong = |error: SettingsError| config::Error::from_notifications(error.key, error.problem);
    Ok(Arc::new(config.notifications.sender().map_err(wrong)?))
}

/// The event types that are collapsed in the outbox.
pub(crate) fn collapsed(config: &Config) -> Result<BTreeSet<String>, Failure> {
    let known = registry::collapsible();
    match config.worker.collapse.iter().find(|name| !known.contains(name.as_str())) {
        Some(name) => {
            let known = known.into_iter().collect::<Vec<_>>().join(", ");
            Err(config::Error::uncollapsible("worker.collapse", name, &known).into())
        }
        None => Ok(config.worker.collapse.iter().cloned().collect()),
    }
}

/// How tenants' own programs are told.
pub(crate) fn webhook_sender(config: &Config) -> Arc<webhooks::Sender> {
    Arc::new(webhooks::Sender::new(config.webhooks.settings()))
}

/// Where events arrive from, and how many are taken at once.
pub(crate) fn receive(config: &Config, settings: bus::Settings) -> Receive {
    Receive { settings, prefetch: config.amqp.prefetch, batch: config.amqp.receive_batch }
}

/// Begins to connect; a broker that is not there yet is no error.
pub(crate) fn rabbitmq(settings: bus::Settings) -> Result<RabbitMq, Failure> {
    let wrong = |error: bus::SettingsError| config::Error::from_bus(error.key, error.problem);
    Ok(RabbitMq::start(settings, &registry::reactions().subscriptions()).map_err(wrong)?)
}

/// A queue that no kind of job waits in would never be served, or its policy never used.
pub(crate) fn ensure_known_queues(config: &Config) -> Result<(), Failure> {
    ensure_known("worker.queues", &config.worker.queues)?;
    ensure_known("queues", config.queues.0.keys())
}

fn ensure_known<'a>(key: &'static str, names: impl IntoIterator<Item = &'a String>) -> Result<(), Failure> {
    let known = registry::queues();
    match names.into_iter().find(|name| !known.contains(name.as_str())) {
        Some(name) => {
            let known = known.into_iter().collect::<Vec<_>>().join(", ");
            Err(config::Error::unknown_queue(key, name, &known).into())
        }
        None => Ok(()),
    }
}

/// The bus's state in the words of the health endpoints, for as long as somebody listens.
pub(crate) fn broker_state(bus: &dyn Bus) -> watch::Receiver<BrokerState> {
    let mut state = bus.state();
    let (sender, receiver) = watch::channel(shown(&state.borrow_and_update()));
    tokio::spawn(async move {
        while state.changed().await.is_ok() {
            if sender.send(shown(&state.borrow_and_update())).is_err() {
                return;
            }
        }
    });
    receiver
}

fn shown(state: &BusState) -> BrokerState {
    match state {
        BusState::Up => BrokerState::Up,
        BusState::Down { reason } => BrokerState::Down { reason: reason.clone() },
    }
}

async fn serve_health(
    config: &Config,
    db: &Db,
    bus: &Arc<dyn Bus>,
    stop: &CancellationToken,
) -> Result<Option<JoinHandle<()>>, Failure> {
    let Some(addr) = config.worker.health_addr else { return Ok(None) };
    let listener = http::listen(addr, "PORTAL_WORKER__HEALTH_ADDR").await?;
    let settings = config.http.settings();
    let checks = Checks {
        db: db.clone(),
        broker: broker_state(&**bus),
        at_broker: {
            let bus = bus.clone();
            Arc::new(move || bus.waiting())
        },
        identity_provider: None,
        timeout: settings.readiness_timeout,
    };
    let stopped = stop.clone().cancelled_owned();
    tracing::info!(%addr, "serving health checks");
    Ok(Some(tokio::spawn(async move {
        if let Err(error) = api::serve_router(listener, health::router(checks), &settings, stopped).await {
            tracing::error!(%error, "health checks are no longer served");
        }
    })))
}
