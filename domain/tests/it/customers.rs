//! Customers: what each command writes, what each refuses, and what the lists show.

use domain::customers::{
    AssignCustomerGroup, ChangeCustomer, CreateCustomer, CreateCustomerGroup, Customer, CustomerGroup, Email,
    GetCustomer, GetCustomerGroup, GroupName, ListCustomerGroups, ListCustomers, Name, Phone, Reason,
    ReinstateCustomer, Status, SuspendCustomer,
};
use domain::kernel::page::PageSize;
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::support::{ACME, OTHER, World, ctx, rejection};

pub(crate) fn create(name: &str, email: &str) -> CreateCustomer {
    CreateCustomer {
        name: Name::parse(name, "/name").unwrap(),
        email: Email::parse(email, "/email").unwrap(),
        phone: None,
        group_id: None,
    }
}

fn ada() -> CreateCustomer {
    CreateCustomer {
        phone: Some(Phone::parse("+31 20 555 0123", "/phone").unwrap()),
        ..create("Ada", "ada@example.com")
    }
}

pub(crate) fn patch(id: Uuid) -> ChangeCustomer {
    ChangeCustomer { id, expected_version: None, name: None, email: None, phone: None }
}

pub(crate) fn suspend(id: Uuid) -> SuspendCustomer {
    SuspendCustomer { id, expected_version: None, reason: Reason::parse("unpaid invoices", "/reason").unwrap() }
}

fn reinstate(id: Uuid) -> ReinstateCustomer {
    ReinstateCustomer { id, expected_version: None }
}

fn assign(id: Uuid, group_id: Option<Uuid>) -> AssignCustomerGroup {
    AssignCustomerGroup { id, expected_version: None, group_id }
}

pub(crate) fn group(name: &str) -> CreateCustomerGroup {
    CreateCustomerGroup { name: GroupName::parse(name, "/name").unwrap() }
}

/// The stored customer is the one that was returned, and the event carries it in full.
async fn check(world: &World, customer: &Customer, data: &Value) {
    assert_eq!(&world.fetch(GetCustomer { id: customer.id }).await.unwrap(), customer);
    let suspension = customer.suspension.as_ref();
    let time = |at: &chrono::DateTime<chrono::Utc>| serde_json::to_value(at).unwrap();
    assert_eq!(
        data["customer"],
        json!({
            "id": customer.id,
            "name": customer.name.as_str(),
            "email": customer.email.as_str(),
            "phone": customer.phone.as_ref().map(Phone::as_str),
            "status": customer.status().as_str(),
            "suspendReason": suspension.map(|s| s.reason.as_str()),
            "suspendedAt": suspension.map(|s| time(&s.since)),
            "groupId": customer.group_id,
            "createdAt": time(&customer.created_at),
            "updatedAt": time(&customer.updated_at),
            "version": customer.version,
        })
    );
}

#[sqlx::test(migrations = false)]
async fn creating_writes_state_event_and_job(pool: PgPool) {
    let world = World::new(pool).await;
    let group = world.run(group("Gold")).await.unwrap();
    let (customer, event) = world.emits(CreateCustomer { group_id: Some(group.id), ..ada() }).await;
    assert_eq!((customer.version, customer.status(), customer.group_id), (1, Status::Active, Some(group.id)));
    check(&world, &customer, &event.data).await;
    assert_eq!(event.r#type, "com.offgrid.portal.customers.customer-created");
    assert_eq!(event.source, "urn:offgrid:customers:outboxworker");
    assert_eq!(event.subject, format!("customers/{}", customer.id));
    assert_eq!((event.aggregate_id, event.sequence, event.tenant_id.as_str()), (customer.id, 1, ACME));
}

#[sqlx::test(migrations = false)]
async fn creating_is_refused(pool: PgPool) {
    let world = World::new(pool).await;
    world.run(ada()).await.unwrap();
    world.rejects(ACME, create("Another", "ADA@example.com"), "customer_email_taken").await;

    let foreign = domain::run(&world.db, &ctx(OTHER), group("Theirs")).await.unwrap();
    for unknown in [Uuid::now_v7(), foreign.id] {
        let command = CreateCustomer { group_id: Some(unknown), ..create("Bob", "bob@example.com") };
        let rejection = world.rejects(ACME, command, "customer_group_unknown").await;
        assert_eq!(rejection.fields[0].pointer, "/groupId");
    }
    // an address is taken within its tenant only
    assert!(domain::run(&world.db, &ctx(OTHER), ada()).await.is_ok());
}

#[sqlx::test(migrations = false)]
async fn a_patch_changes_what_it_names(pool: PgPool) {
    let world = World::new(pool).await;
    let before = world.run(ada()).await.unwrap();
    let command = ChangeCustomer {
        expected_version: Some(1),
        name: Some(Name::parse("Ada Lovelace", "").unwrap()),
        email: Some(before.email.clone()),
        phone: Some(None),
        ..patch(before.id)
    };
    let (customer, event) = world.emits(command).await;
    assert_eq!((customer.name.as_str(), &customer.phone, customer.version), ("Ada Lovelace", &None, 2));
    assert_eq!(event.data["changed"], json!(["name", "phone"]));
    assert_eq!((event.r#type.as_str(), event.sequence), ("com.offgrid.portal.customers.customer-changed", 2));
    check(&world, &customer, &event.data).await;

    let moved = ChangeCustomer { email: Some(Email::parse("ada@lovelace.org", "").unwrap()), ..patch(before.id) };
    let (customer, event) = world.emits(moved).await;
    assert_eq!(event.data["changed"], json!(["email"]));
    check(&world, &customer, &event.data).await;
}

#[sqlx::test(migrations = false)]
async fn a_patch_with_present_values_changes_nothing(pool: PgPool) {
    let world = World::new(pool).await;
    let before = world.run(ada()).await.unwrap();
    let same = ChangeCustomer {
        name: Some(before.name.clone()),
        email: Some(before.email.clone()),
        phone: Some(before.phone.clone()),
        ..patch(before.id)
    };
    assert_eq!(world.changes_nothing(same).await, before);
    assert_eq!(world.changes_nothing(patch(before.id)).await, before);
}

#[sqlx::test(migrations = false)]
async fn a_patch_is_refused(pool: PgPool) {
    let world = World::new(pool).await;
    let customer = world.run(ada()).await.unwrap();
    world.run(create("Bob", "bob@example.com")).await.unwrap();
    world.rejects(ACME, patch(Uuid::now_v7()), "customer_not_found").await;
    let stale = ChangeCustomer { expected_version: Some(2), ..patch(customer.id) };
    world.rejects(ACME, stale, "version_conflict").await;
    let taken = ChangeCustomer { email: Some(Email::parse("bob@example.com", "").unwrap()), ..patch(customer.id) };
    world.rejects(ACME, taken, "customer_email_taken").await;
}

#[sqlx::test(migrations = false)]
async fn suspending_and_reinstating(pool: PgPool) {
    let world = World::new(pool).await;
    let id = world.run(ada()).await.unwrap().id;

    let (customer, event) = world.emits(SuspendCustomer { expected_version: Some(1), ..suspend(id) }).await;
    assert_eq!((customer.status(), customer.version), (Status::Suspended, 2));
    assert_eq!((event.r#type.as_str(), event.sequence), ("com.offgrid.portal.customers.customer-suspended", 2));
    assert_eq!(event.data["reason"], "unpaid invoices");
    check(&world, &customer, &event.data).await;

    // its details and group may be changed meanwhile
    let (customer, _) = world.emits(ChangeCustomer { phone: Some(None), ..patch(id) }).await;
    assert_eq!(customer.status(), Status::Suspended);

    let (customer, event) = world.emits(reinstate(id)).await;
    assert_eq!((customer.status(), customer.version), (Status::Active, 4));
    assert_eq!((event.r#type.as_str(), event.sequence), ("com.offgrid.portal.customers.customer-reinstated", 4));
    check(&world, &customer, &event.data).await;
}

#[sqlx::test(migrations = false)]
async fn suspending_and_reinstating_are_refused(pool: PgPool) {
    let world = World::new(pool).await;
    let id = world.run(ada()).await.unwrap().id;
    world.rejects(ACME, suspend(Uuid::now_v7()), "customer_not_found").await;
    world.rejects(ACME, SuspendCustomer { expected_version: Some(9), ..suspend(id) }, "version_conflict").await;
    world.rejects(ACME, reinstate(id), "customer_not_suspended").await;
    world.rejects(ACME, reinstate(Uuid::now_v7()), "customer_not_found").await;

    world.run(suspend(id)).await.unwrap();
    world.rejects(ACME, suspend(id), "customer_already_suspended").await;
    // a stale caller learns that first: the state it decided on is gone
    world.rejects(ACME, SuspendCustomer { expected_version: Some(1), ..suspend(id) }, "version_conflict").await;
    world.rejects(ACME, ReinstateCustomer { id, expected_version: Some(1) }, "version_conflict").await;
}

#[sqlx::test(migrations = false)]
async fn assigning_a_group(pool: PgPool) {
    let world = World::new(pool).await;
    let id = world.run(ada()).await.unwrap().id;
    let gold = world.run(group("Gold")).await.unwrap().id;

    let (customer, event) = world.emits(assign(id, Some(gold))).await;
    assert_eq!((customer.group_id, customer.version), (Some(gold), 2));
    assert_eq!(event.r#type, "com.offgrid.portal.customers.customer-changed");
    assert_eq!(event.data["changed"], json!(["groupId"]));
    check(&world, &customer, &event.data).await;

    assert_eq!(world.changes_nothing(assign(id, Some(gold))).await, customer);
    let (customer, _) = world.emits(assign(id, None)).await;
    assert_eq!((customer.group_id, customer.version), (None, 3));
    world.changes_nothing(assign(id, None)).await;
}

#[sqlx::test(migrations = false)]
async fn assigning_a_group_is_refused(pool: PgPool) {
    let world = World::new(pool).await;
    let id = world.run(ada()).await.unwrap().id;
    let gold = world.run(group("Gold")).await.unwrap().id;
    let foreign = domain::run(&world.db, &ctx(OTHER), group("Theirs")).await.unwrap().id;
    world.rejects(ACME, assign(Uuid::now_v7(), Some(gold)), "customer_not_found").await;
    let stale = AssignCustomerGroup { expected_version: Some(5), ..assign(id, Some(gold)) };
    world.rejects(ACME, stale, "version_conflict").await;
    for unknown in [Uuid::now_v7(), foreign] {
        let rejection = world.rejects(ACME, assign(id, Some(unknown)), "customer_group_unknown").await;
        assert_eq!(rejection.fields[0].pointer, "/groupId");
    }
}

#[sqlx::test(migrations = false)]
async fn groups_are_created_read_and_listed_by_name(pool: PgPool) {
    let world = World::new(pool).await;
    let mut created = Vec::new();
    for name in ["Silver", "Gold", "Bronze"] {
        created.push(world.run(group(name)).await.unwrap());
    }
    assert!(world.events().await.is_empty(), "groups emit no events");
    assert_eq!(world.fetch(GetCustomerGroup { id: created[0].id }).await.unwrap(), created[0]);
    world.rejects(ACME, group("Gold"), "customer_group_name_taken").await;
    assert!(domain::run(&world.db, &ctx(OTHER), group("Gold")).await.is_ok());
    let unknown = world.fetch(GetCustomerGroup { id: Uuid::now_v7() }).await;
    assert_eq!(rejection(unknown).code, "customer_group_not_found");

    let size = PageSize::new(2).unwrap();
    let first = world.fetch(ListCustomerGroups { cursor: None, size }).await.unwrap();
    let second = world.fetch(ListCustomerGroups { cursor: first.next, size }).await.unwrap();
    assert_eq!((second.data.len(), second.next), (1, None));
    let names = |page: &[CustomerGroup]| page.iter().map(|g| g.name.as_str().to_owned()).collect::<Vec<_>>();
    assert_eq!([names(&first.data), names(&second.data)].concat(), ["Bronze", "Gold", "Silver"]);
    let forged = ListCustomerGroups { cursor: Some("###".to_owned()), size };
    assert_eq!(rejection(world.fetch(forged).await).code, "cursor_invalid");
}

#[sqlx::test(migrations = false)]
async fn another_tenants_customers_are_invisible_and_out_of_reach(pool: PgPool) {
    let world = World::new(pool).await;
    let group_id = world.run(group("Gold")).await.unwrap().id;
    let id = world.run(CreateCustomer { group_id: Some(group_id), ..ada() }).await.unwrap().id;

    let other = ctx(OTHER);
    assert_eq!(rejection(domain::fetch(&world.db, &other, GetCustomer { id }).await).code, "customer_not_found");
    let hidden = domain::fetch(&world.db, &other, GetCustomerGroup { id: group_id }).await;
    assert_eq!(rejection(hidden).code, "customer_group_not_found");
    for query in [ListCustomers::default(), ListCustomers { group_id: Some(group_id), ..ListCustomers::default() }] {
        assert!(domain::fetch(&world.db, &other, query).await.unwrap().data.is_empty());
    }
    assert!(domain::fetch(&world.db, &other, ListCustomerGroups::default()).await.unwrap().data.is_empty());

    let rename = ChangeCustomer { name: Some(Name::parse("Mine", "").unwrap()), ..patch(id) };
    world.rejects(OTHER, rename, "customer_not_found").await;
    world.rejects(OTHER, suspend(id), "customer_not_found").await;
    world.rejects(OTHER, reinstate(id), "customer_not_found").await;
    world.rejects(OTHER, assign(id, None), "customer_not_found").await;
}

#[sqlx::test(migrations = false)]
async fn concurrent_changes_follow_one_another(pool: PgPool) {
    let world = World::new(pool).await;
    let id = world.run(ada()).await.unwrap().id;
    let mut changes = JoinSet::new();
    for n in 0..20 {
        let (db, name) = (world.db.clone(), Name::parse(&format!("Ada {n}"), "").unwrap());
        changes
            .spawn(async move { domain::run(&db, &ctx(ACME), ChangeCustomer { name: Some(name), ..patch(id) }).await });
    }
    let mut versions: Vec<i64> = changes.join_all().await.into_iter().map(|c| c.unwrap().version).collect();
    versions.sort_unstable();
    assert_eq!(versions, (2..=21).collect::<Vec<_>>());

    let logged: Vec<i64> = world.events().await.iter().map(|event| event.sequence).collect();
    assert_eq!(logged, (1..=21).collect::<Vec<_>>(), "the log is in the order of the versions");
    let queued: Vec<i64> = sqlx::query_scalar(
        "select e.sequence from apalis.jobs j join kernel.events e on e.job_id = j.id order by j.seq",
    )
    .fetch_all(&world.owner)
    .await
    .unwrap();
    assert_eq!(queued, logged, "and so are the jobs that publish them");
}
