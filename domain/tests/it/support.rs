//! A migrated database, a tenant's context, and what a command leaves behind.

use domain::kernel::policy::QueuePolicies;
use domain::messaging::PublishEvent;
use domain::{Command, Ctx, Db, Error, Query, Rejection, Scope};
use serde_json::Value;
use sqlx::postgres::PgPoolOptions;
use sqlx::{FromRow, PgPool};
use uuid::Uuid;

/// The tenant most tests act for; the other one must never notice.
pub(crate) const ACME: &str = "acme";
pub(crate) const OTHER: &str = "other";

/// A database with our schema.
pub(crate) struct World {
    /// To look at everything, and to break things.
    pub(crate) owner: PgPool,
    /// As `portal_api`.
    pub(crate) db: Db,
}

/// An event as stored, with the job that publishes it.
#[derive(Debug, FromRow)]
pub(crate) struct Emitted {
    pub(crate) id: Uuid,
    pub(crate) r#type: String,
    pub(crate) source: String,
    pub(crate) subject: String,
    pub(crate) aggregate_id: Uuid,
    pub(crate) sequence: i64,
    pub(crate) tenant_id: String,
    pub(crate) data: Value,
    actor: String,
    correlation_id: String,
    causation_id: String,
    traceparent: Option<String>,
    job: Option<Value>,
    payload: Option<Vec<u8>>,
}

/// The context of a request of `tenant`.
pub(crate) fn ctx(tenant: &str) -> Ctx {
    Ctx {
        scope: Scope::Tenant(tenant.parse().unwrap()),
        actor: "ada".parse().unwrap(),
        roles: Vec::new(),
        correlation_id: "correlation-1".parse().unwrap(),
        causation_id: "request-1".to_owned(),
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
    }
}

/// The rejection that a command or query ended with.
pub(crate) fn rejection<T: std::fmt::Debug>(result: Result<T, Error>) -> Rejection {
    match result {
        Err(Error::Rejected(rejection)) => rejection,
        other => panic!("expected a rejection, got {other:?}"),
    }
}

impl World {
    pub(crate) async fn new(owner: PgPool) -> Self {
        domain::kernel::schema::migrate(&owner).await.unwrap();
        let db = Db::new(connect(&owner, "portal_api").await, QueuePolicies::default());
        Self { owner, db }
    }

    /// Runs a command for [`ACME`].
    pub(crate) async fn run<C: Command>(&self, command: C) -> Result<C::Output, Error> {
        domain::run(&self.db, &ctx(ACME), command).await
    }

    /// Fetches a query for [`ACME`].
    pub(crate) async fn fetch<Q: Query>(&self, query: Q) -> Result<Q::Output, Error> {
        domain::fetch(&self.db, &ctx(ACME), query).await
    }

    /// Runs a command for `tenant`: it must be rejected with `code`, and leave nothing at all behind.
    pub(crate) async fn rejects<C: Command>(&self, tenant: &str, command: C, code: &str) -> Rejection
    where
        C::Output: std::fmt::Debug,
    {
        let before = self.everything().await;
        let rejection = rejection(domain::run(&self.db, &ctx(tenant), command).await);
        assert_eq!(rejection.code, code);
        assert_eq!(self.everything().await, before, "{code} left something behind");
        rejection
    }

    /// Runs a command for [`ACME`] that must not change anything at all.
    pub(crate) async fn changes_nothing<C: Command>(&self, command: C) -> C::Output {
        let before = self.everything().await;
        let output = self.run(command).await.unwrap();
        assert_eq!(self.everything().await, before);
        output
    }

    /// Runs a command for [`ACME`]: it must emit exactly one event, with its job.
    pub(crate) async fn emits<C: Command>(&self, command: C) -> (C::Output, Emitted) {
        let before = self.events().await.len();
        let output = self.run(command).await.unwrap();
        let mut events = self.events().await;
        assert_eq!(events.len(), before + 1, "one command, one event");
        let event = events.pop().unwrap();
        event.check();
        (output, event)
    }

    /// Runs commands for [`ACME`] at the same time; all must succeed.
    pub(crate) async fn together<C: Command + 'static>(&self, commands: impl IntoIterator<Item = C>)
    where
        C::Output: 'static,
    {
        let run = |command| {
            let db = self.db.clone();
            async move { domain::run(&db, &ctx(ACME), command).await.map(drop) }
        };
        let running: tokio::task::JoinSet<_> = commands.into_iter().map(run).collect();
        for result in running.join_all().await {
            result.unwrap();
        }
    }

    /// All events in the order of the log.
    pub(crate) async fn events(&self) -> Vec<Emitted> {
        sqlx::query_as(
            "select e.*, to_jsonb(j) - 'job' as job, j.job as payload
             from kernel.events e left join apalis.jobs j on j.id = e.job_id order by e.position",
        )
        .fetch_all(&self.owner)
        .await
        .unwrap()
    }

    /// Every row that a command could write, as text.
    pub(crate) async fn everything(&self) -> Vec<String> {
        let tables = [
            "customers.customers",
            "customers.customer_groups",
            "products.products",
            "products.variants",
            "orders.orders",
            "orders.lines",
            "stock.items",
            "stock.decisions",
            "notifications.templates",
            "notifications.notifications",
            "webhooks.endpoints",
            "webhooks.secrets",
            "webhooks.deliveries",
            "webhooks.attempts",
            "webhooks.bulks",
            "kernel.events",
            "kernel.idempotency_keys",
            "apalis.jobs",
        ];
        let selects = tables.map(|table| format!("select '{table} ' || to_jsonb(t)::text from {table} t"));
        let query = format!("{} order by 1", selects.join(" union all "));
        sqlx::query_scalar(sqlx::AssertSqlSafe(query)).fetch_all(&self.owner).await.unwrap()
    }

    /// One number out of the database, as the owner sees it.
    pub(crate) async fn count(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query).fetch_one(&self.owner).await.unwrap()
    }
}

impl Emitted {
    /// The event carries the context, and its job publishes this very event.
    fn check(&self) {
        let ctx = ctx(&self.tenant_id);
        assert_eq!(self.actor, ctx.actor.as_str());
        assert_eq!(self.correlation_id, ctx.correlation_id.as_str());
        assert_eq!(self.causation_id, ctx.causation_id);
        assert_eq!(self.traceparent, ctx.traceparent);
        assert_eq!(self.subject.rsplit('/').next(), Some(self.aggregate_id.to_string().as_str()));

        let job = self.job.as_ref().expect("the event has a job");
        let expected = [
            ("id", ulid::Ulid::from(self.id).to_string()),
            ("job_type", "outbox".to_owned()),
            ("kind", "publish-event.v1".to_owned()),
            ("status", "Pending".to_owned()),
            ("ordering_key", self.subject.clone()),
            ("subject", self.subject.clone()),
            ("tenant_id", self.tenant_id.clone()),
            ("correlation_id", self.correlation_id.clone()),
            ("causation_id", self.causation_id.clone()),
        ];
        for (column, value) in expected {
            assert_eq!(job[column], Value::String(value), "{column}");
        }
        assert_eq!(job["max_attempts"], 6);

        let PublishEvent { event } = serde_json::from_slice(self.payload.as_ref().unwrap()).unwrap();
        assert_eq!((event.id, event.sequence), (self.id, self.sequence));
        assert_eq!((&event.event_type, &event.source, &event.subject), (&self.r#type, &self.source, &self.subject));
        assert_eq!(event.tenant_id.as_str(), self.tenant_id);
        assert_eq!(serde_json::from_str::<Value>(event.data.get()).unwrap(), self.data);
    }
}

/// Another pool to the test's database.
pub(crate) async fn connect(owner: &PgPool, role: &str) -> PgPool {
    let options = owner.connect_options().as_ref().clone().username(role).password("portal-test");
    PgPoolOptions::new().max_connections(8).connect_with(options).await.unwrap()
}
