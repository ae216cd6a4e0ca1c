//! What the lists show, in which order, page by page.

use domain::customers::{CreateCustomer, ListCustomers, Status};
use domain::kernel::page::{Listing, Page, PageSize, SearchText, Sort};
use domain::products::{ChangeProduct, ListProducts, ProductStatus};
use sqlx::PgPool;
use uuid::Uuid;

use crate::customers::{create, group, suspend};
use crate::products::{add, change, create as product};
use crate::support::World;

/// The rows of all pages of two, in order.
async fn all_pages<T>(sort: Sort, fetch: impl AsyncFn(Listing) -> Page<T>) -> Vec<T> {
    let (mut rows, mut cursor) = (Vec::new(), None);
    for _ in 0..10 {
        let listing = Listing::new(sort, cursor.as_deref(), PageSize::new(2).unwrap()).unwrap();
        let page = fetch(listing).await;
        rows.extend(page.data);
        cursor = page.next;
        if cursor.is_none() {
            return rows;
        }
    }
    panic!("the list does not end");
}

/// The names of a list of customers.
async fn customers(world: &World, query: ListCustomers, sort: Sort) -> Vec<String> {
    let fetch = async |page| world.fetch(ListCustomers { page, ..query.clone() }).await.unwrap();
    all_pages(sort, fetch).await.into_iter().map(|customer| customer.name.as_str().to_owned()).collect()
}

/// The names of a list of products.
async fn products(world: &World, query: ListProducts, sort: Sort) -> Vec<String> {
    let fetch = async |page| world.fetch(ListProducts { page, ..query.clone() }).await.unwrap();
    all_pages(sort, fetch).await.into_iter().map(|product| product.name.as_str().to_owned()).collect()
}

#[sqlx::test(migrations = false)]
async fn customers_are_sorted_and_paged(pool: PgPool) {
    let world = World::new(pool).await;
    for (n, name) in ["Cleo", "Ada", "Bob", "Bob", "Bob"].iter().enumerate() {
        world.run(create(name, &format!("c{n}@example.com"))).await.unwrap();
    }
    let all = ListCustomers::default();
    assert_eq!(customers(&world, all.clone(), Sort::Oldest).await, ["Cleo", "Ada", "Bob", "Bob", "Bob"]);
    assert_eq!(customers(&world, all.clone(), Sort::Newest).await, ["Bob", "Bob", "Bob", "Ada", "Cleo"]);
    // those alike are ordered by id, so that no page repeats or skips one
    assert_eq!(customers(&world, all.clone(), Sort::Name).await, ["Ada", "Bob", "Bob", "Bob", "Cleo"]);
    assert_eq!(customers(&world, all, Sort::NameBackwards).await, ["Cleo", "Bob", "Bob", "Bob", "Ada"]);
}

#[sqlx::test(migrations = false)]
async fn a_page_neither_repeats_nor_hides_rows_that_come_meanwhile(pool: PgPool) {
    let world = World::new(pool).await;
    for n in 0..4 {
        world.run(create(&format!("C{n}"), &format!("c{n}@example.com"))).await.unwrap();
    }
    // all created in the same microsecond: only the id tells them apart
    sqlx::query("update customers.customers set created_at = now()").execute(&world.owner).await.unwrap();
    let size = PageSize::new(2).unwrap();
    let page = Listing::new(Sort::Newest, None, size).unwrap();
    let first = world.fetch(ListCustomers { page, ..ListCustomers::default() }).await.unwrap();
    world.run(create("Late", "late@example.com")).await.unwrap();
    let page = Listing::new(Sort::Newest, first.next.as_deref(), size).unwrap();
    let second = world.fetch(ListCustomers { page, ..ListCustomers::default() }).await.unwrap();
    let seen: Vec<_> = first.data.iter().chain(&second.data).map(|c| c.name.as_str()).collect();
    assert_eq!((seen, second.next), (vec!["C3", "C2", "C1", "C0"], None));
}

#[sqlx::test(migrations = false)]
async fn customers_are_filtered(pool: PgPool) {
    let world = World::new(pool).await;
    let gold = world.run(group("Gold")).await.unwrap().id;
    let ada = world.run(CreateCustomer { group_id: Some(gold), ..create("Ada", "ada@example.com") }).await.unwrap().id;
    world.run(create("Bob 100%", "bob@Lovelace.org")).await.unwrap();
    world.run(suspend(ada)).await.unwrap();

    let filter = |status, group_id, text: Option<&str>| ListCustomers {
        status,
        group_id,
        text: text.map(|text| SearchText::parse(text, "text").unwrap()),
        page: Listing::default(),
    };
    for (query, expected) in [
        (filter(Some(Status::Suspended), None, None), vec!["Ada"]),
        (filter(Some(Status::Active), None, None), vec!["Bob 100%"]),
        (filter(None, Some(gold), None), vec!["Ada"]),
        (filter(None, Some(Uuid::now_v7()), None), vec![]),
        (filter(None, None, Some("BOB")), vec!["Bob 100%"]),
        (filter(None, None, Some("LOVELACE.org")), vec!["Bob 100%"]),
        (filter(None, None, Some("%")), vec!["Bob 100%"]),
        (filter(None, None, Some("_")), vec![]),
        (filter(None, None, Some("a")), vec!["Ada", "Bob 100%"]),
        (filter(Some(Status::Active), Some(gold), Some("a")), vec![]),
    ] {
        assert_eq!(customers(&world, query.clone(), Sort::Name).await, expected, "{query:?}");
    }
}

#[sqlx::test(migrations = false)]
async fn products_are_sorted_paged_and_filtered(pool: PgPool) {
    let world = World::new(pool).await;
    for name in ["Stove", "Tent", "Bag", "Bag", "Lamp"] {
        world.run(product(name, &[])).await.unwrap();
    }
    let all = ListProducts::default();
    assert_eq!(products(&world, all.clone(), Sort::Oldest).await, ["Stove", "Tent", "Bag", "Bag", "Lamp"]);
    assert_eq!(products(&world, all.clone(), Sort::Newest).await, ["Lamp", "Bag", "Bag", "Tent", "Stove"]);
    assert_eq!(products(&world, all.clone(), Sort::Name).await, ["Bag", "Bag", "Lamp", "Stove", "Tent"]);
    assert_eq!(products(&world, all, Sort::NameBackwards).await, ["Tent", "Stove", "Lamp", "Bag", "Bag"]);

    let archived = product("Old tent", &[]);
    let id = world.run(archived).await.unwrap().id;
    world.run(ChangeProduct { status: Some(ProductStatus::Archived), ..change(id) }).await.unwrap();
    let text = |text| Some(SearchText::parse(text, "text").unwrap());
    let tents = ListProducts { text: text("TENT"), ..ListProducts::default() };
    assert_eq!(products(&world, tents.clone(), Sort::Name).await, ["Old tent", "Tent"]);
    let sold = ListProducts { status: Some(ProductStatus::Active), ..tents };
    assert_eq!(products(&world, sold, Sort::Name).await, ["Tent"]);
    world.run(add(id, "OLD-2P/GREEN")).await.unwrap();
    let by_sku = ListProducts { text: text("old-2p"), ..ListProducts::default() };
    assert_eq!(products(&world, by_sku, Sort::Name).await, ["Old tent"]);
    let wildcard = ListProducts { text: text("%"), ..ListProducts::default() };
    assert!(products(&world, wildcard, Sort::Name).await.is_empty());
}
