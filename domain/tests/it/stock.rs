//! Stock: what staff does to it, what each refuses, and what the lists show.

use domain::kernel::page::PageSize;
use domain::products::Sku;
use domain::stock::{AdjustStock, Adjustment, GetStock, ListStock, Quantity, Reason, ReceiveStock, StockItem};
use serde_json::json;
use sqlx::PgPool;

use crate::products::create as product;
use crate::support::{ACME, Emitted, OTHER, World, ctx, rejection};

pub(crate) fn sku(text: &str) -> Sku {
    Sku::parse(text, "/sku").unwrap()
}

pub(crate) fn receive(of: &str, pieces: i64) -> ReceiveStock {
    ReceiveStock { sku: sku(of), expected_version: None, quantity: Quantity::new(pieces, "/quantity").unwrap() }
}

pub(crate) fn adjust(of: &str, pieces: i64) -> AdjustStock {
    let reason = Reason::parse("counted", "/reason").unwrap();
    AdjustStock { sku: sku(of), expected_version: None, by: Adjustment::new(pieces, "/quantity").unwrap(), reason }
}

/// A tenant with products that have these SKUs, and that many pieces of each.
pub(crate) async fn stocked(pool: PgPool, stock: &[(&str, i64)]) -> World {
    let world = World::new(pool).await;
    let skus: Vec<&str> = stock.iter().map(|(sku, _)| *sku).collect();
    world.run(product("Things", &skus)).await.unwrap();
    for (sku, pieces) in stock {
        world.run(receive(sku, *pieces)).await.unwrap();
    }
    world
}

/// What is on hand and what is reserved of a SKU.
pub(crate) async fn levels(world: &World, of: &str) -> (i64, i64) {
    let item = world.fetch(GetStock { sku: sku(of) }).await.unwrap();
    assert_eq!(item.available(), item.on_hand - item.reserved);
    (item.on_hand, item.reserved)
}

/// The stored item is the one that was returned, and the event carries it in full.
async fn check(world: &World, item: &StockItem, event: &Emitted) {
    assert_eq!(&world.fetch(GetStock { sku: item.sku.clone() }).await.unwrap(), item);
    let time = |at: &chrono::DateTime<chrono::Utc>| serde_json::to_value(at).unwrap();
    assert_eq!(
        event.data["stock"],
        json!({
            "id": item.id, "sku": item.sku.as_str(), "onHand": item.on_hand, "reserved": item.reserved,
            "available": item.on_hand - item.reserved, "createdAt": time(&item.created_at),
            "updatedAt": time(&item.updated_at), "version": item.version, "sequence": item.events,
        })
    );
    assert_eq!(event.source, "urn:offgrid:stock:outboxworker");
    assert_eq!(event.subject, format!("stock/{}", item.id));
    assert_eq!(event.sequence, item.events);
}

#[sqlx::test(migrations = false)]
async fn what_is_received_is_on_hand(pool: PgPool) {
    let world = stocked(pool, &[]).await;
    world.run(product("Tent", &["T-1"])).await.unwrap();
    let (first, event) = world.emits(receive("T-1", 10)).await;
    assert_eq!((first.on_hand, first.reserved, first.version), (10, 0, 1));
    assert_eq!(event.r#type, "com.offgrid.portal.stock.stock-received");
    assert_eq!(event.data["quantity"], 10);
    check(&world, &first, &event).await;
    let more = ReceiveStock { expected_version: Some(1), ..receive("T-1", 5) };
    let (second, event) = world.emits(more).await;
    assert_eq!((second.id, second.on_hand, second.version), (first.id, 15, 2));
    check(&world, &second, &event).await;
}

#[sqlx::test(migrations = false)]
async fn an_adjustment_goes_up_and_down_to_nothing(pool: PgPool) {
    let world = stocked(pool, &[("T-1", 10)]).await;
    let (down, event) = world.emits(AdjustStock { expected_version: Some(1), ..adjust("T-1", -10) }).await;
    assert_eq!((down.on_hand, down.version), (0, 2));
    assert_eq!(event.r#type, "com.offgrid.portal.stock.stock-adjusted");
    assert_eq!((&event.data["quantity"], &event.data["reason"]), (&json!(-10), &json!("counted")));
    check(&world, &down, &event).await;
    let (up, event) = world.emits(adjust("T-1", 3)).await;
    assert_eq!((up.on_hand, up.version), (3, 3));
    check(&world, &up, &event).await;
    // what turns up can be the first of its SKU
    world.run(product("Stove", &["S-1"])).await.unwrap();
    let (found, event) = world.emits(adjust("S-1", 1)).await;
    assert_eq!((found.on_hand, found.version), (1, 1));
    check(&world, &found, &event).await;
}

#[sqlx::test(migrations = false)]
async fn each_no_leaves_nothing(pool: PgPool) {
    let world = stocked(pool, &[("T-1", 10)]).await;
    world.run(product("Stove", &["S-1"])).await.unwrap();
    world.rejects(ACME, receive("NONE", 1), "stock_sku_unknown").await;
    world.rejects(ACME, adjust("NONE", 1), "stock_sku_unknown").await;
    world.rejects(ACME, adjust("T-1", -11), "stock_insufficient").await;
    world.rejects(ACME, adjust("S-1", -1), "stock_insufficient").await;
    for stale in [0, 2] {
        let command = ReceiveStock { expected_version: Some(stale), ..receive("T-1", 1) };
        world.rejects(ACME, command, "version_conflict").await;
        let command = AdjustStock { expected_version: Some(stale), ..adjust("T-1", 1) };
        world.rejects(ACME, command, "version_conflict").await;
    }
    let nothing_yet = ReceiveStock { expected_version: Some(1), ..receive("S-1", 1) };
    world.rejects(ACME, nothing_yet, "version_conflict").await;
    assert_eq!(rejection(world.fetch(GetStock { sku: sku("S-1") }).await).code, "stock_not_found");
}

#[sqlx::test(migrations = false)]
async fn another_tenants_stock_is_invisible_and_out_of_reach(pool: PgPool) {
    let world = stocked(pool, &[("T-1", 10)]).await;
    let get = domain::fetch(&world.db, &ctx(OTHER), GetStock { sku: sku("T-1") }).await;
    assert_eq!(rejection(get).code, "stock_not_found");
    assert!(domain::fetch(&world.db, &ctx(OTHER), ListStock::default()).await.unwrap().data.is_empty());
    world.rejects(OTHER, receive("T-1", 1), "stock_sku_unknown").await;
    world.rejects(OTHER, adjust("T-1", 1), "stock_sku_unknown").await;
}

#[sqlx::test(migrations = false)]
async fn the_list_is_sorted_by_sku_and_paged(pool: PgPool) {
    let world = stocked(pool, &[("b", 1), ("C", 1), ("A/2", 1), ("A-2", 1), ("A", 1)]).await;
    let (mut skus, mut cursor) = (Vec::new(), None);
    loop {
        let page = world.fetch(ListStock { cursor, size: PageSize::new(2).unwrap() }).await.unwrap();
        skus.extend(page.data.into_iter().map(|item| item.sku.as_str().to_owned()));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(skus, ["A", "A-2", "A/2", "C", "b"]);
    let foreign = ListStock { cursor: Some("x".into()), size: PageSize::default() };
    assert_eq!(rejection(world.fetch(foreign).await).code, "cursor_invalid");
}

#[sqlx::test(migrations = false)]
async fn what_comes_in_at_the_same_time_is_all_counted(pool: PgPool) {
    let world = stocked(pool, &[]).await;
    world.run(product("Tent", &["T-1"])).await.unwrap();
    world.together((0..12).map(|_| receive("T-1", 2))).await;
    assert_eq!(levels(&world, "T-1").await, (24, 0));
    let versions = world.events().await.iter().filter(|e| e.subject.starts_with("stock/")).map(|e| e.sequence).max();
    assert_eq!(versions, Some(12));
}

/// The constraint is the last word, should a statement ever be wrong.
#[sqlx::test(migrations = false)]
async fn the_database_itself_never_goes_below_zero(pool: PgPool) {
    let world = stocked(pool, &[("T-1", 10)]).await;
    for change in ["on_hand = -1", "reserved = -1", "reserved = 11"] {
        let update = format!("update stock.items set {change}");
        let refused = sqlx::query(sqlx::AssertSqlSafe(update)).execute(&world.owner).await.unwrap_err();
        assert!(refused.to_string().contains("items_never_below_zero"), "{change}: {refused}");
    }
}
