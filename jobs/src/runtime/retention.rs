//! Keeps the tables small: partitions ahead, old ones dropped, and what has ended deleted when its queue's time for it
//! is over. Any number of workers may do it at once.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::Db;
use domain::kernel::idempotency;
use domain::kernel::policy::{QueuePolicies, QueuePolicy};
use sqlx::PgConnection;

const EVERY: Duration = Duration::from_secs(600);

/// Rows deleted with one statement at most: none runs long, and none holds much.
const BITE: i32 = 5_000;

/// Between two bites, for everybody else.
const PAUSE: Duration = Duration::from_millis(50);

type Cleaned = sqlx::Result<()>;

/// Runs until dropped, first at once.
pub(crate) async fn run(db: Db) {
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        ticks.tick().await;
        for (what, cleaned) in clean(&db, None).await {
            if let Err(error) = cleaned {
                tracing::warn!(what, %error, "not cleaned up; trying again in {} s", EVERY.as_secs());
            }
        }
    }
}

/// Each on its own: what fails keeps none of the others from being cleaned up. `at_most`: what finished goes after so
/// many days, even if its queue would keep it longer.
pub(crate) async fn clean(db: &Db, at_most: Option<u16>) -> Vec<(String, Cleaned)> {
    let at_most = at_most.unwrap_or(u16::MAX);
    let longest = db.policies().longest_completed_days().min(at_most);
    let mut cleaned = vec![
        ("partitions".to_owned(), partitions(db, longest).await),
        ("idempotency keys".to_owned(), idempotency_keys(db).await),
        ("workers".to_owned(), workers(db).await),
        ("webhook deliveries".to_owned(), webhook_deliveries(db, longest).await),
    ];
    match queues(db).await {
        Ok(queues) => {
            for queue in queues {
                let expired = expire(db, &queue, &kept(db.policy(&queue), at_most), longest).await;
                cleaned.extend(expired.into_iter().map(|(what, result)| (format!("{what} of {queue}"), result)));
            }
        }
        Err(error) => cleaned.push(("queues".to_owned(), Err(error))),
    }
    cleaned
}

/// The policy, for no longer than `at_most` days. What was put away stays as long as was said then.
fn kept(policy: QueuePolicy, at_most: u16) -> QueuePolicy {
    QueuePolicy {
        keep_completed_days: policy.keep_completed_days.min(at_most),
        keep_cancelled_days: policy.keep_cancelled_days.min(at_most),
        keep_attempts_days: policy.keep_attempts_days.min(at_most),
        ..policy
    }
}

/// All that a worker ever served, and those that are configured.
async fn queues(db: &Db) -> sqlx::Result<BTreeSet<String>> {
    let served = db.ask(async |conn| sqlx::query_scalar!("select name from jobs.queues").fetch_all(conn).await).await?;
    let QueuePolicies(configured) = db.policies();
    Ok(served.into_iter().chain(configured.keys().cloned()).collect())
}

/// What a queue keeps no longer. What is kept as long as anything is goes with its partition.
async fn expire(db: &Db, queue: &str, policy: &QueuePolicy, longest: u16) -> Vec<(&'static str, Cleaned)> {
    let mut cleaned = Vec::new();
    for (state, days) in [("completed", policy.keep_completed_days), ("cancelled", policy.keep_cancelled_days)] {
        if days < longest {
            cleaned.push((state, completed(db, queue, state, days).await));
        }
    }
    for (state, days) in [("discarded", policy.keep_discarded_days), ("archived", policy.keep_archived_days)] {
        // 0: until somebody brings it back
        if days > 0 {
            cleaned.push((state, dead_letters(db, queue, state, days).await));
        }
    }
    cleaned.push(("history", history(db, queue, policy.keep_attempts_days).await));
    cleaned
}

/// In bites, until one comes back short; so are those below.
async fn completed(db: &Db, queue: &str, state: &str, days: u16) -> Cleaned {
    let bite = async |conn: &mut PgConnection| {
        sqlx::query_scalar!("select jobs.expire_completed($1, $2, $3, $4)", queue, state, i32::from(days), BITE)
            .fetch_one(conn)
            .await
    };
    while db.ask(bite).await? >= Some(BITE) {
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

async fn dead_letters(db: &Db, queue: &str, state: &str, days: u16) -> Cleaned {
    let bite = async |conn: &mut PgConnection| {
        sqlx::query_scalar!("select jobs.expire_dead_letters($1, $2, $3, $4)", queue, state, i32::from(days), BITE)
            .fetch_one(conn)
            .await
    };
    while db.ask(bite).await? >= Some(BITE) {
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

async fn history(db: &Db, queue: &str, days: u16) -> Cleaned {
    let bite = async |conn: &mut PgConnection| {
        sqlx::query_scalar!("select jobs.expire_history($1, $2, $3)", queue, i32::from(days), BITE)
            .fetch_one(conn)
            .await
    };
    while db.ask(bite).await? >= Some(BITE) {
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

async fn partitions(db: &Db, keep_days: u16) -> Cleaned {
    let keep_days = i32::from(keep_days);
    db.ask(async |conn| sqlx::query!("select jobs.maintain_partitions($1)", keep_days).fetch_one(conn).await).await?;
    Ok(())
}

async fn idempotency_keys(db: &Db) -> Cleaned {
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

async fn workers(db: &Db) -> Cleaned {
    let forget = async |conn: &mut PgConnection| {
        sqlx::query!("delete from jobs.workers where coalesce(stopped_at, died_at) < now() - interval '1 day'")
            .execute(conn)
            .await
    };
    db.ask(forget).await.map(drop)
}

/// In bites, as the attempts of jobs.
async fn webhook_deliveries(db: &Db, keep_days: u16) -> Cleaned {
    let keep_days = i32::from(keep_days);
    let bite = async |conn: &mut PgConnection| {
        sqlx::query_scalar!("select webhooks.expire_deliveries($1)", keep_days).fetch_one(conn).await
    };
    while db.ask(bite).await? >= Some(10_000) {}
    Ok(())
}
