//! State, event and job commit together or not at all, and each database role can do no more than
//! it needs.

use std::time::Duration;

use domain::customers::{CreateCustomer, ListCustomers, SuspendCustomer};
use domain::kernel::DOORBELL_CHANNEL;
use domain::{Answer, Command, Error, IdempotencyKey, Rejection, Scope, Tx, run_once};
use sqlx::postgres::PgListener;
use sqlx::{AssertSqlSafe, PgPool};

use crate::customers::{create, group, patch};
use crate::products::tent;
use crate::support::{ACME, OTHER, World, connect, ctx};

/// How a command ends after it has done everything.
enum End {
    Rejection,
    Fault,
    Panic,
    NeverEnds,
}

/// Creates a customer and emits, then does not end well.
struct CreateThen(CreateCustomer, End);

impl Command for CreateThen {
    type Output = ();

    async fn handle(self, tx: &mut Tx) -> Result<(), Error> {
        self.0.handle(tx).await?;
        match self.1 {
            End::Rejection => Err(Error::Rejected(Rejection::conflict("no", "no"))),
            End::Fault => Err(Error::Internal("fault".into())),
            End::Panic => panic!("as ordered"),
            End::NeverEnds => std::future::pending().await,
        }
    }
}

fn ada() -> CreateCustomer {
    create("Ada", "ada@example.com")
}

#[sqlx::test(migrations = false)]
async fn a_command_that_fails_after_emitting_leaves_nothing(pool: PgPool) {
    let world = World::new(pool).await;
    assert!(matches!(world.run(CreateThen(ada(), End::Rejection)).await, Err(Error::Rejected(_))));
    assert!(matches!(world.run(CreateThen(ada(), End::Fault)).await, Err(Error::Internal(_))));
    assert!(world.everything().await.is_empty());
    // the connection is as good as new
    world.emits(ada()).await;
}

#[sqlx::test(migrations = false)]
async fn a_command_that_panics_or_is_dropped_leaves_nothing(pool: PgPool) {
    let world = World::new(pool).await;
    let db = world.db.clone();
    let run = async move { domain::run(&db, &ctx(ACME), CreateThen(ada(), End::Panic)).await };
    assert!(tokio::spawn(run).await.unwrap_err().is_panic());
    let endless = world.run(CreateThen(ada(), End::NeverEnds));
    assert!(tokio::time::timeout(Duration::from_millis(300), endless).await.is_err());
    assert!(world.everything().await.is_empty());
    // the rolled back customer's address is free: nobody waits for its transaction
    world.emits(ada()).await;
}

#[sqlx::test(migrations = false)]
async fn a_commit_that_fails_leaves_nothing(pool: PgPool) {
    let world = World::new(pool).await;
    let broken = "create function public.fail() returns trigger language plpgsql as $$ begin raise 'no disk'; end $$;
                  create constraint trigger fail after insert on kernel.events
                      deferrable initially deferred for each row execute function public.fail()";
    sqlx::raw_sql(broken).execute(&world.owner).await.unwrap();
    assert!(matches!(world.run(ada()).await, Err(Error::Database(_))));
    assert!(world.everything().await.is_empty());
}

#[sqlx::test(migrations = false)]
async fn an_event_that_cannot_be_written_undoes_the_state(pool: PgPool) {
    let world = World::new(pool).await;
    let id = world.run(ada()).await.unwrap().id;
    // the log already has version 2 of this customer: the sequence is unique
    let forged = "insert into kernel.events (id, type, source, subject, occurred_at, module, aggregate_id, sequence,
                      tenant_id, actor, correlation_id, causation_id, data, job_id)
                  select gen_random_uuid(), type, source, subject, occurred_at, module, aggregate_id, 2,
                      tenant_id, actor, correlation_id, causation_id, data, 'none' from kernel.events";
    sqlx::query(forged).execute(&world.owner).await.unwrap();
    let before = world.everything().await;
    let reason = domain::customers::Reason::parse("unpaid", "").unwrap();
    let result = world.run(SuspendCustomer { id, expected_version: None, reason }).await;
    assert!(matches!(result, Err(Error::Database(_))));
    assert_eq!(world.everything().await, before);
}

#[sqlx::test(migrations = false)]
async fn the_doorbell_rings_after_the_commit(pool: PgPool) {
    let world = World::new(pool).await;
    let mut listener = PgListener::connect_with(&world.owner).await.unwrap();
    listener.listen(DOORBELL_CHANNEL).await.unwrap();
    let id = world.run(ada()).await.unwrap().id;
    let rung = tokio::time::timeout(Duration::from_secs(5), listener.recv()).await.unwrap().unwrap();
    assert_eq!(rung.payload(), "outbox");
    // nothing to do, nobody woken
    world.run(patch(id)).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(300), listener.recv()).await.is_err());
}

#[sqlx::test(migrations = false)]
async fn business_needs_a_tenant(pool: PgPool) {
    let world = World::new(pool).await;
    world.run(ada()).await.unwrap();
    let installation = domain::Ctx { scope: Scope::Installation, ..ctx(ACME) };
    assert!(matches!(domain::run(&world.db, &installation, ada()).await, Err(Error::Internal(_))));
    // no tenant set, as on a fresh connection: no rows
    let mut conn = world.db.pool().acquire().await.unwrap();
    let seen: i64 = sqlx::query_scalar("select count(*) from customers.customers").fetch_one(&mut *conn).await.unwrap();
    assert_eq!(seen, 0);
    // nor does a tenant stay behind on a used one
    drop(conn);
    for _ in 0..20 {
        world.fetch(ListCustomers::default()).await.unwrap();
        let tenant: Option<String> =
            sqlx::query_scalar("select kernel.current_tenant()").fetch_one(world.db.pool()).await.unwrap();
        assert_eq!(tenant, None);
    }
}

#[sqlx::test(migrations = false)]
async fn a_query_cannot_write(pool: PgPool) {
    struct Sneaky;
    impl domain::Query for Sneaky {
        type Output = ();
        async fn fetch(self, tx: &mut Tx) -> Result<(), Error> {
            ada().handle(tx).await.map(|_| ())
        }
    }
    let world = World::new(pool).await;
    assert!(matches!(world.fetch(Sneaky).await, Err(Error::Database(_))));
    assert!(world.everything().await.is_empty());
}

/// Runs a statement for a tenant as a role; the SQLSTATE it fails with, if it does.
async fn attempt(pool: &PgPool, tenant: &str, statement: &str) -> Option<String> {
    let mut tx = pool.begin().await.unwrap();
    let set = format!("set local portal.tenant = '{tenant}'");
    sqlx::query(AssertSqlSafe(set)).execute(&mut *tx).await.unwrap();
    let result = sqlx::query(AssertSqlSafe(statement.to_owned())).execute(&mut *tx).await;
    result.err().map(|error| error.as_database_error().unwrap().code().unwrap().into_owned())
}

const DENIED: Option<&str> = Some("42501");
/// Division by the number of rows.
const NO_ROWS: Option<&str> = Some("22012");

#[sqlx::test(migrations = false)]
async fn the_api_can_enqueue_but_neither_read_nor_change_jobs(pool: PgPool) {
    let world = World::new(pool).await;
    world.run(ada()).await.unwrap();
    let api = connect(&world.owner, "portal_api").await;
    for statement in [
        "select id from apalis.jobs",
        "select count(*) from apalis.jobs",
        "update apalis.jobs set priority = 0",
        "delete from apalis.jobs",
        "truncate apalis.jobs",
        "insert into apalis.jobs (id, job_type, job, tenant_id) values ('x', 'outbox', '', 'acme') returning run_at",
        "select from jobs.completed",
        "select from jobs.dead_letters",
        "select from jobs.attempts",
        "select from jobs.workers",
        "select from jobs.queues",
        "select from customers.customer_outbox_message",
    ] {
        assert_eq!(attempt(&api, ACME, statement).await.as_deref(), DENIED, "{statement}");
    }
    // and enqueue for its own tenant only
    let insert = "insert into apalis.jobs (id, job_type, job, status, attempts, max_attempts, run_at, tenant_id)
                  values ('x', 'outbox', '', 'Pending', 0, 6, now(), 'acme')";
    assert_eq!(attempt(&api, ACME, insert).await, None);
    assert_eq!(attempt(&api, OTHER, insert).await.as_deref(), DENIED);
}

#[sqlx::test(migrations = false)]
async fn no_statement_reaches_the_rows_of_another_tenant(pool: PgPool) {
    let world = World::new(pool).await;
    world.run(ada()).await.unwrap();
    world.run(group("Gold")).await.unwrap();
    world.run(tent()).await.unwrap();
    let key = IdempotencyKey::new("k", "POST /", b"").unwrap();
    let answer = |_| Answer { status: 201, headers: vec![], body: vec![] };
    run_once(&world.db, &ctx(ACME), &key, create("Bob", "bob@example.com"), answer).await.unwrap();
    let before = world.everything().await;

    let api = connect(&world.owner, "portal_api").await;
    for table in [
        "customers.customers",
        "customers.customer_groups",
        "products.products",
        "products.variants",
        "kernel.idempotency_keys",
    ] {
        let select = format!("select 1 / count(*) from {table}");
        let update =
            format!("with u as (update {table} set created_at = now() returning 1) select 1 / count(*) from u");
        for statement in [select, update] {
            assert_eq!(attempt(&api, ACME, &statement).await, None, "{statement}");
            assert_eq!(attempt(&api, OTHER, &statement).await.as_deref(), NO_ROWS, "{statement}");
        }
        // nor can a row be handed over
        let give = format!("update {table} set tenant_id = 'other'");
        assert_eq!(attempt(&api, ACME, &give).await.as_deref(), DENIED, "{give}");
    }
    assert_eq!(world.everything().await, before);
}

#[sqlx::test(migrations = false)]
async fn the_event_log_is_append_only(pool: PgPool) {
    let world = World::new(pool).await;
    world.run(ada()).await.unwrap();
    for role in ["portal_api", "portal_worker"] {
        let pool = connect(&world.owner, role).await;
        for statement in
            ["update kernel.events set actor = 'me'", "delete from kernel.events", "truncate kernel.events"]
        {
            assert_eq!(attempt(&pool, ACME, statement).await.as_deref(), DENIED, "{role}: {statement}");
        }
        let forge = "insert into kernel.events (id, type, source, subject, occurred_at, module, aggregate_id, sequence,
                         tenant_id, actor, correlation_id, causation_id, data, job_id)
                     values (gen_random_uuid(), '', '', '', now(), '', gen_random_uuid(), 1, 'acme', '', '', '', '{}', '')";
        assert_eq!(attempt(&pool, ACME, forge).await, None, "{role}");
        assert_eq!(attempt(&pool, OTHER, forge).await.as_deref(), DENIED, "{role}");
    }
}

#[sqlx::test(migrations = false)]
async fn no_role_bypasses_row_level_security(pool: PgPool) {
    let world = World::new(pool).await;
    let known = world.count("select count(*) from pg_roles where rolname like 'portal\\_%'").await;
    assert!(known >= 4, "the four roles exist");
    let query = "select count(*) from pg_roles where rolname like 'portal\\_%' and (rolsuper or rolbypassrls)";
    assert_eq!(world.count(query).await, 0, "a portal role is superuser or bypasses row-level security");
    let query = "select count(*) from pg_roles
                 where rolname in ('portal_api', 'portal_worker', 'portal_admin') and pg_has_role(oid, 'portal_owner', 'member')";
    assert_eq!(world.count(query).await, 0, "a role can become the owner");
    // becoming admin is an explicit step
    let query =
        "select count(*) from pg_roles where rolname = 'portal_api' and pg_has_role(oid, 'portal_admin', 'usage')";
    assert_eq!(world.count(query).await, 0, "portal_api inherits the admin's rights");
}

/// `pg_temp` comes first unless it is named: whoever calls a function with the owner's rights could
/// put a table of his own in the place of one that the function reads.
#[sqlx::test(migrations = false)]
async fn a_function_with_the_owners_rights_does_not_look_into_the_callers_temporary_schema(pool: PgPool) {
    let world = World::new(pool).await;
    let ours = "from pg_proc where prosecdef and pronamespace::regnamespace::text in ('jobs', 'kernel', 'customers', 'products', 'messaging', 'webhooks')";
    let safe = "and array_to_string(proconfig, ';') ~ 'search_path=pg_catalog, pg_temp'";
    let count = async |filter: &str| -> i64 {
        let query = sqlx::AssertSqlSafe(format!("select count(*) {ours} {filter}"));
        sqlx::query_scalar(query).fetch_one(&world.owner).await.unwrap()
    };
    assert!(count("").await >= 2, "the search finds them");
    assert_eq!(count(safe).await, count("").await);
}

#[sqlx::test(migrations = false)]
async fn everything_belongs_to_the_owner(pool: PgPool) {
    let world = World::new(pool).await;
    let foreign: Vec<String> = sqlx::query_scalar(
        "select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname !~ '^(pg_|information_schema)' and c.relowner <> 'portal_owner'::regrole
         union all
         select nspname::text from pg_namespace
         where nspname !~ '^(pg_|information_schema|public$)' and nspowner <> 'portal_owner'::regrole
         union all
         select p.oid::regprocedure::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace
         where n.nspname in ('kernel', 'jobs', 'customers', 'products', 'apalis', 'messaging', 'webhooks', 'schedules')
           and p.proowner <> 'portal_owner'::regrole",
    )
    .fetch_all(&world.owner)
    .await
    .unwrap();
    assert_eq!(foreign, Vec::<String>::new());
}

#[sqlx::test(migrations = false)]
async fn every_table_of_tenants_has_row_level_security(pool: PgPool) {
    let world = World::new(pool).await;
    let tables: Vec<(String, bool)> = sqlx::query_as(
        "select c.oid::regclass::text, c.relrowsecurity
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where c.relkind in ('r', 'p') and (n.nspname in ('kernel', 'customers', 'products', 'webhooks') or c.oid = 'apalis.jobs'::regclass)
           and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id')
         order by 1",
    )
    .fetch_all(&world.owner)
    .await
    .unwrap();
    let open: Vec<_> = tables.iter().filter(|(_, secured)| !secured).map(|(table, _)| table).collect();
    assert!(open.is_empty(), "without row-level security: {open:?}");
    assert!(tables.len() >= 7, "the query finds the tables: {tables:?}");

    // what has no row-level security is out of the API's reach
    let readable = world
        .count(
            "select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where c.relkind in ('r', 'p', 'v', 'm') and n.nspname in ('jobs', 'apalis', 'messaging', 'operations', 'schedules')
               and c.oid <> 'apalis._sqlx_migrations'::regclass
               and has_table_privilege('portal_api', c.oid, 'select, update, delete')",
        )
        .await;
    assert_eq!(readable, 0);
}
