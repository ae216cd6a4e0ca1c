//! Keeps the tables small: partitions ahead, old ones dropped, expired histories, keys and workers
//! deleted. Any number of workers may do it at once.

use std::time::Duration;

use domain::kernel::idempotency;
use sqlx::PgPool;

const EVERY: Duration = Duration::from_secs(600);

/// Runs until dropped, first at once.
pub(crate) async fn run(pool: PgPool, keep_days: u16) {
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        ticks.tick().await;
        for (what, cleaned) in clean(&pool, i32::from(keep_days)).await {
            if let Err(error) = cleaned {
                tracing::warn!(what, %error, "not cleaned up; trying again in {} s", EVERY.as_secs());
            }
        }
    }
}

/// Each on its own: what fails keeps none of the others from being cleaned up.
async fn clean(pool: &PgPool, keep_days: i32) -> [(&'static str, sqlx::Result<()>); 4] {
    [
        ("partitions", partitions(pool, keep_days).await),
        ("attempts", attempts(pool, keep_days).await),
        ("idempotency keys", idempotency_keys(pool).await),
        ("workers", workers(pool).await),
    ]
}

async fn partitions(pool: &PgPool, keep_days: i32) -> sqlx::Result<()> {
    sqlx::query!("select jobs.maintain_partitions($1)", keep_days).fetch_one(pool).await?;
    Ok(())
}

/// In bites, until one comes back short.
async fn attempts(pool: &PgPool, keep_days: i32) -> sqlx::Result<()> {
    while sqlx::query_scalar!("select jobs.expire_attempts($1)", keep_days).fetch_one(pool).await? >= Some(10_000) {}
    Ok(())
}

async fn idempotency_keys(pool: &PgPool) -> sqlx::Result<()> {
    sqlx::query!(
        "delete from kernel.idempotency_keys where created_at < now() - $1::integer * interval '1 hour'",
        idempotency::KEPT_HOURS
    )
    .execute(pool)
    .await?;
    Ok(())
}

async fn workers(pool: &PgPool) -> sqlx::Result<()> {
    sqlx::query!("delete from jobs.workers where coalesce(stopped_at, died_at) < now() - interval '1 day'")
        .execute(pool)
        .await?;
    Ok(())
}
