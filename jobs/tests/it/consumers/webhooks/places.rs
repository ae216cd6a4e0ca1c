//! Where webhooks go, and where they do not.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use domain::webhooks::Targets;
use futures::FutureExt as _;
use jobs::webhooks::{Lookup, Sender, Settings};
use sqlx::PgPool;

use super::receiver::{Receiver, reply};
use super::{CUSTOMERS, Told, settings};

/// Every name leads to this process, whatever it did before.
fn inside() -> (Lookup, Arc<AtomicUsize>) {
    let looks = Arc::new(AtomicUsize::new(0));
    let counted = looks.clone();
    let lookup: Lookup = Arc::new(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        std::future::ready(Ok(vec![SocketAddr::from(([127, 0, 0, 1], 0))])).boxed()
    });
    (lookup, looks)
}

#[sqlx::test(migrations = false)]
async fn a_name_that_leads_into_our_own_network_is_not_called(owner: PgPool) {
    let receiver = Receiver::statuses(&["200 OK"]).await;
    let (lookup, looks) = inside();
    let settings = Settings { targets: Targets::Public, ..settings() };
    let mut told = Told::with(owner, Sender::with_lookup(settings, lookup)).await;
    told.endpoint(&format!("https://rebound.example:{}/hooks", receiver.port()), CUSTOMERS).await;
    told.happen("ada").await;
    told.until("failed", 1).await;
    told.stop().await;
    let (_, attempts) = told.delivery().await;
    assert_eq!((attempts.len(), looks.load(Ordering::SeqCst), receiver.got().len()), (3, 3, 0), "looked at each time");
    for attempt in attempts {
        assert_eq!((attempt.error_class.as_deref(), attempt.status), (Some("address_forbidden"), None));
        assert!(attempt.error.unwrap().starts_with("rebound.example is not called"));
    }
}

#[sqlx::test(migrations = false)]
async fn nor_is_an_address_in_it_or_what_is_not_encrypted(owner: PgPool) {
    let receiver = Receiver::statuses(&["200 OK"]).await;
    let settings = Settings { targets: Targets::Public, ..settings() };
    let mut told = Told::new(owner, settings).await;
    // made while it was allowed
    told.endpoint(&format!("https://127.0.0.1:{}/", receiver.port()), CUSTOMERS).await;
    told.endpoint(&format!("http://example.com:{}/", receiver.port()), CUSTOMERS).await;
    told.happen("ada").await;
    told.until("failed", 2).await;
    told.stop().await;
    assert_eq!((told.dead("address_forbidden").await, receiver.got().len()), (2, 0));
}

#[sqlx::test(migrations = false)]
async fn the_name_that_may_be_called_is(owner: PgPool) {
    let receiver = Receiver::statuses(&["200 OK"]).await;
    let (lookup, _) = inside();
    let mut told = Told::with(owner, Sender::with_lookup(settings(), lookup)).await;
    told.endpoint(&format!("http://hooks.example:{}/hooks", receiver.port()), CUSTOMERS).await;
    told.happen("ada").await;
    told.until("succeeded", 1).await;
    told.stop().await;
    assert_eq!(receiver.got()[0].header("host"), format!("hooks.example:{}", receiver.port()));
}

#[sqlx::test(migrations = false)]
async fn redirects_are_followed_as_far_as_is_configured_and_the_endpoints_headers_stay(owner: PgPool) {
    let last = Receiver::statuses(&["200 OK"]).await;
    let to = last.url();
    let second = Receiver::replying(move |_| Some(reply(&format!("308 x\r\nLocation: {to}"), ""))).await;
    let to = second.url();
    let first = Receiver::replying(move |_| Some(reply(&format!("307 x\r\nLocation: {to}"), ""))).await;
    let mut told = Told::new(owner, Settings { max_redirects: 2, ..settings() }).await;
    let (_, secret) = told.endpoint(&first.url(), CUSTOMERS).await;
    told.happen("ada").await;
    told.until("succeeded", 1).await;
    told.stop().await;
    let got = last.got().remove(0);
    assert_eq!((got.signed_with(&secret), got.header("x-api-key")), (Some(0), ""), "that is for the endpoint alone");
    assert_eq!((first.got().len(), second.got().len()), (1, 1));
}

#[sqlx::test(migrations = false)]
async fn redirects_are_not_followed_further(owner: PgPool) {
    let last = Receiver::statuses(&["200 OK"]).await;
    let to = last.url();
    let first = Receiver::replying(move |_| Some(reply(&format!("307 x\r\nLocation: {to}"), ""))).await;
    let mut told = Told::new(owner, settings()).await;
    told.endpoint(&first.url(), CUSTOMERS).await;
    told.happen("ada").await;
    told.until("failed", 1).await;
    told.stop().await;
    assert_eq!((told.dead("http_3xx").await, last.got().len()), (1, 0));
}

#[sqlx::test(migrations = false)]
async fn of_a_long_answer_the_beginning_is_kept(owner: PgPool) {
    let long = format!("{}\0{}", "é".repeat(10), "x".repeat(1_000_000));
    let receiver = Receiver::replying(move |_| Some(reply("200 OK", &long))).await;
    let mut told = Told::new(owner, Settings { response_bytes: 100, ..settings() }).await;
    told.endpoint(&receiver.url(), CUSTOMERS).await;
    told.happen("ada").await;
    told.until("succeeded", 1).await;
    told.stop().await;
    let response = told.delivery().await.1.remove(0).response;
    assert_eq!(response, format!("{}\u{fffd}{}", "é".repeat(10), "x".repeat(79)));
}
