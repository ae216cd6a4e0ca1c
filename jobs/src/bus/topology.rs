//! What exists on the broker: one topic exchange, a queue per subscription, and where messages go
//! that no consumer could take.
//!
//! ```text
//! offgrid.portal (topic) ── type ──▶ offgrid.portal.customers.customer-changed   quorum, single active consumer
//!                                        │ delivered too often
//! offgrid.portal.dlx (topic) ◀───────────┘ ── # ──▶ offgrid.portal.dead-letters  quorum
//! ```
//!
//! Everything is durable. Declaring it again is harmless, so it is done at every connect and
//! whenever an event found no queue.

use std::collections::{BTreeMap, HashSet};

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, Connection, ErrorKind, ExchangeKind};

use domain::messaging::DEFAULT_GROUP;

use super::settings::{Settings, SettingsError};

/// A queue of a consumer group, and the event types it receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Whose messages these are.
    pub group: String,
    /// `offgrid.portal.customers.customer-changed`.
    pub queue: String,
    /// `com.offgrid.portal.customers.customer-changed`; several in one queue stay in order per
    /// aggregate.
    pub event_types: Vec<String>,
}

impl Subscription {
    /// A group's queue for one event type: it bears the event's name, and that of the group unless it
    /// is the default one.
    pub fn of(group: &str, event_type: &str) -> Self {
        let mut queue = event_type.strip_prefix("com.").unwrap_or(event_type).to_owned();
        if group != DEFAULT_GROUP {
            queue = format!("{queue}.{group}");
        }
        Self { group: group.to_owned(), queue, event_types: vec![event_type.to_owned()] }
    }

    /// A group's one queue for all these types.
    pub fn of_all(group: &str, event_types: Vec<String>) -> Self {
        Self { group: group.to_owned(), queue: format!("offgrid.portal.{group}"), event_types }
    }
}

/// Why the broker does not have what we need.
#[derive(Debug, thiserror::Error)]
pub enum TopologyError {
    /// Something of that name exists and is different. Nothing of it is changed: messages may be
    /// in it.
    #[error(
        "the {what} exists with other settings. Let its consumers empty it and delete it (it is then declared anew), \
         or configure what it was declared with. The broker says: {broker}"
    )]
    Different {
        /// `queue offgrid.portal.customers.customer-changed`.
        what: String,
        /// Names the setting and both values.
        broker: String,
    },
    /// The user may not.
    #[error("the user may not declare the {what}: grant configure, write and read on it. The broker says: {broker}")]
    Forbidden {
        /// `exchange offgrid.portal`.
        what: String,
        /// Names the permission.
        broker: String,
    },
    /// The connection broke, or something unforeseen.
    #[error("declaring the {what}: {error}")]
    Other {
        /// What was being declared.
        what: String,
        /// What happened.
        error: lapin::Error,
    },
}

/// The exchange and queues of this program.
#[derive(Debug, Clone)]
pub struct Topology {
    exchange: ShortString,
    dead_letter_exchange: ShortString,
    dead_letters: ShortString,
    delivery_limit: i32,
    /// Queue name and routing keys.
    queues: Vec<Queue>,
    routed: HashSet<String>,
}

#[derive(Debug, Clone)]
struct Queue {
    group: String,
    name: ShortString,
    /// What it is bound with.
    keys: Vec<ShortString>,
}

impl Topology {
    /// # Errors
    /// When a name is longer than AMQP allows.
    pub fn new(settings: &Settings, subscriptions: &[Subscription]) -> Result<Self, SettingsError> {
        settings.check()?;
        let name = |key: &'static str, name: &str| {
            ShortString::try_new(name)
                .map_err(|_| SettingsError { key, problem: format!("the name {name} is longer than 255 bytes") })
        };
        let mut queues = Vec::new();
        for subscription in subscriptions {
            let keys = subscription.event_types.iter().map(|t| name("subscriptions", t)).collect::<Result<_, _>>()?;
            let (group, name) = (subscription.group.clone(), name("subscriptions", &subscription.queue)?);
            queues.push(Queue { group, name, keys });
        }
        Ok(Self {
            exchange: name("exchange", &settings.exchange)?,
            dead_letter_exchange: name("exchange", &format!("{}.dlx", settings.exchange))?,
            dead_letters: name("exchange", &format!("{}.dead-letters", settings.exchange))?,
            delivery_limit: i32::try_from(settings.delivery_limit).unwrap_or(i32::MAX),
            queues,
            routed: subscriptions.iter().flat_map(|s| s.event_types.iter().cloned()).collect(),
        })
    }

    /// Where events are published to.
    pub fn exchange(&self) -> &ShortString {
        &self.exchange
    }

    /// The queue with what RabbitMQ gave up delivering.
    pub(super) fn dead_letters(&self) -> &ShortString {
        &self.dead_letters
    }

    /// Whether a queue of ours waits for this type: then an event nobody received is a fault.
    pub fn is_routed(&self, event_type: &str) -> bool {
        self.routed.contains(event_type)
    }

    /// Declares everything, on a channel of its own: the broker closes the channel of a
    /// declaration that it refuses. Returns how many messages wait for each group.
    ///
    /// # Errors
    /// See [`TopologyError`]; the first that is refused.
    pub async fn declare(&self, connection: &Connection) -> Result<BTreeMap<String, u64>, TopologyError> {
        let channel = connection
            .create_channel()
            .await
            .map_err(|error| TopologyError::Other { what: "topology".to_owned(), error })?;
        declare_exchange(&channel, &self.dead_letter_exchange).await?;
        declare_queue(&channel, &self.dead_letters, quorum()).await?;
        bind(&channel, &self.dead_letters, &self.dead_letter_exchange, &"#".into()).await?;
        declare_exchange(&channel, &self.exchange).await?;
        let mut waiting = BTreeMap::<_, u64>::new();
        for Queue { group, name, keys } in &self.queues {
            let messages = declare_queue(&channel, name, self.consumed()).await?;
            *waiting.entry(group.clone()).or_default() += u64::from(messages);
            for key in keys {
                bind(&channel, name, &self.exchange, key).await?;
            }
        }
        // an unused channel costs the broker a process: its error would change nothing
        let _ = channel.close(200, "declared".into()).await;
        Ok(waiting)
    }

    /// Declares the exchange events are published to, and nothing else.
    pub(super) async fn declare_event_exchange(&self, channel: &Channel) -> Result<(), TopologyError> {
        declare_exchange(channel, &self.exchange).await
    }

    /// Arguments of a queue that consumers drain.
    fn consumed(&self) -> FieldTable {
        let mut arguments = quorum();
        let text = |text: &str| AMQPValue::LongString(text.into());
        arguments.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
        arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(self.delivery_limit));
        arguments.insert("x-dead-letter-exchange".into(), text(self.dead_letter_exchange.as_str()));
        // A message leaves only when the dead-letter queue has confirmed it; by default it may get
        // lost on the way. Needs this overflow, which without a length limit never happens.
        arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
        arguments.insert("x-overflow".into(), text("reject-publish"));
        arguments
    }
}

async fn declare_exchange(channel: &Channel, name: &ShortString) -> Result<(), TopologyError> {
    let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    let declared = channel.exchange_declare(name.clone(), ExchangeKind::Topic, options, FieldTable::default());
    declared.await.map_err(|error| refused(format!("exchange {name}"), error))
}

/// Returns how many messages are ready in it.
async fn declare_queue(channel: &Channel, name: &ShortString, arguments: FieldTable) -> Result<u32, TopologyError> {
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    let declared = channel.queue_declare(name.clone(), options, arguments);
    declared.await.map(|queue| queue.message_count()).map_err(|error| refused(format!("queue {name}"), error))
}

async fn bind(
    channel: &Channel,
    queue: &ShortString,
    exchange: &ShortString,
    key: &ShortString,
) -> Result<(), TopologyError> {
    let bound = channel.queue_bind(
        queue.clone(),
        exchange.clone(),
        key.clone(),
        QueueBindOptions::default(),
        FieldTable::default(),
    );
    bound.await.map_err(|error| refused(format!("binding of queue {queue} to {key}"), error))
}

fn quorum() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    arguments
}

fn refused(what: String, error: lapin::Error) -> TopologyError {
    match error.kind() {
        ErrorKind::ProtocolError(amqp) if amqp.get_id() == 406 => {
            TopologyError::Different { what, broker: amqp.get_message().to_string() }
        }
        ErrorKind::ProtocolError(amqp) if amqp.get_id() == 403 => {
            TopologyError::Forbidden { what, broker: amqp.get_message().to_string() }
        }
        _ => TopologyError::Other { what, error },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_bears_the_name_of_its_event() {
        let queue = |group| Subscription::of(group, "com.offgrid.portal.customers.customer-changed").queue;
        assert_eq!(queue(DEFAULT_GROUP), "offgrid.portal.customers.customer-changed");
        assert_eq!(queue("audit"), "offgrid.portal.customers.customer-changed.audit");
    }

    #[test]
    fn a_type_is_routed_when_a_queue_waits_for_it() {
        let subscription =
            Subscription { group: "g".into(), queue: "q".into(), event_types: vec!["a".into(), "b".into()] };
        let topology = Topology::new(&Settings::default(), &[subscription]).unwrap();
        assert!(topology.is_routed("a") && topology.is_routed("b") && !topology.is_routed("c"));
    }

    #[test]
    fn a_name_that_amqp_cannot_carry_is_refused() {
        let long = Subscription::of(DEFAULT_GROUP, &"x".repeat(256));
        assert_eq!(Topology::new(&Settings::default(), &[long]).unwrap_err().key, "subscriptions");
    }
}
