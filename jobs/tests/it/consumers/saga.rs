//! Order, stock, order: the saga as the registry puts it together, with nobody in the middle.

use domain::customers::{CreateCustomer, Email, Name};
use domain::kernel::inbox::{self, ReceivedEvent};
use domain::kernel::policy::QueuePolicy;
use domain::messaging::HandleEvent;
use domain::orders::{CancelOrder, NewLine, PlaceOrder, Reason};
use domain::products::{Amount, Attributes, CreateProduct, Currency, Description, NewVariant, Price, ProductName, Sku};
use domain::stock::{Quantity, ReceiveStock};
use jobs::registry;
use sqlx::PgPool;
use uuid::Uuid;

use super::effects::events;
use super::{Carrier, Worker, over_both_buses};
use crate::support::{TestDb, ctx, quick};

over_both_buses! {
    an_order_is_confirmed_and_its_stock_is_gone
    an_order_that_cannot_be_had_is_cancelled_with_the_reasons
    a_confirmed_order_that_is_cancelled_gives_back_its_stock
    an_order_that_is_cancelled_before_stock_hears_of_it_holds_nothing
    a_cancellation_that_overtakes_its_order_is_not_forgotten
    what_is_delivered_again_changes_nothing
    the_last_pieces_are_confirmed_once_each
}

/// A tenant that sells things.
pub(super) struct Shop {
    pub(super) db: TestDb,
    customer: Uuid,
}

impl Shop {
    /// With so many pieces of each SKU.
    pub(super) async fn new(owner: PgPool, policy: QueuePolicy, stock: &[(&str, i64)]) -> Self {
        let db = TestDb::new(owner, policy).await;
        let price = Price { amount: Amount::new(1999, "").unwrap(), currency: Currency::parse("EUR", "").unwrap() };
        let variant = |(of, _): &(&str, i64)| NewVariant {
            sku: sku(of),
            price: price.clone(),
            attributes: Attributes::default(),
        };
        let product = CreateProduct {
            name: ProductName::parse("Thing", "").unwrap(),
            description: Description::default(),
            variants: stock.iter().map(variant).collect(),
        };
        domain::run(&db.api, &ctx(), product).await.unwrap();
        for (of, pieces) in stock {
            let quantity = Quantity::new(*pieces, "").unwrap();
            let receive = ReceiveStock { sku: sku(of), expected_version: None, quantity };
            domain::run(&db.api, &ctx(), receive).await.unwrap();
        }
        let customer = CreateCustomer {
            name: Name::parse("Ada", "").unwrap(),
            email: Email::parse("ada@example.com", "").unwrap(),
            phone: None,
            group_id: None,
        };
        let customer = domain::run(&db.api, &ctx(), customer).await.unwrap().id;
        Self { db, customer }
    }

    pub(super) fn work(&self, carrier: &Carrier) -> Worker {
        Worker::start(&self.db.worker, carrier.wiring(&self.db.worker, &registry::reactions()))
    }

    pub(super) async fn place(&self, lines: &[(&str, i64)]) -> Uuid {
        let line = |(of, pieces): &(&str, i64)| NewLine { sku: sku(of), quantity: Quantity::new(*pieces, "").unwrap() };
        let order = PlaceOrder { customer_id: self.customer, lines: lines.iter().map(line).collect() };
        domain::run(&self.db.api, &ctx(), order).await.unwrap().id
    }

    async fn cancel(&self, id: Uuid) {
        let reason = Reason::parse("ordered twice", "").unwrap();
        domain::run(&self.db.api, &ctx(), CancelOrder { id, expected_version: None, reason }).await.unwrap();
    }

    /// Waits until so many orders have this status and their decisions this state, and all is handled.
    pub(super) async fn ended(&self, status: &str, state: &str, orders: i64) {
        let all = format!(
            "select count(*) from orders.orders o join stock.decisions d on d.order_id = o.id
             where o.status = '{status}' and d.state = '{state}'"
        );
        self.db.until(&all, orders).await;
        // every event of the log is handled in each group that reacts to it, and nothing is left to do
        let wanted: Vec<String> =
            registry::reactions().subscriptions().into_iter().flat_map(|group| group.event_types).collect();
        let unhandled = format!(
            "select (select count(*) from kernel.events e join unnest(array['{}']) as w(type) on w.type = e.type)
                  - (select count(*) from kernel.inbox where handled_at is not null)",
            wanted.join("','")
        );
        self.db.until(&unhandled, 0).await;
        self.db.until("select count(*) from apalis.jobs", 0).await;
    }

    /// What is on hand and what is reserved of a SKU.
    pub(super) async fn levels(&self, of: &str) -> (i64, i64) {
        sqlx::query_as("select on_hand, reserved from stock.items where sku = $1")
            .bind(of)
            .fetch_one(&self.db.owner)
            .await
            .unwrap()
    }

    /// The last parts of the types of the events of orders and stock processes, in the order of the log.
    pub(super) async fn story(&self, order: Uuid) -> Vec<String> {
        sqlx::query_scalar(
            "select regexp_replace(type, '^.*\\.', '') from kernel.events where aggregate_id = $1 order by position",
        )
        .bind(order)
        .fetch_all(&self.db.owner)
        .await
        .unwrap()
    }
}

fn sku(text: &str) -> Sku {
    Sku::parse(text, "").unwrap()
}

async fn an_order_is_confirmed_and_its_stock_is_gone(owner: PgPool, carrier: Carrier) {
    let shop = Shop::new(owner, quick(), &[("A", 10), ("B", 5)]).await;
    let worker = shop.work(&carrier);
    let order = shop.place(&[("B", 5), ("A", 3)]).await;
    shop.ended("confirmed", "deducted", 1).await;
    worker.stop().await;
    assert_eq!((shop.levels("A").await, shop.levels("B").await), ((7, 0), (0, 0)));
    assert_eq!(shop.story(order).await, ["order-created", "stock-process-completed", "order-confirmed"]);
    // one request caused all of it, each event the next
    let chain = "select count(*) from kernel.events cause join kernel.events effect
        on effect.causation_id = cause.id::text and effect.correlation_id = cause.correlation_id";
    assert_eq!(shop.db.count(chain).await, 2);
    let documents = "select count(*) from audit.documents d
        where entity = 'orders' and version = 2 and document ->> 'status' = 'confirmed'
           or entity = 'stock' and document ->> 'outcome' = 'reserved'";
    assert_eq!(shop.db.count(documents).await, 2);
}

async fn an_order_that_cannot_be_had_is_cancelled_with_the_reasons(owner: PgPool, carrier: Carrier) {
    let shop = Shop::new(owner, quick(), &[("A", 10), ("B", 5)]).await;
    let worker = shop.work(&carrier);
    let order = shop.place(&[("A", 3), ("B", 6)]).await;
    shop.ended("cancelled", "failed", 1).await;
    worker.stop().await;
    assert_eq!((shop.levels("A").await, shop.levels("B").await), ((10, 0), (5, 0)));
    assert_eq!(shop.story(order).await, ["order-created", "stock-process-failed", "order-cancelled"]);
    let said = r#"select count(*) from orders.orders
        where cancel_cause = 'insufficient_stock' and cancel_reason = 'not enough in stock of B'
          and cancel_lines = '[{"sku": "B", "reason": "insufficient_stock", "available": 5}]'"#;
    assert_eq!(shop.db.count(said).await, 1);
}

async fn a_confirmed_order_that_is_cancelled_gives_back_its_stock(owner: PgPool, carrier: Carrier) {
    let shop = Shop::new(owner, quick(), &[("A", 10)]).await;
    let worker = shop.work(&carrier);
    let order = shop.place(&[("A", 4)]).await;
    shop.ended("confirmed", "deducted", 1).await;
    assert_eq!(shop.levels("A").await, (6, 0));
    shop.cancel(order).await;
    shop.ended("cancelled", "returned", 1).await;
    worker.stop().await;
    assert_eq!(shop.levels("A").await, (10, 0));
}

async fn an_order_that_is_cancelled_before_stock_hears_of_it_holds_nothing(owner: PgPool, carrier: Carrier) {
    let shop = Shop::new(owner, quick(), &[("A", 10)]).await;
    let order = shop.place(&[("A", 4)]).await;
    shop.cancel(order).await;
    let worker = shop.work(&carrier);
    // heard of in which order ever, which over RabbitMQ is not said
    shop.db.until("select count(*) from stock.decisions where state in ('released', 'withdrawn')", 1).await;
    shop.db.until("select count(*) from kernel.inbox where consumer = 'stock' and handled_at is not null", 2).await;
    worker.stop().await;
    assert_eq!(shop.levels("A").await, (10, 0));
    assert_eq!(shop.db.count("select count(*) from orders.orders where status = 'cancelled' and version = 2").await, 1);
}

async fn a_cancellation_that_overtakes_its_order_is_not_forgotten(owner: PgPool, carrier: Carrier) {
    let shop = Shop::new(owner, quick(), &[("A", 10)]).await;
    let order = shop.place(&[("A", 4)]).await;
    shop.cancel(order).await;
    // both have arrived, the later one first
    let arrived: Vec<String> = sqlx::query_scalar(
        "select jsonb_build_object('id', id, 'source', source, 'type', type, 'subject', subject, 'time', occurred_at,
             'sequence', sequence, 'tenant_id', tenant_id, 'correlation_id', correlation_id, 'traceparent', traceparent,
             'data', data)::text
         from kernel.events where aggregate_id = $1 order by position desc",
    )
    .bind(order)
    .fetch_all(&shop.db.owner)
    .await
    .unwrap();
    let event = |text: &String| serde_json::from_str::<ReceivedEvent>(text).unwrap();
    let arrived: Vec<HandleEvent> =
        arrived.iter().map(|text| HandleEvent { consumer: "stock".to_owned(), event: event(text) }).collect();
    assert_eq!(inbox::receive(&shop.db.worker, &arrived).await.unwrap(), 2);
    let worker = shop.work(&carrier);
    shop.ended("cancelled", "withdrawn", 1).await;
    worker.stop().await;
    assert_eq!(shop.levels("A").await, (10, 0));
    assert_eq!(shop.story(order).await, ["order-created", "order-cancelled"]);
}

async fn what_is_delivered_again_changes_nothing(owner: PgPool, carrier: Carrier) {
    let shop = Shop::new(owner, quick(), &[("A", 10), ("B", 5)]).await;
    let wiring = carrier.wiring(&shop.db.worker, &registry::reactions());
    let bus = wiring.bus.clone();
    let worker = Worker::start(&shop.db.worker, wiring);
    shop.place(&[("A", 4)]).await;
    shop.place(&[("A", 1), ("B", 1)]).await;
    shop.ended("confirmed", "deducted", 2).await;
    for event in &events(&shop.db).await {
        bus.publish(event).await.unwrap();
    }
    // what was published last is taken last: then the others are as well
    shop.place(&[("B", 2)]).await;
    shop.ended("confirmed", "deducted", 3).await;
    worker.stop().await;
    assert_eq!((shop.levels("A").await, shop.levels("B").await), ((5, 0), (2, 0)));
    assert_eq!(shop.db.count("select count(*) from kernel.events where type like '%.orders.%'").await, 6);
}

async fn the_last_pieces_are_confirmed_once_each(owner: PgPool, carrier: Carrier) {
    let shop = Shop::new(owner, quick(), &[("HOT", 40), ("A", 100)]).await;
    let workers = [shop.work(&carrier), shop.work(&carrier)];
    for n in 0..30 {
        let lines = if n % 2 == 0 { [("A", 1), ("HOT", 2)] } else { [("HOT", 2), ("A", 1)] };
        shop.place(&lines).await;
    }
    shop.ended("confirmed", "deducted", 20).await;
    shop.ended("cancelled", "failed", 10).await;
    for worker in workers {
        worker.stop().await;
    }
    assert_eq!((shop.levels("HOT").await, shop.levels("A").await), ((0, 0), (80, 0)));
    assert_eq!(shop.db.count("select count(*) from jobs.dead_letters").await, 0);
}
