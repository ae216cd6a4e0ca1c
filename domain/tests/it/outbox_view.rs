//! Customers' outbox messages in plain SQL (P-11).

use serde_json::{Value, json};
use sqlx::PgPool;

use crate::customers::create;
use crate::support::{World, connect};

/// A message of the outbox as plain SQL shows it to an administrator.
async fn outbox(world: &World) -> Value {
    let mut tx = connect(&world.owner, "portal_api").await.begin().await.unwrap();
    sqlx::query("set local role portal_admin").execute(&mut *tx).await.unwrap();
    let query = "select to_jsonb(m) from customers.customer_outbox_message m";
    sqlx::query_scalar(query).fetch_one(&mut *tx).await.unwrap()
}

#[sqlx::test(migrations = false)]
async fn the_outbox_view_shows_where_each_message_is(pool: PgPool) {
    let world = World::new(pool).await;
    let (_, event) = world.emits(create("Ada", "ada@example.com")).await;
    let message = outbox(&world).await;
    let columns: Vec<String> = sqlx::query_scalar(
        "select attname::text from pg_attribute
         where attrelid = 'customers.customer_outbox_message'::regclass and attnum > 0 order by attnum",
    )
    .fetch_all(&world.owner)
    .await
    .unwrap();
    assert_eq!(
        columns.join(" "),
        "id event_type_id event_type created_at occurred_at processed_at retry_count next_retry_at is_deadletter"
    );
    assert_eq!(message["id"], json!(event.id));
    assert_eq!(message["event_type_id"], "com.offgrid.portal.customers.customer-created");
    assert_eq!(message["event_type"], "customer-created");
    let standing = |m: &Value| json!([m["retry_count"], m["processed_at"], m["next_retry_at"], m["is_deadletter"]]);
    assert_eq!(standing(&message), json!([0, null, null, false]), "pending");

    let failed =
        "update apalis.jobs set status = 'Failed', attempts = 2, deferred = true, run_at = '2027-01-01 00:00+00'";
    sqlx::query(failed).execute(&world.owner).await.unwrap();
    let retry = json!([2, null, "2027-01-01T00:00:00+00:00", false]);
    assert_eq!(standing(&outbox(&world).await), retry, "retrying");

    let completed = "with gone as (delete from apalis.jobs returning *)
        insert into jobs.publications (job_id, published_at, attempt) select id, '2027-01-02 00:00+00', 3 from gone";
    sqlx::query(completed).execute(&world.owner).await.unwrap();
    let processed = json!([2, "2027-01-02T00:00:00+00:00", null, false]);
    assert_eq!(standing(&outbox(&world).await), processed, "processed");

    let dead = "with gone as (delete from jobs.publications returning *)
        insert into jobs.dead_letters (id, queue, kind, seq, reason, error, error_class, payload, metadata, attempts,
            max_attempts, crashes, redrives, priority, created_at, holds_key)
        select job_id, 'outbox', 'publish-event.v1', 1, 'exhausted', '', '', '', '{}', 6, 6, 0, 0, 0, now(), false
        from gone";
    sqlx::query(dead).execute(&world.owner).await.unwrap();
    assert_eq!(standing(&outbox(&world).await), json!([5, null, null, true]), "dead");
}
