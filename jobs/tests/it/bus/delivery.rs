//! What a confirm means, and what comes in its place.

use futures::future::join_all;
use jobs::bus::cloudevent::decode;
use jobs::bus::{Bus, BusState, ContentMode, PublishError, RabbitMq};
use lapin::options::{QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};

use super::broker::{Vhost, id};
use super::proxy::{Flow, Proxy};
use super::{CHANGED, SUSPENDED, connected, event, settings, start, up};

const QUEUE: &str = "offgrid.portal.customers.customer-changed";

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmed_event_is_in_its_queue_as_a_persistent_message() {
    let vhost = Vhost::new();
    let bus = connected(&vhost.url, &[CHANGED]).await;
    let event = event(CHANGED, "1", 1);
    bus.publish(&event).await.unwrap();
    let deliveries = vhost.drain(QUEUE).await;
    let [delivery] = &deliveries[..] else { panic!("{deliveries:?}") };
    assert_eq!(delivery.routing_key.as_str(), CHANGED);
    assert_eq!(id(delivery), event.id.to_string());
    assert_eq!(delivery.properties.delivery_mode(), &Some(2));
    let received = decode(&delivery.properties, &delivery.data).unwrap();
    assert_eq!(received.data.unwrap().get(), event.data.get());
    bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn binary_mode_is_a_setting() {
    let vhost = Vhost::new();
    let bus = start(jobs::bus::Settings { content_mode: ContentMode::Binary, ..settings(&vhost.url) }, &[CHANGED]);
    up(&bus).await;
    let event = event(CHANGED, "1", 1);
    bus.publish(&event).await.unwrap();
    let deliveries = vhost.drain(QUEUE).await;
    assert_eq!(deliveries[0].data, event.data.get().as_bytes());
    let received = decode(&deliveries[0].properties, &deliveries[0].data).unwrap();
    assert_eq!(received.subject(), event.subject);
}

#[tokio::test(flavor = "multi_thread")]
async fn publish_returns_only_with_the_confirm_and_takes_no_turns() {
    let vhost = Vhost::new();
    let proxy = Proxy::to(vhost.port()).await;
    let bus = std::sync::Arc::new(connected(&vhost.through(proxy.port), &[CHANGED]).await);
    proxy.set(Flow::Deaf);
    let publishing: Vec<_> = (0..300)
        .map(|n| {
            let bus = bus.clone();
            tokio::spawn(async move { bus.publish(&event(CHANGED, &n.to_string(), 1)).await })
        })
        .collect();
    // all are there, though none is confirmed
    vhost.holds(QUEUE, 300).await;
    assert!(publishing.iter().all(|publish| !publish.is_finished()));
    proxy.set(Flow::Open);
    for publish in publishing {
        publish.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_nobody_subscribed_to_is_no_fault() {
    let vhost = Vhost::new();
    let bus = connected(&vhost.url, &[CHANGED]).await;
    bus.publish(&event(SUSPENDED, "1", 1)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_queue_is_declared_again_and_the_next_attempt_succeeds() {
    let vhost = Vhost::new();
    let bus = connected(&vhost.url, &[CHANGED]).await;
    let channel = vhost.channel().await;
    for _ in 0..3 {
        channel.queue_delete(QUEUE.into(), QueueDeleteOptions::default()).await.unwrap();
        let event = event(CHANGED, "1", 1);
        let error = bus.publish(&event).await.unwrap_err();
        assert!(matches!(&error, PublishError::Unroutable(text) if text.contains("declared again")), "{error}");
        bus.publish(&event).await.unwrap();
        assert_eq!(vhost.ids(QUEUE).await, [event.id.to_string()]);
    }
    assert_eq!(*bus.state().borrow(), BusState::Up);
}

#[tokio::test(flavor = "multi_thread")]
async fn among_hundreds_none_that_was_returned_counts_as_confirmed() {
    let vhost = Vhost::new();
    let bus = connected(&vhost.url, &[CHANGED, SUSPENDED]).await;
    for round in 0..8 {
        let channel = vhost.channel().await;
        channel.queue_delete(QUEUE.into(), QueueDeleteOptions::default()).await.unwrap();
        let events: Vec<_> =
            (0..400).map(|n| event(if n % 3 == 0 { CHANGED } else { SUSPENDED }, &n.to_string(), 1)).collect();
        let results = join_all(events.iter().map(|event| bus.publish(event))).await;
        let mut arrived = vhost.ids(QUEUE).await;
        arrived.extend(vhost.ids("offgrid.portal.customers.customer-suspended").await);
        let (mut returned, mut repeated) = (0, 0);
        for (event, result) in events.iter().zip(&results) {
            let is_there = arrived.contains(&event.id.to_string());
            match result {
                Ok(()) => assert!(is_there, "confirmed and lost in round {round}"),
                // a return that came with another's confirm makes that one doubtful, too
                Err(PublishError::Unroutable(_)) if is_there => repeated += 1,
                Err(PublishError::Unroutable(_)) => returned += 1,
                Err(error) => panic!("{error}"),
            }
        }
        assert!(returned > 0, "the queue was back before anything was returned");
        assert!(repeated <= returned, "{repeated} would be repeated for {returned} returned");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_event_is_nacked_and_the_bus_stays_up() {
    let vhost = Vhost::new();
    let bus = RabbitMq::start(settings(&vhost.url), &[]).unwrap();
    up(&bus).await;
    let channel = vhost.channel().await;
    let mut full = FieldTable::default();
    full.insert("x-max-length".into(), AMQPValue::LongInt(1));
    full.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    channel.queue_declare("full".into(), QueueDeclareOptions::default(), full).await.unwrap();
    let (options, none) = (QueueBindOptions::default(), FieldTable::default());
    channel.queue_bind("full".into(), "offgrid.portal".into(), "#".into(), options, none).await.unwrap();
    bus.publish(&event(CHANGED, "1", 1)).await.unwrap();
    let error = bus.publish(&event(CHANGED, "1", 2)).await.unwrap_err();
    assert!(matches!(error, PublishError::Nacked(_)), "{error}");
    vhost.drain("full").await;
    bus.publish(&event(CHANGED, "1", 2)).await.unwrap();
    assert_eq!(*bus.state().borrow(), BusState::Up);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_cannot_be_sent_harms_no_other() {
    let vhost = Vhost::new();
    let bus = connected(&vhost.url, &[CHANGED]).await;
    let error = bus.publish(&event(&"t".repeat(300), "1", 1)).await.unwrap_err();
    assert!(matches!(error, PublishError::Invalid(_)), "{error}");
    bus.publish(&event(CHANGED, "1", 1)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_waits_for_confirms_and_refuses_what_comes_later() {
    let vhost = Vhost::new();
    let proxy = Proxy::to(vhost.port()).await;
    let bus = std::sync::Arc::new(connected(&vhost.through(proxy.port), &[CHANGED]).await);
    proxy.set(Flow::Deaf);
    let early = tokio::spawn({
        let bus = bus.clone();
        async move { bus.publish(&event(CHANGED, "1", 1)).await }
    });
    vhost.holds(QUEUE, 1).await;
    let closing = tokio::spawn({
        let bus = bus.clone();
        async move { bus.close().await }
    });
    super::down(&*bus, "closed").await;
    let late = bus.publish(&event(CHANGED, "2", 1)).await.unwrap_err();
    assert_eq!(late, PublishError::Unavailable("the bus is closed".to_owned()));
    assert!(!closing.is_finished() && !early.is_finished());
    proxy.set(Flow::Open);
    early.await.unwrap().unwrap();
    closing.await.unwrap();
}
