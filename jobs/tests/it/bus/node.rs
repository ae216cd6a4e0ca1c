//! A broker that is blocked, killed and started again.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use jobs::bus::{Bus, PublishError, RabbitMq, Settings, Subscription};

use super::broker::{drain, first_arrivals};
use super::faults::publish_in_order;
use super::{CHANGED, down, event, settings, up};
use crate::servers::Node;

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_blocks_dies_and_returns_loses_nothing() {
    let node = Node::running().await;
    // names of its own: other tests use the node before and after
    let exchange = format!("test.{}", uuid::Uuid::now_v7());
    let queue = format!("{exchange}.arrivals");
    let subscription =
        Subscription { group: "test".to_owned(), queue: queue.clone(), event_types: vec![CHANGED.to_owned()] };
    // what waits for the end of an alarm is not given up: `rabbitmqctl` takes long on a busy machine
    let confirm_timeout = Duration::from_secs(120);
    let settings = Settings { exchange, confirm_timeout, ..settings(&node.url()) };
    let bus = Arc::new(RabbitMq::start(settings, &[subscription]).unwrap());
    node.settled(&*bus).await;
    bus.publish(&event(CHANGED, "first", 1)).await.unwrap();
    blocks(&node, &bus).await;
    dies(&node, &bus).await;
    let arrivals = first_arrivals(&drain(&node.url(), &queue).await);
    assert_eq!(arrivals.len(), 22);
    for key in 0..20 {
        assert_eq!(arrivals[&format!("customers/{key}")], (1..=500).collect::<Vec<_>>());
    }
    bus.close().await;
}

/// A memory alarm: the bus is down until it is over, and what was on its way then arrives.
async fn blocks(node: &Node, bus: &Arc<RabbitMq>) {
    node.ctl(&["set_vm_memory_high_watermark", "0.00001"]).await;
    let on_its_way = tokio::spawn({
        let bus = bus.clone();
        async move { bus.publish(&event(CHANGED, "blocked", 1)).await }
    });
    down(&**bus, "takes no events at present: low on memory").await;
    let refused = bus.publish(&event(CHANGED, "refused", 1)).await.unwrap_err();
    assert!(matches!(refused, PublishError::Unavailable(_)), "{refused}");
    node.ctl(&["set_vm_memory_high_watermark", "0.4"]).await;
    up(&**bus).await;
    on_its_way.await.unwrap().unwrap();
}

/// `kill -9` in the middle of publishing.
async fn dies(node: &Node, bus: &Arc<RabbitMq>) {
    let keys: Vec<_> = (0..20).map(|key| tokio::spawn(publish_in_order(bus.clone(), key.to_string(), 500))).collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    node.kill().await;
    down(&**bus, "cannot connect").await;
    assert!(keys.iter().any(|key| !key.is_finished()));
    node.start().await;
    let finished = tokio::time::timeout(Duration::from_secs(120), join_all(keys)).await;
    finished.expect("all events are confirmed within 120 s").into_iter().for_each(|key| assert!(key.is_ok()));
}
