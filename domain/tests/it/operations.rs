//! What operators see and do, as `portal_admin`. Jobs are made as `portal_api` makes them; what
//! workers do to them is done as `portal_worker`.

mod audit;
mod bulk;
mod dead_letters;
mod edits;
mod fingerprints;
mod groups;
mod jobs;
mod lists;
mod load;
mod queues;
mod timeline;

use std::time::Duration;

use domain::kernel::job::{Job, NewJob};
use domain::operations::{GetJob, JobDetail, JobId, JobState, Reason};
use domain::{Command, Ctx, Error, Query, Rejection, Scope, Tx};
use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, PgPool};

use crate::support::{ACME, World, connect, ctx, rejection};

/// A job that only has a number.
#[derive(Serialize, Deserialize)]
struct Task {
    n: u32,
}

impl Job for Task {
    const KIND: &'static str = "task.v1";
    const QUEUE: &'static str = "tasks";
}

/// The database, with a worker's connections beside the API's.
struct Site {
    world: World,
    worker: PgPool,
}

impl Site {
    /// With the worker `w1` registered.
    async fn new(owner: PgPool) -> Self {
        let world = World::new(owner).await;
        let worker = connect(&world.owner, "portal_worker").await;
        let site = Self { world, worker };
        site.work(
            "insert into jobs.workers (id, host, pid, version, queues) values ('w1', 'h', 1, '1.0', '{tasks,outbox}')",
        )
        .await;
        site
    }

    /// A job of [`Task`], enqueued by a request of `tenant`.
    async fn enqueue(&self, tenant: &str, job: NewJob) -> JobId {
        let id = JobId::new(&job.id.to_string());
        domain::run(&self.world.db, &ctx(tenant), Enqueue(job)).await.unwrap();
        id
    }

    /// A job without anything special.
    async fn job(&self) -> JobId {
        self.enqueue(ACME, task(0)).await
    }

    /// A job of this key.
    async fn keyed(&self, key: &str) -> JobId {
        self.enqueue(ACME, NewJob { ordering_key: Some(key.into()), ..task(0) }).await
    }

    /// A job that failed `attempts` times with `error` and is a dead letter now.
    async fn dead(&self, id: &JobId, attempts: i32, error: &str) {
        self.work(&format!(
            "insert into jobs.attempts (job_id, queue, kind, attempt, outcome, error, error_class, actor, ended_at)
             select '{0}', 'tasks', 'task.v1', {attempts}, 'dead', '{error}', 'test', 'w1', now();
             with gone as (delete from apalis.jobs where id = '{0}' returning *)
             insert into jobs.dead_letters (id, queue, kind, seq, reason, error, error_class, payload, metadata, attempts,
                 max_attempts, crashes, redrives, priority, tenant_id, subject, ordering_key, correlation_id, causation_id,
                 traceparent, created_at, holds_key)
             select id, job_type, kind, seq, 'exhausted', '{error}', 'test', job, hstore_to_jsonb(metadata), {attempts},
                 {attempts}, 2, redrives, priority, tenant_id, subject, ordering_key, correlation_id, causation_id,
                 traceparent, created_at, ordering_key is not null
             from gone",
            id.as_str()
        ))
        .await;
    }

    /// Completes a live job in its first attempt, without keeping its payload.
    async fn complete(&self, id: &JobId) {
        self.work(&format!(
            "with gone as (delete from apalis.jobs where id = '{}' returning *)
             insert into jobs.completed (id, queue, kind, seq, state, attempt, redrives, tenant_id, subject, ordering_key,
                 correlation_id, traceparent, worker, created_at, started_at, completed_at)
             select id, job_type, kind, seq, 'completed', 1, redrives, tenant_id, subject, ordering_key, correlation_id,
                 traceparent, 'w1', created_at, now(), now()
             from gone",
            id.as_str()
        ))
        .await;
    }

    /// Changes a live job as a worker could.
    async fn set(&self, id: &JobId, columns: &str) {
        self.work(&format!("update apalis.jobs set {columns} where id = '{}'", id.as_str())).await;
    }

    /// Claims what is due in [`Task::QUEUE`], as the worker `w1`.
    async fn claim(&self) -> Vec<String> {
        sqlx::query_scalar("select id from jobs.claim('tasks', 'w1', 100, 100) order by seq")
            .fetch_all(&self.worker)
            .await
            .unwrap()
    }

    /// Statements as `portal_worker`.
    async fn work(&self, statements: &str) {
        sqlx::raw_sql(AssertSqlSafe(statements)).execute(&self.worker).await.unwrap();
    }

    async fn run<C: Command>(&self, command: C) -> Result<C::Output, Error> {
        domain::run(&self.world.db, &admin("root"), command).await
    }

    async fn fetch<Q: Query>(&self, query: Q) -> Result<Q::Output, Error> {
        domain::fetch(&self.world.db, &admin("root"), query).await
    }

    /// Runs a command that must be rejected, and change nothing at all.
    async fn rejects<C: Command>(&self, command: C, code: &str) -> Rejection
    where
        C::Output: std::fmt::Debug,
    {
        let before = self.everything().await;
        let rejection = rejection(self.run(command).await);
        assert_eq!(rejection.code, code);
        assert_eq!(self.everything().await, before, "{code} left something behind");
        rejection
    }

    async fn get(&self, id: &JobId) -> JobDetail {
        self.fetch(GetJob { id: id.clone() }).await.unwrap()
    }

    async fn state(&self, id: &JobId) -> JobState {
        self.get(id).await.summary.state
    }

    /// Every row an operator could touch, as text.
    async fn everything(&self) -> Vec<String> {
        sqlx::query_scalar(
            "select 'job ' || to_jsonb(t)::text from apalis.jobs t
             union all select 'completed ' || to_jsonb(t)::text from jobs.completed t
             union all select 'dead ' || to_jsonb(t)::text from jobs.dead_letters t
             union all select 'attempt ' || to_jsonb(t)::text from jobs.attempts t
             union all select 'edit ' || to_jsonb(t)::text from jobs.edits t
             union all select 'event ' || to_jsonb(t)::text from kernel.events t
             union all select 'record ' || to_jsonb(t)::text from operations.audit_records t
             union all select 'operation ' || to_jsonb(t)::text from operations.operations t
             union all select 'item ' || to_jsonb(t)::text from operations.items t
             union all select 'queue ' || to_jsonb(t)::text from jobs.queues t order by 1",
        )
        .fetch_all(&self.world.owner)
        .await
        .unwrap()
    }
}

struct Enqueue(NewJob);

impl Command for Enqueue {
    type Output = ();

    async fn handle(self, tx: &mut Tx) -> Result<(), Error> {
        tx.enqueue_all(vec![self.0]).await
    }
}

fn task(n: u32) -> NewJob {
    NewJob::new(&Task { n }).unwrap()
}

fn delayed(seconds: u64) -> NewJob {
    NewJob { delay: Duration::from_secs(seconds), ..task(0) }
}

/// An operator's context.
fn admin(name: &str) -> Ctx {
    Ctx { scope: Scope::Installation, actor: name.parse().unwrap(), ..ctx(ACME) }
}

fn reason(text: &str) -> Reason {
    Reason::parse(text, "/reason").unwrap()
}
