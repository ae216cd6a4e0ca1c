//! Keeps the tables small: partitions ahead, old ones dropped, expired histories, keys and workers
//! deleted. Any number of workers may do it at once.

use std::time::Duration;

use domain::Db;
use domain::kernel::idempotency;
use sqlx::PgConnection;

const EVERY: Duration = Duration::from_secs(600);

/// Runs until dropped, first at once.
pub(crate) async fn run(db: Db, keep_days: u16) {
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        ticks.tick().await;
        for (what, cleaned) in clean(&db, i32::from(keep_days)).await {
            if let Err(error) = cleaned {
                tracing::warn!(what, %error, "not cleaned up; trying again in {} s", EVERY.as_secs());
            }
        }
    }
}

/// Each on its own: what fails keeps none of the others from being cleaned up.
async fn clean(db: &Db, keep_days: i32) -> [(&'static str, sqlx::Result<()>); 4] {
    [
        ("partitions", partitions(db, keep_days).await),
        ("attempts", attempts(db, keep_days).await),
        ("idempotency keys", idempotency_keys(db).await),
        ("workers", workers(db).await),
    ]
}

async fn partitions(db: &Db, keep_days: i32) -> sqlx::Result<()> {
    db.ask(async |conn| sqlx::query!("select jobs.maintain_partitions($1)", keep_days).fetch_one(conn).await).await?;
    Ok(())
}

/// In bites, until one comes back short.
async fn attempts(db: &Db, keep_days: i32) -> sqlx::Result<()> {
    let bite = async |conn: &mut PgConnection| {
        sqlx::query_scalar!("select jobs.expire_attempts($1)", keep_days).fetch_one(conn).await
    };
    while db.ask(bite).await? >= Some(10_000) {}
    Ok(())
}

async fn idempotency_keys(db: &Db) -> sqlx::Result<()> {
    let expire = async |conn: &mut PgConnection| {
        sqlx::query!(
            "delete from kernel.idempotency_keys where created_at < now() - $1::integer * interval '1 hour'",
            idempotency::KEPT_HOURS
        )
        .execute(conn)
        .await
    };
    db.ask(expire).await.map(drop)
}

async fn workers(db: &Db) -> sqlx::Result<()> {
    let forget = async |conn: &mut PgConnection| {
        sqlx::query!("delete from jobs.workers where coalesce(stopped_at, died_at) < now() - interval '1 day'")
            .execute(conn)
            .await
    };
    db.ask(forget).await.map(drop)
}
