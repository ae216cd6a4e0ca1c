//! Operations on many dead letters, with real workers that do them and run what was put back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use domain::kernel::page::SearchText;
use domain::kernel::policy::QueuePolicy;
use domain::messaging::Rate;
use domain::operations::bulk::{
    Action, ChangeOperation, GetOperation, Gradual, ItemResult, ListOperationItems, Operation, OperationChange,
    OperationState, RunOperation, StartOperation, StopRule,
};
use domain::operations::{JobFilter, PauseQueue, Reason, ResumeQueue, WhichDeadLetters};
use domain::{Command, Ctx, Scope};
use jobs::bus::{ContentMode, Embedded};
use jobs::runtime::{JobContext, JobError, Kinds};
use sqlx::PgPool;
use uuid::Uuid;

use crate::runtime::processes::child::{Plan, Process};
use crate::support::{QUEUE, Running, Task, TestDb, ctx, quick, settings};

const REDRIVEN: &str = "select count(*) from jobs.attempts where outcome = 'redriven'";

/// Everything that the program runs, and [`Task`], which fails as long as what it needs is broken.
fn kinds(healthy: &Arc<AtomicBool>) -> Kinds {
    let healthy = healthy.clone();
    let bus = Arc::new(Embedded::new(ContentMode::Structured));
    jobs::registry::kinds(bus, Arc::default(), Arc::new(jobs::registry::reactions()), Arc::default(), Arc::default())
        .job(move |task: Task, _: JobContext| {
            let healthy = healthy.clone();
            async move {
                if healthy.load(Ordering::SeqCst) {
                    return Ok(());
                }
                Err(JobError::Permanent { class: "test", message: format!("no stock left for order {}", task.n) })
            }
        })
}

fn admin() -> Ctx {
    Ctx { scope: Scope::Installation, actor: "root".parse().unwrap(), ..ctx() }
}

fn reason() -> Reason {
    Reason::parse("the warehouse is back", "/reason").unwrap()
}

fn queue() -> SearchText {
    SearchText::parse(QUEUE, "").unwrap()
}

fn retry(gradual: Option<Gradual>) -> StartOperation {
    let filter = JobFilter { queue: Some(queue()), ..JobFilter::default() };
    StartOperation {
        action: Action::Retry,
        which: WhichDeadLetters::Filter(Box::new(filter)),
        gradual,
        patch: None,
        reason: reason(),
    }
}

impl TestDb {
    async fn order<C: Command>(&self, command: C) -> C::Output {
        domain::run(&self.api, &admin(), command).await.unwrap()
    }

    async fn operation(&self, id: Uuid) -> Operation {
        domain::fetch(&self.api, &admin(), GetOperation { id }).await.unwrap()
    }

    async fn change(&self, id: Uuid, change: OperationChange) -> Operation {
        self.order(ChangeOperation { id, change, reason: reason() }).await
    }

    async fn reaches(&self, id: Uuid, state: OperationState) -> Operation {
        for _ in 0..600 {
            let operation = self.operation(id).await;
            if operation.state == state {
                return operation;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the operation did not become {state:?}: {:?}", self.operation(id).await);
    }

    /// Dead letters that a worker made, because what they need was broken.
    async fn corpses(&self, count: usize) -> (Running, Arc<AtomicBool>) {
        let healthy = Arc::new(AtomicBool::new(false));
        let worker = Running::start_kinds(&self.worker, settings(), kinds(&healthy));
        self.enqueue(&vec![None; count]).await;
        self.until("select count(*) from jobs.dead_letters", i64::try_from(count).unwrap()).await;
        (worker, healthy)
    }
}

#[sqlx::test(migrations = false)]
async fn a_gradual_retry_stops_by_itself_and_goes_through_when_it_is_mended(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    let (worker, healthy) = db.corpses(150).await;
    let id = db.order(retry(Some(Gradual::default()))).await.id;
    let stopped = db.reaches(id, OperationState::Stopped).await;
    let why = stopped.explanation.unwrap();
    let expected = "1 of the 1 items of step 1 that have run failed again with the error they had before, more than the \
                    20 % that may: no stock left for order ";
    assert!(why.starts_with(expected), "{why}");
    assert_eq!(db.count(REDRIVEN).await, 1, "the others were not touched");
    assert_eq!(db.count("select count(*) from jobs.dead_letters").await, 150);

    healthy.store(true, Ordering::SeqCst);
    let again = db.order(retry(Some(Gradual::default()))).await;
    assert_eq!(again.progress.total, 150);
    let done = db.reaches(again.id, OperationState::Completed).await;
    assert_eq!((done.progress.succeeded, done.progress.step), (150, 4), "1, 10, 100, the rest");
    assert_eq!(db.count("select count(*) from jobs.dead_letters").await, 0);
    db.change(id, OperationChange::Cancel).await;
    worker.stop().await;
}

#[sqlx::test(migrations = false)]
async fn a_large_step_stops_in_the_middle_of_it(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    let (worker, _) = db.corpses(300).await;
    let mut gradual = Gradual::default().with_steps(&[], "").unwrap();
    gradual.rate = Rate::new(50, "").unwrap();
    gradual.stop = StopRule::new(0.2, true, "").unwrap();
    let id = db.order(retry(Some(gradual))).await.id;
    let stopped = db.reaches(id, OperationState::Stopped).await;
    worker.stop().await;
    assert!(stopped.progress.done < 300, "{:?}", stopped.progress);
    assert_eq!(db.count(REDRIVEN).await, i64::from(stopped.progress.done));
}

#[sqlx::test(migrations = false)]
async fn the_rate_is_kept(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    let (worker, healthy) = db.corpses(60).await;
    healthy.store(true, Ordering::SeqCst);
    let mut gradual = Gradual::default().with_steps(&[], "").unwrap();
    gradual.rate = Rate::new(20, "").unwrap();
    let begun = Instant::now();
    let id = db.order(retry(Some(gradual))).await.id;
    db.until(REDRIVEN, 60).await;
    // the first 20 at once, and each 20 of the others after a second
    assert!(begun.elapsed() >= Duration::from_secs(2), "60 items at 20 a second took {:?}", begun.elapsed());
    assert_eq!(db.reaches(id, OperationState::Completed).await.progress.succeeded, 60);
    worker.stop().await;
}

#[sqlx::test(migrations = false)]
async fn paused_resumed_and_cancelled(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    let (worker, healthy) = db.corpses(100).await;
    healthy.store(true, Ordering::SeqCst);
    let mut gradual = Gradual::default().with_steps(&[], "").unwrap();
    gradual.rate = Rate::new(10, "").unwrap();
    let id = db.order(retry(Some(gradual))).await.id;
    db.until(&format!("select least(10, ({REDRIVEN}))"), 10).await;
    let paused = db.change(id, OperationChange::Pause).await;
    let done = i64::from(paused.progress.done);
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(db.count(REDRIVEN).await, done, "paused");
    db.change(id, OperationChange::Resume).await;
    db.until(&format!("select least({done} + 10, ({REDRIVEN}))"), done + 10).await;
    let cancelled = db.change(id, OperationChange::Cancel).await;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(db.count(REDRIVEN).await, i64::from(cancelled.progress.done), "cancelled");
    assert!(cancelled.progress.done < 100);
    worker.stop().await;
}

/// The worker is killed when it has put the jobs back, and has not written down yet that it did.
#[sqlx::test(migrations = false)]
async fn a_worker_that_is_killed_in_the_middle_of_a_turn_has_done_nothing_or_everything(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    let (worker, healthy) = db.corpses(30).await;
    worker.stop().await;
    healthy.store(true, Ordering::SeqCst);
    let id = db.order(retry(None)).await.id;
    let mut held = db.owner.begin().await.unwrap();
    sqlx::query("select from operations.items where position = 17 for update").execute(&mut *held).await.unwrap();

    let mut victim = Process::start(&db.owner, &Plan { operations: true, ..Plan::paced(Duration::ZERO) });
    let blocked = "select count(*) from pg_locks where locktype = 'tuple' and relation = 'operations.items'::regclass
                   and database = (select oid from pg_database where datname = current_database())";
    db.until(blocked, 1).await;
    victim.signal("KILL");
    victim.ended_within(Duration::from_secs(5)).await;
    held.rollback().await.unwrap();

    let other = Running::start_kinds(&db.worker, settings(), kinds(&healthy));
    let done = db.reaches(id, OperationState::Completed).await;
    other.stop().await;
    assert_eq!((done.progress.done, done.progress.skipped, done.progress.succeeded), (30, 0, 30));
    let twice = "select count(*) from (select job_id from jobs.attempts where outcome = 'redriven' group by job_id
                 having count(*) > 1) twice";
    assert_eq!((db.count(REDRIVEN).await, db.count(twice).await), (30, 0));
}

/// Whatever is killed, and however often.
#[sqlx::test(migrations = false)]
async fn workers_that_are_killed_again_and_again_act_on_each_item_once(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    let (worker, healthy) = db.corpses(200).await;
    worker.stop().await;
    healthy.store(true, Ordering::SeqCst);
    let mut gradual = Gradual::default().with_steps(&[5], "").unwrap();
    gradual.rate = Rate::new(50, "").unwrap();
    let id = db.order(retry(Some(gradual))).await.id;
    let plan = Plan { operations: true, ..Plan::paced(Duration::from_millis(1)) };
    let mut victim = Process::start(&db.owner, &plan);
    for enough in [1, 20, 90] {
        let reached = format!("select count(*) from operations.operations where done >= {enough}");
        db.until(&reached, 1).await;
        victim.signal("KILL");
        victim.ended_within(Duration::from_secs(5)).await;
        victim = Process::start(&db.owner, &plan);
    }
    let done = db.reaches(id, OperationState::Completed).await;
    assert_eq!((done.progress.done, done.progress.skipped), (200, 0));
    let once = "select count(*) from (select job_id from jobs.attempts where outcome = 'redriven' group by job_id
                having count(*) = 1) once";
    assert_eq!((db.count(REDRIVEN).await, db.count(once).await), (200, 200));
}

#[sqlx::test(migrations = false)]
async fn what_cannot_go_on_is_paused_and_says_why(owner: PgPool) {
    let db = TestDb::new(owner, QueuePolicy { max_attempts: 2, ..quick() }).await;
    let (worker, healthy) = db.corpses(3).await;
    healthy.store(true, Ordering::SeqCst);
    db.order(PauseQueue { queue: SearchText::parse(RUNS, "").unwrap(), reason: reason() }).await;
    let id = db.order(retry(None)).await.id;
    sqlx::query("delete from operations.items where position = 2").execute(&db.owner).await.unwrap();
    db.order(ResumeQueue { queue: SearchText::parse(RUNS, "").unwrap() }).await;
    let paused = db.reaches(id, OperationState::Paused).await;
    worker.stop().await;
    assert!(paused.explanation.unwrap().ends_with("has lost some of its items"));
    let waiting = ListOperationItems { id, result: Some(ItemResult::Waiting), cursor: None, size: Default::default() };
    assert_eq!(domain::fetch(&db.api, &admin(), waiting).await.unwrap().data.len(), 2);
    assert_eq!(db.count(REDRIVEN).await, 0);
}

/// Where the jobs of operations wait.
const RUNS: &str = <RunOperation as domain::kernel::job::Job>::QUEUE;
