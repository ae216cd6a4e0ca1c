//! Retries in steps.

use domain::messaging::Rate;
use domain::operations::bulk::{Action, Gradual, Operation, OperationChange, OperationState, StartOperation, StopRule};
use domain::operations::{JobId, JobState};
use sqlx::PgPool;
use uuid::Uuid;

use super::super::Site;
use super::{all, start};

/// 1, 2, then the rest; more than half may not fail again.
fn gradual() -> Gradual {
    let mut gradual = Gradual::default().with_steps(&[1, 2], "").unwrap();
    gradual.rate = Rate::new(10_000, "").unwrap();
    gradual.stop = StopRule::new(0.5, true, "").unwrap();
    gradual
}

fn retry(gradual: Gradual) -> StartOperation {
    StartOperation { gradual: Some(gradual), ..start(Action::Retry, all()) }
}

impl Site {
    /// Ends what was put back: this job well, or with this error.
    async fn ends(&self, job: &JobId, error: Option<&str>) {
        assert_eq!(self.state(job).await, JobState::Retrying, "it was put back");
        match error {
            None => self.complete(job).await,
            Some(error) => self.dead(job, 7, error).await,
        }
    }

    async fn handed_over(&self, id: Uuid, done: i32, step: i32) -> Operation {
        let operation = self.play(id).await;
        assert_eq!((operation.state, operation.progress.done), (OperationState::Running, done));
        assert_eq!(operation.progress.step, step);
        operation
    }
}

#[sqlx::test(migrations = false)]
async fn it_goes_on_as_long_as_most_succeed(pool: PgPool) {
    let site = Site::new(pool).await;
    let jobs = site.corpses(6, "boom").await;
    let id = site.begin(retry(gradual())).await;
    site.handed_over(id, 1, 1).await;
    site.handed_over(id, 1, 1).await;
    site.ends(&jobs[0], None).await;
    site.handed_over(id, 3, 2).await;
    site.ends(&jobs[1], None).await;
    site.handed_over(id, 3, 2).await;
    site.ends(&jobs[2], Some("boom")).await;
    site.handed_over(id, 6, 3).await;
    for job in &jobs[3..] {
        site.ends(job, None).await;
    }
    let done = site.play(id).await;
    assert_eq!((done.state, done.explanation), (OperationState::Completed, None));
    assert_eq!((done.progress.succeeded, done.progress.failed_alike), (5, 1));
}

#[sqlx::test(migrations = false)]
async fn it_stops_when_the_same_error_returns_and_spares_the_rest(pool: PgPool) {
    let site = Site::new(pool).await;
    let jobs = site.corpses(6, "no route to 10.0.0.7").await;
    let id = site.begin(retry(gradual())).await;
    site.play(id).await;
    site.ends(&jobs[0], None).await;
    site.handed_over(id, 3, 2).await;
    site.ends(&jobs[1], Some("no route to 10.0.0.8")).await;
    site.ends(&jobs[2], Some("no route to 10.0.0.9")).await;
    let stopped = site.play(id).await;
    assert_eq!(stopped.state, OperationState::Stopped);
    let why = stopped.explanation.unwrap();
    let expected = "2 of the 2 items of step 2 that have run failed again with the error they had before, more than the \
                    50 % that may: no route to 10.0.0.";
    assert!(why.starts_with(expected), "{why}");
    assert_eq!(site.results(id).await, ["succeeded", "failed", "failed", "waiting", "waiting", "waiting"]);
    site.take(&site.next_turn(id).await).await;
    for spared in &jobs[3..] {
        assert_eq!(site.state(spared).await, JobState::Dead);
    }

    // an operator who knows better lets it go on: what failed counts once
    let resumed = site.change(id, OperationChange::Resume).await;
    assert_eq!((resumed.state, resumed.explanation), (OperationState::Running, None));
    site.handed_over(id, 6, 3).await;
    for job in &jobs[3..] {
        site.ends(job, None).await;
    }
    assert_eq!(site.play(id).await.state, OperationState::Completed);
}

#[sqlx::test(migrations = false)]
async fn another_error_counts_only_if_it_is_asked_for(pool: PgPool) {
    let site = Site::new(pool).await;
    for (same, state) in [(true, OperationState::Running), (false, OperationState::Stopped)] {
        let jobs = site.corpses(3, "boom").await;
        let mut gradual = gradual();
        gradual.stop = StopRule::new(0.5, same, "").unwrap();
        let id = site.begin(retry(gradual)).await;
        site.play(id).await;
        site.ends(&jobs[0], Some("quite another error")).await;
        let after = site.play(id).await;
        assert_eq!(after.state, state);
        assert_eq!((after.progress.failed, after.progress.failed_alike), (1, 0));
        site.change(id, OperationChange::Cancel).await;
        site.work("delete from jobs.dead_letters; delete from apalis.jobs where job_type = 'tasks'").await;
    }
}

#[sqlx::test(migrations = false)]
async fn a_step_of_which_nothing_runs_stops_it(pool: PgPool) {
    let site = Site::new(pool).await;
    site.corpses(2, "boom").await;
    let id = site.begin(retry(gradual().with_wait(1, "").unwrap())).await;
    site.handed_over(id, 1, 1).await;
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let stopped = site.play(id).await;
    assert_eq!((stopped.state, stopped.progress.done), (OperationState::Stopped, 1));
    let why = stopped.explanation.unwrap();
    assert!(why.starts_with("none of the 1 items of step 1 has run within 1 s"), "{why}");
}

#[sqlx::test(migrations = false)]
async fn without_the_rest_it_pauses_after_its_steps(pool: PgPool) {
    let site = Site::new(pool).await;
    let jobs = site.corpses(4, "boom").await;
    let mut gradual = gradual().with_steps(&[1], "").unwrap();
    gradual.then_rest = false;
    let id = site.begin(retry(gradual)).await;
    site.play(id).await;
    site.ends(&jobs[0], None).await;
    let paused = site.play(id).await;
    assert_eq!((paused.state, paused.progress.done), (OperationState::Paused, 1));
    assert_eq!(paused.explanation.as_deref(), Some("its steps are over; resume it for the other 3 items"));
    site.change(id, OperationChange::Resume).await;
    site.handed_over(id, 4, 2).await;
}

#[sqlx::test(migrations = false)]
async fn what_was_cancelled_meanwhile_is_over_and_says_nothing(pool: PgPool) {
    let site = Site::new(pool).await;
    let jobs = site.corpses(2, "boom").await;
    let id = site.begin(retry(gradual())).await;
    site.play(id).await;
    let cancel = domain::operations::CancelJob { id: jobs[0].clone(), reason: super::super::reason("not wanted") };
    site.run(cancel).await.unwrap();
    let next = site.handed_over(id, 2, 2).await;
    assert_eq!(next.progress.cancelled, 1);
    assert_eq!(site.results(id).await, ["cancelled", "done"]);
}
