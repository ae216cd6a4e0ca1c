//! Workers that die, stand still, or stop: real processes and real signals.

pub mod child;

use std::time::{Duration, Instant};

use domain::kernel::job::NewJob;
use sqlx::PgPool;

use crate::support::{Log, Running, Task, TestDb, quick, settings};
use child::{ABORT, Plan, Process, Reaction, Timing};

/// Longer than any test lasts.
const FOR_EVER: Duration = Duration::from_secs(600);
const HELD: &str = "select count(*) from apalis.jobs where lock_by is not null";
const LEFT: &str = "select count(*) from apalis.jobs";
const COMPLETED: &str = "select count(*) from jobs.completed";

fn saying(n: u32, what: &str) -> NewJob {
    NewJob::new(&Task { n, what: what.to_owned() }).unwrap()
}

/// The id of the one worker with this pid that nobody has ended; `None` before it has registered.
async fn live_worker(db: &TestDb, pid: i32) -> Option<String> {
    sqlx::query_scalar("select id from jobs.workers where pid = $1 and died_at is null and stopped_at is null")
        .bind(pid)
        .fetch_optional(&db.owner)
        .await
        .unwrap()
}

/// Asks until there is an answer; panics after 30 s.
async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        match ask().await {
            Some(answer) => return answer,
            None if begun.elapsed() > Duration::from_secs(30) => panic!("after 30 s still not: {what}"),
            None => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Waits until a worker holds more jobs than it can run, so that some only wait in its memory, and
/// claims no more; returns how many.
async fn held_beyond(db: &TestDb, running: usize) -> i64 {
    let mut before = 0;
    eventually("more held than run", async || {
        let held = db.count(HELD).await;
        let at_rest = held == before && held > i64::try_from(running).unwrap();
        before = held;
        tokio::time::sleep(Duration::from_millis(500)).await;
        at_rest.then_some(held)
    })
    .await
}

/// With the product's own times: a heartbeat every 5 s, dead after 15 s.
#[sqlx::test(migrations = false)]
async fn after_kill_9_another_worker_has_everything_within_20_seconds(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    db.enqueue(&[Some("a"), Some("a"), Some("b")]).await;
    db.enqueue(&[None; 37]).await;
    let stuck = Plan { timing: Timing::Production, ..Plan::paced(FOR_EVER) };
    let mut victim = Process::start(&db.owner, &stuck);
    let held = held_beyond(&db, stuck.concurrency).await;
    let brisk = Plan { pace: Duration::from_millis(10), ..stuck };
    let _rescuer = Process::start(&db.owner, &brisk);
    db.until(COMPLETED, 40 - held).await;

    let killed = Instant::now();
    victim.signal("KILL");
    victim.ended_within(Duration::from_secs(5)).await;
    db.until("select count(*) from jobs.workers where died_at is not null", 1).await;
    let rescued = killed.elapsed();
    assert!(rescued < Duration::from_secs(20), "rescued only after {rescued:?}");
    assert!(rescued > Duration::from_secs(9), "rescued after {rescued:?}: two missed heartbeats are no death");
    db.until(LEFT, 0).await;

    assert_eq!(
        db.count("select count(distinct id) from jobs.completed where state = 'completed' and attempt = 1").await,
        40
    );
    assert_eq!(db.count("select count(*) from jobs.attempts").await, 0, "no attempt charged");
    assert_eq!(db.count("select count(*) from jobs.dead_letters").await, 0);
}

/// Starts a process again and again until no job is left; how many died.
async fn deaths_until_through(db: &TestDb, plan: &Plan) -> u32 {
    let begun = Instant::now();
    let mut deaths = 0;
    let mut process = Process::start(&db.owner, plan);
    while db.count(LEFT).await > 0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "not through after {deaths} deaths");
        let charged = db.count("select count(*) from apalis.jobs where crashes > 0").await;
        assert!(charged <= 1, "{charged} jobs were charged a crash");
        if !process.runs() {
            deaths += 1;
            process = Process::start(&db.owner, plan);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    deaths
}

#[sqlx::test(migrations = false)]
async fn a_job_that_aborts_its_process_is_quarantined_and_no_other_is_charged(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    let jobs = (0..21).map(|n| saying(n, if n == 10 { ABORT } else { "" })).collect();
    db.enqueue_jobs(jobs).await;
    let plan = Plan { concurrency: 30, ..Plan::paced(Duration::from_millis(50)) };
    assert_eq!(deaths_until_through(&db, &plan).await, 4, "once with the others, three times alone");
    let dead: (String, i32, i32) = sqlx::query_as(
        "select reason, attempts, crashes from jobs.dead_letters where convert_from(payload, 'utf8') like '%abort%'",
    )
    .fetch_one(&db.owner)
    .await
    .unwrap();
    assert_eq!(dead, ("crash_loop".to_owned(), 0, 3));
    assert_eq!(db.count("select count(*) from jobs.dead_letters").await, 1);
    assert_eq!(db.count("select count(*) from jobs.completed where attempt = 1").await, 20);
    let history =
        "select count(*) from jobs.attempts a join jobs.dead_letters d on d.id = a.job_id where a.outcome = 'crashed'";
    assert_eq!(db.count(history).await, 3);
    assert_eq!(db.count("select count(*) from jobs.attempts").await, 3, "the innocent have no history");
}

/// Reason, attempts and crashes of the only dead letter.
async fn only_dead(db: &TestDb) -> (String, i32, i32) {
    sqlx::query_as("select reason, attempts, crashes from jobs.dead_letters").fetch_one(&db.owner).await.unwrap()
}

#[sqlx::test(migrations = false)]
async fn a_kind_reacts_to_a_job_that_keeps_aborting_its_process(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    db.enqueue_jobs(vec![saying(1, ABORT), saying(2, "")]).await;
    let plan = Plan { reaction: Some(Reaction::Compensate), ..Plan::paced(Duration::from_millis(50)) };
    assert_eq!(deaths_until_through(&db, &plan).await, 4, "it is not run again to be buried");
    assert_eq!(only_dead(&db).await, ("crash_loop".to_owned(), 0, 3));
    assert_eq!(db.count(COMPLETED).await, 2, "the other job, and the one that the reaction enqueued");
}

#[sqlx::test(migrations = false)]
async fn a_reaction_that_aborts_its_process_as_well_is_left_out_in_the_end(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    db.enqueue_jobs(vec![saying(1, ABORT), saying(2, "")]).await;
    let plan = Plan { reaction: Some(Reaction::Abort), ..Plan::paced(Duration::from_millis(50)) };
    assert_eq!(deaths_until_through(&db, &plan).await, 7, "as often as the job may");
    assert_eq!(only_dead(&db).await, ("crash_loop".to_owned(), 0, 6));
    assert_eq!(db.count(COMPLETED).await, 1);
}

/// The worker wakes up while another already runs its job, and finishes it first.
#[sqlx::test(migrations = false)]
async fn a_worker_that_stood_still_cannot_complete_what_was_rescued(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    db.enqueue(&[None]).await;
    let stale = Process::start(&db.owner, &Plan::paced(Duration::from_millis(500)));
    db.until(HELD, 1).await;
    stale.signal("STOP");
    let stale_id = live_worker(&db, stale.pid()).await.unwrap();

    let (log, pace) = (Log::default(), Duration::from_secs(4));
    let seen = log.clone();
    let other = Running::start(&db.worker, settings(), move |task, _| {
        seen.push(task);
        async move {
            tokio::time::sleep(pace).await;
            Ok(())
        }
    });
    eventually("rescued, and run by another", async || (!log.ns().is_empty()).then_some(())).await;
    stale.signal("CONT");
    let fresh_id = eventually("back under a new id", async || live_worker(&db, stale.pid()).await).await;
    assert_ne!(fresh_id, stale_id);
    assert_eq!(db.count(COMPLETED).await, 0, "the stale worker completed a job that another runs");
    db.until(COMPLETED, 1).await;
    other.stop().await;
    let by: Vec<String> = sqlx::query_scalar("select worker from jobs.completed").fetch_all(&db.owner).await.unwrap();
    assert!(by.len() == 1 && by[0] != stale_id && by[0] != fresh_id, "completed by {by:?}");

    // and goes on working
    db.enqueue(&[None, Some("a"), Some("a")]).await;
    db.until(LEFT, 0).await;
    let again: Vec<String> = sqlx::query_scalar("select worker from jobs.completed order by completed_at desc limit 3")
        .fetch_all(&db.owner)
        .await
        .unwrap();
    assert!(again.iter().all(|worker| *worker == fresh_id), "completed by {again:?}");
}

/// Every slot is taken by a job that lasts three times the rescue time, and more wait behind them:
/// nothing of that may delay the heartbeat.
#[sqlx::test(migrations = false)]
async fn a_slow_handler_in_a_live_process_is_not_rescued(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    let plan = Plan { concurrency: 2, batch: 4, ..Plan::paced(settings().dead_after * 3) };
    let _both = [Process::start(&db.owner, &plan), Process::start(&db.owner, &plan)];
    db.until("select count(*) from jobs.workers", 2).await;
    db.enqueue(&[None; 6]).await;
    db.until(COMPLETED, 6).await;
    let slow =
        "select count(*) from jobs.completed where completed_at - started_at > interval '4 seconds' and attempt = 1";
    assert_eq!(db.count(slow).await, 6);
    assert_eq!(db.count("select count(*) from jobs.workers where died_at is null").await, 2);
    assert_eq!(db.count("select count(*) from jobs.attempts").await, 0);
}

#[sqlx::test(migrations = false)]
async fn sigterm_ends_the_process_in_time_and_hands_back_what_cannot_finish(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    db.enqueue(&[Some("a"), Some("a")]).await;
    db.enqueue(&[None; 8]).await;
    let shutdown_timeout = Duration::from_secs(1);
    let mut worker = Process::start(&db.owner, &Plan { shutdown_timeout, ..Plan::paced(FOR_EVER) });
    held_beyond(&db, 4).await;

    worker.signal("TERM");
    let status = worker.ended_within(shutdown_timeout + Duration::from_secs(3)).await;
    assert!(status.success(), "{status}");
    assert_eq!(db.count("select count(*) from jobs.workers where stopped_at is not null and died_at is null").await, 1);
    let free = "select count(*) from apalis.jobs where lock_by is null and not suspect and not deferred and attempts = 0 and status = 'Pending'";
    assert_eq!(db.count(free).await, 10);
    assert_eq!(db.count("select count(*) from jobs.attempts").await, 0);

    let next = Running::start(&db.worker, settings(), async |_, _| Ok(()));
    db.until("select count(*) from jobs.completed where attempt = 1", 10).await;
    next.stop().await;
}

#[sqlx::test(migrations = false)]
async fn sigterm_lets_running_jobs_finish(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    db.enqueue(&[None; 8]).await;
    let mut worker = Process::start(&db.owner, &Plan::paced(Duration::from_secs(3)));
    held_beyond(&db, 4).await;
    worker.signal("TERM");
    assert!(worker.ended_within(Duration::from_secs(6)).await.success());
    assert_eq!(db.count(COMPLETED).await, 4, "the four that ran");
    assert_eq!(db.count("select count(*) from apalis.jobs where lock_by is null and attempts = 0").await, 4);
}
