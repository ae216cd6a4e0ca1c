//! Connections to PostgreSQL that fall silent for ever, as behind a firewall that forgot them: nothing
//! passes any more, and nobody says so.

use std::time::Duration;

use domain::Db;
use domain::kernel::connection::tested;
use domain::kernel::policy::QueuePolicy;
use jobs::runtime::Settings;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use super::claims::{claim, register};
use super::connections::proxy::Proxy;
use crate::support::{Log, QUEUE, Running, TestDb, job, pool_as, quick, settings};

const JOBS: u32 = 2_000;
/// In place of the product's 12 s.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);
/// In place of the product's 5 s.
const ACQUIRE_LIMIT: Duration = Duration::from_secs(2);
const COMPLETED: &str = "select count(*) from jobs.completed";

/// The worker's way into the database, through a proxy.
async fn through_a_proxy(db: &TestDb) -> (Proxy, Db) {
    let options = (*pool_as(&db.owner, "portal_worker").await.connect_options()).clone();
    let proxy = Proxy::start(options.get_host().to_owned(), options.get_port()).await;
    // also bounds a connect that falls silent half-way
    let pool = tested(PgPoolOptions::new()).max_connections(10).acquire_timeout(ACQUIRE_LIMIT);
    let pool = pool.connect_with(options.host("127.0.0.1").port(proxy.port())).await.unwrap();
    (proxy, Db::with_answer_limit(pool, db.worker.policies().clone(), ANSWER_LIMIT))
}

/// Whatever the worker was waiting for, it goes on over new connections: no job is lost, and none runs
/// a second time, because nobody died.
#[sqlx::test(migrations = false)]
async fn a_worker_whose_connections_fall_silent_goes_on_over_new_ones(owner: PgPool) {
    let db = TestDb::new(owner, QueuePolicy { concurrency: 32, batch: 100, ..quick() }).await;
    db.enqueue_jobs((0..JOBS).map(|n| job(n, (n % 2 == 0).then_some(["a", "b", "c"][n as usize % 3]))).collect()).await;
    let (proxy, worker_db) = through_a_proxy(&db).await;
    let log = Log::default();
    let seen = log.clone();
    let worker = Running::start(&worker_db, settings(), move |task, _| {
        seen.push(task);
        async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            Ok(())
        }
    });
    for _ in 0..3 {
        let before = db.count(COMPLETED).await;
        proxy.silence();
        let mut now = before;
        let goes_on = async {
            // what was under way may still arrive: a batch at most
            while now < (before + 200).min(i64::from(JOBS)) {
                tokio::time::sleep(Duration::from_millis(20)).await;
                now = db.count(COMPLETED).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), goes_on).await.expect("the worker goes on within 30 s");
    }
    db.until("select count(*) from apalis.jobs", 0).await;
    worker.stop().await;
    assert_eq!(db.count(COMPLETED).await, i64::from(JOBS));
    assert_eq!(db.count("select count(distinct id) from jobs.completed").await, i64::from(JOBS));
    let mut ran = log.ns();
    ran.sort_unstable();
    assert_eq!(ran, (0..JOBS).collect::<Vec<_>>(), "each once");
}

/// Nothing but the doorbell wakes this worker.
#[sqlx::test(migrations = false)]
async fn a_doorbell_that_fell_silent_is_heard_again(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    let (proxy, worker_db) = through_a_proxy(&db).await;
    let never_polls = Settings { poll: Duration::from_secs(3600), ..settings() };
    let worker = Running::start(&worker_db, never_polls, async |_, _| Ok(()));
    db.enqueue(&[None]).await;
    db.until(COMPLETED, 1).await;
    proxy.silence();
    // found when somebody listens again, and looks what was missed
    db.enqueue(&[None]).await;
    db.until(COMPLETED, 2).await;
    // heard
    db.enqueue(&[None]).await;
    db.until(COMPLETED, 3).await;
    worker.stop().await;
}

async fn release_unknown(db: &TestDb, queue: &str, known: &[String], turn: i64) -> Option<i64> {
    let release = sqlx::query_scalar("select jobs.release_unknown($1, 'w', $2, $3)").bind(queue);
    release.bind(known).bind(turn).fetch_one(db.worker.pool()).await.unwrap()
}

/// A line that stalls delivers a claim long after it was given up: nobody would know of its jobs.
#[sqlx::test(migrations = false)]
async fn a_claim_that_was_given_up_takes_nothing_when_it_arrives_after_all(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    register(&db, &["w"]).await;
    db.enqueue(&[None, None]).await;
    assert_eq!(release_unknown(&db, QUEUE, &[], 2).await, Some(0));
    let claimed =
        |turn: i64| sqlx::query_scalar("select count(*) from jobs.claim($1, 'w', 1, 1, $2)").bind(QUEUE).bind(turn);
    let late: i64 = claimed(1).fetch_one(db.worker.pool()).await.unwrap();
    let next: i64 = claimed(3).fetch_one(db.worker.pool()).await.unwrap();
    assert_eq!([late, next], [0, 1]);
}

/// It would hand back what was claimed since, and is running.
#[sqlx::test(migrations = false)]
async fn handing_back_that_was_given_up_hands_back_nothing_when_it_arrives_after_all(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    register(&db, &["w"]).await;
    db.enqueue(&[None, None]).await;
    let known = claim(db.worker.pool(), "w", 1).await;
    claim(db.worker.pool(), "w", 1).await;
    assert_eq!(release_unknown(&db, QUEUE, &known, 2).await, Some(1));
    assert_eq!(release_unknown(&db, QUEUE, &[], 1).await, None);
    assert_eq!(db.count("select count(*) from apalis.jobs where lock_by = 'w'").await, 1);
}

/// All queues of a worker lose their answers at the same moment, and the turn of one overtakes that of another: that
/// one has to ask again, or it would go on without the jobs that it holds and does not know.
#[sqlx::test(migrations = false)]
async fn handing_back_that_another_queue_overtook_says_so(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    register(&db, &["w"]).await;
    db.enqueue(&[None]).await;
    claim(db.worker.pool(), "w", 1).await;
    assert_eq!(release_unknown(&db, "another", &[], 3).await, Some(0));
    assert_eq!(release_unknown(&db, QUEUE, &[], 2).await, None);
    assert_eq!(db.count("select count(*) from apalis.jobs where lock_by = 'w'").await, 1);
    assert_eq!(release_unknown(&db, QUEUE, &[], 4).await, Some(1));
    sqlx::query("delete from jobs.workers").execute(&db.owner).await.unwrap();
    assert_eq!(release_unknown(&db, QUEUE, &[], 5).await, Some(0), "a worker that is forgotten holds nothing");
}
