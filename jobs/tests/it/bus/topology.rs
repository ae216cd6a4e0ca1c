//! What is declared on the broker, and what happens when something else is there.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt;
use jobs::bus::{Bus, PublishError, Subscription};
use lapin::options::{BasicConsumeOptions, BasicNackOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};
use serde_json::json;
use tokio::time::timeout;

use super::broker::{Vhost, id};
use super::proxy::Proxy;
use super::{CHANGED, SUSPENDED, connected, down, event, settings, start, up};

const QUEUE: &str = "offgrid.portal.customers.customer-changed";
const DEAD: &str = "offgrid.portal.dead-letters";

#[tokio::test(flavor = "multi_thread")]
async fn queues_and_exchanges_are_durable_and_as_promised() {
    let vhost = Vhost::new();
    let _bus = connected(&vhost.url, &[CHANGED]).await;
    for exchange in ["offgrid.portal", "offgrid.portal.dlx"] {
        let found = vhost.look("exchanges", exchange);
        assert_eq!((&found["type"], &found["durable"]), (&json!("topic"), &json!(true)), "{exchange}");
    }
    let queue = vhost.look("queues", QUEUE);
    assert_eq!(queue["durable"], true);
    insta::assert_json_snapshot!("queue_arguments", queue["arguments"]);
    let dead_letters = vhost.look("queues", DEAD);
    assert_eq!(
        (&dead_letters["durable"], &dead_letters["arguments"]["x-queue-type"]),
        (&json!(true), &json!("quorum"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_queue_may_take_several_types_in_order() {
    let vhost = Vhost::new();
    let both = Subscription {
        group: "audit".into(),
        queue: "audit".into(),
        event_types: vec![CHANGED.into(), SUSPENDED.into()],
    };
    let bus = jobs::bus::RabbitMq::start(settings(&vhost.url), &[both, Subscription::of("billing", CHANGED)]).unwrap();
    up(&bus).await;
    let events = [event(CHANGED, "1", 1), event(SUSPENDED, "1", 2), event(CHANGED, "1", 3)];
    for event in &events {
        bus.publish(event).await.unwrap();
    }
    assert_eq!(vhost.ids("audit").await, events.each_ref().map(|event| event.id.to_string()));
    assert_eq!(vhost.ids(&format!("{QUEUE}.billing")).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bus_knows_how_many_events_wait_for_each_group() {
    let vhost = Vhost::new();
    let subscriptions = [
        Subscription::of("audit", CHANGED),
        Subscription::of("audit", SUSPENDED),
        Subscription::of("billing", CHANGED),
    ];
    let bus = jobs::bus::RabbitMq::start(settings(&vhost.url), &subscriptions).unwrap();
    up(&bus).await;
    let waiting = |audit, billing| BTreeMap::from([("audit".to_owned(), audit), ("billing".to_owned(), billing)]);
    assert_eq!(bus.waiting(), waiting(0, 0));
    for event in [event(CHANGED, "1", 1), event(SUSPENDED, "1", 2)] {
        bus.publish(&event).await.unwrap();
    }
    // it looks at each connect, and from then on now and again
    let another = jobs::bus::RabbitMq::start(settings(&vhost.url), &subscriptions).unwrap();
    up(&another).await;
    assert_eq!(another.waiting(), waiting(2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_delivered_too_often_becomes_a_dead_letter() {
    let vhost = Vhost::new();
    let bus = connected(&vhost.url, &[CHANGED]).await;
    let event = event(CHANGED, "1", 1);
    bus.publish(&event).await.unwrap();
    let channel = vhost.channel().await;
    let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
    let mut consumer = channel.basic_consume(QUEUE.into(), "".into(), options, none).await.unwrap();
    let mut deliveries = 0;
    while let Ok(Some(delivery)) = timeout(Duration::from_secs(2), consumer.next()).await {
        deliveries += 1;
        delivery.unwrap().nack(BasicNackOptions { requeue: true, multiple: false }).await.unwrap();
    }
    // the first, and delivery_limit redeliveries
    assert_eq!(deliveries, 3);
    vhost.holds(DEAD, 1).await;
    let dead = vhost.drain(DEAD).await;
    assert_eq!(id(&dead[0]), event.id.to_string());
    let headers = dead[0].properties.headers().as_ref().unwrap().inner();
    assert_eq!(headers["x-first-death-reason"], AMQPValue::LongString("delivery_limit".into()));
    assert_eq!(headers["x-first-death-queue"], AMQPValue::LongString(QUEUE.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_with_other_arguments_is_named_and_not_asked_for_too_often() {
    let vhost = Vhost::new();
    let channel = vhost.channel().await;
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(QUEUE.into(), durable, FieldTable::default()).await.unwrap();
    let proxy = Proxy::to(vhost.port()).await;
    let settings =
        jobs::bus::Settings { reconnect_max: Duration::from_secs(5), ..settings(&vhost.through(proxy.port)) };
    let bus = start(settings, &[CHANGED]);
    let reason = down(&bus, "other settings").await;
    for part in [&format!("queue {QUEUE}")[..], "delete it", "PRECONDITION_FAILED", "inequivalent arg"] {
        assert!(reason.contains(part), "{part} is not in: {reason}");
    }
    let refused = bus.publish(&event(CHANGED, "1", 1)).await.unwrap_err();
    assert_eq!(refused, PublishError::Unavailable(reason));
    let before = proxy.accepted();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let attempts = proxy.accepted() - before;
    assert!((1..=6).contains(&attempts), "{attempts} attempts in 3 s");
    // and once somebody has done as told, it goes on by itself
    channel.queue_delete(QUEUE.into(), QueueDeleteOptions::default()).await.unwrap();
    up(&bus).await;
    bus.publish(&event(CHANGED, "1", 1)).await.unwrap();
}
