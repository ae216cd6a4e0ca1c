//! A database with very many ended jobs, shared by the figures that need one.

use sqlx::PgPool;

use crate::Result;
use crate::bench::Bench;
use crate::scratch::Scratch;

pub(crate) struct Depth {
    pub(crate) scratch: Scratch,
    completed: bool,
    dead: bool,
}

impl Depth {
    /// The run's, made now if there is none. [`Depth::give_back`] keeps it for the next figure.
    pub(crate) async fn take(bench: &mut Bench) -> Result<Self> {
        match bench.depth.take() {
            Some(depth) => Ok(depth),
            None => Ok(Self { scratch: bench.migrated("depth").await?, completed: false, dead: false }),
        }
    }

    /// For the next figure, or the end of the run.
    pub(crate) fn give_back(self, bench: &mut Bench) {
        bench.depth = Some(self);
    }

    /// `bench.sizes.depth` completed jobs, of several queues, kinds and tenants.
    pub(crate) async fn complete(&mut self, bench: &Bench) -> Result<()> {
        if !self.completed {
            bench.progress("   filling the history of completed jobs");
            fill_completed(&self.scratch.admin, bench.sizes.depth).await?;
            self.completed = true;
        }
        Ok(())
    }

    /// `bench.sizes.dead` dead letters.
    pub(crate) async fn bury(&mut self, bench: &Bench) -> Result<()> {
        if !self.dead {
            bench.progress("   filling the dead letters");
            fill_dead(&self.scratch.admin, bench.sizes.dead).await?;
            self.dead = true;
        }
        Ok(())
    }
}

async fn fill_completed(pool: &PgPool, jobs: usize) -> Result<()> {
    sqlx::query(
        "insert into jobs.completed (id, queue, kind, seq, state, attempt, redrives, tenant_id, subject, ordering_key,
             correlation_id, error, worker, created_at, started_at, completed_at)
         select '00' || lpad(n::text, 24, '0'), case when n % 10 = 0 then 'noop' else 'outbox' end,
                case when n % 10 = 0 then 'noop.v1' else 'publish-event.v1' end, n, 'completed',
                case when n % 50 = 0 then 2 else 1 end, 0, 'tenant-' || n % 20, 'customers/' || n % 10000,
                'customers/' || n % 10000, 'request-' || n,
                case when n % 50 = 0 then 'the broker did not accept it: queue ' || n % 7 || ' is full' end,
                'worker-' || n % 4, now(), now(), now()
         from generate_series(1, $1) n",
    )
    .bind(jobs as i64)
    .execute(pool)
    .await?;
    sqlx::query("vacuum analyze jobs.completed").execute(pool).await?;
    sqlx::query("checkpoint").execute(pool).await?;
    Ok(())
}

async fn fill_dead(pool: &PgPool, jobs: usize) -> Result<()> {
    sqlx::query(
        "insert into jobs.dead_letters (id, queue, kind, seq, reason, error, error_class, payload, metadata, attempts,
             max_attempts, crashes, redrives, priority, tenant_id, subject, ordering_key, correlation_id, created_at,
             holds_key)
         select '005' || lpad(n::text, 23, '0'), case when n % 10 = 0 then 'noop' else 'outbox' end,
                case when n % 10 = 0 then 'noop.v1' else 'publish-event.v1' end, n,
                case when n % 5 = 0 then 'permanent' else 'exhausted' end,
                'the broker did not accept it: queue ' || n % 7 || ' is full', 'nacked',
                convert_to(repeat('x', 1000), 'UTF8'), '{}', 6, 6, 0, 0, 0, 'tenant-' || n % 20,
                'customers/' || n % 10000, 'customers/' || n % 10000, 'request-' || n, now(), false
         from generate_series(1, $1) n",
    )
    .bind(jobs as i64)
    .execute(pool)
    .await?;
    sqlx::query("vacuum analyze jobs.dead_letters").execute(pool).await?;
    sqlx::query("checkpoint").execute(pool).await?;
    Ok(())
}
