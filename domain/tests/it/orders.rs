//! Orders: what each command writes, what each refuses, and what the lists show.

use domain::kernel::page::{Listing, PageSize, Sort};
use domain::orders::{
    CancelCause, CancelOrder, ConfirmOrder, GetOrder, ListOrders, MAX_LINES, NewLine, Order, OrderStatus, PlaceOrder,
    Reason, RefuseOrder, RefusedLine,
};
use domain::products::{AddVariant, Amount, ChangeProduct, ChangeVariant, Currency, Price, ProductStatus};
use domain::stock::{LineReason, Quantity};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::customers::{create as customer, suspend};
use crate::products::{add, change, create as product};
use crate::stock::sku;
use crate::support::{ACME, Emitted, OTHER, World, ctx, rejection};

pub(crate) fn place(customer_id: Uuid, lines: &[(&str, i64)]) -> PlaceOrder {
    let line = |(of, pieces): &(&str, i64)| NewLine { sku: sku(of), quantity: Quantity::new(*pieces, "").unwrap() };
    PlaceOrder { customer_id, lines: lines.iter().map(line).collect() }
}

fn cancel(id: Uuid) -> CancelOrder {
    CancelOrder { id, expected_version: None, reason: Reason::parse("ordered twice", "/reason").unwrap() }
}

fn refuse(id: Uuid) -> RefuseOrder {
    let short = RefusedLine { sku: "T-1".into(), reason: LineReason::InsufficientStock, available: Some(1) };
    RefuseOrder { id, lines: vec![short] }
}

/// A tenant with a customer, and two products of 19.99 each.
async fn shop(pool: PgPool) -> (World, Uuid) {
    let world = World::new(pool).await;
    let customer = world.run(customer("Ada", "ada@example.com")).await.unwrap().id;
    world.run(product("Tent", &["T-1", "T-2"])).await.unwrap();
    world.run(product("Stove", &["S-1"])).await.unwrap();
    (world, customer)
}

/// The stored order is the one that was returned, and the event carries it in full.
async fn check(world: &World, order: &Order, event: &Emitted) {
    assert_eq!(&world.fetch(GetOrder { id: order.id }).await.unwrap(), order);
    let time = |at: &chrono::DateTime<chrono::Utc>| serde_json::to_value(at).unwrap();
    let lines: Vec<Value> = order
        .lines
        .iter()
        .map(|line| {
            json!({
                "sku": line.sku.as_str(), "name": line.name.as_str(), "quantity": line.quantity.pieces(),
                "priceAmount": line.price.minor_units(), "totalAmount": line.total.minor_units(),
            })
        })
        .collect();
    let cancellation = order.cancellation.as_ref().map(|c| {
        json!({
            "cause": serde_json::to_value(c.cause).unwrap(), "reason": c.reason.as_str(),
            "lines": serde_json::to_value(&c.lines).unwrap(), "at": time(&c.at),
        })
    });
    assert_eq!(
        event.data["order"],
        json!({
            "id": order.id, "customerId": order.customer_id, "status": order.status().as_str(),
            "currency": order.currency.as_str(), "totalAmount": order.total.minor_units(), "lines": lines,
            "confirmedAt": order.confirmed_at.as_ref().map(time), "cancellation": cancellation,
            "createdAt": time(&order.created_at), "updatedAt": time(&order.updated_at), "version": order.version,
        })
    );
    assert_eq!(event.source, "urn:offgrid:orders:outboxworker");
    assert_eq!(event.subject, format!("orders/{}", order.id));
    assert_eq!(event.sequence, order.version);
}

#[sqlx::test(migrations = false)]
async fn placing_writes_state_event_and_job(pool: PgPool) {
    let (world, customer) = shop(pool).await;
    let (order, event) = world.emits(place(customer, &[("T-2", 3), ("S-1", 1), ("T-1", 2)])).await;
    assert_eq!((order.status(), order.version), (OrderStatus::Pending, 1));
    assert_eq!((order.total.minor_units(), order.currency.as_str()), (6 * 1999, "EUR"));
    let lines: Vec<_> = order.lines.iter().map(|l| (l.sku.as_str(), l.name.as_str(), l.total.minor_units())).collect();
    assert_eq!(lines, [("T-2", "Tent", 5997), ("S-1", "Stove", 1999), ("T-1", "Tent", 3998)]);
    assert_eq!(event.r#type, "com.offgrid.portal.orders.order-created");
    check(&world, &order, &event).await;
}

#[sqlx::test(migrations = false)]
async fn the_price_is_that_of_the_moment(pool: PgPool) {
    let (world, customer) = shop(pool).await;
    let order = world.run(place(customer, &[("T-1", 2)])).await.unwrap();
    let tent = world.run(product("Lamp", &["L-1"])).await.unwrap();
    let lamp = world.run(place(customer, &[("L-1", 2)])).await.unwrap();
    let dearer = ChangeVariant {
        product_id: tent.id,
        variant_id: tent.variants[0].id,
        expected_version: None,
        amount: Some(Amount::new(2500, "").unwrap()),
        currency: None,
        attributes: None,
    };
    world.run(dearer).await.unwrap();
    assert_eq!(world.run(place(customer, &[("L-1", 2)])).await.unwrap().total.minor_units(), 5000);
    for before in [order, lamp] {
        assert_eq!(world.fetch(GetOrder { id: before.id }).await.unwrap().total.minor_units(), 3998);
    }
}

#[sqlx::test(migrations = false)]
async fn placing_is_refused(pool: PgPool) {
    let (world, customer) = shop(pool).await;
    world.rejects(ACME, place(customer, &[]), "order_empty").await;
    let many: Vec<String> = (0..=MAX_LINES).map(|n| format!("N-{n}")).collect();
    let many: Vec<(&str, i64)> = many.iter().map(|sku| (sku.as_str(), 1)).collect();
    world.rejects(ACME, place(customer, &many), "order_line_limit_reached").await;
    let said = async |command, tenant| {
        let rejection = world.rejects(tenant, command, "validation_failed").await;
        rejection.fields.into_iter().map(|field| (field.pointer, field.code)).collect::<Vec<_>>()
    };
    let of = |pointer: &str, code| (pointer.to_owned(), code);
    let repeated = said(place(customer, &[("T-1", 1), ("S-1", 1), ("T-1", 1)]), ACME).await;
    assert_eq!(repeated, [of("/lines/2/sku", "order_sku_repeated")]);

    let old = world.run(product("Old", &["OLD"])).await.unwrap();
    world.run(ChangeProduct { status: Some(ProductStatus::Archived), ..change(old.id) }).await.unwrap();
    let mut foreign: AddVariant = add(old.id, "USD");
    foreign.variant.price =
        Price { amount: Amount::new(i64::MAX, "").unwrap(), currency: Currency::parse("USD", "").unwrap() };
    world.run(foreign).await.unwrap();
    let wrong = said(place(Uuid::now_v7(), &[("T-1", 1), ("NONE", 1), ("OLD", 1)]), ACME).await;
    let expected = [
        of("/customerId", "order_customer_unknown"),
        of("/lines/1/sku", "order_sku_unknown"),
        of("/lines/2/sku", "order_product_archived"),
    ];
    assert_eq!(wrong, expected);
    world.run(ChangeProduct { status: Some(ProductStatus::Active), ..change(old.id) }).await.unwrap();
    let mixed = said(place(customer, &[("OLD", 1), ("USD", 1)]), ACME).await;
    assert_eq!(mixed, [of("/lines/1/sku", "order_currency_mixed")]);
    world.rejects(ACME, place(customer, &[("USD", 2)]), "order_total_too_large").await;

    world.run(suspend(customer)).await.unwrap();
    let suspended = said(place(customer, &[("T-1", 1)]), ACME).await;
    assert_eq!(suspended, [of("/customerId", "order_customer_suspended")]);
    let elsewhere = said(place(customer, &[("T-1", 1)]), OTHER).await;
    let expected = [of("/customerId", "order_customer_unknown"), of("/lines/0/sku", "order_sku_unknown")];
    assert_eq!(elsewhere, expected);
}

#[sqlx::test(migrations = false)]
async fn an_order_is_confirmed_once_and_can_be_cancelled_then(pool: PgPool) {
    let (world, customer) = shop(pool).await;
    let id = world.run(place(customer, &[("T-1", 2)])).await.unwrap().id;
    let ((), event) = world.emits(ConfirmOrder { id }).await;
    let order = world.fetch(GetOrder { id }).await.unwrap();
    assert_eq!((order.status(), order.version), (OrderStatus::Confirmed, 2));
    assert_eq!(event.r#type, "com.offgrid.portal.orders.order-confirmed");
    check(&world, &order, &event).await;
    world.changes_nothing(ConfirmOrder { id }).await;
    world.changes_nothing(refuse(id)).await;

    let (cancelled, event) = world.emits(CancelOrder { expected_version: Some(2), ..cancel(id) }).await;
    assert_eq!((cancelled.status(), cancelled.confirmed_at), (OrderStatus::Cancelled, order.confirmed_at));
    assert_eq!(cancelled.cancellation.as_ref().map(|c| c.cause), Some(CancelCause::Requested));
    assert_eq!(event.r#type, "com.offgrid.portal.orders.order-cancelled");
    assert_eq!((&event.data["reason"], &event.data["stock"]), (&json!("ordered twice"), &json!("held")));
    check(&world, &cancelled, &event).await;
    world.changes_nothing(ConfirmOrder { id }).await;
}

#[sqlx::test(migrations = false)]
async fn a_pending_order_is_cancelled_and_stays_so(pool: PgPool) {
    let (world, customer) = shop(pool).await;
    let id = world.run(place(customer, &[("T-1", 2)])).await.unwrap().id;
    let (cancelled, event) = world.emits(cancel(id)).await;
    assert_eq!((cancelled.status(), cancelled.confirmed_at), (OrderStatus::Cancelled, None));
    assert_eq!(event.data["stock"], "unanswered");
    check(&world, &cancelled, &event).await;
    world.changes_nothing(ConfirmOrder { id }).await;
    world.changes_nothing(refuse(id)).await;
    world.rejects(ACME, cancel(id), "order_already_cancelled").await;
}

#[sqlx::test(migrations = false)]
async fn an_order_that_stock_refuses_says_why(pool: PgPool) {
    let (world, customer) = shop(pool).await;
    let id = world.run(place(customer, &[("T-1", 2)])).await.unwrap().id;
    let ((), event) = world.emits(refuse(id)).await;
    let order = world.fetch(GetOrder { id }).await.unwrap();
    let cancellation = order.cancellation.clone().unwrap();
    assert_eq!((cancellation.cause, &cancellation.lines), (CancelCause::InsufficientStock, &refuse(id).lines));
    assert_eq!(event.data["stock"], "none");
    assert_eq!(event.data["reason"], "not enough in stock of T-1");
    check(&world, &order, &event).await;
    world.changes_nothing(refuse(id)).await;
}

#[sqlx::test(migrations = false)]
async fn each_no_leaves_nothing(pool: PgPool) {
    let (world, customer) = shop(pool).await;
    let id = world.run(place(customer, &[("T-1", 2)])).await.unwrap().id;
    world.rejects(ACME, CancelOrder { expected_version: Some(2), ..cancel(id) }, "version_conflict").await;
    world.rejects(ACME, cancel(Uuid::now_v7()), "order_not_found").await;
    world.rejects(ACME, ConfirmOrder { id: Uuid::now_v7() }, "order_not_found").await;
    world.rejects(ACME, refuse(Uuid::now_v7()), "order_not_found").await;
    world.rejects(OTHER, cancel(id), "order_not_found").await;
    let get = domain::fetch(&world.db, &ctx(OTHER), GetOrder { id }).await;
    assert_eq!(rejection(get).code, "order_not_found");
    assert!(domain::fetch(&world.db, &ctx(OTHER), ListOrders::default()).await.unwrap().data.is_empty());
}

#[sqlx::test(migrations = false)]
async fn orders_are_sorted_paged_and_filtered(pool: PgPool) {
    let (world, ada) = shop(pool).await;
    let bob = world.run(customer("Bob", "bob@example.com")).await.unwrap().id;
    let mut placed = Vec::new();
    for (owner, pieces) in [(ada, 1), (bob, 2), (ada, 3), (ada, 4), (bob, 5)] {
        placed.push(world.run(place(owner, &[("T-1", pieces)])).await.unwrap().id);
    }
    world.run(ConfirmOrder { id: placed[0] }).await.unwrap();
    world.run(cancel(placed[3])).await.unwrap();
    let numbers = async |status, customer_id, sort| {
        let (mut numbers, mut cursor) = (Vec::new(), None);
        loop {
            let page = Listing::new(sort, cursor.as_deref(), PageSize::new(2).unwrap()).unwrap();
            let page = world.fetch(ListOrders { status, customer_id, page }).await.unwrap();
            numbers.extend(page.data.iter().map(|order| order.total.minor_units() / 1999));
            cursor = page.next;
            if cursor.is_none() {
                return numbers;
            }
        }
    };
    assert_eq!(numbers(None, None, Sort::Newest).await, [5, 4, 3, 2, 1]);
    assert_eq!(numbers(None, None, Sort::Oldest).await, [1, 2, 3, 4, 5]);
    assert_eq!(numbers(None, Some(ada), Sort::Newest).await, [4, 3, 1]);
    assert_eq!(numbers(Some(OrderStatus::Pending), None, Sort::Newest).await, [5, 3, 2]);
    assert_eq!(numbers(Some(OrderStatus::Confirmed), Some(ada), Sort::Newest).await, [1]);
    assert_eq!(numbers(Some(OrderStatus::Cancelled), Some(bob), Sort::Newest).await, [0; 0]);
}
