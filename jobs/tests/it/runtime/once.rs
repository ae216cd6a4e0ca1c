//! Processes that take one job and end.

use std::time::Duration;

use domain::kernel::policy::QueuePolicy;
use jobs::runtime::{Dependency, JobError, JobResult, Kinds, Once, Runtime, Settings, run_once};
use sqlx::PgPool;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::support::{OTHER_QUEUE, QUEUE, Task, TestDb, quick, settings};

const HELD: &str = "select count(*) from apalis.jobs where lock_by is not null";
const COMPLETED: &str = "select count(*) from jobs.completed";
const ALIVE: &str = "select count(*) from jobs.workers where stopped_at is null";

/// A process for one job that does this.
fn process<F>(db: &TestDb, run: impl Fn(Task) -> F + Send + Sync + 'static) -> Runtime
where
    F: Future<Output = JobResult> + Send + 'static,
{
    let settings = Settings { queues: vec![OTHER_QUEUE.to_owned(), QUEUE.to_owned()], ..settings() };
    Runtime {
        db: db.worker.clone(),
        kinds: Kinds::default().job(move |task: Task, _| run(task)),
        dependencies: Vec::new(),
        settings,
    }
}

async fn once(runtime: Runtime) -> Once {
    run_once(runtime, &CancellationToken::new()).await.unwrap()
}

#[sqlx::test(migrations = false)]
async fn one_job_is_done_and_the_rest_is_left_alone(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    db.enqueue(&[None, Some("a"), Some("a")]).await;
    for done in 1..=3 {
        assert_eq!(once(process(&db, async |_| Ok(()))).await, Once::Done);
        assert_eq!((db.count(COMPLETED).await, db.count(HELD).await, db.count(ALIVE).await), (done, 0, 0));
    }
    assert_eq!(once(process(&db, async |_| Ok(()))).await, Once::Nothing);
    assert_eq!(db.count("select count(*) from jobs.workers").await, 4, "each was a worker");
    assert_eq!(db.count("select count(distinct worker) from jobs.completed").await, 3);
}

#[sqlx::test(migrations = false)]
async fn processes_started_together_take_different_jobs(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    db.enqueue(&[None; 3]).await;
    let slow = async |_| {
        tokio::time::sleep(Duration::from_millis(200)).await;
        Ok(())
    };
    let [a, b, c] = [(); 3].map(|()| once(process(&db, slow)));
    assert_eq!(tokio::join!(a, b, c), (Once::Done, Once::Done, Once::Done));
    assert_eq!((db.count(COMPLETED).await, db.count("select count(*) from apalis.jobs").await), (3, 0));
}

#[sqlx::test(migrations = false)]
async fn a_job_that_fails_is_not_done_and_goes_where_its_policy_says(owner: PgPool) {
    let db = TestDb::new(owner, QueuePolicy { max_attempts: 2, backoff_base_ms: 0, ..quick() }).await;
    db.enqueue(&[None]).await;
    let failing = || process(&db, async |_| Err(JobError::Transient { class: "test", message: "not yet".into() }));
    assert_eq!(once(failing()).await, Once::NotDone);
    assert_eq!(db.count("select count(*) from apalis.jobs where attempts = 1 and lock_by is null").await, 1);
    assert_eq!(once(failing()).await, Once::NotDone);
    assert_eq!(db.count("select count(*) from jobs.dead_letters where reason = 'exhausted'").await, 1);
    assert_eq!(once(failing()).await, Once::Nothing);
    assert_eq!(db.count(ALIVE).await, 0);
}

#[sqlx::test(migrations = false)]
async fn a_stop_lets_the_job_end_or_hands_it_back(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    db.enqueue(&[None]).await;
    for (takes, outcome, left) in [(60_000, Once::NotDone, 1), (500, Once::Done, 0)] {
        let mut runtime = process(&db, move |_| async move {
            tokio::time::sleep(Duration::from_millis(takes)).await;
            Ok(())
        });
        runtime.settings.shutdown_timeout = Duration::from_secs(2);
        let stop = CancellationToken::new();
        let running = tokio::spawn({
            let stop = stop.clone();
            async move { run_once(runtime, &stop).await.unwrap() }
        });
        db.until(HELD, 1).await;
        stop.cancel();
        assert_eq!(running.await.unwrap(), outcome);
        assert_eq!(db.count("select count(*) from apalis.jobs where attempts = 0").await, left);
        assert_eq!((db.count(HELD).await, db.count(ALIVE).await), (0, 0));
    }
}

#[sqlx::test(migrations = false)]
async fn what_the_queue_needs_is_waited_for(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    db.enqueue(&[None]).await;
    let (connected, up) = watch::channel(false);
    let needs = Dependency { queue: QUEUE, name: "broker", up };
    let runtime = Runtime { dependencies: vec![needs], ..process(&db, async |_| Ok(())) };
    let running = tokio::spawn(once(runtime));
    db.until("select count(*) from jobs.workers", 1).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!((db.count(HELD).await, db.count(COMPLETED).await), (0, 0), "not yet");
    connected.send_replace(true);
    assert_eq!(running.await.unwrap(), Once::Done);
}
