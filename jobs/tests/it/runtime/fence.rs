//! A worker that lost its jobs cannot finish them; the dead are told from the slow.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::Semaphore;

use super::claims::{claim, register};
use crate::support::{Running, TestDb, quick, settings};

async fn rescue(db: &TestDb, worker: &str, beats: i64) -> Option<i32> {
    sqlx::query_scalar("select jobs.rescue($1, $2, array['test'], array[3], array[false])")
        .bind(worker)
        .bind(beats)
        .fetch_one(db.worker.pool())
        .await
        .unwrap()
}

/// Runs a job, does `meanwhile` to its row, and only then lets it finish.
async fn finish_after(db: &TestDb, meanwhile: &'static str) -> Running {
    db.enqueue(&[None]).await;
    let (started, mut on_start) = tokio::sync::mpsc::unbounded_channel();
    let go = Arc::new(Semaphore::new(0));
    let gate = go.clone();
    let worker = Running::start(&db.worker, settings(), move |_, context| {
        let (started, gate) = (started.clone(), gate.clone());
        async move {
            let _ = started.send(context.id);
            let _permit = gate.acquire().await;
            Ok(())
        }
    });
    on_start.recv().await.unwrap();
    sqlx::query(meanwhile).execute(&db.owner).await.unwrap();
    go.add_permits(100);
    tokio::time::sleep(Duration::from_millis(500)).await;
    worker
}

#[sqlx::test(migrations = false)]
async fn a_rescued_job_runs_elsewhere_and_its_late_completion_changes_nothing(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    let worker = finish_after(&db, "update apalis.jobs set lock_by = 'other', claims = claims + 1").await;
    assert_eq!(db.count("select count(*) from jobs.completed").await, 0);
    assert_eq!(db.count("select count(*) from apalis.jobs where lock_by = 'other'").await, 1);
    worker.stop().await;
    assert_eq!(db.count("select count(*) from apalis.jobs where lock_by = 'other'").await, 1);
}

/// The same worker may claim a job twice: its first, slower completion must not end the second.
#[sqlx::test(migrations = false)]
async fn a_completion_of_an_earlier_claim_by_the_same_worker_changes_nothing(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    let worker = finish_after(&db, "update apalis.jobs set claims = claims + 1").await;
    assert_eq!(db.count("select count(*) from apalis.jobs where lock_by is not null").await, 1);
    worker.stop().await;
}

#[sqlx::test(migrations = false)]
async fn only_a_worker_whose_counter_stood_still_is_rescued(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    register(&db, &["w"]).await;
    db.enqueue(&[None, Some("a")]).await;
    assert_eq!(claim(db.worker.pool(), "w", 10).await.len(), 2);
    sqlx::query("update jobs.workers set beats = 1").execute(&db.owner).await.unwrap();
    assert_eq!(rescue(&db, "w", 0).await, None, "it has beaten since");
    assert_eq!(db.count("select count(*) from apalis.jobs where lock_by = 'w'").await, 2);
    assert_eq!(rescue(&db, "w", 1).await, Some(2));
    assert_eq!(rescue(&db, "w", 1).await, None, "only once");
    assert_eq!(
        db.count("select count(*) from apalis.jobs where suspect and lock_by is null and attempts = 0").await,
        2
    );
    assert_eq!(db.count("select count(*) from jobs.attempts").await, 0);
}

#[sqlx::test(migrations = false)]
async fn a_death_is_charged_to_the_job_that_ran_alone_and_to_no_other(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    let ids = db.enqueue(&[None, None]).await;
    for crash in 1..=3_i64 {
        let worker = format!("w{crash}");
        register(&db, &[&worker]).await;
        sqlx::query("update apalis.jobs set status = 'Running', lock_by = $1, lock_at = now(), alone = (id = $2)")
            .bind(&worker)
            .bind(&ids[0])
            .execute(&db.owner)
            .await
            .unwrap();
        assert_eq!(rescue(&db, &worker, 0).await, Some(2));
        assert_eq!(db.count("select count(*) from jobs.attempts where outcome = 'crashed'").await, crash);
    }
    assert_eq!(
        db.count("select count(*) from jobs.dead_letters where reason = 'crash_loop' and crashes = 3 and attempts = 0")
            .await,
        1
    );
    let innocent = "select count(*) from apalis.jobs where crashes = 0 and not suspect and attempts = 0";
    assert_eq!(db.count(innocent).await, 1);
}

#[sqlx::test(migrations = false)]
async fn success_clears_a_suspect(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    db.enqueue(&[None, None, Some("a"), Some("a")]).await;
    sqlx::query("update apalis.jobs set suspect = true, crashes = 2").execute(&db.owner).await.unwrap();
    let running = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let worker = Running::start(&db.worker, settings(), move |_, context| {
        let running = running.clone();
        async move {
            // the one before is no longer marked: a crash now is charged to this one alone
            let marked = sqlx::query_scalar("select array_agg(id) from apalis.jobs where alone");
            let marked: Vec<String> = marked.fetch_one(context.db.pool()).await.unwrap();
            assert_eq!(marked, [context.id]);
            let beside = running.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(30)).await;
            running.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
            assert_eq!(beside, 0, "a suspect runs alone");
            Ok(())
        }
    });
    db.until("select count(*) from jobs.completed where attempt = 1", 4).await;
    worker.stop().await;
    assert_eq!(db.count("select count(*) from jobs.attempts").await, 0);
}
