//! Dry runs: each verdict comes of a real situation, and nothing is changed.

use std::collections::BTreeMap;

use domain::kernel::inbox::{self, ReceivedEvent};
use domain::kernel::job::NewJob;
use domain::kernel::page::PageSize;
use domain::kernel::policy::QueuePolicies;
use domain::messaging::HandleEvent;
use domain::operations::bulk::{Action, Preview, PreviewOperation, PreviewTotals, Verdict};
use domain::operations::{JobId, WhichDeadLetters};
use domain::webhooks::{
    CreateEndpoint, Description, DisableEndpoint, EndpointDetails, EndpointUrl, EventPatterns, Headers, SigningSecret,
    Targets, TestEndpoint,
};
use domain::{Command, Ctx, Db, Error, Scope, Tx};
use serde_json::json;
use sqlx::PgPool;

use super::super::{Site, task};
use super::{all, reason, start};
use crate::support::{ACME, ctx};

fn preview(action: Action, which: WhichDeadLetters) -> PreviewOperation {
    PreviewOperation { action, which, patch: None, cursor: None, size: PageSize::new(200).unwrap() }
}

fn named(ids: &[&JobId]) -> WhichDeadLetters {
    WhichDeadLetters::Ids(ids.iter().map(|id| (*id).clone()).collect())
}

/// An event for the group `tasks`, with these data.
fn arrival(event_id: &str, event_type: &str, data: &serde_json::Value) -> HandleEvent {
    let event: ReceivedEvent = serde_json::from_value(json!({
        "id": event_id, "source": "urn:test", "type": event_type, "subject": format!("things/{event_id}"),
        "time": "2026-01-01T00:00:00Z", "sequence": 1, "tenant_id": ACME, "correlation_id": "c", "traceparent": null,
        "data": data,
    }))
    .unwrap();
    HandleEvent { consumer: "tasks".to_owned(), event }
}

/// Handles an event as its consumer does.
struct Handle(HandleEvent, String);

impl Command for Handle {
    type Output = bool;

    async fn handle(self, tx: &mut Tx) -> Result<bool, Error> {
        inbox::claim_effect(tx, &self.0, &self.1).await
    }
}

impl Site {
    fn worker_db(&self) -> Db {
        Db::new(self.worker.clone(), QueuePolicies::default())
    }

    /// The handler's job of an event that arrived.
    async fn receive(&self, arrival: &HandleEvent) -> JobId {
        assert_eq!(inbox::receive(&self.worker_db(), std::slice::from_ref(arrival)).await.unwrap(), 1);
        let id: String = sqlx::query_scalar("select job_id from kernel.inbox where event_id = $1")
            .bind(&arrival.event.id)
            .fetch_one(&self.world.owner)
            .await
            .unwrap();
        JobId::new(&id)
    }

    async fn preview(&self, preview: PreviewOperation) -> Preview {
        let before = self.everything().await;
        let preview = self.fetch(preview).await.unwrap();
        assert_eq!(self.everything().await, before, "a dry run changes nothing");
        preview
    }

    async fn verdict(&self, action: Action, id: &JobId) -> (Verdict, Option<String>) {
        let mut preview = self.preview(preview(action, named(&[id]))).await;
        let item = preview.items.data.remove(0);
        assert_eq!(item.job_id, id.as_str());
        (item.verdict, item.blocked_by)
    }
}

#[sqlx::test(migrations = false)]
async fn what_is_dead_and_in_nobodys_way_is_ready(pool: PgPool) {
    let site = Site::new(pool).await;
    let id = site.corpses(1, "boom").await.remove(0);
    for action in [Action::Retry, Action::Discard, Action::Archive] {
        assert_eq!(site.verdict(action, &id).await, (Verdict::Ready, None));
    }
    assert_eq!(site.verdict(Action::Restore, &id).await.0, Verdict::NoLongerDead, "it was not put away");
}

#[sqlx::test(migrations = false)]
async fn what_is_no_dead_letter_is_no_longer_dead(pool: PgPool) {
    let site = Site::new(pool).await;
    let (live, dropped) = (site.job().await, site.corpses(1, "boom").await.remove(0));
    site.run(super::super::dead_letters::discard(&dropped)).await.unwrap();
    for id in [&live, &dropped, &JobId::new("nothing\0at all")] {
        assert_eq!(site.verdict(Action::Retry, id).await, (Verdict::NoLongerDead, None));
    }
    assert_eq!(site.verdict(Action::Restore, &dropped).await, (Verdict::Ready, None));
}

/// The effect was committed, and then the worker did not come to write down that the job is completed.
#[sqlx::test(migrations = false)]
async fn what_its_consumer_has_handled_is_already_processed(pool: PgPool) {
    let site = Site::new(pool).await;
    let (handled, open) =
        (arrival("e1", "com.example.other", &json!({})), arrival("e2", "com.example.other", &json!({})));
    let (first, second) = (site.receive(&handled).await, site.receive(&open).await);
    let tenant = Ctx { scope: Scope::Tenant(ACME.parse().unwrap()), ..ctx(ACME) };
    assert!(domain::run(&site.worker_db(), &tenant, Handle(handled, first.as_str().to_owned())).await.unwrap());
    for id in [&first, &second] {
        site.dead(id, 6, "its worker died").await;
    }
    assert_eq!(site.verdict(Action::Retry, &first).await.0, Verdict::AlreadyProcessed);
    assert_eq!(site.verdict(Action::Retry, &second).await.0, Verdict::Ready);
    assert_eq!(site.verdict(Action::Discard, &first).await.0, Verdict::Ready, "nothing runs");
}

#[sqlx::test(migrations = false)]
async fn what_waits_for_an_earlier_job_of_its_key_is_blocked_by_that(pool: PgPool) {
    let site = Site::new(pool).await;
    let (first, second, third) = (site.keyed("k").await, site.keyed("k").await, site.keyed("k").await);
    site.dead(&third, 6, "boom").await;
    assert_eq!(
        site.verdict(Action::Retry, &third).await.0,
        Verdict::Ready,
        "the others run first, and nothing holds them"
    );
    site.set(&first, "deferred = true, attempts = 1, run_at = now() + interval '1 hour'").await;
    assert_eq!(site.verdict(Action::Retry, &third).await, (Verdict::Blocked, Some(first.as_str().to_owned())));
    assert_eq!(site.verdict(Action::Discard, &third).await.0, Verdict::Ready);

    // a dead letter that holds the key blocks, unless it is put back, too
    site.complete(&first).await;
    site.dead(&second, 6, "boom").await;
    assert_eq!(site.verdict(Action::Retry, &third).await, (Verdict::Blocked, Some(second.as_str().to_owned())));
    let both = site.preview(preview(Action::Retry, named(&[&second, &third]))).await;
    assert!(both.items.data.iter().all(|item| item.verdict == Verdict::Ready), "{both:?}");
}

#[sqlx::test(migrations = false)]
async fn what_goes_to_an_endpoint_that_is_switched_off_says_so(pool: PgPool) {
    let site = Site::new(pool).await;
    let details = EndpointDetails {
        url: EndpointUrl::parse("https://example.com/hooks", "").unwrap(),
        event_types: EventPatterns::parse(&["*".to_owned()], "").unwrap(),
        description: Description::parse("", "").unwrap(),
        headers: Headers::parse(&BTreeMap::new(), "").unwrap(),
        rate_limit: None,
    };
    let create = CreateEndpoint { details, secret: SigningSecret::generate().unwrap(), targets: Targets::Public };
    let endpoint = site.world.run(create).await.unwrap().id;
    site.world.run(TestEndpoint { id: endpoint }).await.unwrap();
    let job: String =
        sqlx::query_scalar("select job_id from webhooks.deliveries").fetch_one(&site.world.owner).await.unwrap();
    let delivery = JobId::new(&job);
    let other = site.corpses(1, "boom").await.remove(0);
    site.dead(&delivery, 16, "it answered 500").await;
    assert_eq!(site.verdict(Action::Retry, &delivery).await.0, Verdict::Ready);
    site.world.run(DisableEndpoint { id: endpoint, expected_version: None }).await.unwrap();
    assert_eq!(site.verdict(Action::Retry, &delivery).await.0, Verdict::EndpointDisabled);
    assert_eq!(site.verdict(Action::Discard, &delivery).await.0, Verdict::Ready);
    assert_eq!(site.verdict(Action::Retry, &other).await.0, Verdict::Ready, "it goes to no endpoint");
}

#[sqlx::test(migrations = false)]
async fn a_payload_that_its_kind_cannot_read_is_invalid_and_says_where(pool: PgPool) {
    let site = Site::new(pool).await;
    let received = "com.offgrid.portal.stock.stock-received";
    let id = site.receive(&arrival("e1", received, &json!({"quantity": "many"}))).await;
    site.dead(&id, 6, "boom").await;
    let mut preview = site.preview(preview(Action::Retry, named(&[&id]))).await;
    let item = preview.items.data.remove(0);
    assert_eq!((item.verdict, item.pointer.as_deref()), (Verdict::PayloadInvalid, Some("/event/data/quantity")));
    assert!(item.detail.unwrap().contains("invalid type"));
    let totals = preview.totals.unwrap();
    assert_eq!((totals.selected, totals.payload_invalid, totals.payloads_checked), (1, 1, 1));
}

#[sqlx::test(migrations = false)]
async fn totals_are_of_everything_and_the_items_in_pages(pool: PgPool) {
    let site = Site::new(pool).await;
    let ids = site.corpses(5, "boom").await;
    let blocked = site.keyed("k").await;
    site.set(&blocked, "deferred = true, attempts = 1, run_at = now() + interval '1 hour'").await;
    let behind = site.enqueue(ACME, NewJob { ordering_key: Some("k".into()), ..task(9) }).await;
    site.dead(&behind, 6, "boom").await;
    let size = PageSize::new(4).unwrap();
    let first = site.preview(PreviewOperation { size, ..preview(Action::Retry, all()) }).await;
    let expected = PreviewTotals { selected: 6, ready: 5, blocked: 1, payloads_checked: 6, ..PreviewTotals::default() };
    assert_eq!(first.totals, Some(expected));
    let rest = site.preview(PreviewOperation { size, cursor: first.items.next, ..preview(Action::Retry, all()) }).await;
    assert_eq!((rest.totals, rest.items.next), (None, None));
    let seen: Vec<_> = first.items.data.into_iter().chain(rest.items.data).map(|item| item.job_id).collect();
    let all_ids: Vec<_> = ids.iter().chain([&behind]).map(|id| id.as_str().to_owned()).collect();
    assert_eq!(seen, all_ids);
    let empty = WhichDeadLetters::Filter(Box::default());
    let refused = crate::support::rejection(site.fetch(preview(Action::Retry, empty)).await);
    assert_eq!(refused.code, "filter_empty");
}

/// What the preview says is what happens, whatever it says.
#[sqlx::test(migrations = false)]
async fn what_is_ready_is_done_and_what_is_not_dead_is_skipped(pool: PgPool) {
    let site = Site::new(pool).await;
    let (dead, live) = (site.corpses(1, "boom").await.remove(0), site.job().await);
    let which = named(&[&dead, &live]);
    let preview = site.preview(preview(Action::Discard, which.clone())).await;
    let said: Vec<_> = preview.items.data.iter().map(|item| item.verdict.as_str()).collect();
    let mut begin = start(Action::Discard, which);
    begin.reason = reason("as said");
    let id = site.begin(begin).await;
    site.play(id).await;
    let did = site.results(id).await;
    assert_eq!((said, did), (vec!["ready", "no_longer_dead"], vec!["done", "skipped"]));
}
