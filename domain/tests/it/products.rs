//! Products and variants: what each command writes, what each refuses, and what the lists show.

use domain::products::{
    AddVariant, Amount, Attributes, ChangeProduct, ChangeVariant, CreateProduct, Currency, Description, GetProduct,
    ListProducts, ListVariants, MAX_VARIANTS, NewVariant, Price, Product, ProductName, ProductStatus, Sku,
};
use serde_json::{Map, Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::support::{ACME, Emitted, OTHER, World, ctx, rejection};

fn members(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn variant(sku: &str) -> NewVariant {
    NewVariant {
        sku: Sku::parse(sku, "/sku").unwrap(),
        price: Price { amount: Amount::new(1999, "").unwrap(), currency: Currency::parse("EUR", "").unwrap() },
        attributes: Attributes::new(members(json!({"colour": "green", "size": {"w": 1}})), "").unwrap(),
    }
}

pub(crate) fn create(name: &str, skus: &[&str]) -> CreateProduct {
    CreateProduct {
        name: ProductName::parse(name, "/name").unwrap(),
        description: Description::parse("For two.", "/description").unwrap(),
        variants: skus.iter().map(|sku| variant(sku)).collect(),
    }
}

/// A product with a variant.
pub(crate) fn tent() -> CreateProduct {
    create("Tent", &["T-1"])
}

pub(crate) fn change(id: Uuid) -> ChangeProduct {
    ChangeProduct { id, expected_version: None, name: None, description: None, status: None }
}

pub(crate) fn add(product_id: Uuid, sku: &str) -> AddVariant {
    AddVariant { product_id, expected_version: None, variant: variant(sku) }
}

fn change_variant(product: &Product) -> ChangeVariant {
    ChangeVariant {
        product_id: product.id,
        variant_id: product.variants[0].id,
        expected_version: None,
        amount: None,
        currency: None,
        attributes: None,
    }
}

fn skus(product: &Product) -> Vec<&str> {
    product.variants.iter().map(|v| v.sku.as_str()).collect()
}

/// The stored product is the one that was returned, and the event carries it in full.
async fn check(world: &World, product: &Product, event: &Emitted) {
    assert_eq!(&world.fetch(GetProduct { id: product.id }).await.unwrap(), product);
    assert_eq!(world.fetch(ListVariants { product_id: product.id }).await.unwrap(), product.variants);
    let time = |at: &chrono::DateTime<chrono::Utc>| serde_json::to_value(at).unwrap();
    let variants: Vec<Value> = product
        .variants
        .iter()
        .map(|v| {
            json!({
                "id": v.id, "sku": v.sku.as_str(), "priceAmount": v.price.amount.minor_units(),
                "currency": v.price.currency.as_str(), "attributes": v.attributes.as_object(),
                "createdAt": time(&v.created_at), "updatedAt": time(&v.updated_at), "version": v.version,
            })
        })
        .collect();
    assert_eq!(
        event.data["product"],
        json!({
            "id": product.id, "name": product.name.as_str(), "description": product.description.as_str(),
            "status": product.status.as_str(), "variants": variants, "createdAt": time(&product.created_at),
            "updatedAt": time(&product.updated_at), "version": product.version,
        })
    );
    assert_eq!(event.source, "urn:offgrid:products:outboxworker");
    assert_eq!(event.subject, format!("products/{}", product.id));
    assert_eq!(event.sequence, product.version);
}

#[sqlx::test(migrations = false)]
async fn creating_writes_state_event_and_job(pool: PgPool) {
    let world = World::new(pool).await;
    let (product, event) = world.emits(create("Tent", &["T-b", "T-B", "T-A"])).await;
    assert_eq!((product.version, product.status), (1, ProductStatus::Active));
    assert_eq!(skus(&product), ["T-A", "T-B", "T-b"]);
    assert_eq!(event.r#type, "com.offgrid.portal.products.product-created");
    check(&world, &product, &event).await;
    let (bare, event) = world.emits(create("Bare", &[])).await;
    check(&world, &bare, &event).await;
}

#[sqlx::test(migrations = false)]
async fn creating_is_refused(pool: PgPool) {
    let world = World::new(pool).await;
    world.run(create("Tent", &["T-1"])).await.unwrap();
    world.rejects(ACME, create("Tent", &["T-2", "T-1"]), "variant_sku_taken").await;
    let repeated = world.rejects(ACME, create("Tent", &["T-3", "T-3"]), "validation_failed").await;
    assert_eq!(
        (repeated.fields[0].pointer.as_str(), repeated.fields[0].code),
        ("/variants/1/sku", "variant_sku_repeated")
    );
    let names: Vec<String> = (0..=MAX_VARIANTS).map(|n| format!("N-{n}")).collect();
    let many: Vec<&str> = names.iter().map(String::as_str).collect();
    world.rejects(ACME, create("Tent", &many), "variant_limit_reached").await;
    // a SKU is taken within its tenant only
    assert!(domain::run(&world.db, &ctx(OTHER), create("Tent", &["T-1"])).await.is_ok());
}

#[sqlx::test(migrations = false)]
async fn a_patch_changes_what_it_names(pool: PgPool) {
    let world = World::new(pool).await;
    let before = world.run(create("Tent", &["T-1"])).await.unwrap();
    let command = ChangeProduct {
        expected_version: Some(1),
        name: Some(ProductName::parse("Big tent", "").unwrap()),
        description: Some(before.description.clone()),
        status: Some(ProductStatus::Archived),
        ..change(before.id)
    };
    let (product, event) = world.emits(command).await;
    assert_eq!((product.name.as_str(), product.status, product.version), ("Big tent", ProductStatus::Archived, 2));
    assert_eq!(event.r#type, "com.offgrid.portal.products.product-changed");
    assert_eq!(event.data["changed"], json!(["name", "status"]));
    check(&world, &product, &event).await;

    // an archived product can be worked on, and made active again
    let described = Description::parse("", "").unwrap();
    let command =
        ChangeProduct { description: Some(described), status: Some(ProductStatus::Active), ..change(before.id) };
    let (product, event) = world.emits(command).await;
    assert_eq!(event.data["changed"], json!(["description", "status"]));
    check(&world, &product, &event).await;

    let same = ChangeProduct { name: Some(product.name.clone()), ..change(before.id) };
    assert_eq!(world.changes_nothing(same).await, product);
}

#[sqlx::test(migrations = false)]
async fn a_patch_is_refused(pool: PgPool) {
    let world = World::new(pool).await;
    let product = world.run(create("Tent", &[])).await.unwrap();
    world.rejects(ACME, change(Uuid::now_v7()), "product_not_found").await;
    world.rejects(ACME, ChangeProduct { expected_version: Some(2), ..change(product.id) }, "version_conflict").await;
}

#[sqlx::test(migrations = false)]
async fn adding_a_variant_changes_the_product(pool: PgPool) {
    let world = World::new(pool).await;
    let id = world.run(create("Tent", &["T-1", "T-3"])).await.unwrap().id;
    let (product, event) = world.emits(AddVariant { expected_version: Some(1), ..add(id, "T-2") }).await;
    assert_eq!(skus(&product), ["T-1", "T-2", "T-3"]);
    assert_eq!(product.version, 2);
    assert_eq!(event.r#type, "com.offgrid.portal.products.product-changed");
    assert_eq!(event.data["changed"], json!(["variants"]));
    check(&world, &product, &event).await;
}

#[sqlx::test(migrations = false)]
async fn adding_a_variant_is_refused(pool: PgPool) {
    let world = World::new(pool).await;
    let product = world.run(create("Tent", &["T-1"])).await.unwrap();
    world.rejects(ACME, add(Uuid::now_v7(), "T-2"), "product_not_found").await;
    world.rejects(ACME, AddVariant { expected_version: Some(9), ..add(product.id, "T-2") }, "version_conflict").await;
    world.rejects(ACME, add(product.id, "T-1"), "variant_sku_taken").await;
    let names: Vec<String> = (0..MAX_VARIANTS).map(|n| format!("N-{n}")).collect();
    let many: Vec<&str> = names.iter().map(String::as_str).collect();
    let full = world.run(create("Full", &many)).await.unwrap();
    world.rejects(ACME, add(full.id, "N-100"), "variant_limit_reached").await;
}

#[sqlx::test(migrations = false)]
async fn changing_a_variant_changes_the_product(pool: PgPool) {
    let world = World::new(pool).await;
    let before = world.run(create("Tent", &["T-1", "T-2"])).await.unwrap();
    let command = ChangeVariant {
        expected_version: Some(1),
        amount: Some(Amount::new(0, "").unwrap()),
        attributes: Some(members(json!({"colour": null, "size": {"h": 2}}))),
        ..change_variant(&before)
    };
    let (product, event) = world.emits(command).await;
    let changed = &product.variants[0];
    assert_eq!((changed.price.amount.minor_units(), changed.price.currency.as_str()), (0, "EUR"));
    assert_eq!(Value::Object(changed.attributes.as_object().clone()), json!({"size": {"w": 1, "h": 2}}));
    assert_eq!((changed.version, product.version), (2, 2));
    assert_eq!(product.variants[1], before.variants[1]);
    assert_eq!(event.data["changed"], json!(["variants"]));
    check(&world, &product, &event).await;

    let dollars = ChangeVariant { currency: Some(Currency::parse("USD", "").unwrap()), ..change_variant(&before) };
    let (product, event) = world.emits(dollars.clone()).await;
    check(&world, &product, &event).await;
    assert_eq!(world.changes_nothing(dollars).await, product);
    assert_eq!(world.changes_nothing(change_variant(&before)).await, product);
}

#[sqlx::test(migrations = false)]
async fn changing_a_variant_is_refused(pool: PgPool) {
    let world = World::new(pool).await;
    let product = world.run(create("Tent", &["T-1"])).await.unwrap();
    let elsewhere = world.run(create("Bag", &["B-1"])).await.unwrap();
    let command = || change_variant(&product);
    world.rejects(ACME, ChangeVariant { product_id: Uuid::now_v7(), ..command() }, "product_not_found").await;
    world.rejects(ACME, ChangeVariant { product_id: elsewhere.id, ..command() }, "variant_not_found").await;
    world.rejects(ACME, ChangeVariant { expected_version: Some(2), ..command() }, "version_conflict").await;
    let large = Some(members(json!({"big": "x".repeat(Attributes::MAX_BYTES)})));
    let rejection = world.rejects(ACME, ChangeVariant { attributes: large, ..command() }, "validation_failed").await;
    assert_eq!(
        (rejection.fields[0].pointer.as_str(), rejection.fields[0].code),
        ("/attributes", "attributes_too_large")
    );
}

#[sqlx::test(migrations = false)]
async fn another_tenants_products_are_invisible_and_out_of_reach(pool: PgPool) {
    let world = World::new(pool).await;
    let product = world.run(create("Tent", &["T-1"])).await.unwrap();
    let other = ctx(OTHER);
    let get = domain::fetch(&world.db, &other, GetProduct { id: product.id }).await;
    assert_eq!(rejection(get).code, "product_not_found");
    let variants = domain::fetch(&world.db, &other, ListVariants { product_id: product.id }).await;
    assert_eq!(rejection(variants).code, "product_not_found");
    assert!(domain::fetch(&world.db, &other, ListProducts::default()).await.unwrap().data.is_empty());

    let archive = ChangeProduct { status: Some(ProductStatus::Archived), ..change(product.id) };
    world.rejects(OTHER, archive, "product_not_found").await;
    world.rejects(OTHER, add(product.id, "T-2"), "product_not_found").await;
    world.rejects(OTHER, change_variant(&product), "product_not_found").await;
}
