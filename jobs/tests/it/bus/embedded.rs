//! The bus inside the process.

use std::sync::Arc;
use std::time::Duration;

use jobs::bus::cloudevent::encode;
use jobs::bus::embedded::CAPACITY;
use jobs::bus::{Bus, BusState, ContentMode, Embedded, PublishError};

use super::{CHANGED, event};

#[tokio::test]
async fn every_subscriber_gets_the_bytes_that_rabbitmq_would_carry() {
    let bus = Embedded::new(ContentMode::Binary);
    let (mut one, mut two) = (bus.subscribe(), bus.subscribe());
    let event = event(CHANGED, "1", 1);
    bus.publish(&event).await.unwrap();
    let expected = encode(&event, ContentMode::Binary).unwrap();
    assert_eq!(*one.recv().await.unwrap(), expected);
    assert_eq!(*two.recv().await.unwrap(), expected);
}

#[tokio::test]
async fn without_subscribers_a_publish_is_confirmed_at_once() {
    let bus = Embedded::new(ContentMode::Structured);
    drop(bus.subscribe());
    for sequence in 1..=2 * CAPACITY {
        bus.publish(&event(CHANGED, "1", i64::try_from(sequence).unwrap())).await.unwrap();
    }
    assert_eq!(*bus.state().borrow(), BusState::Up);
}

#[tokio::test]
async fn a_full_subscriber_holds_up_and_a_cancelled_publish_reached_nobody() {
    let bus = Arc::new(Embedded::new(ContentMode::Structured));
    let (mut quick, mut slow) = (bus.subscribe(), bus.subscribe());
    for sequence in 1..=CAPACITY {
        bus.publish(&event(CHANGED, "1", i64::try_from(sequence).unwrap())).await.unwrap();
        quick.recv().await.unwrap();
    }
    let late = event(CHANGED, "1", 1000);
    assert!(tokio::time::timeout(Duration::from_millis(50), bus.publish(&late)).await.is_err());
    assert!(quick.try_recv().is_err());
    slow.recv().await.unwrap();
    bus.publish(&late).await.unwrap();
    assert!(quick.try_recv().is_ok());
    // one that goes away while a publish waits for it does not hold it up
    let waiting = tokio::spawn(async move { bus.publish(&late).await });
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!waiting.is_finished());
    drop(slow);
    waiting.await.unwrap().unwrap();
}

#[tokio::test]
async fn closing_ends_subscriptions() {
    let bus = Embedded::new(ContentMode::Structured);
    let mut events = bus.subscribe();
    bus.publish(&event(CHANGED, "1", 1)).await.unwrap();
    bus.close().await;
    assert!(events.recv().await.is_some());
    assert!(events.recv().await.is_none());
    let error = bus.publish(&event(CHANGED, "1", 2)).await.unwrap_err();
    assert!(matches!(error, PublishError::Unavailable(_)), "{error}");
}
