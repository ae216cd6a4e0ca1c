//! The way into the database: a pool, the queue policies, and the doorbell.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use sqlx::PgConnection;

use super::connection::{self, ANSWER_LIMIT, Borrowed};
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
    answer_limit: Duration,
}

impl Db {
    /// Uses a pool that connects as `portal_api` or `portal_worker`. Starts the doorbell's task, so
    /// it must be called inside a tokio runtime.
    #[allow(clippy::disallowed_types, reason = "the one place that takes the pool")]
    pub fn new(pool: sqlx::PgPool, policies: QueuePolicies) -> Self {
        Self::with_answer_limit(pool, policies, ANSWER_LIMIT)
    }

    /// The same, with another limit than [`ANSWER_LIMIT`]: a transaction, or a statement outside of
    /// one, that is not answered by then has failed, and its connection is closed.
    #[allow(clippy::disallowed_types, reason = "the one place that takes the pool")]
    pub fn with_answer_limit(pool: sqlx::PgPool, policies: QueuePolicies, answer_limit: Duration) -> Self {
        Self { doorbell: Doorbell::start(pool.clone(), answer_limit), policies: Arc::new(policies), pool, answer_limit }
    }

    /// The pool, to make another like it. Statements go through [`ask`](Self::ask).
    #[allow(clippy::disallowed_types, reason = "the one place that hands out the pool")]
    pub fn pool(&self) -> &sqlx::PgPool {
        &self.pool
    }

    /// How long an answer of the database is waited for.
    pub fn answer_limit(&self) -> Duration {
        self.answer_limit
    }

    /// Runs the job runtime's own statements and health checks, for as long as the answer limit.
    ///
    /// # Errors
    /// As [`connection::within`].
    pub async fn ask<T, E: From<sqlx::Error>>(
        &self,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, E>,
    ) -> Result<T, E> {
        connection::within(&self.pool, self.answer_limit, work).await
    }

    /// Bounds a whole transaction: dropped halfway, it is rolled back.
    pub(crate) async fn answered<T, E: From<sqlx::Error>>(
        &self,
        transaction: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        connection::answered(self.answer_limit, transaction).await
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
    pub(crate) async fn begin(&self, scope: &Scope, access: Access) -> sqlx::Result<Borrowed> {
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
            Scope::Process => mode.to_owned(),
        };
        let mut connection = Borrowed::from(&self.pool).await?;
        connection.begin(statement).await?;
        Ok(connection)
    }
}

/// Whether a transaction may write.
#[derive(Clone, Copy)]
pub(crate) enum Access {
    ReadWrite,
    ReadOnly,
}
