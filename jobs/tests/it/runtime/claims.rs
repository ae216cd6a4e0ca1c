//! What the claim takes, and what it leaves.

use std::time::Duration;

use domain::kernel::job::NewJob;
use sqlx::PgPool;

use crate::support::{self, TestDb, job, quick};

/// Claims as a registered worker would; returns the ids.
pub async fn claim(pool: &PgPool, worker: &str, limit: i32) -> Vec<String> {
    sqlx::query_scalar(
        "select id from (select id, priority, seq from jobs.claim($1, $2, $3, 1)) c order by priority desc, seq",
    )
    .bind(support::QUEUE)
    .bind(worker)
    .bind(limit)
    .fetch_all(pool)
    .await
    .unwrap()
}

/// Registers workers that beat once and never again.
pub async fn register(db: &TestDb, workers: &[&str]) {
    for worker in workers {
        sqlx::query("insert into jobs.workers (id, host, pid, version, queues) values ($1, 'h', 1, '0', array[$2])")
            .bind(worker)
            .bind(support::QUEUE)
            .execute(db.worker.pool())
            .await
            .unwrap();
    }
}

#[sqlx::test(migrations = false)]
async fn priority_first_then_order_of_insertion(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    register(&db, &["w"]).await;
    let jobs: Vec<NewJob> = [0, 5, 0, 5].into_iter().map(|priority| NewJob { priority, ..job(0, None) }).collect();
    let ids: Vec<String> = jobs.iter().map(|job| job.id.to_string()).collect();
    db.enqueue_jobs(jobs).await;
    let expected = [1, 3, 0].map(|i: usize| ids[i].clone());
    assert_eq!(claim(db.worker.pool(), "w", 3).await, expected);
    assert_eq!(claim(db.worker.pool(), "w", 3).await, [ids[2].clone()]);
}

#[sqlx::test(migrations = false)]
async fn a_keyed_job_cannot_have_a_priority(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    let refused = sqlx::query(
        "insert into apalis.jobs (id, job_type, job, ordering_key, priority) values ('x', 'q', '', 'k', 1)",
    );
    let error = refused.execute(&db.owner).await.unwrap_err();
    assert_eq!(error.as_database_error().unwrap().constraint(), Some("jobs_keyed_without_priority"));
}

#[sqlx::test(migrations = false)]
async fn not_before_it_is_due_and_never_when_exhausted(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    register(&db, &["w"]).await;
    let delayed = NewJob { delay: Duration::from_secs(3600), ..job(0, None) };
    db.enqueue_jobs(vec![delayed, job(1, None)]).await;
    sqlx::query("update apalis.jobs set attempts = max_attempts, status = 'Failed' where not deferred")
        .execute(&db.owner)
        .await
        .unwrap();
    assert!(claim(db.worker.pool(), "w", 10).await.is_empty());
    sqlx::query("update apalis.jobs set run_at = now()").execute(&db.owner).await.unwrap();
    assert_eq!(claim(db.worker.pool(), "w", 10).await.len(), 1);
}

#[sqlx::test(migrations = false)]
async fn nothing_of_a_paused_queue(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    register(&db, &["w"]).await;
    db.enqueue(&[None]).await;
    sqlx::query("insert into jobs.queues values ('test', now(), 'admin', 'maintenance')")
        .execute(&db.owner)
        .await
        .unwrap();
    assert!(claim(db.worker.pool(), "w", 10).await.is_empty());
    sqlx::query("update jobs.queues set paused_at = null, paused_by = null, pause_reason = null")
        .execute(&db.owner)
        .await
        .unwrap();
    assert_eq!(claim(db.worker.pool(), "w", 10).await.len(), 1);
}

#[sqlx::test(migrations = false)]
async fn nothing_for_a_worker_that_was_declared_dead(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    register(&db, &["w"]).await;
    db.enqueue(&[None]).await;
    sqlx::query("update jobs.workers set died_at = now()").execute(&db.owner).await.unwrap();
    assert!(claim(db.worker.pool(), "w", 10).await.is_empty());
}

/// The insert uses the database's clock: a client cannot delay or hurry a job with its own.
#[sqlx::test(migrations = false)]
async fn run_at_is_the_databases_now(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    let delayed = NewJob { delay: Duration::from_millis(90_500), ..job(0, None) };
    db.enqueue_jobs(vec![delayed, job(1, None)]).await;
    assert_eq!(db.count("select count(*) from apalis.jobs where run_at = created_at and not deferred").await, 1);
    let exact = "select count(*) from apalis.jobs where run_at = created_at + interval '90.5 seconds' and deferred";
    assert_eq!(db.count(exact).await, 1);
}

/// A generic plan for an unknown limit reads the whole table: 30,000 rows behind a hot index must
/// not make a claim of one job read more than a handful of pages.
#[sqlx::test(migrations = false)]
async fn a_claim_reads_the_index_not_the_table(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    register(&db, &["w"]).await;
    sqlx::query(
        "insert into apalis.jobs (id, job_type, kind, job, ordering_key)
         select 'job-' || n, 'test', 'task.v1', '{}', 'key-' || n from generate_series(1, 30000) n",
    )
    .execute(&db.owner)
    .await
    .unwrap();
    sqlx::query("analyze apalis.jobs").execute(&db.owner).await.unwrap();
    for _ in 0..10 {
        assert_eq!(claim(db.worker.pool(), "w", 1).await.len(), 1);
    }
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let scanned = "select coalesce(sum(seq_tup_read), 0)::bigint from pg_stat_user_tables where schemaname = 'apalis' and relname = 'jobs'";
    let read = db.count(scanned).await;
    assert!(read < 60_000, "sequential scans read {read} rows");
}

/// A database's clock that goes back an hour, after a failover for example, holds up nothing but what
/// asked for a time.
#[sqlx::test(migrations = false)]
async fn what_did_not_ask_for_a_time_does_not_wait_for_the_clock(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    register(&db, &["w", "gone"]).await;
    db.enqueue(&[None, Some("a")]).await;
    let stock = "insert into apalis.jobs (id, job_type, job) values ('01J00000000000000000000000', 'test', '')";
    sqlx::query(stock).execute(&db.owner).await.unwrap();
    let scheduled = NewJob { delay: Duration::from_secs(1), ..job(2, None) };
    db.enqueue_jobs(vec![scheduled]).await;
    sqlx::query("update apalis.jobs set run_at = run_at + interval '1 hour'").execute(&db.owner).await.unwrap();
    assert_eq!(claim(db.worker.pool(), "gone", 10).await.len(), 2, "neither the scheduled nor the stock one");
    let rescue = "select jobs.rescue('gone', 0, array['test'], array[3], array[false])";
    sqlx::query(rescue).execute(db.worker.pool()).await.unwrap();
    assert_eq!(claim(db.worker.pool(), "w", 10).await.len(), 1, "a suspect, one at a time");
}
