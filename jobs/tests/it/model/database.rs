//! Runs the statements as the runtime and the operations module do: the same parameters, as the same
//! roles, but all within one transaction that is rolled back. There `now()` stands still, so that
//! time passes only when the history says so.

mod dead_letters;

use sqlx::{AssertSqlSafe, PgConnection};

use super::queue::{Next, OPERATOR, Policy, Ticket};
use super::statements::{Name, Statements};
use super::tables::{self, Job, Tables};
use crate::support::QUEUE;

pub struct Database<'a> {
    pub conn: &'a mut PgConnection,
    pub sql: &'a Statements,
    pub policy: Policy,
}

type Query = sqlx::query::Query<'static, sqlx::Postgres, sqlx::postgres::PgArguments>;

fn columns(tickets: &[Ticket]) -> (Vec<String>, Vec<i32>) {
    tickets.iter().map(|ticket| (ticket.job.clone(), ticket.claims)).unzip()
}

impl Database<'_> {
    fn query(&self, name: Name) -> Query {
        sqlx::query(AssertSqlSafe(self.sql.get(name)))
    }

    async fn as_role(&mut self, role: &'static str) -> sqlx::Result<()> {
        let set = if role == "portal_admin" { "set local role portal_admin" } else { "set local role portal_worker" };
        sqlx::query(set).execute(&mut *self.conn).await.map(drop)
    }

    /// The first column of the rows.
    async fn ids(&mut self, role: &'static str, query: Query) -> sqlx::Result<Vec<String>> {
        self.as_role(role).await?;
        let rows = query.fetch_all(&mut *self.conn).await?;
        rows.iter().map(|row| sqlx::Row::try_get(row, 0)).collect()
    }

    async fn rows(&mut self, role: &'static str, query: Query) -> sqlx::Result<u64> {
        self.as_role(role).await?;
        Ok(query.execute(&mut *self.conn).await?.rows_affected())
    }

    pub async fn register(&mut self, worker: &str) -> sqlx::Result<()> {
        let register = "insert into jobs.workers (id, host, pid, version, queues) values ($1, 'h', 1, '0', array[$2])";
        self.rows("portal_worker", sqlx::query(register).bind(worker.to_owned()).bind(QUEUE)).await.map(drop)
    }

    pub async fn beat(&mut self, worker: &str) -> sqlx::Result<()> {
        let beat = "update jobs.workers set beats = beats + 1, beat_at = now()
                    where id = $1 and died_at is null and stopped_at is null";
        self.rows("portal_worker", sqlx::query(beat).bind(worker.to_owned())).await.map(drop)
    }

    pub async fn enqueue(&mut self, job: &Job) -> sqlx::Result<()> {
        let insert = self.query(Name::Insert);
        let insert = insert.bind(vec![job.id.clone()]).bind(vec![QUEUE]).bind(vec!["task.v1"]).bind(vec![vec![b'x']]);
        let insert = insert.bind(vec![job.max_attempts]).bind(vec![job.priority]).bind(vec![job.run_in]);
        let insert = insert.bind(vec![job.key.clone()]).bind(vec![None::<String>]);
        let insert = insert.bind("acme").bind("corr").bind("cause").bind(None::<String>);
        self.rows("portal_worker", insert).await.map(drop)
    }

    /// Ids and claim counters.
    pub async fn claim(&mut self, worker: &str, limit: i32, suspects: i32) -> sqlx::Result<Vec<(String, i32)>> {
        self.as_role("portal_worker").await?;
        let claim = sqlx::query_as("select id, claims from jobs.claim($1, $2, $3, $4)");
        claim.bind(QUEUE).bind(worker).bind(limit).bind(suspects).fetch_all(&mut *self.conn).await
    }

    pub async fn start_alone(&mut self, ticket: &Ticket) -> sqlx::Result<bool> {
        let mark = self.query(Name::StartAlone);
        let mark = mark.bind(ticket.job.clone()).bind(ticket.worker.clone()).bind(ticket.claims);
        Ok(self.rows("portal_worker", mark).await? == 1)
    }

    pub async fn complete(&mut self, worker: &str, tickets: &[Ticket]) -> sqlx::Result<Vec<String>> {
        let (ids, claims) = columns(tickets);
        let started = vec![0_i64; tickets.len()];
        let complete = self.query(Name::Complete);
        let complete = complete.bind(ids).bind(claims).bind(started).bind(worker.to_owned()).bind(true);
        self.ids("portal_worker", complete).await
    }

    /// `attempt`: the number of the one that failed.
    pub async fn fail(
        &mut self,
        ticket: &Ticket,
        attempt: i32,
        next: Next,
        behind: &[Ticket],
    ) -> sqlx::Result<Vec<String>> {
        let (delay_ms, counts, reason) = match next {
            Next::Again { delay_ms, counts, .. } => (delay_ms, counts, None),
            Next::Dead { reason } => (0, true, Some(reason)),
            Next::Cancelled => (0, false, None),
        };
        let waiting_for = (next.outcome() == "unavailable").then_some("broker");
        let (behind_ids, behind_claims) = columns(behind);
        let fail = self.query(Name::Fail).bind(vec![ticket.job.clone()]).bind(vec![ticket.claims]);
        let fail = fail.bind(vec![next.outcome()]).bind(vec![format!("{} at {attempt}", next.outcome())]);
        let fail = fail.bind(vec!["class"]).bind(vec![0_i64]).bind(vec![0_i64]).bind(vec![delay_ms]);
        let fail = fail.bind(vec![counts]).bind(vec![reason]).bind(vec![waiting_for]);
        let fail = fail.bind(ticket.worker.clone()).bind(self.policy.hold_key_on_dead_letter);
        self.ids("portal_worker", fail.bind(behind_ids).bind(behind_claims)).await
    }

    pub async fn release(&mut self, worker: &str, tickets: &[Ticket]) -> sqlx::Result<()> {
        let (ids, claims) = columns(tickets);
        let release = self.query(Name::Release).bind(ids).bind(claims).bind(worker.to_owned());
        self.rows("portal_worker", release).await.map(drop)
    }

    pub async fn release_unknown(&mut self, worker: &str, known: Vec<String>) -> sqlx::Result<u64> {
        self.as_role("portal_worker").await?;
        let release = "select jobs.release_unknown($1, id, $3, claims_from + 1) from jobs.workers where id = $2";
        let released: i64 =
            sqlx::query_scalar(release).bind(QUEUE).bind(worker).bind(known).fetch_one(&mut *self.conn).await?;
        Ok(released.unsigned_abs())
    }

    pub async fn retire(&mut self, worker: &str) -> sqlx::Result<u64> {
        let stop = "update jobs.workers set stopped_at = now() where id = $1 and died_at is null";
        self.rows("portal_worker", sqlx::query(stop).bind(worker.to_owned())).await?;
        let retire = self.query(Name::Retire).bind(worker.to_owned());
        self.rows("portal_worker", retire).await
    }

    /// `None`: the worker is alive after all.
    pub async fn rescue(&mut self, worker: &str, beats: i64) -> sqlx::Result<Option<i32>> {
        self.as_role("portal_worker").await?;
        let rescue = sqlx::query_scalar("select jobs.rescue($1, $2, array[$3], array[$4], array[$5])");
        let rescue = rescue.bind(worker).bind(beats).bind(QUEUE).bind(self.policy.max_crashes);
        let rescue = rescue.bind(self.policy.hold_key_on_dead_letter);
        rescue.fetch_one(&mut *self.conn).await
    }

    /// One of the operators' statements that change one job.
    pub async fn operate(&mut self, name: Name, id: &str) -> sqlx::Result<u64> {
        let statement = self.query(name).bind(id.to_owned()).bind(OPERATOR).bind("because");
        self.rows("portal_admin", statement).await
    }

    pub async fn pause(&mut self) -> sqlx::Result<()> {
        let pause = "insert into jobs.queues (name, paused_at, paused_by, pause_reason) values ($1, now(), 'op', 'why')
                     on conflict (name) do update set paused_at = now(), paused_by = 'op', pause_reason = 'why'";
        self.rows("portal_admin", sqlx::query(pause).bind(QUEUE)).await.map(drop)
    }

    pub async fn resume(&mut self) -> sqlx::Result<()> {
        let resume = "update jobs.queues set paused_at = null, paused_by = null, pause_reason = null where name = $1";
        self.rows("portal_admin", sqlx::query(resume).bind(QUEUE)).await.map(drop)
    }

    /// Time goes by: what lies ahead comes nearer.
    pub async fn later(&mut self, seconds: i64) -> sqlx::Result<()> {
        let shift = "update apalis.jobs set run_at = run_at - $1 * interval '1 second'";
        self.rows("portal_worker", sqlx::query(shift).bind(seconds)).await.map(drop)
    }

    pub async fn tables(&mut self) -> sqlx::Result<Tables> {
        self.as_role("portal_admin").await?;
        tables::read(self.conn).await
    }
}
