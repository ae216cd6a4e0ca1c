//! The timeline of an order shows the saga as one story, whatever carried it.

use domain::operations::{GetTimeline, Step, Timeline, TimelineEntry, TimelineOf};
use domain::{CorrelationId, Ctx, Scope};
use sqlx::PgPool;

use super::saga::Shop;
use super::{Carrier, over_both_buses};
use crate::support::{ctx, quick};

over_both_buses! { an_order_is_one_story }

async fn timeline(shop: &Shop, of: TimelineOf) -> Timeline {
    let admin = Ctx { scope: Scope::Installation, ..ctx() };
    domain::fetch(&shop.db.api, &admin, GetTimeline { of }).await.unwrap()
}

fn of(timeline: &Timeline, step: Step) -> impl Iterator<Item = &TimelineEntry> {
    timeline.entries.iter().filter(move |entry| entry.step == step)
}

async fn an_order_is_one_story(owner: PgPool, carrier: Carrier) {
    let shop = Shop::new(owner, quick(), &[("A", 10)]).await;
    let worker = shop.work(&carrier);
    let order = shop.place(&[("A", 3)]).await;
    shop.ended("confirmed", "deducted", 1).await;
    worker.stop().await;

    let story = timeline(&shop, TimelineOf::Order(order)).await;
    assert!(!story.truncated);
    assert!(story.entries.is_sorted_by_key(|entry| entry.at));
    let who: Vec<_> = of(&story, Step::Command).map(|entry| entry.who.as_deref().unwrap()).collect();
    assert_eq!(who, ["tester", "consumer:stock", "consumer:orders"]);
    let types: Vec<_> =
        of(&story, Step::Event).map(|entry| entry.event_type.as_deref().unwrap().rsplit('.').next().unwrap()).collect();
    assert_eq!(types, ["order-created", "stock-process-completed", "order-confirmed"]);

    // each is published once, and handled by every group that reacts to it
    let events: Vec<String> = of(&story, Step::Event).map(|entry| entry.event_id.clone().unwrap()).collect();
    let groups: [&[&str]; 3] = [
        &["portal", "stock", "webhooks"],
        &["orders", "portal", "webhooks"],
        &["notifications", "portal", "stock", "webhooks"],
    ];
    for (event, groups) in events.iter().zip(groups) {
        let about = |step| of(&story, step).filter(|entry| entry.event_id.as_ref() == Some(event));
        assert_eq!((about(Step::Outbox).count(), about(Step::Confirmed).count()), (1, 1));
        assert_eq!(about(Step::Completed).filter(|entry| entry.queue.as_deref() == Some("outbox")).count(), 1);
        for step in [Step::Received, Step::Handled] {
            let mut queues: Vec<_> = about(step).map(|entry| entry.queue.as_deref().unwrap()).collect();
            queues.sort_unstable();
            assert_eq!(queues, groups, "{step:?} {event}");
        }
    }
    // and the customer was told, by a job of its own
    let told: Vec<_> = of(&story, Step::Notification).collect();
    let [told] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((told.event_id.as_ref(), told.outcome.as_deref()), (events.last(), Some("logged")));
    let sent = of(&story, Step::Completed).find(|entry| entry.queue.as_deref() == Some("mail")).unwrap();
    assert_eq!(sent.job_id, told.job_id);
    assert_eq!(of(&story, Step::Next).count() + of(&story, Step::Running).count(), 0);

    let correlation: CorrelationId = story.entries[0].correlation_id.as_ref().unwrap().parse().unwrap();
    let same = timeline(&shop, TimelineOf::Correlation(correlation.clone())).await;
    assert_eq!(same.entries.len(), story.entries.len());
    let one = timeline(&shop, TimelineOf::Event(events[1].parse().unwrap())).await;
    assert_eq!(of(&one, Step::Event).count(), 1);
    assert_eq!(of(&one, Step::Handled).count(), 3);

    // somebody else's story, under the same correlation id
    let stranger = domain::customers::CreateCustomer {
        name: domain::customers::Name::parse("Eve", "").unwrap(),
        email: domain::customers::Email::parse("eve@example.com", "").unwrap(),
        phone: None,
        group_id: None,
    };
    let elsewhere =
        Ctx { scope: Scope::Tenant("elsewhere".parse().unwrap()), correlation_id: correlation.clone(), ..ctx() };
    domain::run(&shop.db.api, &elsewhere, stranger).await.unwrap();
    assert_eq!(timeline(&shop, TimelineOf::Order(order)).await.entries.len(), story.entries.len());
    assert!(timeline(&shop, TimelineOf::Correlation(correlation)).await.entries.len() > story.entries.len());
}
