//! What has arrived at the broker.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use futures::StreamExt as _;
use jobs::bus::cloudevent;
use lapin::options::{BasicConsumeOptions, ExchangeDeleteOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties};

use super::Route;

/// The messages of a queue, in order of arrival.
#[derive(Default)]
pub(super) struct Arrivals {
    /// Sequences by subject, repeated ones included.
    pub(super) sequences: BTreeMap<String, Vec<i64>>,
    pub(super) messages: usize,
    ids: HashSet<String>,
}

impl Arrivals {
    /// Reads the route's queue until it has seen so many different events, and then for as long as
    /// more keep coming; deletes queue and exchange.
    pub(super) async fn read(url: &str, route: &Route, events: usize) -> Self {
        let channel = channel(url).await;
        let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
        let queue = route.queue.as_str();
        let mut consumer =
            channel.basic_consume(queue.into(), "".into(), options, FieldTable::default()).await.unwrap();
        let mut arrivals = Self::default();
        loop {
            let patience = Duration::from_secs(if arrivals.ids.len() < events { 20 } else { 1 });
            match tokio::time::timeout(patience, consumer.next()).await {
                Ok(delivery) => arrivals.take(&delivery.unwrap().unwrap()),
                Err(_) => break,
            }
        }
        delete(&channel, route).await;
        assert_eq!(arrivals.ids.len(), events, "different events that arrived");
        arrivals
    }

    fn take(&mut self, delivery: &lapin::message::Delivery) {
        let event = cloudevent::decode(&delivery.properties, &delivery.data).unwrap();
        let sequence = event.extension("sequence").unwrap().parse().unwrap();
        self.sequences.entry(event.subject().to_owned()).or_default().push(sequence);
        self.ids.insert(delivery.properties.message_id().as_ref().unwrap().to_string());
        self.messages += 1;
    }

    /// Whether each of so many customers has the events `1..=last`, first arrivals in that order.
    pub(super) fn assert_in_order(&self, customers: usize, last: i64) {
        assert_eq!(self.sequences.len(), customers);
        for (subject, sequences) in &self.sequences {
            let mut seen = HashSet::new();
            let first: Vec<i64> = sequences.iter().copied().filter(|sequence| seen.insert(*sequence)).collect();
            assert_eq!(first, (1..=last).collect::<Vec<_>>(), "first arrivals of {subject}");
        }
    }
}

/// A channel past everything that is tested.
pub(super) async fn channel(url: &str) -> Channel {
    let connection = Connection::connect(url, ConnectionProperties::default()).await.unwrap();
    connection.create_channel().await.unwrap()
}

async fn delete(channel: &Channel, route: &Route) {
    let exchange = route.exchange.as_str();
    channel.queue_delete(route.queue.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
    channel.queue_delete(format!("{exchange}.dead-letters").into(), QueueDeleteOptions::default()).await.unwrap();
    channel.exchange_delete(exchange.into(), ExchangeDeleteOptions::default()).await.unwrap();
    channel.exchange_delete(format!("{exchange}.dlx").into(), ExchangeDeleteOptions::default()).await.unwrap();
}
