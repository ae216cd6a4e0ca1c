//! A vhost per test, and a look at what is in it.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use futures::StreamExt;
use jobs::bus::cloudevent;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties};
use serde_json::Value;

use crate::servers::variable;

/// A vhost that is deleted when dropped.
pub(crate) struct Vhost {
    name: String,
    /// `amqp://guest:guest@127.0.0.1:PORT/NAME`.
    pub(crate) url: String,
}

impl Vhost {
    pub(crate) fn new() -> Self {
        let server = variable("PORTAL_TEST_AMQP_URL");
        let name = format!("test-{}", uuid::Uuid::now_v7());
        assert_eq!(management("PUT", &format!("/api/vhosts/{name}")).0, 201);
        Self { url: format!("{server}/{name}"), name }
    }

    /// The port of the server.
    pub(super) fn port(&self) -> u16 {
        let authority = self.url.split('/').nth(2).unwrap();
        authority.rsplit(':').next().unwrap().parse().unwrap()
    }

    /// The same vhost, with another port in place of the server's.
    pub(super) fn through(&self, port: u16) -> String {
        self.url.replace(&format!(":{}/", self.port()), &format!(":{port}/"))
    }

    /// A look through the management API: `queues` and `NAME`, `exchanges` and `NAME`, …
    pub(super) fn look(&self, kind: &str, name: &str) -> Value {
        let (status, body) = management("GET", &format!("/api/{kind}/{}/{name}", self.name));
        assert_eq!(status, 200, "{kind} {name}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// A channel of its own, past everything that is tested.
    pub(crate) async fn channel(&self) -> Channel {
        channel(&self.url).await
    }

    /// Takes all messages out of a queue, in order.
    pub(super) async fn drain(&self, queue: &str) -> Vec<Delivery> {
        drain(&self.url, queue).await
    }

    /// The ids of the messages in a queue, which is emptied.
    pub(super) async fn ids(&self, queue: &str) -> Vec<String> {
        self.drain(queue).await.iter().map(id).collect()
    }

    /// Waits until a queue holds so many messages.
    pub(crate) async fn holds(&self, queue: &str, expected: u32) {
        let channel = self.channel().await;
        for _ in 0..200 {
            let found = waiting(&channel, queue).await;
            if found == expected {
                return;
            }
            assert!(found < expected, "{queue} holds {found}, more than {expected}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{queue} never held {expected}");
    }

    /// Waits until so many consumers receive from a queue, or wait in line for it.
    pub(crate) async fn is_consumed_by(&self, queue: &str, expected: usize) {
        for _ in 0..600 {
            let (status, consumers) = management("GET", &format!("/api/consumers/{}", self.name));
            assert_eq!(status, 200, "{consumers}");
            let consumers: Vec<Value> = serde_json::from_str(&consumers).unwrap();
            if consumers.iter().filter(|consumer| consumer["queue"]["name"] == queue).count() == expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{queue} never had {expected} consumers");
    }
}

async fn channel(url: &str) -> Channel {
    let connection = Connection::connect(url, ConnectionProperties::default()).await.unwrap();
    connection.create_channel().await.unwrap()
}

/// Takes all messages out of a queue, in order.
pub(super) async fn drain(url: &str, queue: &str) -> Vec<Delivery> {
    let channel = channel(url).await;
    let count = waiting(&channel, queue).await as usize;
    // a queue with a single active consumer gives nothing to `basic.get`
    let options = BasicConsumeOptions::default();
    let consumer = channel.basic_consume(queue.into(), "".into(), options, FieldTable::default()).await.unwrap();
    let mut taking = consumer.take(count).map(Result::unwrap);
    let mut deliveries = Vec::new();
    while let Ok(Some(delivery)) = tokio::time::timeout(Duration::from_secs(20), taking.next()).await {
        // a quorum queue gives at most 2000 without
        delivery.ack(BasicAckOptions::default()).await.unwrap();
        deliveries.push(delivery);
    }
    assert_eq!(deliveries.len(), count, "taken out of {queue}");
    channel.close(200, "drained".into()).await.unwrap();
    deliveries
}

/// How many messages wait in a queue.
async fn waiting(channel: &Channel, queue: &str) -> u32 {
    let passive = QueueDeclareOptions { passive: true, durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(queue.into(), passive, FieldTable::default()).await.unwrap().message_count()
}

impl Drop for Vhost {
    fn drop(&mut self) {
        management("DELETE", &format!("/api/vhosts/{}", self.name));
    }
}

/// The message id, which is the event's.
pub(super) fn id(delivery: &Delivery) -> String {
    delivery.properties.message_id().as_ref().unwrap().to_string()
}

/// The sequences in the order of first arrival, by subject.
pub(super) fn first_arrivals(deliveries: &[Delivery]) -> HashMap<String, Vec<i64>> {
    let mut arrivals: HashMap<String, Vec<i64>> = HashMap::new();
    for delivery in deliveries {
        let event = cloudevent::decode(&delivery.properties, &delivery.data).unwrap();
        let sequence = event.extension("sequence").unwrap().parse().unwrap();
        let seen = arrivals.entry(event.subject().to_owned()).or_default();
        if !seen.contains(&sequence) {
            seen.push(sequence);
        }
    }
    arrivals
}

/// A request to the management API: status and body.
fn management(method: &str, path: &str) -> (u16, String) {
    let api = variable("PORTAL_TEST_RABBITMQ_API");
    let host = api.rsplit('@').next().unwrap().trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).unwrap();
    // guest:guest
    let head = format!("{method} {path} HTTP/1.0\r\nhost: {host}\r\nauthorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}
