//! Order per key: n+1 starts only after n succeeded or left as a dead letter.

use std::time::Duration;

use domain::kernel::policy::QueuePolicy;
use jobs::runtime::JobError;
use sqlx::PgPool;

use super::claims::{claim, register};
use crate::support::{Log, Running, Task, TestDb, quick, settings};

fn transient() -> JobError {
    JobError::Transient { class: "test", message: "not yet".into() }
}

#[sqlx::test(migrations = false)]
async fn a_key_held_by_another_worker_is_not_claimable_but_other_keys_are(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    register(&db, &["w1", "w2"]).await;
    let ids = db.enqueue(&[Some("a"), Some("a"), Some("b"), None]).await;
    assert_eq!(claim(db.worker.pool(), "w1", 1).await, [ids[0].clone()]);
    assert_eq!(claim(db.worker.pool(), "w2", 10).await, [ids[2].clone(), ids[3].clone()]);
    // its own holder may take the successor: it runs them one after another
    assert_eq!(claim(db.worker.pool(), "w1", 10).await, [ids[1].clone()]);
}

#[sqlx::test(migrations = false)]
async fn a_key_waiting_in_backoff_is_not_claimable(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    register(&db, &["w"]).await;
    let ids = db.enqueue(&[Some("a"), Some("a")]).await;
    sqlx::query("update apalis.jobs set status = 'Failed', attempts = 1, deferred = true, run_at = now() + interval '1 hour' where id = $1")
        .bind(&ids[0])
        .execute(&db.owner)
        .await
        .unwrap();
    assert!(claim(db.worker.pool(), "w", 10).await.is_empty());
    sqlx::query("update apalis.jobs set run_at = now()").execute(&db.owner).await.unwrap();
    assert_eq!(claim(db.worker.pool(), "w", 10).await, [ids[0].clone()], "the due one first, alone");
}

/// The race: a claim that has not committed yet is invisible to the gate, and its rows are skipped
/// as locked, so without the advisory lock the second claimer would take n+1 beside n.
#[sqlx::test(migrations = false)]
async fn two_claimers_cannot_race_for_one_key(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    register(&db, &["w1", "w2"]).await;
    let ids = db.enqueue(&[Some("a"), Some("a")]).await;
    let mut first = db.worker.pool().begin().await.unwrap();
    let taken: Vec<String> =
        sqlx::query_scalar("select id from jobs.claim('test', 'w1', 1, 1)").fetch_all(&mut *first).await.unwrap();
    assert_eq!(taken, [ids[0].clone()]);
    let pool = db.worker.pool().clone();
    let second = tokio::spawn(async move { claim(&pool, "w2", 10).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!second.is_finished(), "the second claim waits for the first to commit");
    first.commit().await.unwrap();
    assert!(second.await.unwrap().is_empty());
}

#[sqlx::test(migrations = false)]
async fn a_failure_holds_its_key_back_and_nothing_else(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    db.enqueue(&[Some("a"), Some("a"), Some("a"), Some("b"), Some("b")]).await;
    let log = Log::default();
    let seen = log.clone();
    let worker = Running::start(&db.worker, settings(), move |task: Task, context| {
        seen.push(task.clone());
        async move { if task.n == 0 && context.attempt < 3 { Err(transient()) } else { Ok(()) } }
    });
    db.until("select count(*) from jobs.completed", 5).await;
    worker.stop().await;
    let a: Vec<u32> = log.tasks().into_iter().filter(|t| t.what == "a").map(|t| t.n).collect();
    assert_eq!(a, [0, 0, 0, 1, 2]);
    let b: Vec<u32> = log.tasks().into_iter().filter(|t| t.what == "b").map(|t| t.n).collect();
    assert_eq!(b, [3, 4]);
    // handed back successors were charged nothing
    assert_eq!(db.count("select count(*) from jobs.completed where attempt = 1").await, 4);
}

#[sqlx::test(migrations = false)]
async fn after_a_dead_letter_the_key_goes_on(owner: PgPool) {
    let db = TestDb::new(owner, QueuePolicy { max_attempts: 2, ..quick() }).await;
    db.enqueue(&[Some("a"), Some("a")]).await;
    let worker = Running::start(
        &db.worker,
        settings(),
        async |task: Task, _| if task.n == 0 { Err(transient()) } else { Ok(()) },
    );
    db.until("select count(*) from jobs.completed", 1).await;
    worker.stop().await;
    assert_eq!(db.count("select count(*) from jobs.dead_letters where not holds_key").await, 1);
}

#[sqlx::test(migrations = false)]
async fn a_dead_letter_holds_its_key_where_the_queue_says_so(owner: PgPool) {
    let policy = QueuePolicy { max_attempts: 1, hold_key_on_dead_letter: true, ..quick() };
    let db = TestDb::new(owner, policy).await;
    db.enqueue(&[Some("a"), Some("a"), Some("b")]).await;
    let worker = Running::start(
        &db.worker,
        settings(),
        async |task: Task, _| if task.n == 0 { Err(transient()) } else { Ok(()) },
    );
    db.until("select count(*) from jobs.dead_letters where holds_key", 1).await;
    db.until("select count(*) from jobs.completed where ordering_key = 'b'", 1).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(db.count("select count(*) from apalis.jobs where ordering_key = 'a'").await, 1, "still held back");
    sqlx::query("update jobs.dead_letters set holds_key = false").execute(&db.owner).await.unwrap();
    db.until("select count(*) from jobs.completed where ordering_key = 'a'", 1).await;
    worker.stop().await;
}

/// Many keys, several workers, random failures: whatever happens, each key's jobs succeed in order.
#[sqlx::test(migrations = false)]
async fn keys_stay_in_order_over_workers_and_failures(owner: PgPool) {
    let db = TestDb::new(owner.clone(), QueuePolicy { max_attempts: 1000, batch: 20, ..quick() }).await;
    let other = TestDb::over(owner, QueuePolicy { max_attempts: 1000, batch: 20, ..quick() }).await;
    let keys: Vec<String> = (0..30).map(|n| format!("key-{n}")).collect();
    let jobs: Vec<Option<&str>> = (0..600).map(|n| Some(keys[n % 30].as_str())).collect();
    db.enqueue(&jobs).await;
    let log = Log::default();
    let start = |db: &TestDb| {
        let seen = log.clone();
        Running::start(&db.worker, settings(), move |task: Task, context| {
            let seen = seen.clone();
            async move {
                tokio::time::sleep(Duration::from_millis(u64::from(task.n % 3))).await;
                if (task.n * 7 + context.attempt * 13).is_multiple_of(10) {
                    return Err(transient());
                }
                seen.push(task);
                Ok(())
            }
        })
    };
    let workers = [start(&db), start(&other)];
    db.until("select count(*) from jobs.completed", 600).await;
    for worker in workers {
        worker.stop().await;
    }
    for key in &keys {
        let order: Vec<u32> = log.tasks().into_iter().filter(|t| &t.what == key).map(|t| t.n).collect();
        assert!(order.is_sorted() && order.len() == 20, "{key}: {order:?}");
    }
}
