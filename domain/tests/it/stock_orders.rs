//! What orders take from stock and give back: all or nothing, once, in whatever order it is asked for.

use domain::Command;
use domain::stock::{DeductStock, FailStock, Quantity, ReleaseStock, ReserveStock, StockLine};
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use crate::stock::{adjust, levels, receive, sku, stocked};
use crate::support::{ACME, World};

fn lines(wanted: &[(&str, i64)]) -> Vec<StockLine> {
    let line = |(of, pieces): &(&str, i64)| StockLine { sku: sku(of), quantity: Quantity::new(*pieces, "").unwrap() };
    wanted.iter().map(line).collect()
}

fn reserve(order_id: Uuid, wanted: &[(&str, i64)]) -> ReserveStock {
    ReserveStock { order_id, lines: lines(wanted) }
}

fn release(order_id: Uuid, wanted: &[(&str, i64)]) -> ReleaseStock {
    ReleaseStock { order_id, lines: lines(wanted) }
}

/// Runs a command that must say nothing.
async fn silent<C: Command>(world: &World, command: C) {
    let before = world.events().await.len();
    world.run(command).await.unwrap();
    assert_eq!(world.events().await.len(), before);
}

async fn state(world: &World, order_id: Uuid) -> String {
    sqlx::query_scalar("select state from stock.decisions where order_id = $1")
        .bind(order_id)
        .fetch_one(&world.owner)
        .await
        .unwrap()
}

#[sqlx::test(migrations = false)]
async fn an_order_reserves_then_deducts_then_returns(pool: PgPool) {
    let world = stocked(pool, &[("A", 10), ("B", 5)]).await;
    let (order, wanted) = (Uuid::now_v7(), [("B", 5), ("A", 3)]);
    let ((), event) = world.emits(reserve(order, &wanted)).await;
    assert_eq!(event.r#type, "com.offgrid.portal.stock.stock-process-completed");
    assert_eq!((event.subject, event.sequence), (format!("stock/{order}"), 1));
    let line = |sku: &str, n: i64| json!({"sku": sku, "quantity": n, "reason": null, "available": null});
    let lines = [line("B", 5), line("A", 3)];
    assert_eq!(event.data["stock"], json!({"orderId": order, "outcome": "reserved", "lines": lines, "version": 1}));
    assert_eq!((levels(&world, "A").await, levels(&world, "B").await), ((10, 3), (5, 5)));
    world.rejects(ACME, adjust("B", -1), "stock_insufficient").await;

    silent(&world, DeductStock { order_id: order }).await;
    assert_eq!((levels(&world, "A").await, levels(&world, "B").await), ((7, 0), (0, 0)));
    silent(&world, release(order, &wanted)).await;
    assert_eq!((levels(&world, "A").await, levels(&world, "B").await), ((10, 0), (5, 0)));
    assert_eq!(state(&world, order).await, "returned");
}

/// A consumer that looks for gaps in an aggregate's events must not find one for each order.
#[sqlx::test(migrations = false)]
async fn what_orders_do_to_an_item_leaves_no_gap_in_its_events(pool: PgPool) {
    let world = stocked(pool, &[("A", 10)]).await;
    world.emits(reserve(Uuid::now_v7(), &[("A", 3)])).await;
    let (item, event) = world.emits(receive("A", 1)).await;
    assert_eq!((event.sequence, item.events, item.version), (2, 2, 3));
}

#[sqlx::test(migrations = false)]
async fn an_order_gets_all_its_lines_or_none(pool: PgPool) {
    let world = stocked(pool, &[("A", 10), ("B", 5)]).await;
    let order = Uuid::now_v7();
    let wanted = [("A", 10), ("B", 6), ("NEVER", 1)];
    let ((), event) = world.emits(reserve(order, &wanted)).await;
    assert_eq!(event.r#type, "com.offgrid.portal.stock.stock-process-failed");
    assert_eq!(event.data["stock"]["outcome"], "failed");
    assert_eq!(
        event.data["stock"]["lines"],
        json!([
            {"sku": "A", "quantity": 10, "reason": null, "available": null},
            {"sku": "B", "quantity": 6, "reason": "insufficient_stock", "available": 5},
            {"sku": "NEVER", "quantity": 1, "reason": "insufficient_stock", "available": 0},
        ])
    );
    assert_eq!((levels(&world, "A").await, levels(&world, "B").await), ((10, 0), (5, 0)));
    world.changes_nothing(release(order, &wanted)).await;
    world.changes_nothing(DeductStock { order_id: order }).await;
}

#[sqlx::test(migrations = false)]
async fn asking_again_changes_nothing(pool: PgPool) {
    let world = stocked(pool, &[("A", 10)]).await;
    let (order, wanted) = (Uuid::now_v7(), [("A", 4)]);
    world.run(reserve(order, &wanted)).await.unwrap();
    world.changes_nothing(reserve(order, &wanted)).await;
    world.changes_nothing(FailStock { order_id: order, lines: lines(&wanted) }).await;
    world.run(DeductStock { order_id: order }).await.unwrap();
    world.changes_nothing(DeductStock { order_id: order }).await;
    world.changes_nothing(reserve(order, &wanted)).await;
    world.run(release(order, &wanted)).await.unwrap();
    world.changes_nothing(release(order, &wanted)).await;
    world.changes_nothing(DeductStock { order_id: order }).await;
    world.changes_nothing(reserve(order, &wanted)).await;
    assert_eq!(levels(&world, "A").await, (10, 0));
}

#[sqlx::test(migrations = false)]
async fn a_cancellation_that_comes_first_or_in_between_leaves_nothing_held(pool: PgPool) {
    let world = stocked(pool, &[("A", 10)]).await;
    let wanted = [("A", 4)];
    let first = Uuid::now_v7();
    silent(&world, release(first, &wanted)).await;
    assert_eq!(state(&world, first).await, "withdrawn");
    world.changes_nothing(reserve(first, &wanted)).await;
    world.changes_nothing(FailStock { order_id: first, lines: lines(&wanted) }).await;

    // confirmed and cancelled, and the cancellation overtakes the confirmation
    let between = Uuid::now_v7();
    world.run(reserve(between, &wanted)).await.unwrap();
    silent(&world, release(between, &wanted)).await;
    assert_eq!(state(&world, between).await, "released");
    world.changes_nothing(DeductStock { order_id: between }).await;
    assert_eq!(levels(&world, "A").await, (10, 0));
}

#[sqlx::test(migrations = false)]
async fn what_was_said_when_stock_could_not_be_asked_stays_said(pool: PgPool) {
    let world = stocked(pool, &[("A", 10)]).await;
    let (order, wanted) = (Uuid::now_v7(), [("A", 4)]);
    let ((), event) = world.emits(FailStock { order_id: order, lines: lines(&wanted) }).await;
    assert_eq!(event.r#type, "com.offgrid.portal.stock.stock-process-failed");
    let line = json!({"sku": "A", "quantity": 4, "reason": "processing_failed", "available": null});
    assert_eq!(event.data["stock"]["lines"], json!([line]));
    world.changes_nothing(reserve(order, &wanted)).await;
    assert_eq!(levels(&world, "A").await, (10, 0));
}

#[sqlx::test(migrations = false)]
async fn an_order_of_which_nothing_is_known_cannot_be_deducted(pool: PgPool) {
    let world = stocked(pool, &[("A", 10)]).await;
    let error = world.run(DeductStock { order_id: Uuid::now_v7() }).await.unwrap_err();
    assert!(error.to_string().contains("decided nothing"), "{error}");
}

/// Sixty orders at once want the last pieces of a SKU, each with another line beside it, named before it by
/// one half and after it by the other.
#[sqlx::test(migrations = false)]
async fn a_hot_sku_is_given_away_to_the_last_piece_and_no_further(pool: PgPool) {
    let world = stocked(pool, &[("A", 1000), ("HOT", 50), ("Z", 1000)]).await;
    let order = |n: i64| {
        let cold = if n % 2 == 0 { "A" } else { "Z" };
        let wanted = if n % 3 == 0 { [("HOT", 2), (cold, 1)] } else { [(cold, 1), ("HOT", 2)] };
        reserve(Uuid::now_v7(), &wanted)
    };
    world.together((0..60).map(order)).await;
    assert_eq!(levels(&world, "HOT").await, (50, 50));
    let (a, z) = (levels(&world, "A").await, levels(&world, "Z").await);
    assert_eq!(a.1 + z.1, 25, "an order that got nothing of one line got nothing of the other");
    assert_eq!(world.count("select count(*) from stock.decisions where state = 'reserved'").await, 25);
    assert_eq!(world.count("select count(*) from stock.decisions where state = 'failed'").await, 35);
    let said = "select count(*) from kernel.events e join stock.decisions d on d.order_id = e.aggregate_id
        where e.type like '%stock-process-' || case d.state when 'reserved' then 'completed' else 'failed' end";
    assert_eq!(world.count(said).await, 60);
}

/// The same order is reserved, deducted and cancelled by many at once: whoever comes first, nothing is held
/// at the end, and nothing is given back that was never taken.
#[sqlx::test(migrations = false)]
async fn an_order_that_is_reserved_and_cancelled_at_once_holds_nothing(pool: PgPool) {
    let world = stocked(pool, &[("A", 10), ("B", 10)]).await;
    for _ in 0..10 {
        let (order, wanted) = (Uuid::now_v7(), [("B", 2), ("A", 1)]);
        let reserving = world.together((0..3).map(|_| reserve(order, &wanted)));
        tokio::join!(reserving, world.together((0..3).map(|_| release(order, &wanted))));
        let ended = state(&world, order).await;
        assert!(ended == "withdrawn" || ended == "released", "{ended}");
    }
    assert_eq!((levels(&world, "A").await, levels(&world, "B").await), ((10, 0), (10, 0)));
}
