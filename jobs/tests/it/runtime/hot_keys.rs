//! Keys with so many jobs that a batch holds nothing else: nothing rings, and nothing polls.

use std::collections::HashMap;
use std::time::Duration;

use jobs::runtime::Settings;
use sqlx::PgPool;

use crate::support::{Log, Running, TestDb, quick, settings};

/// One worker, a poll that never comes, and no ring: all jobs were there before it started.
async fn assert_all_run_in_order(owner: PgPool, keys: Vec<String>) {
    let db = TestDb::new(owner, quick()).await;
    let jobs: Vec<Option<&str>> = keys.iter().map(|key| Some(key.as_str())).collect();
    db.enqueue(&jobs).await;
    let log = Log::default();
    let seen = log.clone();
    let never_polls = Settings { poll: Duration::from_secs(3600), ..settings() };
    let worker = Running::start(&db.worker, never_polls, move |task, _| {
        seen.push(task);
        async { Ok(()) }
    });
    db.until("select count(*) from apalis.jobs", 0).await;
    worker.stop().await;
    assert_eq!(
        db.count("select count(*) from jobs.completed where attempt = 1").await,
        i64::try_from(keys.len()).unwrap()
    );
    let mut last: HashMap<String, u32> = HashMap::new();
    for task in log.tasks() {
        let before = last.insert(task.what.clone(), task.n);
        assert!(before.is_none_or(|before| before < task.n), "{}: {before:?} before {}", task.what, task.n);
    }
}

#[sqlx::test(migrations = false)]
async fn fifty_keys_with_forty_jobs_each(owner: PgPool) {
    assert_all_run_in_order(owner, (0..50 * 40).map(|n| format!("key-{}", n / 40)).collect()).await;
}

#[sqlx::test(migrations = false)]
async fn fifty_keys_whose_jobs_alternate(owner: PgPool) {
    assert_all_run_in_order(owner, (0..50 * 40).map(|n| format!("key-{}", n % 50)).collect()).await;
}

#[sqlx::test(migrations = false)]
async fn one_key_with_five_hundred_jobs(owner: PgPool) {
    assert_all_run_in_order(owner, vec!["key".to_owned(); 500]).await;
}
