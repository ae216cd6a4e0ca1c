//! The broker without the product: queues for the floors, and emptying the product's.

use std::collections::VecDeque;
use std::time::Instant;

use jobs::bus::Subscription;
use lapin::options::{
    BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions, QueueDeleteOptions, QueuePurgeOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};

use crate::Result;

/// Unconfirmed messages at most.
const WINDOW: usize = 1000;
/// Bytes of a message.
const MESSAGE: usize = 1000;
/// Written to disk before it is confirmed.
const PERSISTENT: u8 = 2;

/// How a queue keeps its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QueueType {
    Classic,
    Quorum,
}

impl QueueType {
    /// As RabbitMQ calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Quorum => "quorum",
        }
    }
}

/// A durable queue and a channel in confirm mode; deleted by [`Publisher::remove`].
pub(crate) struct Publisher {
    connection: Connection,
    channel: Channel,
    queue: ShortString,
    body: Vec<u8>,
}

impl Publisher {
    pub(crate) async fn new(url: &str, queue_type: QueueType) -> Result<Self> {
        let connection = Connection::connect(url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        let queue: ShortString = format!("bench.{}", queue_type.name()).into();
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString(queue_type.name().into()));
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(queue.clone(), options, arguments).await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(Self { connection, channel, queue, body: vec![b'x'; MESSAGE] })
    }

    /// Publishes so many messages with a sliding window; messages per second up to the last confirm.
    pub(crate) async fn rate(&self, messages: usize) -> Result<f64> {
        self.channel.queue_purge(self.queue.clone(), QueuePurgeOptions::default()).await?;
        let started = Instant::now();
        let mut unconfirmed = VecDeque::with_capacity(WINDOW);
        for _ in 0..messages {
            if unconfirmed.len() == WINDOW
                && let Some(oldest) = unconfirmed.pop_front()
            {
                confirmed(oldest).await?;
            }
            unconfirmed.push_back(self.publish().await?);
        }
        for rest in unconfirmed {
            confirmed(rest).await?;
        }
        Ok(messages as f64 / started.elapsed().as_secs_f64())
    }

    /// Publishes one message; milliseconds to its confirm.
    pub(crate) async fn round_trip(&self) -> Result<f64> {
        let started = Instant::now();
        confirmed(self.publish().await?).await?;
        Ok(started.elapsed().as_secs_f64() * 1000.0)
    }

    /// Deletes the queue.
    pub(crate) async fn remove(self) -> Result<()> {
        self.channel.queue_delete(self.queue.clone(), QueueDeleteOptions::default()).await?;
        self.connection.close(200, "measured".into()).await?;
        Ok(())
    }

    async fn publish(&self) -> Result<lapin::PublisherConfirm> {
        let properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
        let options = BasicPublishOptions::default();
        Ok(self.channel.basic_publish("".into(), self.queue.clone(), options, &self.body, properties).await?)
    }
}

async fn confirmed(published: lapin::PublisherConfirm) -> Result<()> {
    match published.await? {
        Confirmation::Ack(None) => Ok(()),
        other => Err(format!("not confirmed: {other:?}").into()),
    }
}

/// Empties the product's queues: nobody consumes here, and a broker full of messages is another
/// broker.
pub(crate) async fn purge_events(url: &str) -> Result<()> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    for subscription in jobs::registry::reactions().subscriptions() {
        channel.queue_purge(subscription.queue.into(), QueuePurgeOptions::default()).await?;
    }
    connection.close(200, "purged".into()).await?;
    Ok(())
}

/// Deletes the queues of consumer groups that exist for one figure.
pub(crate) async fn delete(url: &str, subscriptions: &[Subscription]) -> Result<()> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    for subscription in subscriptions {
        channel.queue_delete(subscription.queue.as_str().into(), QueueDeleteOptions::default()).await?;
    }
    connection.close(200, "deleted".into()).await?;
    Ok(())
}
