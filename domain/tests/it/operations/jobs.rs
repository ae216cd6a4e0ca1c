//! One job: its state, what there is to see of it, running it now, cancelling it.

use domain::kernel::DOORBELL_CHANNEL;
use domain::operations::{AttemptOutcome, CancelJob, GetJob, JobId, JobState, Payload, PayloadSource, RunJobNow};
use serde_json::json;
use sqlx::PgPool;
use sqlx::postgres::PgListener;

use super::{Site, delayed, reason};
use crate::customers::create;
use crate::support::{ACME, connect, rejection};

const IN_BACKOFF: &str = "status = 'Failed', attempts = 2, run_at = now() + interval '1 hour', deferred = true";
const DOWN: &str = "run_at = now() + interval '1 hour', deferred = true, waiting_for = 'broker'";
const HELD: &str = "status = 'Running', lock_by = 'w1', lock_at = now()";

fn run_now(id: &JobId) -> RunJobNow {
    RunJobNow { id: id.clone(), reason: reason("the customer waits") }
}

fn cancel(id: &JobId) -> CancelJob {
    CancelJob { id: id.clone(), reason: reason("not wanted any more") }
}

#[sqlx::test(migrations = false)]
async fn every_state_is_told_apart(pool: PgPool) {
    let site = Site::new(pool).await;
    let pending = site.job().await;
    let scheduled = site.enqueue(ACME, delayed(60)).await;
    let running = site.keyed("a").await;
    site.set(&running, HELD).await;
    let blocked = site.keyed("a").await;
    let retrying = site.keyed("b").await;
    site.set(&retrying, IN_BACKOFF).await;
    let behind_retry = site.keyed("b").await;
    let due_again = site.job().await;
    site.set(&due_again, "status = 'Failed', attempts = 1").await;
    let waiting = site.job().await;
    site.set(&waiting, DOWN).await;
    let dead = site.keyed("c").await;
    let behind_dead = site.keyed("c").await;
    site.dead(&dead, 6, "boom").await;
    let suspect = site.keyed("d").await;
    site.set(&suspect, "suspect = true").await;
    let behind_suspect = site.keyed("d").await;
    let elsewhere = site.keyed("e").await;
    let completed = site.job().await;
    site.complete(&completed).await;

    for (id, state, blocked_by) in [
        (&pending, JobState::Pending, None),
        (&scheduled, JobState::Scheduled, None),
        (&running, JobState::Running, None),
        (&blocked, JobState::Blocked, Some(&running)),
        (&retrying, JobState::Retrying, None),
        (&behind_retry, JobState::Blocked, Some(&retrying)),
        (&due_again, JobState::Retrying, None),
        (&waiting, JobState::Waiting, None),
        (&dead, JobState::Dead, None),
        (&behind_dead, JobState::Blocked, Some(&dead)),
        (&suspect, JobState::Pending, None),
        (&behind_suspect, JobState::Blocked, Some(&suspect)),
        (&elsewhere, JobState::Pending, None),
        (&completed, JobState::Completed, None),
    ] {
        let job = site.get(id).await;
        assert_eq!((job.summary.state, job.blocked_by.as_deref()), (state, blocked_by.map(JobId::as_str)));
    }
    assert_eq!(site.get(&waiting).await.waiting_for.as_deref(), Some("broker"));
    assert!(site.get(&retrying).await.summary.next_run_at.unwrap() > chrono::Utc::now());
    assert_eq!(site.get(&running).await.summary.next_run_at, None);
    assert_eq!(site.get(&running).await.summary.worker.as_deref(), Some("w1"));
}

/// The claim agrees: it takes what is pending or due again, and nothing that is called otherwise.
#[sqlx::test(migrations = false)]
async fn what_is_called_blocked_or_waiting_is_not_claimed(pool: PgPool) {
    let site = Site::new(pool).await;
    let dead = site.keyed("c").await;
    site.keyed("c").await;
    site.dead(&dead, 6, "boom").await;
    let retrying = site.keyed("b").await;
    site.set(&retrying, IN_BACKOFF).await;
    site.keyed("b").await;
    let waiting = site.job().await;
    site.set(&waiting, DOWN).await;
    site.enqueue(ACME, delayed(60)).await;
    let pending = site.job().await;
    let due_again = site.job().await;
    site.set(&due_again, "status = 'Failed', attempts = 1").await;
    assert_eq!(site.claim().await, [pending.as_str(), due_again.as_str()]);
}

#[sqlx::test(migrations = false)]
async fn a_job_shows_its_payload_and_history(pool: PgPool) {
    let site = Site::new(pool).await;
    let id = site.job().await;
    site.set(&id, IN_BACKOFF).await;
    site.work(&format!(
        "insert into jobs.attempts (job_id, queue, kind, attempt, outcome, error, error_class, actor, started_at, ended_at,
             next_run_at)
         values ('{0}', 'tasks', 'task.v1', 1, 'failed', 'first', 'a', 'w1', now(), now(), now()),
                ('{0}', 'tasks', 'task.v1', 2, 'failed', 'second', 'b', 'w1', now(), now(), now()),
                ('{0}', 'tasks', 'task.v1', 3, 'snoozed', 'snoozed for 5 s', 'snoozed', 'w1', now(), now(), now())",
        id.as_str()
    ))
    .await;
    let job = site.get(&id).await;
    let Some(Payload::Json(payload)) = &job.payload else { panic!("no JSON: {:?}", job.payload) };
    assert_eq!(payload.get(), r#"{"n":0}"#);
    assert_eq!(job.payload_source, Some(PayloadSource::Job));
    assert_eq!(job.metadata, Some(json!({})));
    assert_eq!(job.summary.error.as_deref(), Some("second"), "a snooze is no error");
    let history: Vec<_> = job.history.iter().map(|a| (a.attempt, a.outcome, a.actor.as_str())).collect();
    let failed = AttemptOutcome::Failed;
    assert_eq!(history, [(1, failed, "w1"), (2, failed, "w1"), (3, AttemptOutcome::Snoozed, "w1")]);
    assert_eq!((job.summary.attempts, job.max_attempts, job.crashes), (2, Some(6), Some(0)));
    assert_eq!(job.summary.tenant.as_deref(), Some(ACME));
    assert_eq!(job.summary.correlation_id.as_deref(), Some("correlation-1"));
    assert_eq!(job.causation_id.as_deref(), Some("request-1"));
    assert!(job.traceparent.is_some());

    site.set(&id, r"job = '\xff00'").await;
    let raw = site.get(&id).await.payload;
    assert!(matches!(&raw, Some(Payload::Raw(base64)) if base64 == "/wA="), "{raw:?}");
}

#[sqlx::test(migrations = false)]
async fn a_completed_outbox_job_has_its_payload_from_the_event_log(pool: PgPool) {
    let site = Site::new(pool).await;
    let (_, event) = site.world.emits(create("Ada", "ada@example.com")).await;
    let id = JobId::new(&ulid::Ulid::from(event.id).to_string());
    let parsed = |payload: &Payload| match payload {
        Payload::Json(json) => serde_json::from_str::<serde_json::Value>(json.get()).unwrap(),
        Payload::Raw(base64) => panic!("{base64}"),
    };
    let live = site.get(&id).await;
    site.complete(&id).await;
    let completed = site.get(&id).await;
    assert_eq!(completed.summary.state, JobState::Completed);
    assert_eq!(completed.payload_source, Some(PayloadSource::EventLog));
    assert_eq!(parsed(&completed.payload.unwrap()), parsed(&live.payload.unwrap()));
    assert_eq!(completed.traceparent, live.traceparent);

    let gone = site.job().await;
    site.complete(&gone).await;
    let nothing = site.get(&gone).await;
    assert!(nothing.payload.is_none() && nothing.payload_source.is_none());
}

#[sqlx::test(migrations = false)]
async fn what_waits_can_be_run_now(pool: PgPool) {
    let site = Site::new(pool).await;
    let scheduled = site.enqueue(ACME, delayed(3600)).await;
    let retrying = site.keyed("k").await;
    site.set(&retrying, IN_BACKOFF).await;
    let later = site.keyed("k").await;
    let waiting = site.job().await;
    site.set(&waiting, DOWN).await;
    let mut doorbell = PgListener::connect_with(&site.world.owner).await.unwrap();
    doorbell.listen(DOORBELL_CHANNEL).await.unwrap();

    for id in [&scheduled, &retrying, &waiting] {
        let job = site.run(run_now(id)).await.unwrap();
        let row = job.history.last().unwrap();
        assert_eq!((row.outcome, row.actor.as_str()), (AttemptOutcome::RunNow, "root"));
        assert_eq!(row.reason.as_deref(), Some("the customer waits"));
        assert!(job.waiting_for.is_none());
        assert_eq!(doorbell.recv().await.unwrap().payload(), "tasks");
    }
    assert_eq!(site.get(&retrying).await.summary.attempts, 2, "costs no attempt");
    assert_eq!(site.state(&later).await, JobState::Blocked, "the key keeps its order");
    assert_eq!(site.claim().await, [scheduled.as_str(), retrying.as_str(), waiting.as_str()]);
}

#[sqlx::test(migrations = false)]
async fn what_does_not_wait_cannot_be_run_now(pool: PgPool) {
    let site = Site::new(pool).await;
    let pending = site.job().await;
    let running = site.keyed("k").await;
    site.set(&running, HELD).await;
    let blocked = site.keyed("k").await;
    let completed = site.job().await;
    site.complete(&completed).await;
    let dead = site.job().await;
    site.dead(&dead, 6, "boom").await;
    for id in [&pending, &running, &blocked, &completed, &dead] {
        site.rejects(run_now(id), "job_not_waiting").await;
    }
    for unknown in ["01ARZ3NDEKTSV4RRFFQ69G5FAV", "", "a\0b"] {
        site.rejects(run_now(&JobId::new(unknown)), "job_not_found").await;
        assert_eq!(rejection(site.fetch(GetJob { id: JobId::new(unknown) }).await).code, "job_not_found");
    }
}

#[sqlx::test(migrations = false)]
async fn a_cancelled_job_ends_and_its_key_goes_on(pool: PgPool) {
    let site = Site::new(pool).await;
    let stuck = site.keyed("k").await;
    site.set(&stuck, IN_BACKOFF).await;
    let next = site.keyed("k").await;
    let mut doorbell = PgListener::connect_with(&site.world.owner).await.unwrap();
    doorbell.listen(DOORBELL_CHANNEL).await.unwrap();
    assert_eq!(site.state(&next).await, JobState::Blocked);

    let job = site.run(cancel(&stuck)).await.unwrap();
    assert_eq!((job.summary.state, job.summary.attempts), (JobState::Cancelled, 2));
    assert!(job.payload.is_some() && job.summary.ended_at.is_some() && job.started_at.is_none());
    let row = job.history.last().unwrap();
    assert_eq!((row.outcome, row.reason.as_deref()), (AttemptOutcome::Cancelled, Some("not wanted any more")));
    assert_eq!(doorbell.recv().await.unwrap().payload(), "tasks");
    assert_eq!(site.state(&next).await, JobState::Pending);
    assert_eq!(site.claim().await, [next.as_str()], "the cancelled job is not claimed, its successor is");
}

#[sqlx::test(migrations = false)]
async fn what_runs_or_has_ended_cannot_be_cancelled(pool: PgPool) {
    let site = Site::new(pool).await;
    let running = site.job().await;
    site.claim().await;
    site.rejects(cancel(&running), "job_running").await;
    let completed = site.job().await;
    site.complete(&completed).await;
    let dead = site.job().await;
    site.dead(&dead, 6, "boom").await;
    let cancelled = site.job().await;
    site.run(cancel(&cancelled)).await.unwrap();
    for id in [&completed, &dead, &cancelled] {
        site.rejects(cancel(id), "job_finished").await;
    }
    site.rejects(cancel(&JobId::new("x")), "job_not_found").await;
}

/// A claim that is under way decides first: then the job runs, and is not cancelled.
#[sqlx::test(migrations = false)]
async fn cancelling_waits_for_a_claim_under_way(pool: PgPool) {
    let site = Site::new(pool).await;
    let id = site.job().await;
    let mut claim = site.worker.begin().await.unwrap();
    sqlx::query("select from jobs.claim('tasks', 'w1', 100, 0)").execute(&mut *claim).await.unwrap();
    let cancelling = site.run(cancel(&id));
    let committing = async {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        claim.commit().await.unwrap();
    };
    let (cancelled, ()) = tokio::join!(cancelling, committing);
    assert_eq!(rejection(cancelled).code, "job_running");
    assert_eq!(site.state(&id).await, JobState::Running);
}

/// I-11: the role that every request of a tenant runs as can neither read nor change jobs; the
/// operators' role cannot touch business data.
#[sqlx::test(migrations = false)]
async fn roles_have_no_more_than_they_need(pool: PgPool) {
    let site = Site::new(pool).await;
    site.job().await;
    site.world.run(create("Ada", "ada@example.com")).await.unwrap();
    let api = connect(&site.world.owner, "portal_api").await;
    for (role, statement) in [
        ("none", "select id from apalis.jobs"),
        ("none", "update apalis.jobs set run_at = now()"),
        ("none", "delete from apalis.jobs"),
        ("none", "select id from jobs.overview"),
        ("none", "select id from jobs.dead_letters"),
        ("none", "select id from jobs.completed"),
        ("none", "select job_id from jobs.attempts"),
        ("none", "select id from jobs.workers"),
        ("none", "update jobs.queues set paused_at = null"),
        ("none", "select id from customers.customer_outbox_message"),
        ("none", "select jobs.lock_queue('tasks')"),
        ("portal_admin", "select id from customers.customers"),
        ("portal_admin", "update customers.customers set name = 'x'"),
        ("portal_admin", "select id from products.products"),
        ("portal_admin", "insert into kernel.events (id) values (null)"),
        ("portal_admin", "delete from kernel.events"),
        ("portal_admin", "delete from jobs.completed"),
        ("portal_admin", "delete from jobs.attempts"),
        ("portal_admin", "update jobs.attempts set error = ''"),
        ("portal_admin", "update jobs.workers set died_at = now()"),
    ] {
        let mut tx = api.begin().await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("set local role {role}"))).execute(&mut *tx).await.unwrap();
        let refused = sqlx::raw_sql(statement).execute(&mut *tx).await.unwrap_err();
        let code = refused.as_database_error().and_then(|e| e.code().map(|c| c.into_owned()));
        assert_eq!(code.as_deref(), Some("42501"), "{role}: {statement}: {refused}");
    }
}
