//! Operations on many dead letters. The turns are taken here as a worker's job would take them; real workers do it in
//! `jobs`.

mod edits;
mod gradual;
mod preview;

use domain::kernel::page::SearchText;
use domain::kernel::policy::QueuePolicies;
use domain::operations::bulk::{
    Action, ChangeOperation, GetOperation, ItemResult, ListOperationItems, ListOperations, Operation, OperationChange,
    OperationItem, OperationState, RunOperation, StartOperation, run_operation,
};
use domain::operations::{AttemptOutcome, JobFilter, JobId, JobState, WhichDeadLetters};
use domain::{Ctx, Db, Scope};
use sqlx::PgPool;
use uuid::Uuid;

use super::{Site, admin, reason, task};
use crate::support::{ACME, OTHER};

/// Whoever is of the queue [`Task`](super::Task).
fn all() -> WhichDeadLetters {
    let queue = Some(SearchText::parse("tasks", "").unwrap());
    WhichDeadLetters::Filter(Box::new(JobFilter { queue, ..JobFilter::default() }))
}

fn start(action: Action, which: WhichDeadLetters) -> StartOperation {
    StartOperation { action, which, gradual: None, patch: None, reason: reason("the broker is back") }
}

/// A worker's circumstances.
fn worker() -> Ctx {
    Ctx { scope: Scope::Process, ..admin("job:run-operation") }
}

impl Site {
    /// Jobs that failed six times with this error, and are dead letters.
    async fn corpses(&self, count: u32, error: &str) -> Vec<JobId> {
        let mut ids = Vec::new();
        for n in 0..count {
            let id = self.enqueue(ACME, task(n)).await;
            self.dead(&id, 6, error).await;
            ids.push(id);
        }
        ids
    }

    async fn begin(&self, start: StartOperation) -> Uuid {
        self.run(start).await.unwrap().id
    }

    async fn operation(&self, id: Uuid) -> Operation {
        self.fetch(GetOperation { id }).await.unwrap()
    }

    async fn items(&self, id: Uuid) -> Vec<OperationItem> {
        let all = ListOperationItems { id, result: None, cursor: None, size: Default::default() };
        self.fetch(all).await.unwrap().data
    }

    async fn results(&self, id: Uuid) -> Vec<&'static str> {
        self.items(id).await.into_iter().map(|item| item.result.as_str()).collect()
    }

    async fn change(&self, id: Uuid, change: OperationChange) -> Operation {
        self.run(ChangeOperation { id, change, reason: reason("because") }).await.unwrap()
    }

    async fn next_turn(&self, id: Uuid) -> RunOperation {
        let turn = sqlx::query_scalar("select turn from operations.operations where id = $1")
            .bind(id)
            .fetch_one(&self.world.owner)
            .await
            .unwrap();
        RunOperation { operation: id, turn }
    }

    async fn take(&self, turn: &RunOperation) {
        let db = Db::new(self.worker.clone(), QueuePolicies::default());
        run_operation(&db, &worker(), turn).await.unwrap();
    }

    /// Takes turns until the operation rests, or nothing is left but to wait for jobs.
    async fn play(&self, id: Uuid) -> Operation {
        for _ in 0..50 {
            let waits =
                "select count(*) from operations.operations where waits_since is not null and state = 'running'";
            let operation = self.operation(id).await;
            if operation.state != OperationState::Running {
                return operation;
            }
            self.take(&self.next_turn(id).await).await;
            if self.world.count(waits).await == 1 {
                return self.operation(id).await;
            }
        }
        panic!("the operation does not come to an end: {:?}", self.operation(id).await);
    }
}

#[sqlx::test(migrations = false)]
async fn a_retry_is_of_what_was_dead_when_it_was_ordered(pool: PgPool) {
    let site = Site::new(pool).await;
    let ids = site.corpses(3, "boom").await;
    let elsewhere = site.enqueue(OTHER, domain::kernel::job::NewJob { queue: "outbox", ..task(9) }).await;
    site.dead(&elsewhere, 6, "boom").await;
    let id = site.begin(start(Action::Retry, all())).await;
    let late = site.corpses(1, "boom").await.remove(0);
    let begun = site.operation(id).await;
    assert_eq!((begun.progress.total, begun.progress.done, begun.state), (3, 0, OperationState::Running));
    assert_eq!((begun.created_by.as_str(), begun.reason.as_str()), ("root", "the broker is back"));
    assert_eq!(begun.filter.unwrap(), serde_json::json!({"queue": "tasks"}));

    let done = site.play(id).await;
    assert_eq!((done.progress.done, done.progress.skipped), (3, 0));
    for job in &ids {
        let job = site.get(job).await;
        assert_eq!((job.summary.state, job.summary.redrives), (JobState::Retrying, 1));
        let row = job.history.last().unwrap();
        assert_eq!((row.outcome, row.actor.as_str()), (AttemptOutcome::Redriven, "root"), "who ordered it");
        assert_eq!(row.reason.as_deref(), Some(format!("the broker is back (operation {id})").as_str()));
    }
    assert_eq!(site.state(&late).await, JobState::Dead, "it died later");
    assert_eq!(site.state(&elsewhere).await, JobState::Dead, "it does not match");

    // until it is known what became of them, it is not completed
    assert_eq!(done.state, OperationState::Running);
    site.complete(&ids[0]).await;
    site.dead(&ids[1], 7, "boom").await;
    site.dead(&ids[2], 7, "another one").await;
    let ended = site.play(id).await;
    assert_eq!((ended.state, ended.ended_at.is_some()), (OperationState::Completed, true));
    let progress = ended.progress;
    assert_eq!((progress.succeeded, progress.failed, progress.failed_alike), (1, 2, 1));
    assert_eq!(site.results(id).await, ["succeeded", "failed", "failed"]);
    let items = site.items(id).await;
    assert_eq!(items[1].fingerprint, items[1].failed_with);
    assert_ne!(items[2].fingerprint, items[2].failed_with);
    assert_eq!(items[2].error.as_deref(), Some("another one"));
}

#[sqlx::test(migrations = false)]
async fn each_action_is_done_on_what_is_in_its_state_and_skips_the_rest(pool: PgPool) {
    let site = Site::new(pool).await;
    let ids = site.corpses(4, "boom").await;
    let live = site.job().await;
    let named = |ids: &[JobId]| WhichDeadLetters::Ids(ids.to_vec());
    let unknown = JobId::new("nothing\0at all");

    let archive = site.begin(start(Action::Archive, named(&ids[..2]))).await;
    let discard =
        site.begin(start(Action::Discard, named(&[ids[1].clone(), ids[2].clone(), live.clone(), unknown]))).await;
    assert_eq!(site.play(archive).await.state, OperationState::Completed, "nothing is waited for");
    let discarded = site.play(discard).await;
    assert_eq!(
        (discarded.progress.done, discarded.progress.skipped),
        (1, 3),
        "one is archived, one alive, one unknown"
    );
    let skipped: Vec<_> = site.items(discard).await.into_iter().filter_map(|item| item.skipped_for).collect();
    assert_eq!(skipped, ["no_longer_dead"; 3]);
    let states = async || {
        let mut states = Vec::new();
        for id in ids.iter().chain([&live]) {
            states.push(site.state(id).await.as_str());
        }
        states
    };
    assert_eq!(states().await, ["archived", "archived", "discarded", "dead", "pending"]);

    // of a filter, what is archived; what is discarded only by name
    let restore = site.begin(start(Action::Restore, all())).await;
    assert_eq!(site.play(restore).await.progress.done, 2);
    assert_eq!(states().await, ["dead", "dead", "discarded", "dead", "pending"]);
    let named = site.begin(start(Action::Restore, named(&ids[2..]))).await;
    let restored = site.play(named).await.progress;
    assert_eq!((restored.done, restored.skipped), (1, 1));
    assert_eq!(states().await, ["dead", "dead", "dead", "dead", "pending"]);
    let history: Vec<_> = site.get(&ids[0]).await.history.iter().map(|row| row.outcome.as_str()).collect();
    assert_eq!(history, ["dead", "archived", "restored"]);
}

#[sqlx::test(migrations = false)]
async fn what_is_discarded_frees_its_key(pool: PgPool) {
    let site = Site::new(pool).await;
    let (dead, next) = (site.keyed("k").await, site.keyed("k").await);
    site.dead(&dead, 6, "boom").await;
    assert_eq!(site.claim().await, [""; 0], "the dead letter holds its key");
    let id = site.begin(start(Action::Discard, all())).await;
    site.play(id).await;
    assert_eq!(site.claim().await, [next.as_str()]);
}

#[sqlx::test(migrations = false)]
async fn a_slip_selects_nothing(pool: PgPool) {
    let site = Site::new(pool).await;
    site.corpses(1, "boom").await;
    let empty = WhichDeadLetters::Filter(Box::default());
    let refused = site.rejects(start(Action::Retry, empty), "filter_empty").await;
    assert_eq!(refused.fields[0].pointer, "/filter");
    site.rejects(start(Action::Retry, WhichDeadLetters::Ids(Vec::new())), "ids_empty").await;
    let gradual = StartOperation { gradual: Some(Default::default()), ..start(Action::Discard, all()) };
    assert_eq!(site.rejects(gradual, "gradual_without_jobs").await.fields[0].pointer, "/gradual");
    assert_eq!(site.world.count("select count(*) from operations.items").await, 0);
}

#[sqlx::test(migrations = false)]
async fn paused_it_does_nothing_and_goes_on_where_it_was(pool: PgPool) {
    let site = Site::new(pool).await;
    site.corpses(2, "boom").await;
    let id = site.begin(start(Action::Discard, all())).await;
    let old = site.next_turn(id).await;
    let paused = site.change(id, OperationChange::Pause).await;
    assert_eq!((paused.state, paused.changed_by.as_deref()), (OperationState::Paused, Some("root")));
    site.take(&old).await;
    site.take(&site.next_turn(id).await).await;
    assert_eq!(site.operation(id).await.progress.done, 0);
    let pause = |change| ChangeOperation { id, change, reason: reason("because") };
    site.rejects(pause(OperationChange::Pause), "operation_not_running").await;

    assert_eq!(site.change(id, OperationChange::Resume).await.state, OperationState::Running);
    site.take(&old).await;
    assert_eq!(site.operation(id).await.progress.done, 0, "the job of before has lost its turn");
    site.rejects(pause(OperationChange::Resume), "operation_not_paused").await;
    assert_eq!(site.play(id).await.progress.done, 2);
    for change in [OperationChange::Pause, OperationChange::Resume, OperationChange::Cancel] {
        assert!(site.run(pause(change)).await.is_err());
    }
    let unknown = ChangeOperation { id: Uuid::nil(), ..pause(OperationChange::Cancel) };
    site.rejects(unknown, "operation_not_found").await;
}

#[sqlx::test(migrations = false)]
async fn cancelled_it_is_over_for_good(pool: PgPool) {
    let site = Site::new(pool).await;
    let ids = site.corpses(2, "boom").await;
    let id = site.begin(start(Action::Retry, all())).await;
    let next = site.next_turn(id).await;
    let cancelled = site.change(id, OperationChange::Cancel).await;
    assert_eq!((cancelled.state, cancelled.ended_at.is_some()), (OperationState::Cancelled, true));
    site.take(&next).await;
    site.take(&site.next_turn(id).await).await;
    assert_eq!(site.results(id).await, ["waiting", "waiting"]);
    assert_eq!(site.state(&ids[0]).await, JobState::Dead);
    let resume = ChangeOperation { id, change: OperationChange::Resume, reason: reason("because") };
    site.rejects(resume, "operation_not_paused").await;
    let recorded = "select count(*) from operations.audit_records where target_kind = 'operation' and actor = 'root'
                    and action in ('start_operation', 'cancel_operation') and reason is not null";
    assert_eq!(site.world.count(recorded).await, 2, "for the auditors");
}

#[sqlx::test(migrations = false)]
async fn a_turn_that_is_taken_twice_acts_once(pool: PgPool) {
    let site = Site::new(pool).await;
    site.corpses(20, "boom").await;
    let id = site.begin(start(Action::Retry, all())).await;
    for _ in 0..3 {
        let turn = site.next_turn(id).await;
        tokio::join!(site.take(&turn), site.take(&turn), site.take(&turn));
        site.take(&turn).await;
    }
    assert_eq!(site.operation(id).await.progress.done, 20);
    assert_eq!(site.world.count("select count(*) from jobs.attempts where outcome = 'redriven'").await, 20);
    let jobs = "select count(*) from apalis.jobs where job_type = 'operations'";
    assert_eq!(site.world.count(jobs).await, 4, "one job after each turn, beside the first");
}

/// A worker is killed: its transaction ends without a commit.
#[sqlx::test(migrations = false)]
async fn a_turn_that_is_broken_off_has_done_nothing(pool: PgPool) {
    let site = Site::new(pool).await;
    let ids = site.corpses(3, "boom").await;
    let id = site.begin(start(Action::Retry, all())).await;
    let turn = site.next_turn(id).await;
    // it puts the jobs back, and then cannot write that down
    let mut held = site.world.owner.begin().await.unwrap();
    sqlx::query("select from operations.items where position = 2 for update").execute(&mut *held).await.unwrap();
    let broken_off = tokio::time::timeout(std::time::Duration::from_millis(500), site.take(&turn)).await;
    assert!(broken_off.is_err());
    held.rollback().await.unwrap();
    assert_eq!(site.results(id).await, ["waiting"; 3]);
    assert_eq!(site.play(id).await.progress.done, 3);
    for job in &ids {
        let redriven = site.get(job).await.history.iter().filter(|row| row.outcome == AttemptOutcome::Redriven).count();
        assert_eq!(redriven, 1);
    }
}

#[sqlx::test(migrations = false)]
async fn operations_and_items_are_listed_in_pages(pool: PgPool) {
    let site = Site::new(pool).await;
    let ids = site.corpses(3, "boom").await;
    let first = site.begin(start(Action::Archive, WhichDeadLetters::Ids(vec![ids[1].clone()]))).await;
    let second = site.begin(start(Action::Archive, all())).await;
    site.play(first).await;
    site.play(second).await;
    let size = domain::kernel::page::PageSize::new(1).unwrap();
    let page = site.fetch(ListOperations { cursor: None, size }).await.unwrap();
    assert_eq!(page.data[0].id, second, "newest first");
    let next = site.fetch(ListOperations { cursor: page.next, size }).await.unwrap();
    assert_eq!((next.data[0].id, next.next), (first, None));

    let items = |result, cursor| ListOperationItems { id: second, result, cursor, size };
    let page = site.fetch(items(Some(ItemResult::Done), None)).await.unwrap();
    assert_eq!((page.data[0].position, page.data[0].job_id.as_str()), (1, ids[0].as_str()));
    let page = site.fetch(items(Some(ItemResult::Done), page.next)).await.unwrap();
    assert_eq!((page.data[0].position, page.next), (3, None));
    assert_eq!(site.fetch(items(Some(ItemResult::Skipped), None)).await.unwrap().data.len(), 1);
    let unknown = ListOperationItems { id: Uuid::nil(), ..items(None, None) };
    assert_eq!(crate::support::rejection(site.fetch(unknown).await).code, "operation_not_found");
}

/// I-11: what operators order is none of the tenants' business.
#[sqlx::test(migrations = false)]
async fn the_api_sees_operations_as_admin_only(pool: PgPool) {
    let site = Site::new(pool).await;
    let api = crate::support::connect(&site.world.owner, "portal_api").await;
    for statement in ["select from operations.operations", "select from operations.items"] {
        assert!(sqlx::query(statement).execute(&api).await.is_err(), "{statement}");
    }
    for statement in ["update operations.operations set total = 7", "update operations.items set job_id = 'x'"] {
        assert!(sqlx::query(statement).execute(&site.worker).await.is_err(), "{statement}: what was ordered stays");
    }
}
