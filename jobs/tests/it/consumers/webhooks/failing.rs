//! Endpoints that do not take what they get.

use std::time::Duration;

use domain::operations::{ArchiveDeadLetter, CancelJob, GetTimeline, JobId, Reason, RetryDeadLetter, Step, TimelineOf};
use domain::webhooks::{DisableReason, EnableEndpoint, ResendDelivery};
use domain::{Ctx, Scope};
use jobs::webhooks::Settings;
use sqlx::PgPool;

use super::receiver::{Receiver, reply};
use super::{CUSTOMERS, Told, settings};
use crate::support::ctx;

const DISABLED: &str =
    "select count(*) from kernel.events where type = 'com.offgrid.portal.webhooks.endpoint-disabled'";

#[sqlx::test(migrations = false)]
async fn what_is_given_up_is_a_dead_letter_and_can_be_sent_anew(owner: PgPool) {
    let receiver = Receiver::statuses(&["500 A", "404 B", "302 C", "200 OK"]).await;
    let mut told = Told::new(owner, settings()).await;
    told.endpoint(&receiver.url(), CUSTOMERS).await;
    told.happen("ada").await;
    told.until("failed", 1).await;
    assert_eq!((told.dead("http_3xx").await, receiver.got().len()), (1, 3));
    let (delivery, attempts) = told.delivery().await;
    let classes: Vec<_> = attempts.iter().filter_map(|attempt| attempt.error_class.as_deref()).collect();
    assert_eq!(classes, ["http_5xx", "http_4xx", "http_3xx"]);
    assert!(delivery.error.unwrap().contains("302"));
    domain::run(&told.db.api, &ctx(), ResendDelivery { id: delivery.id }).await.unwrap();
    told.until("succeeded", 1).await;
    told.until_quiet().await;
    told.stop().await;
    let ids: std::collections::BTreeSet<String> =
        receiver.got().iter().map(|got| got.header("webhook-id").to_owned()).collect();
    assert_eq!((receiver.got().len(), ids.len()), (4, 1));
    assert_eq!(told.delivery().await.1.last().map(|attempt| attempt.attempt), Some(4));
    assert_eq!(told.dead("http_3xx").await, 0, "its dead letter is put away");
    let history = "select count(*) from jobs.attempts where outcome = 'discarded' and reason is not null";
    assert_eq!(told.db.count(history).await, 1);
}

#[sqlx::test(migrations = false)]
async fn who_says_when_to_come_back_is_left_alone_until_then(owner: PgPool) {
    let later = |status: &str| Some(reply(&format!("{status}\r\nRetry-After: 3600"), "later"));
    let receiver = Receiver::replying(move |_| later("429 Too Many Requests")).await;
    let mut told = Told::new(owner, settings()).await;
    told.endpoint(&receiver.url(), CUSTOMERS).await;
    told.happen("ada").await;
    let waiting = "select count(*) from apalis.jobs where kind = 'deliver-webhook.v1' and attempts = 1
                       and run_at between now() + interval '3500 s' and now() + interval '3600 s'";
    told.db.until(waiting, 1).await;
    told.stop().await;
    let (delivery, attempts) = told.delivery().await;
    assert_eq!((delivery.attempts, attempts[0].status, attempts[0].response.as_str()), (1, Some(429), "later"));
}

#[sqlx::test(migrations = false)]
async fn nobody_makes_us_wait_for_longer_than_is_configured(owner: PgPool) {
    let receiver = Receiver::replying(|_| Some(reply("503 x\r\nRetry-After: 99999999", ""))).await;
    let mut told = Told::new(owner, Settings { retry_after_max: Duration::from_secs(600), ..settings() }).await;
    told.endpoint(&receiver.url(), CUSTOMERS).await;
    told.happen("ada").await;
    let waiting = "select count(*) from apalis.jobs where kind = 'deliver-webhook.v1' and attempts = 1
                       and run_at between now() + interval '500 s' and now() + interval '600 s'";
    told.db.until(waiting, 1).await;
    told.stop().await;
}

#[sqlx::test(migrations = false)]
async fn who_is_gone_gets_nothing_more_and_an_event_says_so(owner: PgPool) {
    let (receiver, other) = (Receiver::statuses(&["410 Gone"]).await, Receiver::statuses(&["200 OK"]).await);
    let mut told = Told::new(owner, settings()).await;
    let (endpoint, _) = told.endpoint(&receiver.url(), CUSTOMERS).await;
    told.endpoint(&other.url(), "com.offgrid.portal.webhooks.endpoint-disabled").await;
    told.happen("ada").await;
    // what is told of it is told like any other event
    told.until("succeeded", 1).await;
    told.happen("bob").await;
    told.until_quiet().await;
    told.stop().await;
    assert_eq!((receiver.got().len(), told.dead("gone").await), (1, 1));
    let disabled = told.read(endpoint.id).await.disabled.unwrap();
    assert_eq!((disabled.reason, told.db.count(DISABLED).await), (DisableReason::Gone, 1));
    let event = other.got()[0].event();
    assert_eq!(
        (&event["data"]["reason"], &event["data"]["webhook"]["id"]),
        (&"gone".into(), &endpoint.id.to_string().into())
    );
    assert_eq!(told.db.count("select count(*) from webhooks.deliveries").await, 2, "nothing is made for it any more");
}

#[sqlx::test(migrations = false)]
async fn who_takes_nothing_for_too_long_is_disabled_and_what_waits_is_given_up(owner: PgPool) {
    let receiver = Receiver::statuses(&["500 A"]).await;
    let mut told = Told::new(owner, settings()).await;
    let (endpoint, _) = told.endpoint(&receiver.url(), CUSTOMERS).await;
    let failing = async |since: &str| {
        let update = format!("update webhooks.endpoints set failing_since = now() - interval '{since}'");
        sqlx::query(sqlx::AssertSqlSafe(update)).execute(&told.db.owner).await.unwrap();
    };
    failing("4 days").await;
    told.happen("ada").await;
    told.until("failed", 1).await;
    assert_eq!((told.read(endpoint.id).await.disabled, receiver.got().len()), (None, 3), "not long enough");
    failing("5 days").await;
    told.happen("bob").await;
    told.until("failed", 2).await;
    told.until_quiet().await;
    let disabled = told.read(endpoint.id).await;
    assert_eq!((disabled.disabled.unwrap().reason, disabled.version), (DisableReason::Failing, 2));
    assert_eq!((told.db.count(DISABLED).await, receiver.got().len()), (1, 4), "its later attempts are not made");
    assert_eq!(told.dead("endpoint_disabled").await, 1);
    // enabled again it begins anew
    domain::run(&told.db.api, &ctx(), EnableEndpoint { id: endpoint.id, expected_version: None }).await.unwrap();
    told.happen("eve").await;
    told.until("failed", 3).await;
    told.stop().await;
    assert_eq!((told.read(endpoint.id).await.disabled, receiver.got().len()), (None, 7));
}

fn admin() -> Ctx {
    Ctx { scope: Scope::Installation, ..ctx() }
}

async fn job_of(told: &Told) -> JobId {
    let id: String =
        sqlx::query_scalar("select job_id from webhooks.deliveries").fetch_one(&told.db.owner).await.unwrap();
    JobId::new(&id)
}

#[sqlx::test(migrations = false)]
async fn a_dead_letter_that_an_operator_puts_back_is_sent_and_the_story_tells_it(owner: PgPool) {
    let receiver = Receiver::statuses(&["500 A", "500 A", "500 A", "200 OK"]).await;
    let mut told = Told::new(owner, settings()).await;
    told.endpoint(&receiver.url(), CUSTOMERS).await;
    told.happen("ada").await;
    told.until("failed", 1).await;
    let reason = Reason::parse("it is mended", "").unwrap();
    let retry = RetryDeadLetter { id: job_of(&told).await, reason };
    domain::run(&told.db.api, &admin(), retry).await.unwrap();
    told.until("succeeded", 1).await;
    told.until_quiet().await;
    told.stop().await;
    let (delivery, attempts) = told.delivery().await;
    assert_eq!((attempts.len(), receiver.got().len()), (4, 4));
    let of = TimelineOf::Event(delivery.event_id.parse().unwrap());
    let story = domain::fetch(&told.db.api, &admin(), GetTimeline { of }).await.unwrap();
    let webhook: Vec<_> = story.entries.iter().filter(|entry| entry.step == Step::Webhook).collect();
    let [webhook] = webhook.as_slice() else { panic!("{webhook:?}") };
    assert_eq!((webhook.outcome.as_deref(), webhook.attempt), (Some("succeeded"), Some(4)));
    let operator = story.entries.iter().find(|entry| entry.step == Step::Operator).unwrap();
    assert_eq!(operator.job_id, webhook.job_id);
}

#[sqlx::test(migrations = false)]
async fn one_whose_job_an_operator_cancelled_can_be_sent_anew(owner: PgPool) {
    let later = |n: usize| Some(if n == 0 { reply("503 A\r\nRetry-After: 3600", "") } else { reply("200 OK", "") });
    let receiver = Receiver::replying(later).await;
    let mut told = Told::new(owner, settings()).await;
    told.endpoint(&receiver.url(), CUSTOMERS).await;
    told.happen("ada").await;
    told.db.until("select count(*) from apalis.jobs where attempts = 1", 1).await;
    let (delivery, _) = told.delivery().await;
    let resend = ResendDelivery { id: delivery.id };
    let pending = domain::run(&told.db.api, &ctx(), resend).await.unwrap_err();
    assert!(pending.to_string().starts_with("webhook_delivery_pending"), "{pending}");
    let cancel = CancelJob { id: job_of(&told).await, reason: Reason::parse("not now", "").unwrap() };
    domain::run(&told.db.api, &admin(), cancel).await.unwrap();
    domain::run(&told.db.api, &ctx(), resend).await.unwrap();
    told.until("succeeded", 1).await;
    told.stop().await;
    assert_eq!(receiver.got().len(), 2);
}

#[sqlx::test(migrations = false)]
async fn one_whose_dead_letter_was_archived_can_be_sent_anew_and_that_is_kept(owner: PgPool) {
    let receiver = Receiver::statuses(&["500 A", "500 B", "500 C", "200 OK"]).await;
    let mut told = Told::new(owner, settings()).await;
    told.endpoint(&receiver.url(), CUSTOMERS).await;
    told.happen("ada").await;
    told.until("failed", 1).await;
    let (delivery, _) = told.delivery().await;
    let archive = ArchiveDeadLetter { id: job_of(&told).await, reason: Reason::parse("for later", "").unwrap() };
    domain::run(&told.db.api, &admin(), archive).await.unwrap();
    domain::run(&told.db.api, &ctx(), ResendDelivery { id: delivery.id }).await.unwrap();
    told.until("succeeded", 1).await;
    told.stop().await;
    let kept = "select count(*) from jobs.dead_letters where archived_at is not null and discarded_at is null";
    assert_eq!(told.db.count(kept).await, 1);
}
