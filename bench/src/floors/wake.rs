//! F4: from a commit to a wake-up. The sender commits a row, then notifies with a statement of its
//! own, because a transaction that also notifies commits at half the rate.

use std::time::{Duration, Instant};

use sqlx::postgres::PgListener;
use sqlx::{Connection as _, PgConnection};

use crate::Result;
use crate::bench::Bench;
use crate::measured::Measured;
use crate::statistics::percentile;

/// Between two commits, so that nothing is under way.
const REST: Duration = Duration::from_millis(10);

pub(super) async fn measure(bench: &Bench) -> Result<Vec<Measured>> {
    let scratch = bench.empty("f4").await?;
    sqlx::raw_sql("create table queue (id bigint generated always as identity primary key, payload bytea not null)")
        .execute(&scratch.admin)
        .await?;
    let mut listener = PgListener::connect_with(&scratch.admin).await?;
    listener.listen("bell").await?;
    let mut sender = scratch.connect().await?;
    let samples = bench.sizes.samples;
    let runs = bench.repeat("p50", async || p50(&mut sender, &mut listener, samples).await).await?;
    drop(listener);
    sender.close().await?;
    scratch.remove().await?;
    Ok(vec![Measured::new("p50", "ms", runs)])
}

async fn p50(sender: &mut PgConnection, listener: &mut PgListener, samples: usize) -> Result<f64> {
    let mut waits = Vec::with_capacity(samples);
    for _ in 0..samples {
        tokio::time::sleep(REST).await;
        sqlx::query("insert into queue (payload) values (convert_to(repeat('x', 1000), 'UTF8'))")
            .execute(&mut *sender)
            .await?;
        let committed = Instant::now();
        let (rung, heard) = tokio::join!(sqlx::query("select pg_notify('bell', '')").execute(&mut *sender), async {
            listener.recv().await.map(|_| committed.elapsed())
        });
        rung?;
        waits.push(heard?.as_secs_f64() * 1000.0);
    }
    Ok(percentile(&waits, 0.5))
}
