//! Looks into the database, past the proxy: with SQL of its own, as its superuser.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::Row as _;
use sqlx::postgres::{PgPoolOptions, PgRow};

use crate::Result;
use crate::history::{Event, History, Place, State};

/// Connections to the database under test.
#[derive(Clone)]
pub(crate) struct Database(PgPool);

/// A point in the event log and in the queue.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    position: i64,
    seq: i64,
}

impl Database {
    /// `url`: of the superuser, in any database.
    pub(crate) fn new(url: &str) -> Result<Self> {
        let options: sqlx::postgres::PgConnectOptions = url.parse()?;
        let pool = PgPoolOptions::new().max_connections(4).acquire_timeout(Duration::from_secs(5));
        Ok(Self(pool.connect_lazy_with(options.database("portal"))))
    }

    /// For what only one scenario asks.
    pub(crate) fn pool(&self) -> &PgPool {
        &self.0
    }

    /// Where log and queue end now.
    pub(crate) async fn mark(&self) -> sqlx::Result<Mark> {
        let row = sqlx::query(
            "select coalesce((select max(position) from kernel.events), 0) as position,
                    coalesce((select max(seq) from apalis.jobs), 0) as seq",
        )
        .fetch_one(&self.0)
        .await?;
        Ok(Mark { position: row.get("position"), seq: row.get("seq") })
    }

    /// Whether an event was published that was committed after the mark.
    pub(crate) async fn published_after(&self, mark: Mark) -> sqlx::Result<bool> {
        sqlx::query_scalar(
            "select exists (select from kernel.events e join jobs.publications p on p.job_id = e.job_id
                            where e.position > $1)",
        )
        .bind(mark.position)
        .fetch_one(&self.0)
        .await
    }

    /// Jobs that were enqueued before the mark and still have something to do.
    pub(crate) async fn left_before(&self, mark: Mark) -> sqlx::Result<i64> {
        sqlx::query_scalar("select count(*) from apalis.jobs where seq <= $1").bind(mark.seq).fetch_one(&self.0).await
    }

    /// All jobs that still have something to do.
    pub(crate) async fn left(&self) -> sqlx::Result<i64> {
        sqlx::query_scalar("select count(*) from apalis.jobs").fetch_one(&self.0).await
    }

    /// Cuts every connection of the programs under test; how many.
    pub(crate) async fn terminate(&self) -> sqlx::Result<i64> {
        sqlx::query_scalar(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity
             where usename in ('portal_api', 'portal_worker')",
        )
        .fetch_one(&self.0)
        .await
    }

    /// Whether what wants room on the disk is refused for lack of it, or PostgreSQL has ended over that. Its log cannot
    /// tell: it lies on the same disk.
    pub(crate) async fn lacks_room(&self) -> bool {
        let wants = "create temp table wants_room on commit drop as
            select repeat('x', 1000) from generate_series(1, 2000)";
        match sqlx::query(wants).execute(&self.0).await {
            Ok(_) => false,
            Err(sqlx::Error::Database(error)) => {
                error.code().is_some_and(|code| code == "53100" || code.starts_with("57P0"))
            }
            Err(_) => true,
        }
    }

    /// What the jobs that are not through ran into, most frequent first.
    pub(crate) async fn troubles(&self) -> sqlx::Result<Vec<String>> {
        sqlx::query_scalar(
            "select outcome || ' ' || coalesce(error_class, '') || ': ' || count(*) from jobs.attempts
             group by outcome, error_class order by count(*) desc",
        )
        .fetch_all(&self.0)
        .await
    }

    /// Everything the checker wants from the database.
    pub(crate) async fn read(&self, history: &mut History) -> Result<()> {
        history.events = sqlx::query_as::<_, Event>(
            "select id, correlation_id, aggregate_id, sequence, job_id,
                    concat_ws(' ', data->'customer'->>'status', data->'customer'->>'suspendReason',
                              data->'customer'->>'name') as says
             from kernel.events order by aggregate_id, sequence",
        )
        .fetch_all(&self.0)
        .await?;
        history.jobs = self.places().await?;
        let outbox = "select id from jobs.overview where queue = 'outbox'";
        history.outbox = sqlx::query_scalar(outbox).fetch_all(&self.0).await?.into_iter().collect();
        let published: Vec<String> =
            sqlx::query_scalar("select job_id from jobs.publications").fetch_all(&self.0).await?;
        history.published = published.into_iter().collect();
        let states =
            "select id, version, concat_ws(' ', status, suspend_reason, name) as state from customers.customers";
        for row in sqlx::query(states).fetch_all(&self.0).await? {
            history.aggregates.insert(row.get("id"), State { version: row.get("version"), is: row.get("state") });
        }
        let handled = "select event_id::uuid from kernel.inbox where handled_at is not null";
        history.handled = sqlx::query_scalar(handled).fetch_all(&self.0).await?.into_iter().collect();
        let effects = "select id, version from audit.documents where entity = 'customers'";
        for row in sqlx::query(effects).fetch_all(&self.0).await? {
            history.effects.insert(row.get("id"), row.get("version"));
        }
        for row in sqlx::query("select key, status from kernel.idempotency_keys").fetch_all(&self.0).await? {
            history.keys.insert(row.get("key"), row.get::<i16, _>("status").unsigned_abs());
        }
        Ok(())
    }

    async fn places(&self) -> Result<HashMap<String, Vec<Place>>> {
        let mut places: HashMap<String, Vec<Place>> = HashMap::new();
        for (table, place) in [
            ("select id from apalis.jobs", Place::Live),
            ("select id from jobs.completed", Place::Completed),
            ("select id from jobs.dead_letters", Place::Dead),
        ] {
            for id in sqlx::query_scalar::<_, String>(table).fetch_all(&self.0).await? {
                places.entry(id).or_default().push(place);
            }
        }
        Ok(places)
    }
}

impl sqlx::FromRow<'_, PgRow> for Event {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            command: row.try_get("correlation_id")?,
            aggregate: row.try_get("aggregate_id")?,
            sequence: row.try_get("sequence")?,
            job: row.try_get("job_id")?,
            says: row.try_get("says")?,
        })
    }
}
