//! No filter alone reads the whole log to find a page.

use domain::audit::{EventFilter, ListEvents, ListStreamEvents};
use domain::kernel::page::PageSize;
use domain::{Error, Query, Tx};
use sqlx::PgPool;
use uuid::Uuid;

use super::text;
use crate::support::{ACME, World, ctx};

/// 20,000 events at one a minute, every fourth of another tenant. What the first hundred have nothing has
/// since: type, module and actor; and the first twenty are those of a tenant that has no others.
const LOG: &str = "
    insert into kernel.events (id, type, source, subject, occurred_at, module, aggregate_id, sequence, tenant_id, actor,
        correlation_id, causation_id, data, job_id)
    select gen_random_uuid(), 'com.offgrid.portal.' || kind, 'urn', module || '/' || aggregate,
        timestamptz '2026-01-01 00:00Z' + n * interval '1 minute', module, aggregate, n / 500 + 1,
        case when n <= 20 then 'asleep' when n % 4 = 0 then 'other' else 'acme' end,
        case when n <= 100 then 'gone' else 'actor-' || n % 3 end, 'c' || n / 10, 'r', '{}', 'none'
    from generate_series(1, 20000) n,
        lateral (select lpad(to_hex(n % 500), 32, '0')::uuid as aggregate,
            case when n <= 100 then 'products' else 'customers' end as module,
            case when n <= 100 then 'products.product-created'
                 when n % 2 = 0 then 'customers.customer-changed'
                 else 'customers.customer-suspended' end as kind) as made";

/// A query, and how many rows of the log were looked at for it.
struct Counted<Q>(Q);

impl<Q: Query> Query for Counted<Q> {
    type Output = (Q::Output, i64);

    async fn fetch(self, tx: &mut Tx) -> Result<(Q::Output, i64), Error> {
        let before = rows_read(tx).await?;
        let found = self.0.fetch(tx).await?;
        Ok((found, rows_read(tx).await? - before))
    }
}

/// What this connection read of the log and has not reported yet, in this transaction and before.
async fn rows_read(tx: &mut Tx) -> Result<i64, Error> {
    let read = "select coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)
                from pg_stat_xact_user_tables where relid = 'kernel.events'::regclass";
    Ok(sqlx::query_scalar(read).fetch_one(tx.conn()).await?)
}

#[sqlx::test(migrations = false)]
async fn each_filter_alone_reads_about_a_page(pool: PgPool) {
    let world = World::new(pool).await;
    sqlx::raw_sql(sqlx::AssertSqlSafe(LOG)).execute(&world.owner).await.unwrap();
    sqlx::query("analyze kernel.events").execute(&world.owner).await.unwrap();
    let none = EventFilter::default;
    let created = "com.offgrid.portal.products.product-created";
    let an_hour_in = "2026-01-01T01:00:00Z".parse().unwrap();
    for (tenant, filter, found) in [
        (ACME, none(), 50),
        ("asleep", none(), 20),
        (ACME, EventFilter { stream: text("products"), ..none() }, 50),
        (ACME, EventFilter { stream: text("customers"), ..none() }, 50),
        (ACME, EventFilter { stream: text("nothing"), ..none() }, 0),
        (ACME, EventFilter { event_type: text(created), ..none() }, 50),
        (ACME, EventFilter { aggregate: Some(Uuid::from_u128(7)), ..none() }, 39),
        (ACME, EventFilter { actor: Some("gone".parse().unwrap()), ..none() }, 50),
        (ACME, EventFilter { actor: Some("actor-1".parse().unwrap()), ..none() }, 50),
        (ACME, EventFilter { correlation_id: Some("c5".parse().unwrap()), ..none() }, 8),
        (ACME, EventFilter { to: Some(an_hour_in), ..none() }, 30),
        (ACME, EventFilter { from: Some(an_hour_in), ..none() }, 50),
    ] {
        let query = ListEvents { filter: filter.clone(), ..ListEvents::default() };
        let (page, read) = domain::fetch(&world.db, &ctx(tenant), Counted(query)).await.unwrap();
        assert_eq!(page.data.len(), found, "{tenant} {filter:?}");
        assert!(read <= 200, "{tenant} {filter:?} reads {read} rows");
    }
    let stream = ListStreamEvents { aggregate: Uuid::from_u128(7), cursor: None, size: PageSize::new(5).unwrap() };
    let (page, read) = domain::fetch(&world.db, &ctx(ACME), Counted(stream)).await.unwrap();
    assert_eq!(page.data.len(), 5);
    assert!(read <= 50, "a stream reads {read} rows");
}
