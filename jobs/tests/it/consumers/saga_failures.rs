//! Stock that cannot be asked: the order hears of it, and nothing that happens later contradicts that.

use domain::kernel::policy::QueuePolicy;
use domain::operations::{JobId, Reason, RetryDeadLetter};
use domain::{Ctx, Scope};
use sqlx::PgPool;

use super::saga::Shop;
use super::{Carrier, over_both_buses};
use crate::support::{ctx, quick};

over_both_buses! {
    stock_that_keeps_failing_refuses_the_order_and_a_redrive_does_not_contradict_it
    stock_that_fails_for_a_while_is_asked_again
}

/// As configured: the first attempt and three retries.
fn policy() -> QueuePolicy {
    QueuePolicy { max_attempts: 4, ..quick() }
}

async fn execute(shop: &Shop, sql: &'static str) {
    sqlx::query(sql).execute(&shop.db.owner).await.unwrap();
}

const BREAK: &str = "revoke update on stock.items from portal_worker";
const MEND: &str = "grant update on stock.items to portal_worker";

async fn stock_that_keeps_failing_refuses_the_order_and_a_redrive_does_not_contradict_it(
    owner: PgPool,
    carrier: Carrier,
) {
    let shop = Shop::new(owner, policy(), &[("A", 10)]).await;
    execute(&shop, BREAK).await;
    let worker = shop.work(&carrier);
    let order = shop.place(&[("A", 4)]).await;
    let refused =
        "select count(*) from orders.orders where status = 'cancelled' and cancel_cause = 'processing_failed'";
    shop.db.until(refused, 1).await;
    let dead = "select count(*) from jobs.dead_letters where queue = 'stock' and reason = 'exhausted' and attempts = 4";
    assert_eq!(shop.db.count(dead).await, 1);
    let told = ["order-created", "stock-process-failed", "order-cancelled"];
    assert_eq!(shop.story(order).await, told);
    let said = r#"select count(*) from kernel.events where type like '%stock-process-failed' and correlation_id =
        (select correlation_id from kernel.events where type like '%order-created') and data -> 'stock' -> 'lines' =
        '[{"sku": "A", "quantity": 4, "reason": "processing_failed", "available": null}]'"#;
    assert_eq!(shop.db.count(said).await, 1);

    execute(&shop, MEND).await;
    let id: String = sqlx::query_scalar("select id from jobs.dead_letters").fetch_one(&shop.db.owner).await.unwrap();
    let admin = Ctx { scope: Scope::Installation, ..ctx() };
    let reason = Reason::parse("mended", "/reason").unwrap();
    domain::run(&shop.db.api, &admin, RetryDeadLetter { id: JobId::new(&id), reason }).await.unwrap();
    shop.ended("cancelled", "failed", 1).await;
    worker.stop().await;
    assert_eq!(shop.db.count("select count(*) from jobs.dead_letters").await, 0);
    assert_eq!(shop.levels("A").await, (10, 0));
    assert_eq!(shop.story(order).await, told);
}

async fn stock_that_fails_for_a_while_is_asked_again(owner: PgPool, carrier: Carrier) {
    let shop = Shop::new(owner, QueuePolicy { max_attempts: 1000, ..quick() }, &[("A", 10)]).await;
    execute(&shop, BREAK).await;
    let worker = shop.work(&carrier);
    shop.place(&[("A", 4)]).await;
    shop.db.until("select count(*) from jobs.attempts where queue = 'stock' and attempt = 2", 1).await;
    execute(&shop, MEND).await;
    shop.ended("confirmed", "deducted", 1).await;
    worker.stop().await;
    assert_eq!(shop.levels("A").await, (6, 0));
}
