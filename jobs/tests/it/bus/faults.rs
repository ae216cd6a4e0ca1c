//! A network that cuts, swallows and delays.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::kernel::event::Envelope;
use futures::future::join_all;
use jobs::bus::{Bus, PublishError, RabbitMq, Settings};
use serde_json::value::RawValue;

use super::broker::{Vhost, first_arrivals};
use super::proxy::{Flow, Proxy};
use super::{CHANGED, connected, down, event, settings, start, up};

const QUEUE: &str = "offgrid.portal.customers.customer-changed";

/// Publishes events of so many keys at once.
fn publish_all(bus: &Arc<RabbitMq>, keys: usize) -> Vec<tokio::task::JoinHandle<Result<(), PublishError>>> {
    let publish = |event: Envelope| {
        let bus = bus.clone();
        tokio::spawn(async move { bus.publish(&event).await })
    };
    (0..keys).map(|key| publish(event(CHANGED, &key.to_string(), 1))).collect()
}

fn assert_all_unavailable(results: Vec<Result<Result<(), PublishError>, tokio::task::JoinError>>) {
    for result in results {
        let error = result.unwrap().unwrap_err();
        assert!(matches!(error, PublishError::Unavailable(_)), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_connection_fails_every_outstanding_publish_at_once_and_sends_none_later() {
    let vhost = Vhost::new();
    let proxy = Proxy::to(vhost.port()).await;
    let bus = Arc::new(connected(&vhost.through(proxy.port), &[CHANGED]).await);
    proxy.set(Flow::BlackHole);
    let publishing = publish_all(&bus, 200);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(publishing.iter().all(|publish| !publish.is_finished()));
    let cut = Instant::now();
    proxy.set(Flow::Cut);
    assert_all_unavailable(join_all(publishing).await);
    // the confirm timeout would be 10 s
    assert!(cut.elapsed() < Duration::from_secs(8), "{:?}", cut.elapsed());
    up(&*bus).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    bus.publish(&event(CHANGED, "after", 1)).await.unwrap();
    assert_eq!(vhost.ids(QUEUE).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_broker_is_given_up_after_the_confirm_timeout() {
    let vhost = Vhost::new();
    let proxy = Proxy::to(vhost.port()).await;
    let settings = Settings { confirm_timeout: Duration::from_secs(1), ..settings(&vhost.through(proxy.port)) };
    let bus = Arc::new(start(settings, &[CHANGED]));
    up(&*bus).await;
    proxy.set(Flow::BlackHole);
    let silent = Instant::now();
    let results = join_all(publish_all(&bus, 200)).await;
    // without its own setting it would be 30 s
    assert!((900..20_000).contains(&silent.elapsed().as_millis()), "{:?}", silent.elapsed());
    assert_all_unavailable(results);
    // new connections pass, the old one comes back to life: nothing of it must
    up(&*bus).await;
    proxy.set(Flow::Open);
    tokio::time::sleep(Duration::from_secs(1)).await;
    bus.publish(&event(CHANGED, "after", 1)).await.unwrap();
    assert_eq!(vhost.ids(QUEUE).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stuck_in_buffers_is_discarded_with_its_connection() {
    let vhost = Vhost::new();
    let proxy = Proxy::to(vhost.port()).await;
    let settings = Settings { confirm_timeout: Duration::from_secs(1), ..settings(&vhost.through(proxy.port)) };
    let bus = Arc::new(start(settings, &[CHANGED]));
    up(&*bus).await;
    proxy.set(Flow::Stalled);
    // 20 MB: more than any buffer on the way takes, so that some of it stays in each
    let data = RawValue::from_string(format!("\"{}\"", "x".repeat(200_000))).unwrap();
    let publishing = (0..100).map(|key| {
        let (bus, data) = (bus.clone(), data.clone());
        tokio::spawn(async move { bus.publish(&Envelope { data, ..event(CHANGED, &key.to_string(), 1) }).await })
    });
    assert_all_unavailable(join_all(publishing.collect::<Vec<_>>()).await);
    up(&*bus).await;
    proxy.set(Flow::Open);
    tokio::time::sleep(Duration::from_secs(2)).await;
    bus.publish(&event(CHANGED, "after", 1)).await.unwrap();
    assert_eq!(vhost.ids(QUEUE).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_publish_is_not_sent_when_it_had_to_wait() {
    let vhost = Vhost::new();
    let proxy = Proxy::to(vhost.port()).await;
    let bus = Arc::new(connected(&vhost.through(proxy.port), &[CHANGED]).await);
    proxy.set(Flow::Deaf);
    // fills all places for unconfirmed events, so that the rest waits at the entrance
    let publishing = publish_all(&bus, 1024);
    vhost.holds(QUEUE, 1024).await;
    let waiting = publish_all(&bus, 100);
    tokio::time::sleep(Duration::from_millis(200)).await;
    waiting.iter().for_each(|publish| publish.abort());
    assert!(join_all(waiting).await.iter().all(|publish| publish.as_ref().is_err_and(|error| error.is_cancelled())));
    proxy.set(Flow::Open);
    for publish in publishing {
        publish.await.unwrap().unwrap();
    }
    bus.publish(&event(CHANGED, "after", 1)).await.unwrap();
    vhost.holds(QUEUE, 1025).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_broker_is_waited_for() {
    let vhost = Vhost::new();
    // nobody listens on this port yet, and nobody else gets it
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let bus = start(settings(&vhost.through(port)), &[CHANGED]);
    let reason = down(&bus, "cannot connect").await;
    assert!(reason.contains(&format!("127.0.0.1:{port}")) && reason.contains("refused"), "{reason}");
    assert!(matches!(bus.publish(&event(CHANGED, "1", 1)).await, Err(PublishError::Unavailable(_))));
    let _proxy = Proxy::on(tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap(), vhost.port());
    up(&bus).await;
    bus.publish(&event(CHANGED, "1", 1)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_login_is_told_without_the_password() {
    let vhost = Vhost::new();
    let bus = start(settings(&vhost.url.replace("guest:guest", "guest:s3cr3t")), &[CHANGED]);
    let reason = down(&bus, "ACCESS_REFUSED").await;
    assert!(!reason.contains("s3cr3t"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn through_many_cuts_nothing_is_lost_and_each_key_keeps_its_order() {
    const KEYS: usize = 40;
    const EVENTS: i64 = 100;
    let vhost = Vhost::new();
    let proxy = Proxy::to(vhost.port()).await;
    let settings = Settings { reconnect_max: Duration::from_millis(50), ..settings(&vhost.through(proxy.port)) };
    let bus = Arc::new(start(settings, &[CHANGED]));
    up(&*bus).await;
    let keys = (0..KEYS).map(|key| tokio::spawn(publish_in_order(bus.clone(), key.to_string(), EVENTS)));
    let keys: Vec<_> = keys.collect();
    for cut in 0..20 {
        up(&*bus).await;
        // each time at another moment of the exchange
        tokio::time::sleep(Duration::from_millis(3 + 7 * (cut % 11))).await;
        proxy.set(if cut % 3 == 0 { Flow::Deaf } else { Flow::Open });
        tokio::time::sleep(Duration::from_millis(5)).await;
        proxy.set(Flow::Cut);
    }
    let failed: usize = join_all(keys).await.into_iter().map(Result::unwrap).sum();
    assert!(failed > KEYS, "only {failed} attempts failed");
    let arrivals = first_arrivals(&vhost.drain(QUEUE).await);
    assert_eq!(arrivals.len(), KEYS);
    for (subject, sequences) in arrivals {
        assert_eq!(sequences, (1..=EVENTS).collect::<Vec<_>>(), "{subject}");
    }
}

/// As the outbox does: one unconfirmed event per key, the same again until it is confirmed.
/// Returns how many attempts failed.
pub(super) async fn publish_in_order(bus: Arc<RabbitMq>, key: String, events: i64) -> usize {
    let mut failed = 0;
    for sequence in 1..=events {
        let event = event(CHANGED, &key, sequence);
        while bus.publish(&event).await.is_err() {
            failed += 1;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    failed
}
