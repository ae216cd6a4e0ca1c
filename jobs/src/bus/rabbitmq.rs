//! Events to RabbitMQ.
//!
//! ```text
//! publish ──▶ entrance (channel) ──▶ session: one AMQP channel, many unconfirmed ──▶ broker
//!    ▲                                  │ ack, nack, return, loss
//!    └──────────── verdict ◀────────────┘
//! supervisor: connect ▶ declare the topology ▶ session until it is lost ▶ wait ▶ connect …
//! ```
//!
//! A session owns everything that belongs to one connection. When it ends, each event it had not
//! seen confirmed is reported at once, what was still queued for it is dropped unsent, and the
//! socket is reset, so that no buffer on the way sends any of it later. The next session starts
//! empty. Thus an event whose job waits is never sent by us meanwhile, and with one unconfirmed
//! event per key (the caller's promise) the first arrivals of a key are in order across any number
//! of reconnects; a repeated one keeps its id.

mod backoff;
mod in_flight;
mod link;
mod news;
mod session;
mod status;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use domain::kernel::event::Envelope;
use lapin::types::ShortString;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::cloudevent::{self, ContentMode};
use super::settings::{Settings, SettingsError};
use super::topology::{Subscription, Topology};
use super::{Bus, BusState, PublishError};
pub(super) use backoff::Backoff;
pub(super) use link::{Endpoint, Link};
use session::{Ended, Outgoing, Session};
use status::Status;

/// Publishes to RabbitMQ; connects, and reconnects for ever, in a task of its own.
///
/// Cut off when dropped; [`close`](Bus::close) lets outstanding confirms arrive first.
pub struct RabbitMq {
    status: Arc<Status>,
    topology: Arc<Topology>,
    content_mode: ContentMode,
    stop: CancellationToken,
    tasks: TaskTracker,
    _stop_when_dropped: DropGuard,
}

impl RabbitMq {
    /// Begins to connect and returns at once, with the bus down until a connection is there. Must
    /// be called inside a tokio runtime. The queues of `subscriptions` are declared at every
    /// connect.
    ///
    /// # Errors
    /// When a setting cannot work. An unreachable broker is no error: it may come up later.
    pub fn start(settings: Settings, subscriptions: &[Subscription]) -> Result<Self, SettingsError> {
        let endpoint = Endpoint::new(&settings)?;
        let topology = Arc::new(Topology::new(&settings, subscriptions)?);
        let status = Arc::new(Status::new(endpoint.address()));
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let content_mode = settings.content_mode;
        let supervisor =
            Supervisor { endpoint, settings, topology: topology.clone(), status: status.clone(), stop: stop.clone() };
        tasks.spawn(supervisor.run());
        tasks.close();
        Ok(Self { status, topology, content_mode, _stop_when_dropped: stop.clone().drop_guard(), stop, tasks })
    }
}

#[async_trait]
impl Bus for RabbitMq {
    async fn publish(&self, event: &Envelope) -> Result<(), PublishError> {
        let message =
            cloudevent::encode(event, self.content_mode).map_err(|error| PublishError::Invalid(error.to_string()))?;
        let routing_key = ShortString::try_new(event.event_type.as_str())
            .map_err(|error| PublishError::Invalid(error.to_string()))?;
        let (reply, verdict) = oneshot::channel();
        let outgoing = Outgoing {
            id: event.id.to_string(),
            routing_key,
            message,
            mandatory: self.topology.is_routed(&event.event_type),
            reply,
        };
        let lost = || PublishError::Unavailable("the connection was lost".to_owned());
        self.status.entrance()?.send(outgoing).await.map_err(|_| lost())?;
        verdict.await.unwrap_or_else(|_| Err(lost()))
    }

    fn state(&self) -> watch::Receiver<BusState> {
        self.status.subscribe()
    }

    fn waiting(&self) -> BTreeMap<String, u64> {
        self.status.waiting()
    }

    async fn close(&self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }
}

/// Keeps a session going.
struct Supervisor {
    endpoint: Endpoint,
    settings: Settings,
    topology: Arc<Topology>,
    status: Arc<Status>,
    stop: CancellationToken,
}

impl Supervisor {
    async fn run(self) {
        let mut backoff = Backoff::new(self.settings.reconnect_max);
        while let Some(reason) = self.session(&mut backoff).await {
            self.status.down(reason.clone());
            let wait = backoff.next();
            tracing::debug!(%reason, wait_ms = wait.as_millis(), "connecting to RabbitMQ again");
            if self.stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
                break;
            }
        }
        self.status.closed();
    }

    /// Connects and publishes until that ends; `None` when asked to stop.
    async fn session(&self, backoff: &mut Backoff) -> Option<String> {
        let link = match self.stop.run_until_cancelled(self.connect()).await? {
            Ok(link) => link,
            Err(reason) => return Some(reason),
        };
        let up = Instant::now();
        let session = Session::open(link, self.topology.clone(), self.status.clone(), self.settings.confirm_timeout);
        let ended = match self.stop.run_until_cancelled(session).await? {
            Ok(session) => session.run(&self.stop).await,
            Err(error) => Ended::Lost(error.to_string()),
        };
        backoff.survived(up.elapsed());
        match ended {
            Ended::Stopped => None,
            Ended::Lost(reason) => Some(reason),
        }
    }

    /// A connection with the topology in place.
    async fn connect(&self) -> Result<Link, String> {
        let link = self.endpoint.connect().await.map_err(|error| error.to_string())?;
        let declared = tokio::time::timeout(self.settings.confirm_timeout, self.topology.declare(&link.connection));
        match declared.await {
            Ok(Ok(waiting)) => {
                self.status.looked(waiting);
                Ok(link)
            }
            Ok(Err(error)) => {
                link.close().await;
                Err(error.to_string())
            }
            Err(_) => Err("the broker does not answer".to_owned()),
        }
    }
}
