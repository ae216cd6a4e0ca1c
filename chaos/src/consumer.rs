//! An independent consumer: AMQP and nothing of the product. It writes down what arrives.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicQosOptions, ExchangeDeclareOptions, QueueBindOptions,
    QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ConnectionProperties, Consumer as Deliveries, ExchangeKind};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::Result;
use crate::history::Arrival;

const EXCHANGE: &str = "offgrid.portal";
/// One queue for all types of events: their order is that of the broker.
const QUEUE: &str = "chaos.all-events";
const PATIENCE: Duration = Duration::from_secs(10);

/// Consumes until dropped; reconnects for ever.
pub(crate) struct Consumer {
    arrivals: Arc<Mutex<Vec<Arrival>>>,
    ready: watch::Receiver<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Consumer {
    pub(crate) fn start(url: String) -> Self {
        let arrivals = Arc::<Mutex<Vec<Arrival>>>::default();
        let (sender, ready) = watch::channel(false);
        let written = arrivals.clone();
        let task = tokio::spawn(async move {
            loop {
                let _ = consume(&url, &written, &sender).await;
                sleep(Duration::from_millis(300)).await;
            }
        });
        Self { arrivals, ready, task }
    }

    /// Waits until its queue is there: what is published before is not for it.
    pub(crate) async fn ready(&self) -> Result<()> {
        let mut ready = self.ready.clone();
        timeout(Duration::from_secs(60), ready.wait_for(|ready| *ready)).await??;
        Ok(())
    }

    /// What arrived so far.
    pub(crate) fn arrivals(&self) -> Vec<Arrival> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn consume(url: &str, arrivals: &Mutex<Vec<Arrival>>, ready: &watch::Sender<bool>) -> Result<()> {
    let connection = timeout(PATIENCE, Connection::connect(url, ConnectionProperties::default())).await??;
    let channel = connection.create_channel().await?;
    let mut deliveries = timeout(PATIENCE, subscribe(&channel)).await??;
    ready.send_replace(true);
    while let Some(delivery) = deliveries.next().await {
        let delivery = delivery?;
        let arrival = read(&delivery.data).ok_or("a message that is no event of ours")?;
        arrivals.lock().unwrap_or_else(PoisonError::into_inner).push(arrival);
        delivery.ack(BasicAckOptions::default()).await?;
    }
    Ok(())
}

async fn subscribe(channel: &Channel) -> lapin::Result<Deliveries> {
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    channel.exchange_declare(EXCHANGE.into(), ExchangeKind::Topic, durable, FieldTable::default()).await?;
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    let mut quorum = FieldTable::default();
    quorum.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    // Otherwise a broker that was killed and is back gives this consumer, connected anew, what follows before
    // it has noticed that the old one is gone, and with it what that one had not acknowledged.
    quorum.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
    channel.queue_declare(QUEUE.into(), durable, quorum).await?;
    let (bind, all) = (QueueBindOptions::default(), "com.offgrid.portal.#");
    channel.queue_bind(QUEUE.into(), EXCHANGE.into(), all.into(), bind, FieldTable::default()).await?;
    channel.basic_qos(200, BasicQosOptions::default()).await?;
    channel.basic_consume(QUEUE.into(), "".into(), BasicConsumeOptions::default(), FieldTable::default()).await
}

/// A CloudEvent in structured mode.
fn read(body: &[u8]) -> Option<Arrival> {
    let event: Value = serde_json::from_slice(body).ok()?;
    Some(Arrival {
        event: event["id"].as_str()?.parse().ok()?,
        aggregate: event["subject"].as_str()?.rsplit('/').next()?.parse().ok()?,
        sequence: event["sequence"].as_str()?.parse().ok()?,
    })
}
