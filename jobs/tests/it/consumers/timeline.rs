//! The timeline of an order shows the saga as one story, whatever carried it.

use domain::operations::{GetTimeline, Step, Timeline, TimelineEntry, TimelineOf};
use domain::{Ctx, Scope};
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
    for (event, groups) in events.iter().zip([["portal", "stock"], ["orders", "portal"], ["portal", "stock"]]) {
        let about = |step| of(&story, step).filter(|entry| entry.event_id.as_ref() == Some(event));
        assert_eq!((about(Step::Outbox).count(), about(Step::Confirmed).count()), (1, 1));
        assert_eq!(about(Step::Completed).filter(|entry| entry.queue.as_deref() == Some("outbox")).count(), 1);
        for step in [Step::Received, Step::Handled] {
            let mut queues: Vec<_> = about(step).map(|entry| entry.queue.as_deref().unwrap()).collect();
            queues.sort_unstable();
            assert_eq!(queues, groups, "{step:?} {event}");
        }
    }
    assert_eq!(of(&story, Step::Next).count() + of(&story, Step::Running).count(), 0);

    let correlation = story.entries[0].correlation_id.as_ref().unwrap().parse().unwrap();
    let same = timeline(&shop, TimelineOf::Correlation(correlation)).await;
    assert_eq!(same.entries.len(), story.entries.len());
    let one = timeline(&shop, TimelineOf::Event(events[1].parse().unwrap())).await;
    assert_eq!(of(&one, Step::Event).count(), 1);
    assert_eq!(of(&one, Step::Handled).count(), 2);
}
