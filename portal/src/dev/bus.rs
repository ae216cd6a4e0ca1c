//! Where events go in development: the embedded bus, or RabbitMQ if one is configured.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use api::health::BrokerState;
use domain::Db;
use jobs::bus::cloudevent::Message;
use jobs::bus::console::{self, Printer, Style};
use jobs::bus::consumer::Intake;
use jobs::bus::{self, Bus, BusState, Embedded};
use jobs::{Wiring, registry};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::failure::Failure;
use crate::worker;

/// How long to look whether the broker is there, before saying that events wait.
const BROKER_CHECK: Duration = Duration::from_secs(3);

/// One of the two.
pub(super) enum DevBus {
    /// Inside this process.
    Embedded { bus: Arc<Embedded>, shared: Arc<dyn Bus> },
    /// The configured broker.
    RabbitMq {
        shared: Arc<dyn Bus>,
        settings: bus::Settings,
        /// Without the password.
        url: String,
    },
}

impl DevBus {
    pub(super) fn start(config: &Config, worker: &Db) -> Result<Self, Failure> {
        if config.amqp.url.is_empty() {
            let intake = Intake::new(worker.clone(), Arc::new(registry::reactions()));
            let bus = Arc::new(Embedded::with_consumers(config.amqp.content_mode, intake));
            return Ok(Self::Embedded { shared: bus.clone(), bus });
        }
        let settings = worker::bus_settings(config)?;
        let shared = Arc::new(worker::rabbitmq(settings.clone())?);
        Ok(Self::RabbitMq { shared, settings, url: config.amqp.url.to_string() })
    }

    /// What the workers publish to, and receive from.
    pub(super) fn wiring(&self, config: &Config) -> Result<Wiring, Failure> {
        let (notifications, collapse) = (worker::sender(config)?, worker::collapsed(config)?);
        let webhooks = worker::webhook_sender(config);
        Ok(match self {
            // it hands events to the consumer groups by itself
            Self::Embedded { shared, .. } => Wiring { notifications, collapse, webhooks, ..Wiring::to(shared.clone()) },
            Self::RabbitMq { shared, settings, .. } => {
                let receive = Some(worker::receive(config, settings.clone()));
                Wiring { receive, notifications, collapse, webhooks, ..Wiring::to(shared.clone()) }
            }
        })
    }

    pub(super) fn broker_state(&self) -> watch::Receiver<BrokerState> {
        match self {
            Self::Embedded { .. } => watch::channel(BrokerState::Embedded).1,
            Self::RabbitMq { shared, .. } => worker::broker_state(&**shared),
        }
    }

    /// The messages of each consumer group that wait at the broker.
    pub(super) fn at_broker(&self) -> Arc<dyn Fn() -> BTreeMap<String, u64> + Send + Sync> {
        let (Self::Embedded { shared, .. } | Self::RabbitMq { shared, .. }) = self;
        let shared = shared.clone();
        Arc::new(move || shared.waiting())
    }

    /// Whether events can be published, after some patience. If not, says that they wait.
    pub(super) async fn is_reachable(&self) -> bool {
        let Self::RabbitMq { shared, url, .. } = self else { return true };
        let mut state = shared.state();
        if tokio::time::timeout(BROKER_CHECK, state.wait_for(|state| *state == BusState::Up))
            .await
            .is_ok_and(|r| r.is_ok())
        {
            return true;
        }
        if let BusState::Down { reason } = &*state.borrow() {
            eprintln!("portal: warning: RabbitMQ at {url} cannot be reached, events wait until it can: {reason}");
        }
        false
    }

    /// What arrives from now on, if it comes from inside this process.
    pub(super) fn subscribe(&self) -> Option<mpsc::Receiver<Arc<Message>>> {
        match self {
            Self::Embedded { bus, .. } => Some(bus.subscribe()),
            Self::RabbitMq { .. } => None,
        }
    }

    /// For the banner.
    pub(super) fn description(&self) -> String {
        match self {
            Self::Embedded { .. } => "shown here, on a bus inside this process (AMQP_URL=… uses RabbitMQ)".to_owned(),
            Self::RabbitMq { url, settings, .. } => format!("shown here, from exchange {} at {url}", settings.exchange),
        }
    }

    /// Prints events as they arrive, until the stop.
    pub(super) async fn show(&self, events: Option<mpsc::Receiver<Arc<Message>>>, stop: CancellationToken) {
        let style = Style::of(&io::stdout(), std::env::var_os("NO_COLOR").as_deref());
        let printer = Printer::new(io::stdout(), style);
        let shown = match (self, events) {
            (Self::RabbitMq { settings, .. }, _) => console::run_rabbitmq(settings.clone(), &[], printer, stop).await,
            (Self::Embedded { .. }, Some(events)) => console::run_embedded(events, printer, stop).await,
            (Self::Embedded { .. }, None) => return,
        };
        if let Err(error) = shown {
            tracing::warn!(%error, "events are no longer shown");
        }
    }
}
