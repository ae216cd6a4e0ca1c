//! What arrives, and that it is the same however often it arrives.

use domain::webhooks::{Overlap, RotateSecret, SigningSecret, TestEndpoint};
use sqlx::PgPool;

use super::receiver::Receiver;
use super::{CUSTOMERS, Told, settings, work};
use crate::consumers::effects::events;
use crate::support::ctx;
use jobs::webhooks::Sender;

#[sqlx::test(migrations = false)]
async fn who_wants_an_event_gets_it_signed(owner: PgPool) {
    let (receiver, uninterested) = (Receiver::statuses(&["200 OK"]).await, Receiver::statuses(&["200 OK"]).await);
    let mut told = Told::new(owner, settings()).await;
    let (endpoint, secret) = told.endpoint(&receiver.url(), CUSTOMERS).await;
    told.endpoint(&uninterested.url(), "com.offgrid.portal.orders.*").await;
    told.happen("ada").await;
    told.until("succeeded", 1).await;
    told.until_quiet().await;
    told.stop().await;
    let (delivery, attempts) = told.delivery().await;
    assert_eq!((receiver.got().len(), uninterested.got().len()), (1, 0));
    let got = receiver.got().remove(0);
    assert_eq!((got.path.as_str(), got.header("webhook-id")), ("/hooks", delivery.id.to_string().as_str()));
    assert_eq!(got.signed_with(&secret), Some(0));
    assert_eq!(got.header("content-type"), "application/cloudevents+json; charset=utf-8");
    assert!(got.header("user-agent").starts_with("offgrid-portal/"));
    assert_eq!(got.header("x-api-key"), "s3cret");
    let event = got.event();
    assert_eq!((&event["specversion"], &event["id"]), (&"1.0".into(), &delivery.event_id.as_str().into()));
    assert_eq!(event["type"], "com.offgrid.portal.customers.customer-created");
    assert_eq!(event["data"]["customer"]["email"], "ada@example.com");
    assert_eq!((delivery.endpoint_id, delivery.attempts, delivery.error), (endpoint.id, 1, None));
    assert_eq!((attempts.len(), attempts[0].status, attempts[0].error.as_deref()), (1, Some(200), None));
    // nothing secret in what operators and auditors see
    let secrets = format!(
        "select (select count(*) from apalis.jobs j where position('s3cret' in j::text) > 0)
              + (select count(*) from jobs.completed c where position('s3cret' in convert_from(c.payload, 'UTF8')) > 0)
              + (select count(*) from webhooks.attempts a where position('s3cret' in a::text) > 0)
              + (select count(*) from kernel.events e where position('s3cret' in e::text) > 0 or position('{}' in e::text) > 0)
              + (select count(*) from audit.documents d where position('s3cret' in d::text) > 0)",
        &secret["whsec_".len()..]
    );
    assert_eq!(told.db.count(&secrets).await, 0);
    assert_eq!(told.db.count("select count(*) from audit.documents where entity = 'webhooks'").await, 2);
}

#[sqlx::test(migrations = false)]
async fn every_attempt_is_the_same_delivery(owner: PgPool) {
    let receiver =
        Receiver::statuses(&["500 Internal Server Error", "503 Service Unavailable", "204 No Content"]).await;
    let mut told = Told::new(owner, settings()).await;
    let (endpoint, secret) = told.endpoint(&receiver.url(), CUSTOMERS).await;
    told.happen("ada").await;
    told.until("succeeded", 1).await;
    told.stop().await;
    let got = receiver.got();
    assert_eq!(got.len(), 3);
    let first = &got[0];
    assert!(got.iter().all(|got| got.header("webhook-id") == first.header("webhook-id") && got.body == first.body));
    assert!(got.iter().all(|got| got.signed_with(&secret) == Some(0)));
    let (delivery, attempts) = told.delivery().await;
    let outcomes: Vec<_> = attempts.iter().map(|a| (a.attempt, a.status, a.error_class.as_deref())).collect();
    assert_eq!(outcomes, [(1, Some(500), Some("http_5xx")), (2, Some(503), Some("http_5xx")), (3, Some(204), None)]);
    assert_eq!((delivery.attempts, delivery.error), (3, None));
    assert_eq!(told.read(endpoint.id).await.failing_since, None, "it works again");
}

#[sqlx::test(migrations = false)]
async fn an_event_that_arrives_again_is_no_other_delivery(owner: PgPool) {
    let receiver = Receiver::statuses(&["200 OK"]).await;
    let mut told = Told::new(owner, settings()).await;
    told.endpoint(&receiver.url(), CUSTOMERS).await;
    told.happen("ada").await;
    told.until("succeeded", 1).await;
    told.until_quiet().await;
    // as if the inbox had forgotten it
    sqlx::query("delete from kernel.inbox where consumer = 'webhooks'").execute(&told.db.owner).await.unwrap();
    let wiring = super::super::Carrier::Embedded.wiring(&told.db.worker, &jobs::registry::reactions());
    for event in &events(&told.db).await {
        wiring.bus.publish(event).await.unwrap();
    }
    told.db.until("select count(*) from kernel.inbox where consumer = 'webhooks' and handled_at is not null", 2).await;
    // what happens last is sent last
    told.happen("bob").await;
    told.until("succeeded", 2).await;
    told.until_quiet().await;
    told.stop().await;
    assert_eq!(receiver.got().len(), 2);
}

/// The process ends after the endpoint got it, and before anybody wrote that down.
#[sqlx::test(migrations = false)]
async fn what_was_sent_by_a_worker_that_ended_is_sent_again_under_the_same_id(owner: PgPool) {
    let receiver = Receiver::replying(|n| (n > 0).then(|| super::receiver::reply("200 OK", ""))).await;
    let mut told = Told::new(owner, settings()).await;
    told.endpoint(&receiver.url(), CUSTOMERS).await;
    told.happen("ada").await;
    while receiver.got().is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    told.stop().await;
    assert_eq!(told.db.count("select count(*) from webhooks.attempts").await, 0);
    let next = work(&told.db, Sender::new(settings()));
    told.db.until("select count(*) from webhooks.deliveries where status = 'succeeded'", 1).await;
    next.stop().await;
    let got = receiver.got();
    assert_eq!((got.len(), got[0].header("webhook-id")), (2, got[1].header("webhook-id")));
    assert_eq!(got[0].body, got[1].body);
}

#[sqlx::test(migrations = false)]
async fn during_a_rotation_both_secrets_sign(owner: PgPool) {
    let receiver = Receiver::statuses(&["200 OK"]).await;
    let mut told = Told::new(owner, settings()).await;
    let (endpoint, old) = told.endpoint(&receiver.url(), CUSTOMERS).await;
    let rotate = async |overlap: i64| {
        let (secret, overlap) = (SigningSecret::generate().unwrap(), Overlap::new(overlap, "").unwrap());
        let shown = secret.reveal();
        let rotate = RotateSecret { id: endpoint.id, expected_version: None, secret, overlap };
        domain::run(&told.db.api, &ctx(), rotate).await.unwrap();
        shown
    };
    let new = rotate(3600).await;
    told.happen("ada").await;
    told.until("succeeded", 1).await;
    let newest = rotate(0).await;
    told.happen("bob").await;
    told.until("succeeded", 2).await;
    told.stop().await;
    let got = receiver.got();
    assert_eq!([&new, &old].map(|secret| got[0].signed_with(secret)), [Some(0), Some(1)]);
    assert_eq!([&newest, &new, &old].map(|secret| got[1].signed_with(secret)), [Some(0), None, None]);
}

#[sqlx::test(migrations = false)]
async fn a_test_is_sent_once_and_says_nothing_of_the_endpoint(owner: PgPool) {
    let receiver = Receiver::statuses(&["410 Gone"]).await;
    let mut told = Told::new(owner, settings()).await;
    let (endpoint, _) = told.endpoint(&receiver.url(), CUSTOMERS).await;
    domain::run(&told.db.api, &ctx(), TestEndpoint { id: endpoint.id }).await.unwrap();
    told.until("failed", 1).await;
    told.until_quiet().await;
    told.stop().await;
    let (delivery, attempts) = told.delivery().await;
    assert_eq!((receiver.got().len(), attempts.len(), delivery.is_test), (1, 1, true));
    assert_eq!(receiver.got()[0].event()["type"], "com.offgrid.portal.webhooks.endpoint-tested");
    assert_eq!(told.db.count("select count(*) from jobs.dead_letters").await, 0);
    assert_eq!(told.read(endpoint.id).await, endpoint);
}

#[sqlx::test(migrations = false)]
async fn what_ended_long_ago_is_forgotten_unless_it_is_a_dead_letter(owner: PgPool) {
    let (taking, refusing) = (Receiver::statuses(&["200 OK"]).await, Receiver::statuses(&["500 A"]).await);
    let mut told = Told::new(owner, settings()).await;
    told.endpoint(&taking.url(), CUSTOMERS).await;
    told.endpoint(&refusing.url(), CUSTOMERS).await;
    told.happen("ada").await;
    told.until("succeeded", 1).await;
    told.until("failed", 1).await;
    told.stop().await;
    let expire = async || {
        told.db
            .worker
            .ask(async |conn| sqlx::query("select webhooks.expire_deliveries(7)").execute(conn).await)
            .await
            .unwrap();
        told.db.count("select count(*) from webhooks.deliveries").await
    };
    assert_eq!(expire().await, 2, "they ended just now");
    let old = "update webhooks.deliveries set finished_at = now() - interval '8 days'";
    sqlx::query(old).execute(&told.db.owner).await.unwrap();
    assert_eq!(expire().await, 1);
    assert_eq!(told.delivery().await.0.status.as_str(), "failed");
    assert_eq!(told.db.count("select count(*) from webhooks.attempts").await, 3, "only its own are left");
}
