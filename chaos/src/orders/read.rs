//! Reads the books: from the database, with SQL of its own, and from the broker.

use std::collections::{BTreeMap, HashMap};

use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row as _};
use uuid::Uuid;

use super::SAID_TO_FAIL;
use super::books::{Books, DeadLetter, Item, Notification, Order};
use crate::Result;
use crate::servers::RabbitMq;

/// Fills in everything but what buyers and the catalogue know.
pub(crate) async fn all(pool: &PgPool, broker: &RabbitMq, books: &mut Books) -> Result<()> {
    books.messages = broker.messages().await?;
    books.unhandled = unhandled(pool, &books.messages).await?;
    books.orders = orders(pool).await?;
    for row in sqlx::query("select sku, on_hand, reserved from stock.items").fetch_all(pool).await? {
        let item = Item { on_hand: row.get("on_hand"), reserved: row.get("reserved") };
        books.items.insert(row.get("sku"), item);
    }
    books.notifications = notifications(pool).await?;
    let jobs = "select concat_ws(' ', job_type, kind, id, status, error_class) from
        (select j.*, a.error_class from apalis.jobs j left join lateral
            (select error_class from jobs.attempts where job_id = j.id order by position desc limit 1) a on true) left_over";
    books.jobs = sqlx::query_scalar(jobs).fetch_all(pool).await?;
    books.dead = dead_letters(pool).await?;
    books.failures = sqlx::query_scalar("select count(*) from jobs.attempts where error = $1")
        .bind(SAID_TO_FAIL)
        .fetch_one(pool)
        .await?;
    Ok(())
}

/// Events that a consumer group has not handled and that are not among its dead letters. Which groups there
/// are, and what they hear of, the broker's queues tell.
pub(crate) async fn unhandled(pool: &PgPool, queues: &BTreeMap<String, u64>) -> Result<Vec<String>> {
    let (types, groups): (Vec<String>, Vec<String>) = queues.keys().filter_map(|queue| heard(queue)).unzip();
    let missing = sqlx::query_scalar(
        "select concat_ws(' ', heard.consumer, e.type, e.id)
         from unnest($1::text[], $2::text[]) as heard(type, consumer)
         join kernel.events e on e.type = heard.type
         left join kernel.inbox i on i.event_id = e.id::text and i.source = e.source and i.consumer = heard.consumer
         where i.handled_at is null and not exists (select from jobs.dead_letters d where d.id = i.job_id)",
    )
    .bind(&types)
    .bind(&groups)
    .fetch_all(pool)
    .await?;
    Ok(missing)
}

/// Event type and consumer group of a queue: `offgrid.portal.<module>.<event>[.<group>]`.
fn heard(queue: &str) -> Option<(String, String)> {
    let parts: Vec<&str> = queue.split('.').collect();
    match parts[..] {
        ["offgrid", "portal", module, event] => {
            Some((format!("com.offgrid.portal.{module}.{event}"), "portal".to_owned()))
        }
        ["offgrid", "portal", module, event, group] => {
            Some((format!("com.offgrid.portal.{module}.{event}"), group.to_owned()))
        }
        _ => None,
    }
}

async fn orders(pool: &PgPool) -> Result<HashMap<Uuid, Order>> {
    let mut orders = HashMap::new();
    let all = "select id, status, confirmed_at is not null as confirmed, cancel_cause from orders.orders";
    for row in sqlx::query(all).fetch_all(pool).await? {
        orders.insert(row.get("id"), order(&row));
    }
    let mut fill = async |sql: &'static str, with: fn(&mut Order, &PgRow)| -> Result<()> {
        for row in sqlx::query(sql).fetch_all(pool).await? {
            if let Some(order) = orders.get_mut(&row.get::<Uuid, _>("order_id")) {
                with(order, &row);
            }
        }
        Ok(())
    };
    fill("select order_id, sku, quantity from orders.lines order by position", |order, row| {
        order.lines.push((row.get("sku"), row.get("quantity")));
    })
    .await?;
    fill(
        "select o.id as order_id, line ->> 'sku' as sku, coalesce((line ->> 'available')::bigint, 0) as available
         from orders.orders o, jsonb_array_elements(o.cancel_lines) line
         where line ->> 'reason' = 'insufficient_stock'",
        |order, row| order.short.push((row.get("sku"), row.get("available"))),
    )
    .await?;
    fill("select order_id, state from stock.decisions", |order, row| order.decision = Some(row.get("state"))).await?;
    fill(
        "select aggregate_id as order_id, regexp_replace(type, '^.*[.]', '') as event, correlation_id
         from kernel.events order by position",
        |order, row| {
            let event: String = row.get("event");
            if event == "order-created" {
                order.command = row.get("correlation_id");
            }
            order.story.push(event);
        },
    )
    .await?;
    fill(
        "select distinct e.aggregate_id as order_id
         from jobs.attempts a join kernel.inbox i on i.job_id = a.job_id join kernel.events e on e.id::text = i.event_id
         where a.outcome = 'dead' and i.consumer = 'stock' and e.type like '%.order-created'",
        |order, _| order.given_up = true,
    )
    .await?;
    Ok(orders)
}

fn order(row: &PgRow) -> Order {
    Order {
        status: row.get("status"),
        confirmed: row.get("confirmed"),
        cause: row.get("cancel_cause"),
        lines: Vec::new(),
        short: Vec::new(),
        decision: None,
        command: String::new(),
        story: Vec::new(),
        given_up: false,
    }
}

async fn notifications(pool: &PgPool) -> Result<Vec<Notification>> {
    let rows = sqlx::query(
        "select n.order_id, n.event, n.status, count(j.subject) as jobs
         from notifications.notifications n
         left join (select subject from jobs.completed where kind = 'send-notification.v1'
                    union all select subject from jobs.dead_letters where kind = 'send-notification.v1') j
             on j.subject = 'notifications/' || n.id
         group by n.id",
    )
    .fetch_all(pool)
    .await?;
    let notification = |row: PgRow| Notification {
        order: row.get("order_id"),
        event: row.get("event"),
        status: row.get("status"),
        jobs: row.get("jobs"),
    };
    Ok(rows.into_iter().map(notification).collect())
}

/// Those that nobody has dropped.
pub(crate) async fn dead_letters(pool: &PgPool) -> Result<Vec<DeadLetter>> {
    let rows = sqlx::query(
        "select d.id, d.queue, regexp_replace(e.type, '^.*[.]', '') as event, d.reason, d.error, d.attempts,
                d.max_attempts, d.redrives
         from jobs.dead_letters d
         left join kernel.inbox i on i.job_id = d.id
         left join kernel.events e on e.id::text = i.event_id
         where d.discarded_at is null and d.archived_at is null order by d.id",
    )
    .fetch_all(pool)
    .await?;
    let dead_letter = |row: PgRow| DeadLetter {
        id: row.get("id"),
        queue: row.get("queue"),
        event: row.get("event"),
        reason: row.get("reason"),
        error: row.get("error"),
        attempts: row.get("attempts"),
        max_attempts: row.get("max_attempts"),
        redrives: row.get("redrives"),
    };
    Ok(rows.into_iter().map(dead_letter).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_says_what_it_is_for() {
        let told = |queue: &str| heard(queue).map(|(event, group)| format!("{event} {group}"));
        let (event, group) = ("com.offgrid.portal.orders.order-created", "offgrid.portal.orders.order-created");
        assert_eq!(told(group).unwrap(), format!("{event} portal"));
        assert_eq!(told(&format!("{group}.stock")).unwrap(), format!("{event} stock"));
        assert_eq!(told("offgrid.portal.dead-letters"), None);
    }
}
