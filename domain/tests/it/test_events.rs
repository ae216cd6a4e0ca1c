//! Events that nothing but a command line stands behind.

use domain::customers::CustomerCreated;
use domain::kernel::event::{Draft, Event};
use domain::messaging::PublishTestEvent;
use domain::stock::{StockReceived, StockSnapshot};
use sqlx::PgPool;
use uuid::Uuid;

use crate::customers::create;
use crate::support::{ACME, OTHER, World};

fn received(id: Uuid, sequence: i64) -> PublishTestEvent {
    let now = chrono::Utc::now();
    let stock = StockSnapshot {
        id,
        sku: "TEST-1".to_owned(),
        on_hand: 3,
        reserved: 0,
        available: 3,
        created_at: now,
        updated_at: now,
        version: sequence,
        sequence,
    };
    PublishTestEvent { draft: Draft::of(&StockReceived { quantity: 3, stock }).unwrap() }
}

#[sqlx::test(migrations = false)]
async fn a_test_event_goes_the_way_of_every_other(owner: PgPool) {
    let world = World::new(owner).await;
    let item = Uuid::now_v7();
    // with its job, and the circumstances of who published it
    let (id, event) = world.emits(received(item, 7)).await;
    assert_eq!((event.id, &*event.r#type, event.sequence), (id, StockReceived::TYPE, 7));
    assert_eq!((event.aggregate_id, &*event.tenant_id), (item, ACME));
    assert_eq!(event.data["stock"]["sku"], "TEST-1");
}

/// Whatever module its events are of: the number would be missing to the next real one.
#[sqlx::test(migrations = false)]
async fn it_is_about_nothing_that_exists(owner: PgPool) {
    let world = World::new(owner).await;
    let (customer, event) = world.emits(create("Ada", "ada@example.com")).await;
    assert_eq!(event.r#type, CustomerCreated::TYPE);
    world.rejects(ACME, received(customer.id, 2), "aggregate_exists").await;
    world.rejects(ACME, received(Uuid::now_v7(), 0), "sequence_invalid").await;
    // nor does it tell what others have
    let item = Uuid::now_v7();
    domain::run(&world.db, &crate::support::ctx(OTHER), received(item, 1)).await.unwrap();
    world.run(received(item, 2)).await.unwrap();
}
