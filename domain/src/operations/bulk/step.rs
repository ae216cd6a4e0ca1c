//! One turn of an operation, which is one job: looks at what became of items, does the action on the next ones, and
//! says what comes next. Everything in one transaction, so that a turn that is broken off has done nothing, and one
//! that runs twice finds that it is not its turn any more.

use std::time::Duration;

use crate::kernel::command::{self, Command};
use crate::kernel::ctx::{Actor, Ctx};
use crate::kernel::db::Db;
use crate::kernel::error::Error;
use crate::kernel::tx::Tx;
use crate::operations::store as queues;

use super::jobs::RunOperation;
use super::model::{Action, OperationState};
use super::payload;
use super::store::{self, Outcome, Outcomes, Unfit};
use super::turn::{Next, Turn, Why};

/// Outcomes that are looked for in a turn, at most.
const LOOK: i32 = 1_000;
/// How soon is looked again, at first …
const SOON: Duration = Duration::from_millis(500);
/// … and when it takes long.
const LATER: Duration = Duration::from_secs(2);
/// Taking long.
const LONG: f64 = 10.0;
/// Waits that are not longer are waited for by the job itself: jobs that are due later are looked for once a second.
const SHORT: Duration = Duration::from_secs(1);

/// Does the next bit of an operation, if it is this job's turn, and enqueues the job after it.
///
/// # Errors
/// [`Error::Database`]: then nothing was done.
pub async fn run_operation(db: &Db, ctx: &Ctx, job: &RunOperation) -> Result<(), Error> {
    let due_in = due_in(db, job).await?;
    tokio::time::sleep(due_in.min(SHORT)).await;
    command::run(db, ctx, Take(job)).await
}

/// How long it is until the operation may go on.
async fn due_in(db: &Db, job: &RunOperation) -> Result<Duration, Error> {
    let seconds = db
        .ask(async |conn| {
            sqlx::query_scalar!(
                r#"select extract(epoch from due_at - now())::double precision as "seconds!"
                   from operations.operations where id = $1 and turn = $2 and state = 'running'"#,
                job.operation,
                job.turn
            )
            .fetch_optional(conn)
            .await
        })
        .await?;
    Ok(Duration::try_from_secs_f64(seconds.unwrap_or_default()).unwrap_or_default())
}

/// Takes the turn.
struct Take<'a>(&'a RunOperation);

impl Outcome {
    fn go_on(delay: Duration) -> Self {
        Self { state: OperationState::Running, explanation: None, waits: false, delay }
    }

    fn end(state: OperationState, explanation: Option<String>) -> Self {
        Self { state, explanation, waits: false, delay: Duration::ZERO }
    }
}

impl Command for Take<'_> {
    type Output = ();

    async fn handle(self, tx: &mut Tx) -> Result<(), Error> {
        let job = self.0;
        let Some(mut turn) = store::take_turn(tx, job.operation, job.turn).await? else { return Ok(()) };
        let quick = look(tx, &mut turn).await?;
        let outcome = match turn.next() {
            Next::Act(limit) => act(tx, &mut turn, limit).await?,
            Next::Wait => {
                let long = turn.waited.is_some_and(|seconds| seconds > LONG);
                let delay = if quick { Duration::ZERO } else { [SOON, LATER][usize::from(long)] };
                Outcome { waits: true, ..Outcome::go_on(delay) }
            }
            Next::Step => {
                turn.begin(turn.step + 1);
                Outcome::go_on(Duration::ZERO)
            }
            Next::Stop(why) => {
                let explanation = explain(tx, &turn, why).await?;
                turn.stop();
                Outcome::end(OperationState::Stopped, Some(explanation))
            }
            Next::Pause => {
                let left = turn.total - turn.position;
                turn.begin(turn.step + 1);
                let explanation = format!("its steps are over; resume it for the other {left} items");
                Outcome::end(OperationState::Paused, Some(explanation))
            }
            Next::Complete => Outcome::end(OperationState::Completed, None),
        };
        crate::fail_point!("fail-point:operating");
        end(tx, job, &turn, outcome).await
    }
}

/// Writes down where the operation stands, and enqueues its next job if it goes on.
async fn end(tx: &mut Tx, job: &RunOperation, turn: &Turn, outcome: Outcome) -> Result<(), Error> {
    store::save(tx, turn, &outcome).await?;
    if outcome.state == OperationState::Running {
        let next = RunOperation { operation: job.operation, turn: job.turn + 1 };
        let delay = if outcome.delay > SHORT { outcome.delay } else { Duration::ZERO };
        tx.enqueue_all(vec![next.due_in(delay)?]).await?;
    }
    Ok(())
}

/// Looks at what became of items, some at a time, in rounds. Says whether there seems to be more to see at once.
async fn look(tx: &mut Tx, turn: &mut Turn) -> Result<bool, Error> {
    if turn.unknown() == 0 {
        return Ok(false);
    }
    let seen: Outcomes = store::settle(tx, turn, i64::from(LOOK)).await?;
    turn.succeeded += seen.succeeded;
    turn.failed += seen.failed;
    turn.failed_alike += seen.alike;
    turn.cancelled += seen.cancelled;
    turn.step_succeeded += seen.step_succeeded;
    turn.step_failed += seen.step_failed;
    turn.step_alike += seen.step_alike;
    turn.step_cancelled += seen.step_cancelled;
    turn.looked_to = match seen.last {
        Some(last) if seen.looked == LOOK => last,
        _ => 0,
    };
    Ok((seen.succeeded + seen.failed + seen.cancelled) * 2 >= LOOK)
}

/// Does the action on the next items.
async fn act(tx: &mut Tx, turn: &mut Turn, limit: i32) -> Result<Outcome, Error> {
    let jobs = store::next_jobs(tx, turn, limit).await?;
    let asked = i32::try_from(jobs.len()).unwrap_or(limit);
    if asked < limit {
        return Err(Error::Internal(format!("operation {} has lost some of its items", turn.id)));
    }
    let actor: Actor = turn.created_by.parse().map_err(|error| Error::Internal(format!("{error}")))?;
    let reason = format!("{} (operation {})", turn.reason, turn.id);
    queues::lock_queues_of_dead(tx, &jobs).await?;
    let (fit, unfit) = edit(tx, turn, jobs, (&actor, &reason)).await?;
    let acted = store::act(tx, turn.action, &fit, (&actor, &reason)).await?;
    let done: Vec<String> = acted.iter().map(|job| job.id.clone()).collect();
    store::mark(tx, turn, turn.position + asked, &done, unfit).await?;
    if turn.action != Action::Restore {
        // what is back is due, and what is away holds its key no more
        acted.into_iter().for_each(|job| tx.ring_after_commit(job.queue));
    }
    let done = i32::try_from(done.len()).unwrap_or(asked);
    turn.position += asked;
    turn.done += done;
    turn.step_done += done;
    turn.skipped += asked - done;
    Ok(Outcome::go_on(Duration::from_secs_f64(f64::from(done) / f64::from(turn.rate))))
}

/// Gives the jobs the payloads that the operation's patch makes of theirs, if it has one. Returns those that can be put
/// back, and those of which the patch makes nothing that fits.
async fn edit(
    tx: &mut Tx,
    turn: &Turn,
    jobs: Vec<String>,
    who_and_why: (&Actor, &str),
) -> Result<(Vec<String>, Unfit), Error> {
    let mut unfit = Unfit::default();
    let Some(patch) = &turn.patch else { return Ok((jobs, unfit)) };
    let (mut fit, mut payloads) = (Vec::new(), Vec::new());
    for read in store::payloads(tx, &jobs).await? {
        match payload::edited(&read.kind, &read.payload, patch) {
            Ok(payload) => {
                fit.push(read.id);
                payloads.push(payload);
            }
            Err(misfit) => {
                unfit.jobs.push(read.id);
                unfit.why.push(format!("{}: {}", misfit.pointer, misfit.problem));
            }
        }
    }
    store::edit(tx, (&fit, &payloads), who_and_why, patch).await?;
    Ok((fit, unfit))
}

async fn explain(tx: &mut Tx, turn: &Turn, why: Why) -> Result<String, Error> {
    let step = turn.step + 1;
    match why {
        Why::FailedAgain => {
            let error = store::frequent_error(tx, turn).await?.unwrap_or_default();
            let how = if turn.stop_same { " with the error they had before" } else { "" };
            Ok(format!(
                "{} of the {} items of step {step} that have run failed again{how}, more than the {} % that may: {error}",
                turn.counted(),
                turn.ran(),
                (turn.stop_share * 1000.0).round() / 10.0
            ))
        }
        Why::NothingRan => Ok(format!(
            "none of the {} items of step {step} has run within {} s: is their queue paused, or what they need \
             unreachable?",
            turn.step_done, turn.wait_seconds
        )),
    }
}
