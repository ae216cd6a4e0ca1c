//! Many deliveries at once: what failed, and what the log has.

use chrono::{DateTime, TimeDelta, Utc};
use domain::webhooks::{Bulk, BulkKind, BulkState, CancelBulk, DisableEndpoint, GetBulk, StartBulk};
use sqlx::PgPool;
use uuid::Uuid;

use super::receiver::Receiver;
use super::{CUSTOMERS, Told, settings};
use crate::support::ctx;

impl Told {
    async fn start(&self, endpoint_id: Uuid, kind: BulkKind, since: DateTime<Utc>) -> Bulk {
        domain::run(&self.db.api, &ctx(), StartBulk { endpoint_id, kind, since }).await.unwrap()
    }

    async fn ended(&self, bulk: &Bulk) -> Bulk {
        self.db.until("select count(*) from webhooks.bulks where state = 'running'", 0).await;
        domain::fetch(&self.db.api, &ctx(), GetBulk { id: bulk.id }).await.unwrap()
    }
}

fn long_ago() -> DateTime<Utc> {
    Utc::now() - TimeDelta::days(1)
}

#[sqlx::test(migrations = false)]
async fn all_that_failed_since_then_is_sent_anew(owner: PgPool) {
    // three attempts at each of three, then it works
    let receiver = Receiver::statuses(&[
        "500 A", "500 A", "500 A", "500 A", "500 A", "500 A", "500 A", "500 A", "500 A", "200 OK",
    ])
    .await;
    let mut told = Told::new(owner, settings()).await;
    let (endpoint, _) = told.endpoint(&receiver.url(), CUSTOMERS).await;
    for email in ["ada", "bob", "eve"] {
        told.happen(email).await;
    }
    told.until("failed", 3).await;
    let before = "update webhooks.deliveries set created_at = now() - interval '2 days' where subject = (select min(subject) from webhooks.deliveries)";
    sqlx::query(before).execute(&told.db.owner).await.unwrap();
    let bulk = told.start(endpoint.id, BulkKind::Recover, long_ago()).await;
    let ended = told.ended(&bulk).await;
    told.until("succeeded", 2).await;
    told.until_quiet().await;
    told.stop().await;
    assert_eq!((ended.state, ended.matched, ended.sent), (BulkState::Completed, 2, 2));
    assert_eq!((receiver.got().len(), told.dead("http_5xx").await), (11, 1), "what failed before then stays as it is");
}

#[sqlx::test(migrations = false)]
async fn a_new_endpoint_gets_what_happened_before_it_was_there_once(owner: PgPool) {
    let receiver = Receiver::statuses(&["200 OK"]).await;
    let mut told = Told::new(owner, settings()).await;
    // more than a step takes
    for n in 0..250 {
        told.happen(&format!("c{n}")).await;
    }
    told.until_quiet().await;
    let (endpoint, _) = told.endpoint(&receiver.url(), CUSTOMERS).await;
    told.happen("new").await;
    told.until("succeeded", 1).await;
    for sent in [250, 0] {
        let bulk = told.start(endpoint.id, BulkKind::Replay, long_ago()).await;
        let ended = told.ended(&bulk).await;
        assert_eq!((ended.state, ended.matched, ended.sent), (BulkState::Completed, 251, sent));
    }
    told.until("succeeded", 251).await;
    told.until_quiet().await;
    told.stop().await;
    let subjects: std::collections::BTreeSet<String> =
        receiver.got().iter().map(|got| got.event()["subject"].to_string()).collect();
    assert_eq!((receiver.got().len(), subjects.len()), (251, 251));
}

#[sqlx::test(migrations = false)]
async fn one_that_is_cancelled_or_has_nobody_to_send_to_makes_no_more(owner: PgPool) {
    let receiver = Receiver::statuses(&["200 OK"]).await;
    let mut told = Told::new(owner, settings()).await;
    told.happen("ada").await;
    told.until_quiet().await;
    told.stop().await;
    let (endpoint, _) = told.endpoint(&receiver.url(), CUSTOMERS).await;
    let cancelled = told.start(endpoint.id, BulkKind::Replay, long_ago()).await;
    let now = domain::run(&told.db.api, &ctx(), CancelBulk { id: cancelled.id }).await.unwrap();
    assert_eq!(now.state, BulkState::Cancelled);
    let failing = told.start(endpoint.id, BulkKind::Replay, long_ago()).await;
    domain::run(&told.db.api, &ctx(), DisableEndpoint { id: endpoint.id, expected_version: None }).await.unwrap();
    let worker = super::work(&told.db, jobs::webhooks::Sender::new(settings()));
    let failed = told.ended(&failing).await;
    told.db.until("select count(*) from apalis.jobs", 0).await;
    worker.stop().await;
    assert_eq!(failed.state, BulkState::Failed);
    assert!(failed.error.unwrap().contains("disabled"));
    assert_eq!(told.db.count("select count(*) from webhooks.deliveries").await, 0);
}
