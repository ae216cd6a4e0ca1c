//! B3: suspend and reinstate over HTTP, against a `portal api` process: bearer tokens checked,
//! `Idempotency-Key` on every request, row-level security on. No worker runs, as in the floor.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use uuid::Uuid;

use crate::Result;
use crate::bench::Bench;
use crate::http::Connection;
use crate::measured::{Measured, Reach};
use crate::plan::Part;
use crate::random::Random;
use crate::server::Server;
use crate::tokens::TENANT;

const CUSTOMERS: usize = 10_000;

pub(super) async fn measure(bench: &mut Bench) -> Result<Vec<Measured>> {
    let floor = bench.value(Part::F3, "8 connections").await?;
    let scratch = bench.migrated("commands").await?;
    let server = Server::start(bench, &scratch).await?;
    let request = Requests { addr: server.addr.clone(), token: server.issuer.token("portal-customer-team")? };
    let mut measured = Vec::new();
    for connections in [8, 64] {
        let variant = format!("{connections} connections");
        let runs = bench
            .repeat(&variant, async || {
                fill(&scratch.admin).await?;
                rate(&request, connections, bench.sizes.period).await
            })
            .await?;
        measured.push(Measured::new(variant, "/s", runs).reach(Reach::at_least(0.5, "F3", floor)));
    }
    server.stop().await?;
    scratch.remove().await?;
    Ok(measured)
}

/// Active customers with events of about 1 KB: the same ids in every run.
async fn fill(pool: &sqlx::PgPool) -> Result<()> {
    sqlx::raw_sql("truncate customers.customers, kernel.events, kernel.idempotency_keys, apalis.jobs")
        .execute(pool)
        .await?;
    sqlx::query(
        "insert into customers.customers (id, tenant_id, name, email, status, created_at, updated_at, version)
         select ('00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, $2, 'Customer ' || n || repeat('x', 80), 'customer-' || n || '@example.com',
                'active', now(), now(), 1
         from generate_series(0, $1 - 1) n",
    )
    .bind(CUSTOMERS as i32)
    .bind(TENANT)
    .execute(pool)
    .await?;
    sqlx::raw_sql("vacuum analyze customers.customers").execute(pool).await?;
    sqlx::raw_sql("checkpoint").execute(pool).await?;
    Ok(())
}

/// Where commands go, and whose they are.
#[derive(Clone)]
struct Requests {
    addr: String,
    token: String,
}

/// Commands per second over so many connections, each with customers of its own.
async fn rate(requests: &Requests, connections: usize, period: Duration) -> Result<f64> {
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(Connection::open(&requests.addr).await?);
    }
    let (started, mut tasks) = (Instant::now(), JoinSet::new());
    for (number, connection) in open.into_iter().enumerate() {
        let customers = (number..CUSTOMERS).step_by(connections).map(|n| (id(n), true)).collect();
        tasks.spawn(issue(requests.clone(), connection, customers, started + period));
    }
    let mut done = 0;
    while let Some(part) = tasks.join_next().await {
        done += part??;
    }
    Ok(done as f64 / started.elapsed().as_secs_f64())
}

/// The id of a customer, as `fill` writes it.
fn id(number: usize) -> Uuid {
    Uuid::from_u128(0x4000_8000_0000_0000_0000 + number as u128)
}

/// Suspends active and reinstates suspended customers, at random, until the end; how many commands.
async fn issue(
    requests: Requests,
    mut connection: Connection,
    mut customers: Vec<(Uuid, bool)>,
    end: Instant,
) -> Result<usize> {
    let (mut random, mut done) = (Random::new(customers.len() + customers[0].0.as_u128() as usize), 0);
    while Instant::now() < end {
        let chosen = random.below(customers.len());
        let (id, active) = &mut customers[chosen];
        let status = connection.send(&requests.command(*id, *active)).await?;
        if status != 200 {
            return Err(format!("a command was not accepted: {}", connection.last_answer()).into());
        }
        *active = !*active;
        done += 1;
    }
    Ok(done)
}

impl Requests {
    fn command(&self, customer: Uuid, active: bool) -> Vec<u8> {
        let action = if active { "suspend" } else { "reinstate" };
        let reason = "measuring ".repeat(20);
        let body = if active { format!(r#"{{"reason":"{}"}}"#, reason.trim_end()) } else { String::new() };
        let (token, key, length) = (&self.token, Uuid::now_v7(), body.len());
        format!(
            "POST /v1/customers/{customer}/{action} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nIdempotency-Key: {key}\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    }
}
