//! Changes of one aggregate in one command are one event.

use domain::customers::{ChangeCustomer, Customer, GetCustomer, Name, Phone};
use domain::products::{ChangeProduct, ProductStatus};
use domain::{Command, Error, Tx};
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use crate::customers::{create, patch, suspend};
use crate::products::{add, change, tent};
use crate::support::{Emitted, World};

/// Several changes in one command.
struct Steps(Vec<Step>);

enum Step {
    Rename(Uuid, &'static str),
    Phone(Uuid, &'static str),
    Suspend(Uuid),
    Archive(Uuid),
    AddVariant(Uuid),
}

impl Command for Steps {
    type Output = ();

    async fn handle(self, tx: &mut Tx) -> Result<(), Error> {
        for step in self.0 {
            match step {
                Step::Rename(id, name) => drop(rename(id, name).handle(tx).await?),
                Step::Phone(id, phone) => {
                    let phone = Some(Some(Phone::parse(phone, "/phone").unwrap()));
                    drop(ChangeCustomer { phone, ..patch(id) }.handle(tx).await?);
                }
                Step::Suspend(id) => drop(suspend(id).handle(tx).await?),
                Step::Archive(id) => {
                    let status = Some(ProductStatus::Archived);
                    drop(ChangeProduct { status, ..change(id) }.handle(tx).await?);
                }
                Step::AddVariant(id) => drop(add(id, "TENT-9P").handle(tx).await?),
            }
        }
        Ok(())
    }
}

fn rename(id: Uuid, name: &str) -> ChangeCustomer {
    ChangeCustomer { name: Some(Name::parse(name, "/name").unwrap()), ..patch(id) }
}

/// Type, version and changed fields of the events after the first.
fn told(events: &[Emitted]) -> Vec<(&str, i64, serde_json::Value)> {
    let mut told = Vec::new();
    for event in events.iter().skip(1) {
        let name = event.r#type.rsplit('.').next().unwrap();
        told.push((name, event.sequence, event.data["changed"].clone()));
    }
    told
}

async fn is_as_told(world: &World, customer: Uuid, last: &Emitted) -> Customer {
    let customer = world.fetch(GetCustomer { id: customer }).await.unwrap();
    assert_eq!(customer.version, last.sequence, "the version is that of the last event");
    assert_eq!(last.data["customer"]["version"], json!(customer.version));
    assert_eq!(last.data["customer"]["name"], json!(customer.name.as_str()));
    customer
}

#[sqlx::test(migrations = false)]
async fn the_latest_wins_and_no_version_is_missing(pool: PgPool) {
    let world = World::new(pool).await;
    let id = world.run(create("Ada", "ada@example.com")).await.unwrap().id;
    let other = world.run(create("Bob", "bob@example.com")).await.unwrap().id;
    world
        .run(Steps(vec![
            Step::Rename(id, "Ada 1"),
            Step::Rename(other, "Bob 1"),
            Step::Phone(id, "+31 20 555 0123"),
            Step::Rename(id, "Ada 2"),
        ]))
        .await
        .unwrap();
    let events = world.events().await;
    let (of_ada, of_bob): (Vec<_>, Vec<_>) =
        events.into_iter().partition(|event| event.data["customer"]["id"] == json!(id));
    assert_eq!(told(&of_ada), [("customer-changed", 2, json!(["name", "phone"]))]);
    assert_eq!(told(&of_bob), [("customer-changed", 2, json!(["name"]))]);
    let ada = is_as_told(&world, id, of_ada.last().unwrap()).await;
    assert_eq!((ada.name.as_str(), ada.phone.is_some()), ("Ada 2", true));
    // the next command is another event
    world.run(rename(id, "Ada 3")).await.unwrap();
    is_as_told(&world, id, world.events().await.last().unwrap()).await;
}

/// Suspended is a fact of its own, whatever changed before and after.
#[sqlx::test(migrations = false)]
async fn nothing_collapses_across_another_event(pool: PgPool) {
    let world = World::new(pool).await;
    let id = world.run(create("Ada", "ada@example.com")).await.unwrap().id;
    let steps = vec![
        Step::Rename(id, "1"),
        Step::Rename(id, "2"),
        Step::Suspend(id),
        Step::Rename(id, "3"),
        Step::Rename(id, "4"),
    ];
    world.run(Steps(steps)).await.unwrap();
    let events = world.events().await;
    let names = json!(["name"]);
    assert_eq!(
        told(&events),
        [
            ("customer-changed", 2, names.clone()),
            ("customer-suspended", 3, json!(null)),
            ("customer-changed", 4, names)
        ]
    );
    assert_eq!(events[1].data["customer"]["name"], "2");
    is_as_told(&world, id, events.last().unwrap()).await;
}

#[sqlx::test(migrations = false)]
async fn so_do_products_with_their_variants(pool: PgPool) {
    let world = World::new(pool).await;
    let id = world.run(tent()).await.unwrap().id;
    world.run(Steps(vec![Step::Archive(id), Step::AddVariant(id)])).await.unwrap();
    let events = world.events().await;
    assert_eq!(told(&events), [("product-changed", 2, json!(["status", "variants"]))]);
    let product = &events[1].data["product"];
    assert_eq!((product["status"].clone(), product["version"].clone()), (json!("archived"), json!(2)));
    assert!(product["variants"].as_array().unwrap().iter().any(|variant| variant["sku"] == "TENT-9P"));
}
