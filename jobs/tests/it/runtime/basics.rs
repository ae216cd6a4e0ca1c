//! What becomes of one job: done, retried, dead, snoozed, cancelled, and never lost in between.

use std::time::Duration;

use domain::kernel::policy::QueuePolicy;
use jobs::runtime::JobError;
use sqlx::PgPool;

use crate::support::{Log, Running, Task, TestDb, quick, settings};

fn transient() -> JobError {
    JobError::Transient { class: "test", message: "not yet".into() }
}

#[sqlx::test(migrations = false)]
async fn a_succeeded_job_leaves_the_hot_table_with_its_payload(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    db.enqueue(&[None, Some("a"), Some("a")]).await;
    let worker = Running::start(&db.worker, settings(), async |_, _| Ok(()));
    db.until("select count(*) from jobs.completed where state = 'completed' and payload is not null", 3).await;
    worker.stop().await;
    assert_eq!(db.count("select count(*) from apalis.jobs").await, 0);
    assert_eq!(db.count("select count(*) from jobs.attempts").await, 0);
    assert_eq!(db.count("select count(*) from jobs.workers where stopped_at is not null").await, 1);
}

#[sqlx::test(migrations = false)]
async fn a_failing_job_retries_with_history_and_dies_after_the_last_attempt(owner: PgPool) {
    let policy = QueuePolicy { max_attempts: 3, ..quick() };
    let db = TestDb::new(owner, policy).await;
    db.enqueue(&[None]).await;
    let worker = Running::start(&db.worker, settings(), async |_, _| Err(transient()));
    db.until("select count(*) from jobs.dead_letters where reason = 'exhausted' and attempts = 3", 1).await;
    worker.stop().await;
    let outcomes: Vec<(i32, String)> = sqlx::query_as("select attempt, outcome from jobs.attempts order by position")
        .fetch_all(&db.owner)
        .await
        .unwrap();
    let expected = [(1, "failed"), (2, "failed"), (3, "dead")].map(|(n, o)| (n, o.to_owned()));
    assert_eq!(outcomes, expected);
    assert_eq!(db.count("select count(*) from apalis.jobs").await, 0);
}

#[sqlx::test(migrations = false)]
async fn panics_and_timeouts_are_failures_like_any_other(owner: PgPool) {
    let policy = QueuePolicy { timeout_ms: 100, ..quick() };
    let db = TestDb::new(owner, policy).await;
    db.enqueue(&[None, None]).await;
    let worker = Running::start(&db.worker, settings(), async |task: Task, context| {
        match (context.attempt, task.n) {
            (1, 0) => panic!("first attempt"),
            (1, _) => tokio::time::sleep(Duration::from_secs(60)).await,
            _ => {}
        }
        Ok(())
    });
    db.until("select count(*) from jobs.completed where attempt = 2", 2).await;
    worker.stop().await;
    let classes: Vec<String> = sqlx::query_scalar("select error_class from jobs.attempts order by error_class")
        .fetch_all(&db.owner)
        .await
        .unwrap();
    assert_eq!(classes, ["panic", "timeout"]);
}

#[sqlx::test(migrations = false)]
async fn permanent_and_undecodable_jobs_die_at_once(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    db.enqueue(&[None, None]).await;
    sqlx::query("update apalis.jobs set job = 'not json' where convert_from(job, 'utf8')::jsonb ->> 'n' = '1'")
        .execute(&db.owner)
        .await
        .unwrap();
    let worker = Running::start(&db.worker, settings(), async |_, _| {
        Err(JobError::Permanent { class: "customer_not_found", message: "no such customer".into() })
    });
    db.until("select count(*) from jobs.dead_letters where attempts = 1", 2).await;
    worker.stop().await;
    let dead: Vec<(String, String)> =
        sqlx::query_as("select reason, error_class from jobs.dead_letters order by reason")
            .fetch_all(&db.owner)
            .await
            .unwrap();
    let expected = [("permanent", "customer_not_found"), ("undecodable", "undecodable")];
    assert_eq!(dead, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
}

#[sqlx::test(migrations = false)]
async fn a_snooze_costs_no_attempt_and_a_cancel_is_no_failure(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    db.enqueue(&[None, None]).await;
    let log = Log::default();
    let seen = log.clone();
    let worker = Running::start(&db.worker, settings(), move |task: Task, _| {
        let times = seen.ns().iter().filter(|n| **n == task.n).count();
        seen.push(task.clone());
        async move {
            match (task.n, times) {
                (0, 0) => Err(JobError::Snooze(Duration::from_millis(300))),
                (0, _) => Ok(()),
                _ => Err(JobError::Cancel("no longer needed".into())),
            }
        }
    });
    db.until("select count(*) from jobs.completed where state = 'completed' and attempt = 1", 1).await;
    db.until("select count(*) from jobs.completed where state = 'cancelled'", 1).await;
    worker.stop().await;
    assert_eq!(db.count("select count(*) from jobs.dead_letters").await, 0);
    assert_eq!(db.count("select count(*) from jobs.attempts where outcome in ('snoozed', 'cancelled')").await, 2);
}
