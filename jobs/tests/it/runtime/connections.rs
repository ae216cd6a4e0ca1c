//! Connections to PostgreSQL that break: again and again, and at the worst moment.

pub mod proxy;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use domain::kernel::job::NewJob;
use domain::kernel::policy::QueuePolicy;
use jobs::runtime::{JobError, Settings};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use crate::support::{Log, Running, TestDb, job, pool_as, quick, settings};
use proxy::Proxy;

const JOBS: u32 = 2_000;
/// Claims that wait for a table that somebody else has locked.
const WAITING: &str = "select count(*) from pg_locks w where not w.granted and w.locktype = 'relation'
    and exists (select from pg_locks h where h.pid = w.pid and h.locktype = 'advisory' and h.granted)
    and w.database = (select oid from pg_database where datname = current_database())";

/// Jobs of 100 keys, and as many without one.
fn two_thousand() -> Vec<NewJob> {
    (0..JOBS).map(|n| if n % 2 == 0 { job(n, Some(&format!("key-{}", n / 2 % 100))) } else { job(n, None) }).collect()
}

fn policy() -> QueuePolicy {
    QueuePolicy { concurrency: 32, batch: 100, ..quick() }
}

/// Starts a worker whose jobs take 20 ms; the log shows them in the order in which they started.
fn start(db: &domain::Db) -> (Running, Log) {
    let log = Log::default();
    let seen = log.clone();
    let worker = Running::start(db, settings(), move |task, _| {
        seen.push(task);
        async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok::<_, JobError>(())
        }
    });
    (worker, log)
}

async fn assert_all_done_once_and_in_order(db: &TestDb, log: &Log) {
    assert_eq!(db.count("select count(*) from apalis.jobs").await, 0);
    assert_eq!(db.count("select count(*) from jobs.completed").await, i64::from(JOBS));
    assert_eq!(db.count("select count(distinct id) from jobs.completed").await, i64::from(JOBS));
    assert_eq!(db.count("select count(*) from jobs.dead_letters").await, 0);
    let mut last: HashMap<String, u32> = HashMap::new();
    let mut started = HashSet::new();
    for task in log.tasks().into_iter().filter(|task| started.insert(task.n) && !task.what.is_empty()) {
        let before = last.insert(task.what.clone(), task.n);
        assert!(before.is_none_or(|before| before < task.n), "{}: {before:?} ran before {}", task.what, task.n);
    }
}

/// A connection as the worker's role, to end all others of that role with.
async fn terminator(db: &TestDb) -> PgPool {
    let options = (*db.worker.pool().connect_options()).clone();
    PgPoolOptions::new().max_connections(1).connect_with(options).await.unwrap()
}

async fn terminate(terminator: &PgPool) {
    sqlx::query(
        "select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and usename = current_user and pid <> pg_backend_pid()",
    )
    .execute(terminator)
    .await
    .unwrap();
}

/// Ends all connections of the worker 60 times, at moments that drift through what it does. It gets
/// a little peace now and then, because nothing can be done while no connection ever opens.
#[sqlx::test(migrations = false)]
async fn connections_that_break_over_and_over_lose_no_job(owner: PgPool) {
    let db = TestDb::new(owner, policy()).await;
    db.enqueue_jobs(two_thousand()).await;
    let terminator = terminator(&db).await;
    let (worker, log) = start(&db.worker);
    for pause in [30, 50, 80, 130, 210].into_iter().cycle().take(60) {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        terminate(&terminator).await;
    }
    db.until("select count(*) from apalis.jobs", 0).await;
    worker.stop().await;
    assert_all_done_once_and_in_order(&db, &log).await;
}

/// What the answer to a claim contains and no other: the jobs' kind.
const CLAIM: &[u8] = b"task.v1";
const ANY: &[u8] = b"";

/// The statement is committed, and its answer never arrives: the worker does not know what it has
/// claimed or completed.
#[sqlx::test(migrations = false)]
async fn answers_that_get_lost_lose_no_job(owner: PgPool) {
    let db = TestDb::new(owner, policy()).await;
    db.enqueue_jobs(two_thousand()).await;
    let options = (*pool_as(&db.owner, "portal_worker").await.connect_options()).clone();
    let proxy = Proxy::start(options.get_host().to_owned(), options.get_port()).await;
    let pool = PgPoolOptions::new().max_connections(10);
    let pool = pool.connect_with(options.host("127.0.0.1").port(proxy.port())).await.unwrap();
    let (worker, log) = start(&domain::Db::new(pool, db.worker.policies().clone()));
    for answer in [CLAIM, ANY].repeat(6) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let lost = proxy.lose_the_next(answer);
        tokio::time::timeout(Duration::from_secs(30), lost).await.expect("an answer to lose within 30 s");
    }
    db.until("select count(*) from apalis.jobs", 0).await;
    worker.stop().await;
    assert_all_done_once_and_in_order(&db, &log).await;
}

/// The worker's row is there, and its queues are not yet.
#[sqlx::test(migrations = false)]
async fn a_registration_that_breaks_half_way_is_finished(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    db.enqueue(&[None]).await;
    let terminator = terminator(&db).await;
    let mut slow = db.owner.begin().await.unwrap();
    sqlx::query("lock table jobs.queues in access exclusive mode").execute(&mut *slow).await.unwrap();
    let (worker, _) = start(&db.worker);
    db.until("select count(*) from pg_locks where not granted and relation = 'jobs.queues'::regclass", 1).await;
    terminate(&terminator).await;
    slow.rollback().await.unwrap();
    db.until("select count(*) from jobs.completed", 1).await;
    worker.stop().await;
}

/// A claim that outlasts the stop of its worker: nobody would look for its jobs any more.
#[sqlx::test(migrations = false)]
async fn a_claim_that_commits_after_the_stop_holds_nothing_for_ever(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    db.enqueue(&[None, Some("a"), Some("a")]).await;
    let mut slow = db.owner.begin().await.unwrap();
    sqlx::query("lock table jobs.dead_letters in access exclusive mode").execute(&mut *slow).await.unwrap();
    let (worker, _) = start(&db.worker);
    db.until(WAITING, 1).await;
    tokio::time::timeout(Duration::from_secs(10), worker.stop()).await.expect("the stop waits for the claim");
    slow.rollback().await.unwrap();
    db.until(WAITING, 0).await;
    let (next, _) = start(&db.worker);
    db.until("select count(*) from jobs.completed where attempt = 1", 3).await;
    next.stop().await;
}

/// Jobs that cannot be handed back at a stop are rescued, as those of a worker that died.
#[sqlx::test(migrations = false)]
async fn what_cannot_be_handed_back_at_a_stop_is_rescued(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    db.enqueue(&[None]).await;
    let hasty = Settings { shutdown_timeout: Duration::from_millis(200), ..settings() };
    let worker = Running::start(&db.worker, hasty, async |_, _| {
        tokio::time::sleep(Duration::from_secs(60)).await;
        Ok(())
    });
    db.until("select count(*) from apalis.jobs where lock_by is not null", 1).await;
    let mut slow = db.owner.begin().await.unwrap();
    sqlx::query("select from apalis.jobs for update").execute(&mut *slow).await.unwrap();
    tokio::time::timeout(Duration::from_secs(10), worker.stop()).await.expect("the stop waits for the table");
    slow.rollback().await.unwrap();
    let (next, _) = start(&db.worker);
    db.until("select count(*) from jobs.completed where attempt = 1", 1).await;
    next.stop().await;
}
