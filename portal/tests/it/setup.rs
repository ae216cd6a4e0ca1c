//! Migrations and demo data.

use sqlx::PgPool;

use crate::places::{NOBODY, url};
use crate::program::{Program, portal};

#[sqlx::test(migrations = false)]
async fn migrating_twice_does_it_once(pool: PgPool) {
    let owner = url(&pool, "portal_owner");
    let variables = [("PORTAL_DATABASE__OWNER_URL", owner.as_str())];
    let first = portal(&["migrate"], &variables);
    assert_eq!(first.code, Some(0), "{first:?}");
    let applied: i64 = sqlx::query_scalar(
        "select (select count(*) from apalis._sqlx_migrations) + (select count(*) from public._sqlx_migrations)",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!(first.stdout, format!("applied {applied} migrations\n"));

    let second = portal(&["migrate"], &variables);
    assert_eq!((second.code, second.stdout.as_str()), (Some(0), "the schema is current: nothing to do\n"));
    assert!(!second.stderr.contains("portal-test"), "{}", second.stderr);
}

#[sqlx::test(migrations = false)]
async fn everything_belongs_to_the_owner_also_if_a_superuser_migrates(pool: PgPool) {
    let superuser = crate::places::superuser_url(&pool);
    let migrated = portal(&["migrate"], &[("PORTAL_DATABASE__OWNER_URL", superuser.as_str())]);
    assert_eq!(migrated.code, Some(0), "{migrated:?}");
    let others: i64 = sqlx::query_scalar(
        "select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname in ('apalis', 'jobs', 'kernel', 'customers', 'products', 'stock', 'orders', 'notifications')
           and c.relowner <> 'portal_owner'::regrole",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!(others, 0);
}

#[sqlx::test(migrations = false)]
async fn demo_data_is_loaded_once_and_has_the_ids_of_the_examples(pool: PgPool) {
    domain::kernel::schema::migrate(&pool).await.unwrap();
    let api = url(&pool, "portal_api");
    let variables = [("PORTAL_DATABASE__URL", api.as_str())];
    let first = portal(&["seed"], &variables);
    assert_eq!(first.stdout, "loaded the demo data of tenant demo\nloaded the demo data of tenant acme\n", "{first:?}");
    let second = portal(&["seed"], &variables);
    assert_eq!(
        (second.code, second.stdout.as_str()),
        (Some(0), "tenant demo has data already: nothing to do\ntenant acme has data already: nothing to do\n")
    );

    use api::examples::{
        CUSTOMER, CUSTOMER_GROUP, ORDER, ORDERING_CUSTOMER, PRODUCT, SKU, SUSPENDED_CUSTOMER, TENANT, VARIANT,
    };
    let statement = "select exists (select from customers.customers where id = $1 and group_id = $2
                                    and status = 'active' and tenant_id = $6)
          and exists (select from customers.customers where id = $3 and status = 'suspended' and tenant_id = $6)
          and exists (select from products.variants where id = $4 and product_id = $5 and tenant_id = $6)
          and exists (select from stock.items where sku = $7 and on_hand > 0 and tenant_id = $6)
          and exists (select from orders.orders o join customers.customers c on c.id = o.customer_id
                      where o.id = $8 and c.id = $9 and c.status = 'active' and o.tenant_id = $6)";
    let mut query = sqlx::query_scalar::<_, bool>(statement);
    for id in [CUSTOMER, CUSTOMER_GROUP, SUSPENDED_CUSTOMER, VARIANT, PRODUCT] {
        query = query.bind(id);
    }
    let query = query.bind(TENANT).bind(SKU).bind(ORDER).bind(ORDERING_CUSTOMER);
    assert!(query.fetch_one(&pool).await.unwrap());

    // made by commands: an event for each, and a job for each event
    let counts: (i64, i64, i64) = sqlx::query_as(
        "select (select count(*) from customers.customers) + (select count(*) from products.products) + 1
                    + (select count(*) from stock.items) + (select count(*) from orders.orders),
                (select count(*) from kernel.events), (select count(*) from apalis.jobs where job_type = 'outbox')",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!((counts.1, counts.2), (counts.0, counts.0));

    // and jobs to try the operators' commands on, under the ids of the examples
    let statement = "select count(*) from (select id from apalis.jobs union all select id from jobs.dead_letters) j
        where id like '01JGFJJZ00E00800000000010_'";
    assert_eq!(sqlx::query_scalar::<_, i64>(statement).fetch_one(&pool).await.unwrap(), 7);
}

#[sqlx::test(migrations = false)]
async fn nothing_starts_on_an_empty_schema(pool: PgPool) {
    let (api, worker) = (url(&pool, "portal_api"), url(&pool, "portal_worker"));
    let issuer = ("PORTAL_AUTH__ISSUER", "https://login.example.com");
    for (command, url) in [("api", &api), ("seed", &api), ("worker", &worker)] {
        let variables = [issuer, ("DATABASE_URL", url.as_str()), ("AMQP_URL", "amqp://localhost:1")];
        let ended = portal(&[command], &variables);
        let complaint = ended.complaint();
        assert!(complaint.starts_with("the database's schema is behind by "), "{complaint}");
        assert!(complaint.ends_with("migrations: run `portal migrate` with this version first"), "{complaint}");
    }
}

#[sqlx::test(migrations = false)]
async fn a_database_that_does_not_let_us_in_is_named(pool: PgPool) {
    let issuer = ("PORTAL_AUTH__ISSUER", "https://login.example.com");
    let api = url(&pool, "portal_api");
    let complaint = |url: &str| {
        let url = [issuer, ("PORTAL_DATABASE__URL", url)];
        let ended = portal(&["api"], &url);
        assert!(!ended.stderr.contains("portal-test"), "{}", ended.stderr);
        ended.complaint().replace(&api.replace("portal-test", "***"), "URL")
    };
    let other = api.rsplit_once('/').unwrap().0;
    assert_eq!(
        complaint(&format!("{other}/not-there")),
        format!(
            "database.url {}/not-there: database \"not-there\" does not exist; \
             create the database first, owned by portal_owner",
            other.replace("portal-test", "***")
        )
    );
    assert_eq!(
        complaint(&format!("postgres://portal_api:s3cret@{NOBODY}/x")),
        format!(
            "database.url postgres://portal_api:***@{NOBODY}/x: Connection refused (os error 111); is PostgreSQL running there?"
        )
    );
    let worker = url(&pool, "portal_worker");
    assert!(complaint(&worker).ends_with(
        ": permission denied to set role \"portal_api\"; log in as portal_api, or as a role that may act as it"
    ));
}

#[test]
fn migrating_waits_for_a_database_that_is_starting() {
    let url = format!("postgres://portal_owner:s3cret@{NOBODY}/x");
    let program = Program::start(&["migrate"], &[("PORTAL_DATABASE__OWNER_URL", url.as_str())]);
    let waiting = program.wait_for_log("\n");
    assert_eq!(
        waiting,
        format!("portal: waiting up to 30 s for the database at postgres://portal_owner:***@{NOBODY}/x\n")
    );
}
