//! Shows a developer every event that is published: a consumer that changes nothing and takes
//! nothing away from others.

mod log;
mod render;

use std::ffi::OsStr;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt;
use lapin::BasicProperties;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::cloudevent::Message;
use super::rabbitmq::{Backoff, Endpoint, Link};
use super::settings::{Settings, SettingsError};
use super::topology::{Topology, TopologyError};
pub use log::run_log;

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// As text.
    Plain,
    /// As text with escape codes for colours, for a terminal.
    Coloured,
    /// As CloudEvents in JSON, one per line, for programs.
    Json,
}

impl Style {
    /// Colours for a terminal, unless the environment variable `NO_COLOR`, passed in here, holds
    /// something.
    pub fn of(writer: &impl IsTerminal, no_color: Option<&OsStr>) -> Self {
        let wished = no_color.is_none_or(OsStr::is_empty);
        if writer.is_terminal() && wished { Self::Coloured } else { Self::Plain }
    }
}

/// Writes events as text.
pub struct Printer<W> {
    writer: Arc<Mutex<W>>,
    style: Style,
}

/// Why the console ended before it was stopped.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// A setting cannot work.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Nobody reads the output any more.
    #[error("cannot write events: {0}")]
    Write(#[from] io::Error),
}

impl<W: Write + Send + 'static> Printer<W> {
    /// Prints to `writer`.
    pub fn new(writer: W, style: Style) -> Self {
        Self { writer: Arc::new(Mutex::new(writer)), style }
    }

    /// Prints one message, on a thread where a paused terminal blocks nobody.
    async fn print(&self, properties: &BasicProperties, body: &[u8]) -> io::Result<()> {
        let text = render::message(properties, body, self.style);
        let writer = self.writer.clone();
        let written = tokio::task::spawn_blocking(move || {
            let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
            writer.write_all(text.as_bytes())?;
            writer.flush()
        });
        written.await.unwrap_or_else(|error| Err(io::Error::other(error)))
    }
}

/// Prints what a subscription to the embedded bus receives, until the bus is closed or `stop` is
/// cancelled.
///
/// # Errors
/// [`ConsoleError::Write`] when nobody reads the output any more.
pub async fn run_embedded<W: Write + Send + 'static>(
    mut events: mpsc::Receiver<Arc<Message>>,
    printer: Printer<W>,
    stop: CancellationToken,
) -> Result<(), ConsoleError> {
    while let Some(Some(message)) = stop.run_until_cancelled(events.recv()).await {
        printer.print(&message.properties, &message.body).await?;
    }
    Ok(())
}

/// Prints every event of the portal that RabbitMQ carries, or only those of some `types`, until `stop` is
/// cancelled. Its queue is its own and disappears with it. Connects for ever; events published meanwhile
/// are not shown.
///
/// # Errors
/// See [`ConsoleError`].
pub async fn run_rabbitmq<W: Write + Send + 'static>(
    settings: Settings,
    types: &[String],
    printer: Printer<W>,
    stop: CancellationToken,
) -> Result<(), ConsoleError> {
    let endpoint = Endpoint::new(&settings)?;
    let topology = Topology::new(&settings, &[])?;
    let keys = routing_keys(types)?;
    let mut backoff = Backoff::new(settings.reconnect_max);
    let mut last_reason = None;
    loop {
        let reason = match stop.run_until_cancelled(endpoint.connect()).await {
            None => return Ok(()),
            Some(Err(error)) => error.to_string(),
            Some(Ok(link)) => {
                let connected = tokio::time::Instant::now();
                let ended = stop.run_until_cancelled(show(&link, &topology, &keys, &printer)).await;
                backoff.survived(connected.elapsed());
                match ended {
                    None => {
                        link.close().await;
                        return Ok(());
                    }
                    Some(Ended::Write(error)) => return Err(error.into()),
                    Some(Ended::Lost(reason)) => reason,
                }
            }
        };
        if last_reason.as_ref() != Some(&reason) {
            tracing::warn!(broker = %endpoint.address(), %reason, "no events to show");
            last_reason = Some(reason);
        }
        if stop.run_until_cancelled(tokio::time::sleep(backoff.next())).await.is_none() {
            return Ok(());
        }
    }
}

/// An event's routing key is its type.
fn routing_keys(types: &[String]) -> Result<Vec<ShortString>, SettingsError> {
    if types.is_empty() {
        return Ok(vec!["com.offgrid.portal.#".into()]);
    }
    let key = |name: &String| {
        let problem = || format!("the type {name} is longer than 255 bytes");
        ShortString::try_new(name.as_str()).map_err(|_| SettingsError { key: "types", problem: problem() })
    };
    types.iter().map(key).collect()
}

/// Why showing events ended.
enum Ended {
    Lost(String),
    Write(io::Error),
}

impl From<lapin::Error> for Ended {
    fn from(error: lapin::Error) -> Self {
        Self::Lost(error.to_string())
    }
}

impl From<TopologyError> for Ended {
    fn from(error: TopologyError) -> Self {
        Self::Lost(error.to_string())
    }
}

/// Shows events of one connection until it is lost.
async fn show<W: Write + Send + 'static>(
    link: &Link,
    topology: &Topology,
    keys: &[ShortString],
    printer: &Printer<W>,
) -> Ended {
    match consume(link, topology, keys, printer).await {
        Ok(never) => match never {},
        Err(ended) => ended,
    }
}

/// Events in transit to us; the rest waits on the broker.
const PREFETCH: u16 = 100;

/// A paused terminal must not fill the broker: it then forgets the oldest.
const MAX_WAITING: i32 = 10_000;

async fn consume<W: Write + Send + 'static>(
    link: &Link,
    topology: &Topology,
    keys: &[ShortString],
    printer: &Printer<W>,
) -> Result<std::convert::Infallible, Ended> {
    let channel = link.connection.create_channel().await?;
    topology.declare_event_exchange(&channel).await?;
    let own = QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(MAX_WAITING));
    let queue = channel.queue_declare("".into(), own, arguments).await?;
    for key in keys {
        let (options, none) = (QueueBindOptions::default(), FieldTable::default());
        channel.queue_bind(queue.name().clone(), topology.exchange().clone(), key.clone(), options, none).await?;
    }
    channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
    let mut events = channel
        .basic_consume(queue.name().clone(), "".into(), BasicConsumeOptions::default(), FieldTable::default())
        .await?;
    tracing::info!(exchange = %topology.exchange(), "showing events as they are published");
    while let Some(delivery) = events.next().await {
        let delivery = delivery?;
        printer.print(&delivery.properties, &delivery.data).await.map_err(Ended::Write)?;
        delivery.ack(BasicAckOptions::default()).await?;
    }
    Err(Ended::Lost("the queue was deleted".to_owned()))
}
