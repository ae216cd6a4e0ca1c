//! B4: one command after another on an idle installation; from the return of its commit to the
//! broker's confirm of its event.

use std::time::{Duration, Instant};

use domain::customers::{CreateCustomer, Email, Name, Reason, ReinstateCustomer, SuspendCustomer};
use domain::{Ctx, Db, Scope, run};
use uuid::Uuid;

use crate::Result;
use crate::amqp;
use crate::bench::Bench;
use crate::confirms::{Publishing, correlation_id, policies};
use crate::measured::{Measured, Reach};
use crate::plan::Part;
use crate::statistics::percentile;

/// Between two commands, so that nothing is under way.
const REST: Duration = Duration::from_millis(10);
/// A confirm that takes longer will not come.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn measure(bench: &mut Bench) -> Result<Vec<Measured>> {
    let floor = bench.value(Part::F4, "p50").await? + bench.value(Part::F5, "p50").await?;
    let scratch = bench.migrated("idle").await?;
    let db = Db::new(scratch.pool_as("portal_api").await?, policies());
    let customer = create(&db).await?;
    let mut publishing = Publishing::start(&scratch, &bench.amqp).await?;
    let (mut commits, mut p99) = (0, Vec::new());
    let p50 = bench
        .repeat("p50", async || {
            let mut waits = Vec::with_capacity(bench.sizes.samples);
            for _ in 0..bench.sizes.samples {
                tokio::time::sleep(REST).await;
                waits.push(once(&db, &mut publishing, customer, commits).await?);
                commits += 1;
            }
            p99.push(percentile(&waits, 0.99));
            Ok(percentile(&waits, 0.5))
        })
        .await?;
    publishing.stop().await?;
    db.pool().close().await;
    amqp::purge_events(&bench.amqp).await?;
    scratch.remove().await?;
    Ok(vec![
        Measured::new("p50", "ms", p50).reach(Reach::at_most(2.0, "(F4 + F5)", floor)),
        Measured::new("p99", "ms", p99).reach(Reach::limit(15.0, "ms")),
    ])
}

/// Milliseconds from a commit to the confirm of its event.
async fn once(db: &Db, publishing: &mut Publishing, customer: Uuid, commit: usize) -> Result<f64> {
    let ctx = ctx(commit)?;
    if commit.is_multiple_of(2) {
        let reason = Reason::parse(&"measuring ".repeat(20), "/reason").map_err(refused)?;
        run(db, &ctx, SuspendCustomer { id: customer, expected_version: None, reason }).await?;
    } else {
        run(db, &ctx, ReinstateCustomer { id: customer, expected_version: None }).await?;
    }
    let committed = Instant::now();
    loop {
        let (confirmed, at) =
            tokio::time::timeout(PATIENCE, publishing.confirms.recv()).await?.ok_or("the worker ended")?;
        if confirmed == commit {
            return Ok(at.saturating_duration_since(committed).as_secs_f64() * 1000.0);
        }
    }
}

async fn create(db: &Db) -> Result<Uuid> {
    let command = CreateCustomer {
        name: Name::parse(&"Measured ".repeat(10), "/name").map_err(refused)?,
        email: Email::parse("measured@example.com", "/email").map_err(refused)?,
        phone: None,
        group_id: None,
    };
    Ok(run(db, &Ctx { correlation_id: "created".parse()?, ..ctx(0)? }, command).await?.id)
}

fn ctx(commit: usize) -> Result<Ctx> {
    Ok(Ctx {
        scope: Scope::Tenant("bench".parse()?),
        actor: "bench".parse()?,
        roles: Vec::new(),
        correlation_id: correlation_id(commit).parse()?,
        causation_id: "bench".to_owned(),
        traceparent: None,
    })
}

fn refused(error: impl std::fmt::Debug) -> String {
    format!("{error:?}")
}
