//! Publishing over one connection, from its first event to its loss.

use std::collections::BTreeMap;
use std::future::{pending, poll_fn};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::{BoxFuture, FutureExt};
use futures::stream::{BoxStream, StreamExt};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::ShortString;
use lapin::{Channel, Confirmation, Event};
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::in_flight::{Answer, Confirming, InFlight, Reply, Settled, Verdict};
use super::link::Link;
use super::status::Status;
use crate::bus::PublishError;
use crate::bus::cloudevent::Message;
use crate::bus::topology::{Topology, TopologyError};

/// The messages that wait for each group, or why the topology is not as it should be.
type Declared = Result<BTreeMap<String, u64>, TopologyError>;

/// An event on its way to the session.
pub(super) struct Outgoing {
    pub(super) id: String,
    pub(super) routing_key: ShortString,
    pub(super) message: Message,
    /// Whether the broker is to return it when no queue takes it.
    pub(super) mandatory: bool,
    pub(super) reply: Reply,
}

/// How a session ended.
pub(super) enum Ended {
    /// As asked.
    Stopped,
    /// The connection cannot be used any more; why.
    Lost(String),
}

/// One connection with one AMQP channel in confirm mode. A single task polls everything here:
/// lapin numbers a message and queues it for sending in two steps, which must not interleave with
/// those of another message, or confirms would settle the wrong ones.
pub(super) struct Session {
    link: Arc<Link>,
    channel: Channel,
    events: BoxStream<'static, Event>,
    topology: Arc<Topology>,
    status: Arc<Status>,
    confirm_timeout: Duration,
    entrance: mpsc::Sender<Outgoing>,
    queue: mpsc::Receiver<Outgoing>,
    in_flight: InFlight,
    /// The broker is short of memory or disk and reads nothing; its words.
    blocked: Option<String>,
    /// Under way because something was unroutable.
    declaring: Option<BoxFuture<'static, Declared>>,
    /// A queue that somebody deleted while another took its events is noticed only by looking.
    look: Interval,
    /// They learn of their failure when the topology is declared, so that a retry finds it.
    unroutable: Vec<Reply>,
}

/// Unconfirmed messages at most; more wait in the entrance.
const MAX_IN_FLIGHT: usize = 1024;

/// Events that wait at the entrance at most; then `publish` waits to enter.
const ENTRANCE: usize = 256;

/// How often the topology is declared again, in case part of it is gone.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// How long a stop waits for confirms.
const LAST_CONFIRMS: Duration = Duration::from_secs(5);

impl Session {
    /// Opens the channel and lets events in.
    pub(super) async fn open(
        link: Link,
        topology: Arc<Topology>,
        status: Arc<Status>,
        confirm_timeout: Duration,
    ) -> lapin::Result<Self> {
        let events = link.connection.events_listener().boxed();
        let channel = link.connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        let (entrance, queue) = mpsc::channel(ENTRANCE);
        status.up(entrance.clone());
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // at once: it was declared a moment ago
        look.tick().await;
        Ok(Self {
            link: Arc::new(link),
            channel,
            events,
            topology,
            status,
            confirm_timeout,
            entrance,
            queue,
            in_flight: InFlight::default(),
            blocked: None,
            declaring: None,
            look,
            unroutable: Vec::new(),
        })
    }

    /// Publishes until the connection is lost or `stop` is cancelled. Every event that entered has
    /// its verdict when this returns.
    pub(super) async fn run(mut self, stop: &CancellationToken) -> Ended {
        match self.publish(stop).await {
            Some(reason) => {
                self.status.down(reason.clone());
                self.abandon(&reason);
                Ended::Lost(reason)
            }
            None => {
                self.wind_down().await;
                Ended::Stopped
            }
        }
    }

    /// Returns why the connection is lost; `None` when asked to stop.
    async fn publish(&mut self, stop: &CancellationToken) -> Option<String> {
        let mut entered = Vec::new();
        loop {
            let deadline = self.in_flight.oldest().map(|since| since + self.confirm_timeout);
            let room = MAX_IN_FLIGHT.saturating_sub(self.in_flight.len());
            let lost = tokio::select! {
                () = stop.cancelled() => return None,
                event = self.events.next() => self.on_event(event),
                settled = poll_fn(|cx| self.in_flight.poll_settled(cx)) => self.settle(settled),
                declared = finished(&mut self.declaring) => self.declared(declared),
                _ = self.look.tick() => {
                    self.declare();
                    None
                }
                _ = self.queue.recv_many(&mut entered, room), if room > 0 => {
                    entered.drain(..).for_each(|outgoing| self.send(outgoing));
                    None
                }
                () = passed(deadline) => Some(self.overdue()),
            };
            if lost.is_some() {
                return lost;
            }
        }
    }

    /// What is to be said of a confirm that did not come in time.
    fn overdue(&self) -> String {
        // What lapin holds back for a broker that is short of memory can only be taken from it by
        // cutting the connection. The next one is blocked in turn with its first event.
        self.blocked.clone().unwrap_or_else(|| format!("no confirm within {:?}", self.confirm_timeout))
    }

    fn send(&mut self, outgoing: Outgoing) {
        let Outgoing { id, routing_key, message, mandatory, reply } = outgoing;
        if let Some(reason) = &self.blocked {
            unavailable(reply, reason);
        } else if !reply.is_closed() {
            let options = BasicPublishOptions { mandatory, immediate: false };
            let sent =
                confirming(self.channel.clone(), self.topology.exchange().clone(), (routing_key, options), message);
            self.in_flight.push(id, sent, reply);
        }
    }

    /// Passes verdicts on; returns why the connection is lost, if it is.
    fn settle(&mut self, settled: Settled) -> Option<String> {
        let reason = settled.broken.map(|error| error.to_string());
        if let Some(reason) = &reason {
            // before anybody learns of it and tries again
            self.status.down(reason.clone());
        }
        for (reply, verdict) in settled.verdicts {
            let verdict = match verdict {
                Verdict::Confirmed => Ok(()),
                Verdict::Nacked => {
                    Err(PublishError::Nacked("it was not accepted by every queue; is one full?".to_owned()))
                }
                Verdict::Unroutable => {
                    self.unroutable.push(reply);
                    continue;
                }
            };
            // nobody waits any more for a publish that was cancelled
            let _ = reply.send(verdict);
        }
        if !self.unroutable.is_empty() {
            self.declare();
        }
        for reply in settled.lost {
            unavailable(reply, reason.as_deref().unwrap_or("the connection was lost"));
        }
        reason
    }

    /// Begins to declare the topology again, unless that is under way.
    fn declare(&mut self) {
        if self.declaring.is_none() {
            let (topology, link) = (self.topology.clone(), self.link.clone());
            self.declaring = Some(async move { topology.declare(&link.connection).await }.boxed());
        }
    }

    /// The topology is declared again, or not: either way the next attempt will show.
    fn declared(&mut self, declared: Declared) -> Option<String> {
        self.declaring = None;
        let text = match declared {
            Ok(waiting) => {
                self.status.looked(waiting);
                "its queue was gone and has been declared again".to_owned()
            }
            Err(error) => {
                tracing::warn!(%error, "the broker's topology could not be declared again");
                error.to_string()
            }
        };
        for reply in self.unroutable.drain(..) {
            let _ = reply.send(Err(PublishError::Unroutable(text.clone())));
        }
        None
    }

    fn on_event(&mut self, event: Option<Event>) -> Option<String> {
        match event {
            Some(Event::ConnectionBlocked(reason)) => {
                let reason = format!("the broker takes no events at present: {reason}");
                self.status.down(reason.clone());
                self.blocked = Some(reason);
            }
            Some(Event::ConnectionUnblocked) => {
                self.blocked = None;
                self.status.up(self.entrance.clone());
            }
            // also tells of the channel of a declaration, which is not ours
            Some(Event::Error(error)) if !self.is_open() => return Some(error.to_string()),
            Some(_) => {}
            None => return Some("the connection was closed".to_owned()),
        }
        None
    }

    fn is_open(&self) -> bool {
        self.link.connection.status().connected() && self.channel.status().connected()
    }

    /// Ends with verdicts for all: whatever is confirmed by now, and the rest unavailable.
    fn abandon(&mut self, reason: &str) {
        let settled = self.in_flight.abandon();
        self.settle(settled);
        self.queue.close();
        let waiting = std::iter::from_fn(|| self.queue.try_recv().ok()).map(|outgoing| outgoing.reply);
        for reply in waiting.chain(self.unroutable.drain(..)) {
            unavailable(reply, reason);
        }
        self.declaring = None;
    }

    /// Lets nothing in any more, waits for confirms, and takes leave of the broker.
    async fn wind_down(mut self) {
        const CLOSED: &str = "the bus is closed";
        self.status.closed();
        self.queue.close();
        let _ = timeout(LAST_CONFIRMS.min(self.confirm_timeout), self.last_confirms()).await;
        self.abandon(CLOSED);
        if let Some(link) = Arc::into_inner(self.link) {
            link.close().await;
        }
    }

    async fn last_confirms(&mut self) {
        while let Ok(outgoing) = self.queue.try_recv() {
            self.send(outgoing);
        }
        while self.in_flight.len() > 0 {
            let settled = poll_fn(|cx| self.in_flight.poll_settled(cx)).await;
            if self.settle(settled).is_some() {
                return;
            }
        }
    }
}

/// Sends the message when first polled, and resolves with its confirm.
fn confirming(
    channel: Channel,
    exchange: ShortString,
    (routing_key, options): (ShortString, BasicPublishOptions),
    message: Message,
) -> Confirming {
    Box::pin(async move {
        let Message { properties, body } = message;
        let published = channel.basic_publish(exchange, routing_key, options, &body, properties).await?;
        drop(body);
        domain::fail_point!("fail-point:published");
        Ok(match published.await? {
            Confirmation::Nack(returned) => Answer { acked: false, returned: returned.map(id_of) },
            confirmed => Answer { acked: true, returned: confirmed.take_message().map(id_of) },
        })
    })
}

fn id_of(returned: lapin::message::BasicReturnMessage) -> String {
    returned.delivery.properties.message_id().as_ref().map(ToString::to_string).unwrap_or_default()
}

fn unavailable(reply: Reply, reason: &str) {
    let _ = reply.send(Err(PublishError::Unavailable(reason.to_owned())));
}

/// Never, without a deadline.
async fn passed(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline.into()).await,
        None => pending().await,
    }
}

/// The result of a declaration; never, if there is none.
async fn finished(declaring: &mut Option<BoxFuture<'static, Declared>>) -> Declared {
    match declaring {
        Some(declaring) => declaring.await,
        None => pending().await,
    }
}
