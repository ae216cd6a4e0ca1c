//! What operators do, with a real worker on the other side.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::kernel::page::SearchText;
use domain::kernel::policy::QueuePolicy;
use domain::operations::{
    CancelJob, GetJob, JobDetail, JobId, JobState, PauseQueue, Reason, ResumeQueue, RetryDeadLetter, RunJobNow,
};
use domain::{Command, Ctx, Scope};
use jobs::runtime::{JobContext, JobError};
use sqlx::PgPool;

use crate::support::{Log, QUEUE, Running, Task, TestDb, ctx, quick, settings};

impl TestDb {
    /// As an operator.
    async fn operate<C: Command>(&self, command: C) -> C::Output {
        domain::run(&self.api, &admin(), command).await.unwrap()
    }

    async fn job(&self, id: &JobId) -> JobDetail {
        domain::fetch(&self.api, &admin(), GetJob { id: id.clone() }).await.unwrap()
    }

    /// Enqueues one job, in any tenant's name.
    async fn one(&self, key: &str) -> JobId {
        JobId::new(&self.enqueue(&[Some(key)]).await[0])
    }

    async fn becomes(&self, id: &JobId, state: JobState) -> JobDetail {
        for _ in 0..600 {
            let job = self.job(id).await;
            if job.summary.state == state {
                return job;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the job is {:?}, not {state:?}", self.job(id).await.summary.state);
    }
}

fn admin() -> Ctx {
    Ctx { scope: Scope::Installation, actor: "root".parse().unwrap(), ..ctx() }
}

fn reason() -> Reason {
    Reason::parse("test", "/reason").unwrap()
}

fn transient() -> JobError {
    JobError::Transient { class: "test", message: "not yet".into() }
}

/// Keeps id, key, tenant and trace; counts redrives; dies again when it fails again; succeeds when
/// the cause is gone, and then the key's later job runs.
#[sqlx::test(migrations = false)]
async fn a_redriven_job_has_one_more_attempt_each_time(owner: PgPool) {
    let policy = QueuePolicy { max_attempts: 2, hold_key_on_dead_letter: true, ..quick() };
    let db = TestDb::new(owner, policy).await;
    let (id, next) = (db.one("k").await, db.one("k").await);
    let (healthy, log) = (Arc::new(AtomicBool::new(false)), Log::default());
    let (cured, seen) = (healthy.clone(), log.clone());
    let worker = Running::start(&db.worker, settings(), move |task: Task, _: JobContext| {
        let (cured, seen) = (cured.clone(), seen.clone());
        async move {
            seen.push(task);
            if cured.load(Ordering::SeqCst) { Ok(()) } else { Err(transient()) }
        }
    });
    let before = db.becomes(&id, JobState::Dead).await;
    assert_eq!((before.summary.attempts, before.summary.redrives), (2, 0));
    assert_eq!(db.job(&next).await.blocked_by.as_deref(), Some(id.as_str()));

    db.operate(RetryDeadLetter { id: id.clone(), reason: reason() }).await;
    db.until("select count(*) from jobs.dead_letters where redrives = 1 and attempts = 3 and max_attempts = 3", 1)
        .await;
    let again = db.job(&id).await;
    assert_eq!(again.summary.id, before.summary.id);
    assert_eq!(again.summary.ordering_key, before.summary.ordering_key);
    assert_eq!(again.summary.tenant, before.summary.tenant);
    assert_eq!(again.summary.correlation_id, before.summary.correlation_id);
    assert_eq!((again.traceparent, again.summary.created_at), (before.traceparent, before.summary.created_at));

    healthy.store(true, Ordering::SeqCst);
    db.operate(RetryDeadLetter { id: id.clone(), reason: reason() }).await;
    let done = db.becomes(&id, JobState::Completed).await;
    assert_eq!((done.summary.attempts, done.summary.redrives), (4, 2));
    assert_eq!(done.summary.error.as_deref(), Some("not yet"), "what its last failed attempt said is kept");
    db.becomes(&next, JobState::Completed).await;
    worker.stop().await;
    assert_eq!(log.ns().len(), 5, "two attempts, two redrives, and the next job");
    let outcomes: Vec<_> = done.history.iter().map(|row| row.outcome.as_str()).collect();
    assert_eq!(outcomes, ["failed", "dead", "redriven", "dead", "redriven"]);
}

#[sqlx::test(migrations = false)]
async fn a_job_in_backoff_runs_now_or_never(owner: PgPool) {
    let policy = QueuePolicy { backoff_base_ms: 3_600_000, backoff_cap_ms: 3_600_000, ..quick() };
    let db = TestDb::new(owner, policy).await;
    let (hurried, stopped) = (db.one("a").await, db.one("b").await);
    let behind = db.one("b").await;
    let worker = Running::start(
        &db.worker,
        settings(),
        async |_: Task, context: JobContext| {
            if context.attempt == 1 { Err(transient()) } else { Ok(()) }
        },
    );
    db.becomes(&hurried, JobState::Retrying).await;
    db.becomes(&stopped, JobState::Retrying).await;
    assert_eq!(db.job(&behind).await.summary.state, JobState::Blocked);

    db.operate(RunJobNow { id: hurried.clone(), reason: reason() }).await;
    let done = db.becomes(&hurried, JobState::Completed).await;
    assert_eq!(done.summary.attempts, 2);
    db.operate(CancelJob { id: stopped.clone(), reason: reason() }).await;
    db.becomes(&behind, JobState::Retrying).await;
    worker.stop().await;
    assert_eq!(db.job(&stopped).await.summary.state, JobState::Cancelled);
}

#[sqlx::test(migrations = false)]
async fn a_paused_queue_starts_nothing_until_it_is_resumed(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    let worker = Running::start(&db.worker, settings(), async |_: Task, _: JobContext| Ok(()));
    let first = db.one("a").await;
    db.becomes(&first, JobState::Completed).await;
    let queue = SearchText::parse(QUEUE, "queue").unwrap();
    db.operate(PauseQueue { queue: queue.clone(), reason: reason() }).await;
    let second = db.one("a").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(db.job(&second).await.summary.state, JobState::Pending);
    db.operate(ResumeQueue { queue }).await;
    db.becomes(&second, JobState::Completed).await;
    worker.stop().await;
}
