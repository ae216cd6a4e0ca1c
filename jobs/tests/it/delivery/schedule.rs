//! The retry schedule of the product, to the second, over restarts of the worker.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::kernel::event::Envelope;
use domain::kernel::policy::QueuePolicy;
use jobs::bus::{Bus, BusState, PublishError};
use sqlx::PgPool;
use tokio::sync::watch;

use super::{Worker, customers, emit};
use crate::support::TestDb;

/// A broker that is there and takes nothing.
struct Refusing;

#[async_trait]
impl Bus for Refusing {
    async fn publish(&self, _: &Envelope) -> Result<(), PublishError> {
        Err(PublishError::Nacked("queue full".into()))
    }

    fn state(&self) -> watch::Receiver<BusState> {
        watch::channel(BusState::Up).1
    }

    async fn close(&self) {}
}

async fn attempts(db: &TestDb) -> i64 {
    db.count("select count(*) from jobs.attempts").await
}

#[sqlx::test(migrations = false)]
async fn retries_wait_30_60_120_240_480_seconds_also_when_the_worker_restarts_between_them(owner: PgPool) {
    let db = TestDb::new(owner, QueuePolicy::default()).await;
    emit(&db.api, &customers(1), 1..=1).await;
    for attempt in 1..=6 {
        let worker = Worker::start(&db.worker, Arc::new(Refusing));
        if attempt > 1 {
            tokio::time::sleep(Duration::from_millis(700)).await;
            assert_eq!(attempts(&db).await, attempt - 1, "a restart must not bring the retry forward");
            sqlx::query("update apalis.jobs set run_at = now()").execute(&db.owner).await.unwrap();
        }
        db.until("select count(*) from jobs.attempts where ended_at is not null", attempt).await;
        worker.stop().await;
        let agreeing =
            "select count(*) from apalis.jobs j join jobs.attempts a on a.job_id = j.id and a.attempt = j.attempts
            where j.run_at = a.next_run_at and j.deferred and j.lock_by is null and j.status = 'Failed'";
        assert_eq!(
            db.count(agreeing).await,
            i64::from(attempt < 6),
            "what the history announces is what the queue does"
        );
    }
    let waits: Vec<(i32, String, Option<f64>)> = sqlx::query_as(
        "select attempt, outcome, extract(epoch from next_run_at - ended_at)::float8 from jobs.attempts order by position",
    )
    .fetch_all(&db.owner)
    .await
    .unwrap();
    // counted from the moment in which the failure is written down, milliseconds after it
    let seconds: Vec<_> = waits.iter().map(|(n, outcome, wait)| (*n, outcome.as_str(), wait.map(f64::floor))).collect();
    let expected = [30.0, 60.0, 120.0, 240.0, 480.0].into_iter().zip(1..).map(|(wait, n)| (n, "failed", Some(wait)));
    assert_eq!(seconds, expected.chain([(6, "dead", None)]).collect::<Vec<_>>());

    let dead: (String, String, i32) = sqlx::query_as("select reason, error_class, attempts from jobs.dead_letters")
        .fetch_one(&db.owner)
        .await
        .unwrap();
    assert_eq!(dead, ("exhausted".to_owned(), "nacked".to_owned(), 6));
    assert_eq!(db.count("select count(*) from apalis.jobs").await, 0);
}
