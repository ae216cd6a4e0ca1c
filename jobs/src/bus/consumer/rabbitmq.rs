//! Receiving from RabbitMQ.
//!
//! One connection; per queue a channel and a task that takes what has arrived, up to a batch, commits
//! it, and acknowledges all of it at once. The database being away keeps the batch waiting; the
//! connection being lost drops it, and RabbitMQ delivers it again, but not for ever: each loss counts, and at
//! `amqp.delivery_limit` a message goes to the queue of dead letters. So nothing is asked for while it could not be
//! stored; and what was given up for that reason alone is taken from there as if it had just arrived, because reading
//! a message costs no attempt of its handler and cannot end the process ([`Intake::take`]).

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::future::FutureExt as _;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Consumer};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Arrival, Intake};
use crate::bus::rabbitmq::{Backoff, Endpoint, Link};
use crate::bus::settings::{Settings, SettingsError};
use crate::bus::topology::{Subscription, Topology};

/// A broker to receive from, and how much to take at once.
#[derive(Clone)]
pub struct Receive {
    /// How to reach it.
    pub settings: Settings,
    /// Messages that RabbitMQ sends ahead per queue before the first is acknowledged.
    pub prefetch: u16,
    /// Messages that are committed together.
    pub batch: usize,
}

/// Between two attempts to commit a batch, or to reach the database.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Receives what `subscriptions` are about until `stop` is cancelled; then finishes the batches it
/// holds. Reconnects for ever. Where several processes receive from the same queue, one of them gets
/// its messages, and another goes on when that one is gone.
///
/// # Errors
/// At once, when a setting cannot work.
pub async fn run(
    receive: Receive,
    subscriptions: Vec<Subscription>,
    intake: Intake,
    stop: CancellationToken,
) -> Result<(), SettingsError> {
    let endpoint = Endpoint::new(&receive.settings)?;
    let topology = Topology::new(&receive.settings, &subscriptions)?;
    let mut backoff = Backoff::new(receive.settings.reconnect_max);
    let receiver = Receiver { endpoint, receive, topology, subscriptions, intake, stop: stop.clone() };
    while !stop.is_cancelled() {
        let begun = Instant::now();
        match receiver.session().await {
            Ok(()) => break,
            Err(reason) => tracing::warn!(%reason, "no events are received from RabbitMQ; connecting again"),
        }
        backoff.survived(begun.elapsed());
        let _ = stop.run_until_cancelled(tokio::time::sleep(backoff.next())).await;
    }
    Ok(())
}

struct Receiver {
    endpoint: Endpoint,
    receive: Receive,
    topology: Topology,
    subscriptions: Vec<Subscription>,
    intake: Intake,
    stop: CancellationToken,
}

impl Receiver {
    /// One connection, until the stop.
    ///
    /// # Errors
    /// Why it was lost.
    async fn session(&self) -> Result<(), String> {
        let connected = async {
            self.database_answers().await;
            self.connect().await
        };
        let Some(link) = self.stop.run_until_cancelled(connected).await else { return Ok(()) };
        let link = link?;
        let mut consumers = Vec::new();
        let ended = self.receive_all(&link, &mut consumers).await;
        // The connection before the consumers: one that is cancelled alone lets the next in line have the
        // messages that follow, while those that were sent ahead to this one still have to go back.
        link.close().await;
        drop(consumers);
        ended
    }

    /// Receives from every queue. `consumers` get a handle on each consumer, which lives as long as there is
    /// one.
    ///
    /// # Errors
    /// Why the connection, or one of its channels, was lost.
    async fn receive_all(&self, link: &Link, consumers: &mut Vec<Consumer>) -> Result<(), String> {
        let dead_letters = Source::DeadLetters { subscriptions: self.intake.reactions().subscriptions() };
        let mut sources = vec![(self.topology.dead_letters().to_string(), dead_letters)];
        sources.extend(
            self.subscriptions.iter().map(|subscription| {
                (subscription.queue.clone(), Source::Queue { consumer: subscription.group.clone() })
            }),
        );
        let mut queues = JoinSet::new();
        for (queue, source) in sources {
            let reader = self.open(link, queue, source).await?;
            consumers.push(reader.consumer.clone());
            queues.spawn(reader.run());
        }
        tracing::info!(queues = queues.len(), "receiving events from RabbitMQ");
        while let Some(ended) = queues.join_next().await {
            // the others are dropped with what they hold: it is delivered again
            ended.map_err(|error| error.to_string())??;
        }
        Ok(())
    }

    /// Returns once it does. A message that is delivered while it does not is one loss of the connection nearer to
    /// being given up.
    async fn database_answers(&self) {
        let mut pause = FIRST_PAUSE;
        while let Err(error) = self.intake.reach_database().await {
            tracing::warn!(%error, "no events are received while the database is away");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn connect(&self) -> Result<Link, String> {
        let link = self.endpoint.connect().await.map_err(|error| error.to_string())?;
        let declared =
            tokio::time::timeout(self.receive.settings.confirm_timeout, self.topology.declare(&link.connection));
        declared.await.map_err(|_| "the broker does not answer".to_owned())?.map_err(|error| error.to_string())?;
        Ok(link)
    }

    async fn open(&self, link: &Link, queue: String, source: Source) -> Result<QueueReader, String> {
        let opened = async {
            let channel = link.connection.create_channel().await?;
            channel.basic_qos(self.receive.prefetch, BasicQosOptions::default()).await?;
            let options = BasicConsumeOptions::default();
            let consumer =
                channel.basic_consume(queue.as_str().into(), "".into(), options, FieldTable::default()).await?;
            Ok((channel, consumer))
        };
        let (channel, consumer) = opened.await.map_err(|error: lapin::Error| format!("queue {queue}: {error}"))?;
        let (batch, intake, stop) = (self.receive.batch.max(1), self.intake.clone(), self.stop.clone());
        Ok(QueueReader { queue, source, channel, consumer, batch, intake, stop })
    }
}

/// Whose messages a queue holds.
enum Source {
    /// Those of one consumer group.
    Queue { consumer: String },
    /// What RabbitMQ gave up delivering, of any group.
    DeadLetters { subscriptions: Vec<Subscription> },
}

/// Why RabbitMQ gives up a message whose connections were lost too often.
const DELIVERY_LIMIT: &str = "delivery_limit";

/// Takes batches from one queue.
struct QueueReader {
    queue: String,
    source: Source,
    channel: Channel,
    consumer: Consumer,
    batch: usize,
    intake: Intake,
    stop: CancellationToken,
}

impl QueueReader {
    /// Until the stop.
    ///
    /// # Errors
    /// Why the channel is lost.
    async fn run(mut self) -> Result<(), String> {
        let stopped = self.stop.clone();
        // asked each time: with messages at hand the wait below would never see the stop
        while !stopped.is_cancelled() {
            let Some(first) = stopped.run_until_cancelled(self.consumer.next()).await else { break };
            let Some(last) = self.receive(first).await? else { continue };
            let all_until = BasicAckOptions { multiple: true };
            let acknowledged = self.channel.basic_ack(last, all_until).await;
            acknowledged.map_err(|error| format!("queue {}: {error}", self.queue))?;
        }
        Ok(())
    }

    /// Commits a batch that begins with `first`; the tag of its last message.
    async fn receive(&mut self, first: Option<lapin::Result<Delivery>>) -> Result<Option<u64>, String> {
        let mut next = Some(first);
        let (mut arrivals, mut last) = (Vec::new(), None);
        while let Some(delivery) = next.take() {
            let delivery = delivery.ok_or_else(|| format!("queue {}: the consumer was cancelled", self.queue))?;
            let delivery = delivery.map_err(|error| format!("queue {}: {error}", self.queue))?;
            last = Some(delivery.delivery_tag);
            arrivals.push(self.source.arrival(delivery));
            if arrivals.len() < self.batch {
                next = self.consumer.next().now_or_never();
            }
        }
        self.commit(&arrivals).await?;
        Ok(last)
    }

    /// Until it works, the stop, or the loss of the connection: then the messages are delivered again.
    async fn commit(&self, arrivals: &[Arrival]) -> Result<(), String> {
        let mut pause = FIRST_PAUSE;
        loop {
            let Err(error) = self.intake.take(arrivals).await else { return Ok(()) };
            tracing::warn!(queue = self.queue, %error, messages = arrivals.len(), "received events cannot be stored; trying again");
            if self.stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return Err("stopped".to_owned());
            }
            if !self.channel.status().connected() {
                return Err(format!("queue {}: the connection was lost", self.queue));
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

impl Source {
    fn arrival(&self, delivery: Delivery) -> Arrival {
        let Delivery { properties, data: body, .. } = delivery;
        match self {
            Self::Queue { consumer } => Arrival { consumer: consumer.clone(), properties, body, given_up: None },
            Self::DeadLetters { subscriptions } => {
                let header = |name: &str| properties.headers().as_ref().and_then(|headers| text(headers, name));
                let queue = header("x-first-death-queue").unwrap_or_default();
                let reason = header("x-first-death-reason").unwrap_or_else(|| "for an unknown reason".to_owned());
                let group = subscriptions.iter().find(|s| s.queue == queue).map(|s| s.group.clone());
                let undelivered = reason == DELIVERY_LIMIT && group.is_some();
                let consumer = group.unwrap_or_else(|| domain::messaging::DEFAULT_GROUP.to_owned());
                let given_up = format!("RabbitMQ gave up delivering it from queue {queue}: {reason}");
                if undelivered {
                    tracing::warn!(
                        consumer,
                        queue,
                        "a message was delivered too often without being stored; stored now"
                    );
                }
                Arrival { consumer, properties, body, given_up: (!undelivered).then_some(given_up) }
            }
        }
    }
}

fn text(headers: &FieldTable, name: &str) -> Option<String> {
    match headers.inner().get(name)? {
        AMQPValue::LongString(text) => Some(String::from_utf8_lossy(text.as_bytes()).into_owned()),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        _ => None,
    }
}
