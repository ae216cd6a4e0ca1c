//! A worker process: woken by the doorbell, kept going without it, stopped without loss.

use std::time::Duration;

use domain::kernel::policy::{OnUnavailable, QueuePolicy};
use jobs::runtime::{Dependency, Exhausted, JobError, Kinds, Runtime, Settings};
use sqlx::PgPool;
use tokio::sync::watch;

use crate::support::{Log, QUEUE, Running, Task, TestDb, quick, settings};

fn never_polls() -> Settings {
    Settings { poll: Duration::from_secs(3600), ..settings() }
}

#[sqlx::test(migrations = false)]
async fn the_doorbell_wakes_an_idle_worker(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    let worker = Running::start(&db.worker, never_polls(), async |_, _| Ok(()));
    tokio::time::sleep(Duration::from_secs(2)).await;
    db.enqueue(&[None]).await;
    db.until("select count(*) from jobs.completed", 1).await;
    worker.stop().await;
}

#[sqlx::test(migrations = false)]
async fn a_lost_ring_is_made_up_for_by_the_poll(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    let worker = Running::start(&db.worker, settings(), async |_, _| Ok(()));
    tokio::time::sleep(Duration::from_secs(1)).await;
    // inserted by something that does not ring
    sqlx::query("insert into apalis.jobs (id, job_type, kind, job) values ('01J00000000000000000000000', 'test', 'task.v1', '{\"n\":1,\"what\":\"\"}')")
        .execute(&db.owner)
        .await
        .unwrap();
    db.until("select count(*) from jobs.completed", 1).await;
    worker.stop().await;
}

/// With every key held by ourselves nothing rings: the worker must look again after completions.
#[sqlx::test(migrations = false)]
async fn hot_keys_drain_without_any_ring_or_poll(owner: PgPool) {
    let db = TestDb::new(owner, QueuePolicy { batch: 10, concurrency: 4, ..quick() }).await;
    let keys: Vec<String> = (0..5).map(|n| format!("hot-{n}")).collect();
    let jobs: Vec<Option<&str>> = (0..300).map(|n| Some(keys[n % 5].as_str())).collect();
    db.enqueue(&jobs).await;
    let worker = Running::start(&db.worker, never_polls(), async |_, _| Ok(()));
    db.until("select count(*) from jobs.completed", 300).await;
    worker.stop().await;
}

#[sqlx::test(migrations = false)]
async fn a_graceful_stop_finishes_what_runs_and_hands_back_the_rest(owner: PgPool) {
    let db = TestDb::new(owner, QueuePolicy { concurrency: 2, ..quick() }).await;
    db.enqueue(&[None, None, None, None, Some("a"), Some("a")]).await;
    let (started, mut on_start) = tokio::sync::mpsc::unbounded_channel();
    let worker = Running::start(&db.worker, settings(), move |_, _| {
        let _ = started.send(());
        async {
            tokio::time::sleep(Duration::from_millis(800)).await;
            Ok(())
        }
    });
    on_start.recv().await.unwrap();
    on_start.recv().await.unwrap();
    worker.stop().await;
    assert_eq!(db.count("select count(*) from jobs.completed").await, 2);
    assert_eq!(
        db.count("select count(*) from apalis.jobs where lock_by is null and attempts = 0 and not suspect").await,
        4
    );
    assert_eq!(db.count("select count(*) from jobs.attempts").await, 0);
}

#[sqlx::test(migrations = false)]
async fn what_outlasts_the_shutdown_timeout_is_handed_back_without_using_an_attempt(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    db.enqueue(&[None]).await;
    let (started, mut on_start) = tokio::sync::mpsc::unbounded_channel();
    let hasty = Settings { shutdown_timeout: Duration::from_millis(200), ..settings() };
    let worker = Running::start(&db.worker, hasty, move |_, _| {
        let _ = started.send(());
        async {
            tokio::time::sleep(Duration::from_secs(60)).await;
            Ok(())
        }
    });
    on_start.recv().await.unwrap();
    worker.stop().await;
    assert_eq!(
        db.count("select count(*) from apalis.jobs where lock_by is null and attempts = 0 and status = 'Pending'")
            .await,
        1
    );
}

fn with_dependency(db: &TestDb, up: watch::Receiver<bool>, kinds: Kinds) -> Runtime {
    let dependencies = vec![Dependency { queue: QUEUE, name: "broker", up }];
    Runtime { db: db.worker.clone(), kinds, dependencies, settings: settings() }
}

fn away() -> JobError {
    JobError::Unavailable { dependency: "broker", message: "connection refused".into() }
}

#[sqlx::test(migrations = false)]
async fn while_a_dependency_is_down_jobs_wait_without_using_attempts(owner: PgPool) {
    let db = TestDb::new(owner, QueuePolicy { max_attempts: 1, ..quick() }).await;
    db.enqueue(&[Some("a"), Some("a"), None]).await;
    let (state, up) = watch::channel(true);
    let log = Log::default();
    let seen = log.clone();
    let state = std::sync::Arc::new(state);
    let breaks = state.clone();
    let both_run = std::sync::Arc::new(tokio::sync::Barrier::new(2));
    let kinds = Kinds::default().job(move |task: Task, _| {
        // two are being published when the broker goes; the bus announces it
        let goes = log.ns().len() < 2;
        log.push(Task { n: if goes { 99 } else { task.n }, ..task });
        let (breaks, both_run) = (breaks.clone(), both_run.clone());
        async move {
            if goes {
                both_run.wait().await;
                breaks.send_replace(false);
                return Err(away());
            }
            Ok(())
        }
    });
    let worker = Running::start_runtime(with_dependency(&db, up, kinds));
    db.until("select count(*) from jobs.attempts where outcome = 'unavailable'", 2).await;
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert_eq!(db.count("select count(*) from apalis.jobs where lock_by is null and attempts = 0").await, 3);
    assert_eq!(db.count("select count(*) from apalis.jobs where waiting_for = 'broker'").await, 2);
    assert_eq!(seen.ns(), [99, 99], "nothing is claimed while it is down");
    // operators see it, also of jobs that come in meanwhile
    db.enqueue(&[None]).await;
    db.until("select count(*) from jobs.overview where state = 'waiting' and waiting_for = 'broker'", 4).await;
    assert_eq!(db.count("select count(*) from jobs.overview where state = 'blocked'").await, 0);
    assert_eq!(
        db.count("select count(*) from jobs.queues where waiting_for = 'broker' and waiting_since is not null").await,
        1
    );
    state.send_replace(true);
    db.until("select count(*) from jobs.completed where attempt = 1", 4).await;
    worker.stop().await;
    assert_eq!(db.count("select count(*) from jobs.queues where waiting_for is not null").await, 0);
    assert_eq!(db.count("select count(*) from jobs.dead_letters").await, 0);
}

#[sqlx::test(migrations = false)]
async fn after_an_outage_jobs_resume_gradually(owner: PgPool) {
    let db = TestDb::new(owner, QueuePolicy { concurrency: 100, ..quick() }).await;
    db.enqueue(&[None; 60]).await;
    let (state, up) = watch::channel(false);
    let go = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    let gate = go.clone();
    let kinds = Kinds::default().job(move |_: Task, _| {
        let gate = gate.clone();
        async move {
            gate.acquire().await.unwrap().forget();
            Ok(())
        }
    });
    let worker = Running::start_runtime(with_dependency(&db, up, kinds));
    db.until("select count(*) from jobs.queues where waiting_for is not null", 1).await;
    state.send_replace(true);
    for (held, completed) in [(8, 0), (16, 8)] {
        db.until("select count(*) from apalis.jobs where lock_by is not null", held).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(db.count("select count(*) from apalis.jobs where lock_by is not null").await, held);
        assert_eq!(db.count("select count(*) from jobs.completed").await, completed);
        go.add_permits(usize::try_from(held).unwrap());
    }
    go.add_permits(100);
    db.until("select count(*) from jobs.completed", 60).await;
    worker.stop().await;
}

#[sqlx::test(migrations = false)]
async fn where_the_queue_counts_it_an_outage_uses_attempts(owner: PgPool) {
    let policy = QueuePolicy { max_attempts: 2, on_unavailable: OnUnavailable::Count, ..quick() };
    let db = TestDb::new(owner, policy).await;
    db.enqueue(&[None]).await;
    let (_state, up) = watch::channel(false);
    let kinds = Kinds::default().job(async |_: Task, _| Err(away()));
    let worker = Running::start_runtime(with_dependency(&db, up, kinds));
    db.until("select count(*) from jobs.dead_letters where reason = 'exhausted' and attempts = 2", 1).await;
    worker.stop().await;
}

fn dies() -> Kinds {
    Kinds::default()
        .job(async |_: Task, _| Err(JobError::Permanent { class: "broken", message: "broken for good".into() }))
}

#[sqlx::test(migrations = false)]
async fn a_kind_reacts_to_its_dead_letter_in_the_same_transaction(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    db.enqueue(&[Some("a")]).await;
    let kinds = dies().on_exhausted::<Task, _>(|dead: Exhausted, tx| {
        Box::pin(async move {
            assert_eq!(dead.error.class(), "broken");
            // seen from inside: the dead letter is there, not committed yet
            let there: i64 =
                sqlx::query_scalar("select count(*) from jobs.dead_letters where id = $1 and payload = $2")
                    .bind(&dead.id)
                    .bind(&dead.payload)
                    .fetch_one(tx.conn())
                    .await?;
            assert_eq!(there, 1);
            let task: Task = serde_json::from_slice(&dead.payload).unwrap();
            // once, or the reaction to the reaction would go on for ever
            if task.what == "a" { tx.enqueue(&Task { n: 7, what: "compensate".into() }).await } else { Ok(()) }
        })
    });
    let worker = Running::start_kinds(&db.worker, settings(), kinds);
    db.until("select count(*) from jobs.dead_letters", 2).await;
    worker.stop().await;
}

#[sqlx::test(migrations = false)]
async fn a_reaction_that_keeps_failing_leaves_nothing_but_the_dead_letter(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    db.enqueue(&[None]).await;
    let kinds = dies().on_exhausted::<Task, _>(|_, tx| {
        Box::pin(async move {
            tx.enqueue(&Task { n: 7, what: "half done".into() }).await?;
            Err(domain::Error::Internal("the reaction is broken".into()))
        })
    });
    let worker = Running::start_kinds(&db.worker, settings(), kinds);
    db.until("select count(*) from jobs.dead_letters", 1).await;
    worker.stop().await;
    assert_eq!(db.count("select count(*) from apalis.jobs").await, 0);
}

#[sqlx::test(migrations = false)]
async fn the_outbox_may_drop_payloads_and_partitions_are_there_days_ahead(owner: PgPool) {
    let db = TestDb::new(owner, QueuePolicy { keep_payload: false, ..quick() }).await;
    db.enqueue(&[None]).await;
    let worker = Running::start(&db.worker, settings(), async |_, _| Ok(()));
    db.until("select count(*) from jobs.completed where payload is null", 1).await;
    worker.stop().await;
    assert_eq!(db.count("select count(*) from jobs.completed_default").await, 0);
    let ahead = "select count(*) from pg_class where relname = 'completed_' || to_char(current_date + 7, 'YYYYMMDD')";
    assert_eq!(db.count(ahead).await, 1);
}
