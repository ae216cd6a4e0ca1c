//! Endpoints that are slow, away, or want little at a time: they cost nobody else anything.

use std::time::{Duration, Instant};

use jobs::webhooks::Settings;
use sqlx::PgPool;

use super::receiver::Receiver;
use super::{CUSTOMERS, Told, settings};

/// More deliveries than can be under way at once, in the whole process.
#[sqlx::test(migrations = false)]
async fn one_that_hangs_has_a_few_places_and_the_others_all_the_rest(owner: PgPool) {
    let (hanging, quick) = (Receiver::hanging().await, Receiver::statuses(&["200 OK"]).await);
    let mut told = Told::new(owner, Settings { max_in_flight: 2, ..settings() }).await;
    let (slow, _) = told.endpoint(&hanging.url(), CUSTOMERS).await;
    told.endpoint(&quick.url(), CUSTOMERS).await;
    for n in 0..40 {
        told.happen(&format!("c{n}")).await;
    }
    // long before the one that hangs is given up
    told.until("succeeded", 40).await;
    assert_eq!((hanging.got().len(), quick.got().len()), (2, 40));
    let tried = format!("select count(*) from webhooks.deliveries where endpoint_id = '{}' and attempts > 0", slow.id);
    assert_eq!(told.db.count(&tried).await, 0);
    let counted = "select count(*) from apalis.jobs where kind = 'deliver-webhook.v1' and attempts > 0";
    assert_eq!(told.db.count(counted).await, 0, "waiting is no attempt");
    told.stop().await;
}

#[sqlx::test(migrations = false)]
async fn one_that_does_not_answer_is_tried_by_one_at_a_time(owner: PgPool) {
    let hanging = Receiver::hanging().await;
    let settings = Settings {
        timeout: Duration::from_millis(200),
        breaker_failures: 2,
        breaker_pause: Duration::from_secs(3600),
        max_in_flight: 1,
        ..settings()
    };
    let mut told = Told::new(owner, settings).await;
    let (endpoint, _) = told.endpoint(&hanging.url(), CUSTOMERS).await;
    for n in 0..10 {
        told.happen(&format!("c{n}")).await;
    }
    let all_wait =
        "select count(*) from apalis.jobs where kind = 'deliver-webhook.v1' and run_at > now() + interval '60 s'";
    told.db.until(all_wait, 10).await;
    told.stop().await;
    assert_eq!(hanging.got().len(), 2);
    assert_eq!(told.db.count("select count(*) from webhooks.attempts where error_class = 'timeout'").await, 2);
    assert!(told.read(endpoint.id).await.failing_since.is_some());
}

#[sqlx::test(migrations = false)]
async fn no_more_than_the_rate_limit_arrives(owner: PgPool) {
    let receiver = Receiver::statuses(&["200 OK"]).await;
    let mut told = Told::new(owner, settings()).await;
    told.limited_endpoint(&receiver.url(), CUSTOMERS, Some(2)).await;
    let begun = Instant::now();
    for n in 0..8 {
        told.happen(&format!("c{n}")).await;
    }
    told.until("succeeded", 8).await;
    // two at once, then two a second
    assert!(begun.elapsed() >= Duration::from_secs(3), "{:?}", begun.elapsed());
    told.stop().await;
    let counted = "select count(*) from webhooks.deliveries where attempts = 1";
    assert_eq!((receiver.got().len(), told.db.count(counted).await), (8, 8));
}
