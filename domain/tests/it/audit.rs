//! What auditors find: events by each filter, streams, documents as they are and were.

mod reads;

use chrono::{DateTime, Duration, Utc};
use domain::audit::{
    Change, Compared, EventFilter, GetDocument, ListDocuments, ListEvents, ListStreamEvents, Moment, keep_document,
};
use domain::customers::{CustomerCreated, CustomerSuspended};
use domain::kernel::event::{Envelope, Event};
use domain::kernel::page::{Page, PageSize, SearchText};
use domain::kernel::policy::QueuePolicies;
use domain::{Command, Ctx, Db, Error, Query, Tx};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::customers::{create, suspend};
use crate::products::tent;
use crate::support::{ACME, OTHER, World, connect, ctx, rejection};

fn text(text: &str) -> Option<SearchText> {
    Some(SearchText::parse(text, "").unwrap())
}

fn of_aggregate(aggregate: Uuid) -> ListStreamEvents {
    ListStreamEvents { aggregate, cursor: None, size: PageSize::default() }
}

fn customer(id: Uuid, moment: Moment) -> GetDocument {
    GetDocument { entity: "customers".to_owned(), id, moment, compare_with: None }
}

/// `customer-created 1` of each event, in order.
fn told(events: &[Envelope]) -> Vec<String> {
    let line = |e: &Envelope| format!("{} {}", e.event_type.rsplit('.').next().unwrap(), e.sequence);
    events.iter().map(line).collect()
}

/// The rows of all pages of two, in order.
async fn all_pages<T, Q: Query<Output = Page<T>>>(
    world: &World,
    query: impl Fn(Option<String>, PageSize) -> Q,
) -> Vec<T> {
    let (mut rows, mut cursor) = (Vec::new(), None);
    for _ in 0..10 {
        let page = world.fetch(query(cursor, PageSize::new(2).unwrap())).await.unwrap();
        rows.extend(page.data);
        cursor = page.next;
        if cursor.is_none() {
            return rows;
        }
    }
    panic!("the list does not end");
}

async fn listed(world: &World, filter: EventFilter) -> Vec<String> {
    let query = |cursor, size| ListEvents { filter: filter.clone(), cursor, size };
    told(&all_pages(world, query).await)
}

#[sqlx::test(migrations = false)]
async fn events_are_found_by_each_filter(pool: PgPool) {
    let world = World::new(pool).await;
    let ada = world.run(create("Ada", "ada@example.com")).await.unwrap().id;
    let bob = Ctx { actor: "bob".parse().unwrap(), correlation_id: "correlation-2".parse().unwrap(), ..ctx(ACME) };
    domain::run(&world.db, &bob, suspend(ada)).await.unwrap();
    world.run(tent()).await.unwrap();
    domain::run(&world.db, &ctx(OTHER), create("Eve", "eve@example.com")).await.unwrap();
    let suspended_at: DateTime<Utc> = sqlx::query_scalar("select occurred_at from kernel.events where sequence = 2")
        .fetch_one(&world.owner)
        .await
        .unwrap();

    let none = EventFilter::default;
    let suspended = "com.offgrid.portal.customers.customer-suspended";
    let later = suspended_at + Duration::microseconds(1);
    for (filter, expected) in [
        (none(), vec!["product-created 1", "customer-suspended 2", "customer-created 1"]),
        (EventFilter { stream: text("customers"), ..none() }, vec!["customer-suspended 2", "customer-created 1"]),
        (EventFilter { stream: text("customer"), ..none() }, vec![]),
        (EventFilter { event_type: text(suspended), ..none() }, vec!["customer-suspended 2"]),
        (EventFilter { event_type: text(suspended), stream: text("products"), ..none() }, vec![]),
        (EventFilter { aggregate: Some(ada), ..none() }, vec!["customer-suspended 2", "customer-created 1"]),
        (EventFilter { aggregate: Some(ada), stream: text("products"), ..none() }, vec![]),
        (EventFilter { aggregate: Some(ada), event_type: text(suspended), ..none() }, vec!["customer-suspended 2"]),
        (EventFilter { actor: Some("bob".parse().unwrap()), ..none() }, vec!["customer-suspended 2"]),
        (
            EventFilter { actor: Some("ada".parse().unwrap()), ..none() },
            vec!["product-created 1", "customer-created 1"],
        ),
        (
            EventFilter { correlation_id: Some("correlation-2".parse().unwrap()), ..none() },
            vec!["customer-suspended 2"],
        ),
        (EventFilter { from: Some(suspended_at), ..none() }, vec!["product-created 1", "customer-suspended 2"]),
        (EventFilter { from: Some(suspended_at), to: Some(later), ..none() }, vec!["customer-suspended 2"]),
        (EventFilter { to: Some(suspended_at), ..none() }, vec!["customer-created 1"]),
        (EventFilter { actor: Some("ada".parse().unwrap()), from: Some(later), ..none() }, vec!["product-created 1"]),
        (EventFilter { actor: Some("ada".parse().unwrap()), to: Some(later), ..none() }, vec!["customer-created 1"]),
    ] {
        assert_eq!(listed(&world, filter.clone()).await, expected, "{filter:?}");
    }
    let others = domain::fetch(&world.db, &ctx(OTHER), ListEvents::default()).await.unwrap();
    assert_eq!(told(&others.data), ["customer-created 1"], "only its own");
}

#[sqlx::test(migrations = false)]
async fn an_event_is_shown_as_it_was_committed(pool: PgPool) {
    let world = World::new(pool).await;
    let (_, emitted) = world.emits(create("Ada", "ada@example.com")).await;
    let [event] = <[Envelope; 1]>::try_from(world.fetch(ListEvents::default()).await.unwrap().data).unwrap();
    let ctx = ctx(ACME);
    assert_eq!((event.id, event.event_type, event.source), (emitted.id, emitted.r#type, emitted.source));
    assert_eq!((event.subject, event.sequence), (emitted.subject, 1));
    assert_eq!((event.tenant_id.as_str(), event.actor, event.correlation_id), (ACME, ctx.actor, ctx.correlation_id));
    assert_eq!((event.causation_id, event.traceparent), (ctx.causation_id, ctx.traceparent));
    assert_eq!(serde_json::from_str::<Value>(event.data.get()).unwrap(), emitted.data);
}

#[sqlx::test(migrations = false)]
async fn a_page_neither_repeats_nor_hides_events_that_come_meanwhile(pool: PgPool) {
    let world = World::new(pool).await;
    for n in 0..4 {
        world.run(create("Ada", &format!("c{n}@example.com"))).await.unwrap();
    }
    // all at the same microsecond: only the position tells them apart
    sqlx::query("update kernel.events set occurred_at = now()").execute(&world.owner).await.unwrap();
    let size = PageSize::new(2).unwrap();
    let first = world.fetch(ListEvents { size, ..ListEvents::default() }).await.unwrap();
    world.run(create("Late", "late@example.com")).await.unwrap();
    let second = world.fetch(ListEvents { size, cursor: first.next, ..ListEvents::default() }).await.unwrap();
    let seen: Vec<_> = first.data.iter().chain(&second.data).map(|e| e.id).collect();
    let stored: Vec<_> = world.events().await.iter().take(4).rev().map(|e| e.id).collect();
    assert_eq!((seen, second.next), (stored, None));
}

#[sqlx::test(migrations = false)]
async fn a_stream_is_all_events_of_one_aggregate_in_order(pool: PgPool) {
    let world = World::new(pool).await;
    let id = world.run(create("Ada", "ada@example.com")).await.unwrap().id;
    world.run(suspend(id)).await.unwrap();
    world.run(tent()).await.unwrap();
    let stream = |cursor, size| ListStreamEvents { aggregate: id, cursor, size };
    assert_eq!(told(&all_pages(&world, stream).await), ["customer-created 1", "customer-suspended 2"]);

    // another module's aggregate with the same id has a numbering of its own
    let twin = "insert into kernel.events (id, type, source, subject, occurred_at, module, aggregate_id, sequence,
                    tenant_id, actor, correlation_id, causation_id, data, job_id)
                select gen_random_uuid(), 'x.product-twin', source, replace(subject, 'customers', 'products'), occurred_at,
                    'products', aggregate_id, sequence, tenant_id, actor, correlation_id, causation_id, data, 'none'
                from kernel.events where module = 'customers'";
    sqlx::query(twin).execute(&world.owner).await.unwrap();
    let both = ["customer-created 1", "product-twin 1", "customer-suspended 2", "product-twin 2"];
    assert_eq!(told(&all_pages(&world, stream).await), both);

    assert_eq!(rejection(world.fetch(of_aggregate(Uuid::now_v7())).await).code, "stream_not_found");
    let others = domain::fetch(&world.db, &ctx(OTHER), of_aggregate(id)).await;
    assert_eq!(rejection(others).code, "stream_not_found");
}

/// Keeps a document, as the event processor does.
struct Keep<E>(E);

impl<E: Event + Send + Sync> Command for Keep<E> {
    type Output = ();

    async fn handle(self, tx: &mut Tx) -> Result<(), Error> {
        keep_document(&self.0, tx).await
    }
}

/// A customer with two versions, whose first one is kept, and the times of both.
async fn customer_of_two_versions(world: &World) -> (Uuid, [DateTime<Utc>; 2], Db) {
    let worker = Db::new(connect(&world.owner, "portal_worker").await, QueuePolicies::default());
    let (ada, created) = world.emits(create("Ada", "ada@example.com")).await;
    let created: CustomerCreated = serde_json::from_value(created.data).unwrap();
    domain::run(&worker, &ctx(ACME), Keep(created)).await.unwrap();
    let suspended = world.run(suspend(ada.id)).await.unwrap();
    (ada.id, [ada.created_at, suspended.updated_at], worker)
}

#[sqlx::test(migrations = false)]
async fn a_document_is_shown_in_each_of_its_states(pool: PgPool) {
    let world = World::new(pool).await;
    let (id, [created, suspended], worker) = customer_of_two_versions(&world).await;
    let get = async |moment| world.fetch(customer(id, moment)).await.map(|found| shown(&found));
    let (first, second) = ((1, "active".to_owned()), (2, "suspended".to_owned()));
    assert_eq!(get(Moment::Now).await.unwrap(), first, "what is kept, the processor being behind");
    assert_eq!(get(Moment::Version(1)).await.unwrap(), first);
    assert_eq!(get(Moment::Version(2)).await.unwrap(), second);
    assert_eq!(get(Moment::Time(created)).await.unwrap(), first);
    assert_eq!(get(Moment::Time(suspended - Duration::microseconds(1))).await.unwrap(), first);
    assert_eq!(get(Moment::Time(suspended)).await.unwrap(), second);
    assert_eq!(get(Moment::Time(suspended + Duration::days(365))).await.unwrap(), second);
    for missing in [Moment::Version(3), Moment::Time(created - Duration::microseconds(1))] {
        assert_eq!(rejection(get(missing).await).code, "document_not_found", "{missing:?}");
    }

    let event = world.events().await.pop().unwrap();
    let event: CustomerSuspended = serde_json::from_value(event.data).unwrap();
    domain::run(&worker, &ctx(ACME), Keep(event)).await.unwrap();
    assert_eq!(get(Moment::Now).await.unwrap(), second);

    let elsewhere = GetDocument { entity: "products".to_owned(), ..customer(id, Moment::Version(1)) };
    assert_eq!(rejection(world.fetch(elsewhere).await).code, "document_not_found");
    let unknown = GetDocument { entity: "people".to_owned(), ..customer(id, Moment::Now) };
    assert_eq!(rejection(world.fetch(unknown).await).code, "entity_unknown");
    for moment in [Moment::Now, Moment::Version(1), Moment::Time(suspended)] {
        let others = domain::fetch(&world.db, &ctx(OTHER), customer(id, moment)).await;
        assert_eq!(rejection(others).code, "document_not_found", "{moment:?}");
    }
}

/// Version and status of a customer's document.
fn shown(found: &Compared) -> (i64, String) {
    let document: Value = serde_json::from_str(found.document.document.get()).unwrap();
    assert_eq!(document["version"], found.document.version);
    (found.document.version, document["status"].as_str().unwrap().to_owned())
}

#[sqlx::test(migrations = false)]
async fn two_versions_are_compared(pool: PgPool) {
    let world = World::new(pool).await;
    let (id, [created, suspended], _) = customer_of_two_versions(&world).await;
    let compare = async |version, with| {
        let query = GetDocument { compare_with: Some(with), ..customer(id, Moment::Version(version)) };
        world.fetch(query).await.map(|found| found.comparison.unwrap())
    };
    let change =
        |pointer: &str, before, after| Change { pointer: pointer.to_owned(), before: Some(before), after: Some(after) };
    let time = |at: DateTime<Utc>| serde_json::to_value(at).unwrap();
    let forward = compare(2, 1).await.unwrap();
    assert_eq!(forward.version, 1);
    assert_eq!(
        forward.changes,
        [
            change("/status", json!("active"), json!("suspended")),
            change("/suspendReason", Value::Null, json!("unpaid invoices")),
            change("/suspendedAt", Value::Null, time(suspended)),
            change("/updatedAt", time(created), time(suspended)),
            change("/version", json!(1), json!(2)),
        ]
    );
    let back = compare(1, 2).await.unwrap();
    let turned = |c: Change| Change { before: c.after, after: c.before, ..c };
    assert_eq!(back.changes.into_iter().map(turned).collect::<Vec<_>>(), forward.changes);
    assert_eq!(compare(2, 2).await.unwrap().changes, []);
    let refused = rejection(compare(2, 3).await);
    assert_eq!(refused.code, "document_not_found");
    assert!(refused.detail.contains("version 3"), "{}", refused.detail);
}

#[sqlx::test(migrations = false)]
async fn documents_are_listed_by_their_last_change(pool: PgPool) {
    let world = World::new(pool).await;
    let worker = Db::new(connect(&world.owner, "portal_worker").await, QueuePolicies::default());
    let keep = async |tenant: &str, email: &str| {
        let id = domain::run(&world.db, &ctx(tenant), create("Ada", email)).await.unwrap().id;
        let event = world.events().await.pop().unwrap();
        let event: CustomerCreated = serde_json::from_value(event.data).unwrap();
        domain::run(&worker, &ctx(tenant), Keep(event)).await.unwrap();
        id
    };
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(keep(ACME, &format!("c{n}@example.com")).await);
    }
    keep(OTHER, "eve@example.com").await;
    let list = async |entity: &str| {
        let query = |cursor, size| ListDocuments { entity: entity.to_owned(), cursor, size };
        all_pages(&world, query).await.iter().map(|document| document.id).collect::<Vec<_>>()
    };
    ids.reverse();
    assert_eq!(list("customers").await, ids);
    assert!(list("products").await.is_empty());

    // the same instant: only the id tells them apart
    sqlx::query("update audit.documents set changed_at = now()").execute(&world.owner).await.unwrap();
    ids.sort_by(|a, b| b.cmp(a));
    assert_eq!(list("customers").await, ids);
    let unknown = ListDocuments { entity: "people".to_owned(), cursor: None, size: PageSize::default() };
    assert_eq!(rejection(world.fetch(unknown).await).code, "entity_unknown");
}

#[sqlx::test(migrations = false)]
async fn a_foreign_cursor_is_refused_by_name(pool: PgPool) {
    let world = World::new(pool).await;
    let id = world.run(create("Ada", "ada@example.com")).await.unwrap().id;
    // not base64; ["-262143-01-01T00:00:00Z",1], a time that PostgreSQL does not have; [1,"\u0000"]
    for bad in ["#", "WyItMjYyMTQzLTAxLTAxVDAwOjAwOjAwWiIsMV0", "WzEsIlx1MDAwMCJd"] {
        let cursor = Some(bad.to_owned());
        let events = world.fetch(ListEvents { cursor: cursor.clone(), ..ListEvents::default() }).await;
        let stream = world.fetch(ListStreamEvents { cursor: cursor.clone(), ..of_aggregate(id) }).await;
        let entity = "customers".to_owned();
        let documents = world.fetch(ListDocuments { entity, cursor, size: PageSize::default() }).await;
        for code in [rejection(events).code, rejection(stream).code, rejection(documents).code] {
            assert_eq!(code, "cursor_invalid", "{bad}");
        }
    }
}
