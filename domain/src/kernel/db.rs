//! The way into the database: a pool, the queue policies, and the doorbell.

use std::sync::Arc;

use sqlx::{AssertSqlSafe, Postgres, Transaction};

use super::ctx::Scope;
use super::doorbell::Doorbell;
use super::policy::{QueuePolicies, QueuePolicy};

/// Opens transactions. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    #[allow(clippy::disallowed_types, reason = "the one place that holds the pool")]
    pool: sqlx::PgPool,
    policies: Arc<QueuePolicies>,
    doorbell: Doorbell,
}

impl Db {
    /// Uses a pool that connects as `portal_api` or `portal_worker`. Starts the doorbell's task, so
    /// it must be called inside a tokio runtime.
    #[allow(clippy::disallowed_types, reason = "the one place that takes the pool")]
    pub fn new(pool: sqlx::PgPool, policies: QueuePolicies) -> Self {
        Self { doorbell: Doorbell::start(pool.clone()), policies: Arc::new(policies), pool }
    }

    /// The pool, for health checks and for the job runtime's own statements.
    #[allow(clippy::disallowed_types, reason = "the one place that hands out the pool")]
    pub fn pool(&self) -> &sqlx::PgPool {
        &self.pool
    }

    /// The configured policy of a queue.
    pub fn policy(&self, queue: &str) -> QueuePolicy {
        self.policies.of(queue)
    }

    /// All configured policies.
    pub fn policies(&self) -> &QueuePolicies {
        &self.policies
    }

    /// Wakes the workers of these queues. Call after the commit.
    pub fn ring(&self, queues: impl IntoIterator<Item = String>) {
        self.doorbell.ring(queues);
    }

    /// Begins a transaction that sees what `scope` allows, in one round trip.
    pub(crate) async fn begin(&self, scope: &Scope, access: Access) -> sqlx::Result<Transaction<'static, Postgres>> {
        let mode = match access {
            Access::ReadWrite => "begin",
            // One snapshot for all statements of a query. And lists have optional filters: a plan made
            // for any filters at all would serve none well. Compiling one for a page of rows never pays.
            Access::ReadOnly => {
                "begin isolation level repeatable read read only; \
                 set local plan_cache_mode = force_custom_plan; set local jit = off"
            }
        };
        // A tenant is only a-z, 0-9 and '-' by its type, so it can stand in the statement.
        let statement = match scope {
            Scope::Tenant(tenant) => format!("{mode}; set local portal.tenant = '{tenant}'"),
            Scope::Installation => format!("{mode}; set local role portal_admin"),
        };
        self.pool.begin_with(AssertSqlSafe(statement)).await
    }
}

/// Whether a transaction may write.
#[derive(Clone, Copy)]
pub(crate) enum Access {
    ReadWrite,
    ReadOnly,
}
