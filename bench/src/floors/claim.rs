//! F1: claim 500 rows of 1 KB with `update … for update skip locked … returning`, delete them, and
//! insert a row of history each. Three statements per 500 rows, one connection; no order per key.

use std::time::Instant;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool};

use crate::Result;
use crate::bench::Bench;
use crate::measured::Measured;

/// History without payloads, as the outbox keeps it: what most figures are compared with.
pub(crate) const DROPPED: &str = "history without payload";
/// History with payloads.
pub(crate) const KEPT: &str = "history with payload";

/// Rows per run.
const ROWS: i64 = 100_000;

// The limit stands in the statement: as a parameter it would get a plan for any number of rows.
const CLAIM: &str = "update queue set taken_by = 'worker', taken_at = now()
    where id in (select id from queue where taken_by is null order by id limit 500 for update skip locked)
    returning id, payload";

const DELETE: &str = "delete from queue where id = any($1)";

const HISTORY: &str = "insert into history (id, worker, started_at, finished_at)
    select id, 'worker', now(), now() from unnest($1::bigint[]) id";

const HISTORY_WITH_PAYLOAD: &str = "insert into history (id, worker, started_at, finished_at, payload)
    select id, 'worker', now(), now(), payload from unnest($1::bigint[], $2::bytea[]) done(id, payload)";

pub(super) async fn measure(bench: &Bench) -> Result<Vec<Measured>> {
    let scratch = bench.empty("f1").await?;
    sqlx::raw_sql(
        "create table queue (id bigint primary key, payload bytea not null, taken_by text, taken_at timestamptz)
             with (fillfactor = 70);
         create index queue_ready on queue (id) where taken_by is null;
         create table history (id bigint primary key, worker text not null, started_at timestamptz not null,
             finished_at timestamptz not null, payload bytea)",
    )
    .execute(&scratch.admin)
    .await?;
    let mut connection = scratch.connect().await?;
    let mut measured = Vec::new();
    for (variant, history) in [(DROPPED, HISTORY), (KEPT, HISTORY_WITH_PAYLOAD)] {
        let runs = bench.repeat(variant, async || drain(&scratch.admin, &mut connection, history).await).await?;
        measured.push(Measured::new(variant, "/s", runs));
    }
    connection.close().await?;
    scratch.remove().await?;
    Ok(measured)
}

async fn drain(pool: &PgPool, connection: &mut PgConnection, history: &'static str) -> Result<f64> {
    fill(pool).await?;
    let started = Instant::now();
    let mut done = 0;
    loop {
        let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(CLAIM).fetch_all(&mut *connection).await?;
        if rows.is_empty() {
            break;
        }
        done += rows.len();
        let (ids, payloads): (Vec<i64>, Vec<Vec<u8>>) = rows.into_iter().unzip();
        sqlx::query(DELETE).bind(&ids).execute(&mut *connection).await?;
        let insert = sqlx::query(history).bind(ids);
        let insert = if history == HISTORY { insert } else { insert.bind(payloads) };
        insert.execute(&mut *connection).await?;
    }
    Ok(done as f64 / started.elapsed().as_secs_f64())
}

async fn fill(pool: &PgPool) -> Result<()> {
    let fill = format!(
        "truncate queue, history;
         insert into queue (id, payload) select n, convert_to(repeat('x', 1000), 'UTF8')
         from generate_series(1, {ROWS}) n"
    );
    sqlx::raw_sql(AssertSqlSafe(fill)).execute(pool).await?;
    sqlx::query("vacuum analyze queue").execute(pool).await?;
    sqlx::query("checkpoint").execute(pool).await?;
    Ok(())
}
