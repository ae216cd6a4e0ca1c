//! F3: what a suspend command writes (lock the row, update it, insert an event, insert a job), by
//! hand. One statement, one round trip, one commit; 8 connections; random customers.

use std::time::{Duration, Instant};

use sqlx::{Connection as _, PgConnection};
use tokio::task::JoinSet;

use crate::Result;
use crate::bench::Bench;
use crate::measured::Measured;
use crate::random::Random;
use crate::scratch::Scratch;

const CONNECTIONS: usize = 8;
const CUSTOMERS: usize = 10_000;

const SUSPEND: &str = "with
    locked as (select id, version from customers where id = $1 for no key update),
    changed as (
        update customers c set status = $2, reason = $2, suspended_at = now(), updated_at = now(), version = c.version + 1
        from locked where c.id = locked.id
        returning c.id, c.version
    ),
    event as (
        insert into events (customer_id, sequence, data) select id, version, $3 from changed
        returning position, customer_id
    )
    insert into jobs (id, customer_id, payload) select position, customer_id, $3 from event";

pub(super) async fn measure(bench: &Bench) -> Result<Vec<Measured>> {
    let scratch = bench.empty("f3").await?;
    sqlx::raw_sql(
        "create table customers (id integer primary key, status text not null, reason text, suspended_at timestamptz,
             updated_at timestamptz not null, version bigint not null) with (fillfactor = 70);
         create table events (position bigint generated always as identity primary key, customer_id integer not null,
             sequence bigint not null, data bytea not null, recorded_at timestamptz not null default now());
         create table jobs (id bigint primary key, customer_id integer not null, payload bytea not null)",
    )
    .execute(&scratch.admin)
    .await?;
    let runs = bench.repeat("8 connections", async || rate(&scratch, bench.sizes.period).await).await?;
    scratch.remove().await?;
    Ok(vec![Measured::new("8 connections", "/s", runs)])
}

async fn rate(scratch: &Scratch, period: Duration) -> Result<f64> {
    sqlx::raw_sql("truncate customers, events, jobs").execute(&scratch.admin).await?;
    sqlx::query("insert into customers select n, 'active', null, null, now(), 1 from generate_series(0, $1 - 1) n")
        .bind(CUSTOMERS as i32)
        .execute(&scratch.admin)
        .await?;
    sqlx::query("vacuum analyze customers").execute(&scratch.admin).await?;
    sqlx::query("checkpoint").execute(&scratch.admin).await?;
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(scratch.connect().await?);
    }
    let (started, mut tasks) = (Instant::now(), JoinSet::new());
    for (number, connection) in connections.into_iter().enumerate() {
        tasks.spawn(issue(connection, number, started + period));
    }
    let mut done = 0;
    while let Some(part) = tasks.join_next().await {
        done += part??;
    }
    Ok(done as f64 / started.elapsed().as_secs_f64())
}

async fn issue(mut connection: PgConnection, number: usize, end: Instant) -> Result<usize> {
    let (mut random, payload, mut done) = (Random::new(number), vec![b'x'; 1000], 0);
    while Instant::now() < end {
        sqlx::query(SUSPEND)
            .bind(random.below(CUSTOMERS) as i32)
            .bind(if done % 2 == 0 { "suspended" } else { "active" })
            .bind(&payload)
            .execute(&mut connection)
            .await?;
        done += 1;
    }
    connection.close().await?;
    Ok(done)
}
