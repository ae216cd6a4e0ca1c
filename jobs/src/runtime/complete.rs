//! Writing down how attempts ended: one statement for what is finished, one for what is not.

use std::time::{Duration, Instant};

use domain::kernel::policy::{OnUnavailable, QueuePolicy};
use sqlx::PgConnection;

use super::claim::ClaimedJob;
use super::outcome::{JobError, JobResult};

/// How long a job waits whose dependency is away while nobody else has noticed.
const UNKNOWN_OUTAGE: Duration = Duration::from_secs(1);

/// An attempt that is over.
#[derive(Debug, Clone)]
pub(crate) struct Finished {
    pub(crate) job: ClaimedJob,
    pub(crate) result: JobResult,
    pub(crate) started: Instant,
    pub(crate) ended: Instant,
}

/// Where a job goes that did not succeed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Next {
    /// Again after the wait; whether this attempt counts.
    Again { after: Duration, counts: bool },
    /// To the dead letters, for this reason.
    Dead { reason: &'static str },
    /// It is finished after all.
    Cancelled,
}

impl Finished {
    /// Decides where the job goes. `up`: as far as the queue knows, what it needs can be reached.
    /// `spread` is a random number in -1.0 ..= 1.0. `None`: it succeeded.
    pub(crate) fn next(&self, policy: &QueuePolicy, up: bool, spread: f64) -> Option<Next> {
        let error = self.result.as_ref().err()?;
        Some(match error {
            JobError::Permanent { .. } => Next::Dead { reason: "permanent" },
            JobError::Undecodable(_) => Next::Dead { reason: "undecodable" },
            JobError::CrashLoop(_) => Next::Dead { reason: "crash_loop" },
            JobError::Cancel(_) => Next::Cancelled,
            JobError::Snooze(after) => Next::Again { after: *after, counts: false },
            JobError::Unavailable { .. } if policy.on_unavailable == OnUnavailable::Wait => {
                // While the queue is known to be down nothing of it is claimed, and when it is back all is
                // due at once. Without that knowledge the job would come back without a pause.
                Next::Again { after: if up { UNKNOWN_OUTAGE } else { Duration::ZERO }, counts: false }
            }
            JobError::Unavailable { .. } | JobError::Transient { .. } | JobError::NotBefore { .. } => {
                if self.job.attempt() >= self.job.max_attempts {
                    Next::Dead { reason: "exhausted" }
                } else {
                    let least = if let JobError::NotBefore { wait, .. } = error { *wait } else { Duration::ZERO };
                    Next::Again { after: policy.backoff(self.job.attempt(), spread).max(least), counts: true }
                }
            }
        })
    }
}

/// The word for `jobs.attempts.outcome`.
pub(super) fn outcome(error: &JobError, next: Next) -> &'static str {
    match (next, error) {
        (Next::Dead { .. }, _) => "dead",
        (Next::Cancelled, _) => "cancelled",
        (Next::Again { counts: true, .. }, _) => "failed",
        (Next::Again { .. }, JobError::Snooze(_)) => "snoozed",
        (Next::Again { .. }, _) => "unavailable",
    }
}

/// Moves succeeded jobs to `jobs.completed`. Returns the ids that were still this worker's.
pub(crate) async fn complete(
    conn: &mut PgConnection,
    worker: &str,
    policy: &QueuePolicy,
    done: &[Finished],
) -> sqlx::Result<Vec<String>> {
    let ids: Vec<String> = done.iter().map(|f| f.job.id.clone()).collect();
    let claims: Vec<i32> = done.iter().map(|f| f.job.claims).collect();
    let started: Vec<i64> = done.iter().map(|f| ago(f.started)).collect();
    sqlx::query_file_scalar!("src/runtime/complete.sql", &ids, &claims, &started, worker, policy.keep_payload)
        .fetch_all(conn)
        .await
}

/// Puts jobs that did not succeed where they go next, each with a history row, and hands back
/// `behind`, the claimed successors of their keys, in the same statement. Returns the ids of
/// `failed` that were still this worker's.
pub(crate) async fn fail(
    conn: &mut PgConnection,
    worker: &str,
    policy: &QueuePolicy,
    failed: &[(Finished, Next)],
    behind: &[ClaimedJob],
) -> sqlx::Result<Vec<String>> {
    let mut rows = FailRows::default();
    for (finished, next) in failed {
        rows.push(finished, *next);
    }
    let behind_ids: Vec<String> = behind.iter().map(|job| job.id.clone()).collect();
    let behind_claims: Vec<i32> = behind.iter().map(|job| job.claims).collect();
    sqlx::query_file_scalar!(
        "src/runtime/fail.sql",
        &rows.ids,
        &rows.claims,
        &rows.outcomes,
        &rows.errors,
        &rows.classes,
        &rows.started,
        &rows.ended,
        &rows.delays,
        &rows.counts,
        &rows.reasons as &[Option<String>],
        &rows.waiting_for as &[Option<String>],
        worker,
        policy.hold_key_on_dead_letter,
        &behind_ids,
        &behind_claims
    )
    .fetch_all(conn)
    .await
}

/// The arguments of a job that is still in the hot table.
pub(crate) async fn payload(conn: &mut PgConnection, id: &str) -> sqlx::Result<Option<Vec<u8>>> {
    sqlx::query_scalar!(r#"select job as "job!" from apalis.jobs where id = $1"#, id).fetch_optional(conn).await
}

/// The columns of `fail.sql`.
#[derive(Default)]
struct FailRows {
    ids: Vec<String>,
    claims: Vec<i32>,
    outcomes: Vec<String>,
    errors: Vec<String>,
    classes: Vec<String>,
    started: Vec<i64>,
    ended: Vec<i64>,
    delays: Vec<i64>,
    counts: Vec<bool>,
    reasons: Vec<Option<String>>,
    waiting_for: Vec<Option<String>>,
}

impl FailRows {
    fn push(&mut self, finished: &Finished, next: Next) {
        let Err(error) = &finished.result else { return };
        let (after, counts) = match next {
            Next::Again { after, counts } => (after, counts),
            // what is not tried at all is no attempt
            Next::Dead { .. } => (Duration::ZERO, !matches!(error, JobError::CrashLoop(_))),
            Next::Cancelled => (Duration::ZERO, false),
        };
        self.ids.push(finished.job.id.clone());
        self.claims.push(finished.job.claims);
        self.outcomes.push(outcome(error, next).to_owned());
        self.errors.push(storable(&error.to_string()));
        self.classes.push(error.class().to_owned());
        self.started.push(ago(finished.started));
        self.ended.push(ago(finished.ended));
        self.delays.push(i64::try_from(after.as_millis()).unwrap_or(i64::MAX));
        self.counts.push(counts);
        self.reasons.push(match next {
            Next::Dead { reason } => Some(reason.to_owned()),
            _ => None,
        });
        self.waiting_for.push(match (error, counts) {
            (JobError::Unavailable { dependency, .. }, false) => Some((*dependency).to_owned()),
            _ => None,
        });
    }
}

/// PostgreSQL text holds no NUL, and nobody reads the second ten kilobytes of an error.
fn storable(text: &str) -> String {
    text.chars().filter(|c| *c != '\0').take(10_000).collect()
}

/// Milliseconds since `instant`: the statement subtracts them from the database's `now()`, so that
/// no worker's clock gets into the tables.
fn ago(instant: Instant) -> i64 {
    i64::try_from(instant.elapsed().as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished(attempts: u32, error: JobError) -> Finished {
        let job = ClaimedJob { attempts, max_attempts: 6, ..ClaimedJob::default() };
        Finished { job, result: Err(error), started: Instant::now(), ended: Instant::now() }
    }

    fn transient() -> JobError {
        JobError::Transient { class: "test", message: "no".into() }
    }

    fn away() -> JobError {
        JobError::Unavailable { dependency: "broker", message: "gone".into() }
    }

    #[test]
    fn the_sixth_failure_is_the_last() {
        let policy = QueuePolicy::default();
        let again = Next::Again { after: Duration::from_secs(480), counts: true };
        assert_eq!(finished(4, transient()).next(&policy, false, 0.0), Some(again));
        assert_eq!(finished(5, transient()).next(&policy, false, 0.0), Some(Next::Dead { reason: "exhausted" }));
    }

    #[test]
    fn an_unreachable_dependency_costs_no_attempt_unless_the_queue_counts_it() {
        let wait = QueuePolicy::default();
        let count = QueuePolicy { on_unavailable: OnUnavailable::Count, ..QueuePolicy::default() };
        let free = Next::Again { after: Duration::ZERO, counts: false };
        assert_eq!(finished(5, away()).next(&wait, false, 0.0), Some(free));
        assert_eq!(finished(5, away()).next(&count, false, 0.0), Some(Next::Dead { reason: "exhausted" }));
    }

    #[test]
    fn an_outage_that_nobody_else_noticed_does_not_spin() {
        let paused = Next::Again { after: Duration::from_secs(1), counts: false };
        assert_eq!(finished(0, away()).next(&QueuePolicy::default(), true, 0.0), Some(paused));
    }

    #[test]
    fn what_says_when_it_may_be_tried_again_waits_at_least_so_long() {
        let after = |wait| {
            let error = JobError::NotBefore { class: "test", message: "no".into(), wait: Duration::from_secs(wait) };
            finished(0, error).next(&QueuePolicy::default(), true, 0.0)
        };
        let again = |wait| Some(Next::Again { after: Duration::from_secs(wait), counts: true });
        assert_eq!([after(5), after(100)], [again(30), again(100)]);
        let error = JobError::NotBefore { class: "test", message: "no".into(), wait: Duration::from_secs(100) };
        assert_eq!(
            finished(5, error).next(&QueuePolicy::default(), true, 0.0),
            Some(Next::Dead { reason: "exhausted" })
        );
    }

    #[test]
    fn a_permanent_failure_is_dead_at_once() {
        let error = JobError::Permanent { class: "customer_not_found", message: "no".into() };
        assert_eq!(
            finished(0, error).next(&QueuePolicy::default(), false, 0.0),
            Some(Next::Dead { reason: "permanent" })
        );
    }

    #[test]
    fn an_error_text_can_be_stored() {
        assert_eq!(storable("a\0b"), "ab");
        assert_eq!(storable(&"x".repeat(20_000)).len(), 10_000);
    }
}
