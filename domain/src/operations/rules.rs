//! What operators may do, and every "no" they can get.

mod edits;

use uuid::Uuid;

use crate::kernel::error::Rejection;

use super::model::{GroupFilter, GroupState, JobFilter, JobKind, JobState};

pub(super) use edits::edited;

/// Only what waits for a time or a dependency can be made due.
pub(super) fn can_run_now(state: JobState) -> Result<(), Rejection> {
    let why = match state {
        JobState::Scheduled | JobState::Retrying | JobState::Waiting => return Ok(()),
        JobState::Pending => "it is due already, and runs as soon as a worker is free",
        JobState::Blocked => "it is due already, but an earlier job of its key comes first: see blockedBy",
        JobState::Running => "it is running",
        JobState::Dead => "it is a dead letter: retry that instead",
        JobState::Archived => "it is an archived dead letter: restore and retry that instead",
        JobState::Completed | JobState::Cancelled | JobState::Discarded => "it has ended",
    };
    Err(Rejection::conflict("job_not_waiting", format!("the job cannot be run now: {why}")))
}

/// What a worker holds cannot be taken from it, and what has ended cannot be stopped.
/// A step that is cancelled leaves what it belongs to waiting for ever.
pub(super) fn is_cancelled_alone(kind: &str) -> Result<(), Rejection> {
    match JobKind::named(kind).and_then(|kind| kind.step_of) {
        None => Ok(()),
        Some(whole) => {
            let detail = format!("the job is a step of {whole}, which waits for it: cancel that instead");
            Err(Rejection::conflict("job_is_a_step", detail))
        }
    }
}

pub(super) fn can_be_cancelled(state: JobState) -> Result<(), Rejection> {
    match state {
        JobState::Running => Err(Rejection::conflict(
            "job_running",
            "the job cannot be cancelled while a worker runs it; try again later",
        )),
        JobState::Dead => {
            Err(Rejection::conflict("job_finished", "the job is a dead letter: discard that instead of cancelling it"))
        }
        JobState::Completed | JobState::Cancelled | JobState::Archived | JobState::Discarded => {
            Err(Rejection::conflict("job_finished", format!("the job has ended: it is {}", state.as_str())))
        }
        _ => Ok(()),
    }
}

/// Only a dead letter that nobody has handled yet can be retried, archived or discarded.
pub(super) fn is_dead(state: JobState) -> Result<(), Rejection> {
    match state {
        JobState::Dead => Ok(()),
        JobState::Archived | JobState::Discarded => Err(Rejection::conflict(
            "dead_letter_not_dead",
            format!("the dead letter is {}: restore it first", state.as_str()),
        )),
        state => Err(Rejection::conflict(
            "dead_letter_not_dead",
            format!("the job is not a dead letter any more: it is {}", state.as_str()),
        )),
    }
}

/// Only what was put away can be brought back; but not what another event has taken the place of: it would be
/// published after its correction.
pub(super) fn can_be_restored(state: JobState, correction: Option<Uuid>) -> Result<(), Rejection> {
    match state {
        JobState::Archived | JobState::Discarded => match correction {
            None => Ok(()),
            Some(event) => Err(Rejection::conflict(
                "dead_letter_corrected",
                format!("event {event} was published in its place, or will be: to say something else, change that one"),
            )),
        },
        state => Err(Rejection::conflict(
            "dead_letter_not_put_away",
            format!("there is nothing to restore: the job is neither archived nor discarded, it is {}", state.as_str()),
        )),
    }
}

/// A slip must not select every dead letter of the installation.
pub(super) fn selects_some(filter: &JobFilter) -> Result<(), Rejection> {
    if filter.is_empty() {
        let detail = "give at least one condition, for example a queue; every dead letter is too many to retry at once";
        return Err(Rejection::invalid_field("filter_empty", "/filter", detail));
    }
    Ok(())
}

/// A dead letter has only these three states.
pub(super) fn is_state_of_dead_letters(state: JobState) -> Result<(), Rejection> {
    match state {
        JobState::Dead | JobState::Archived | JobState::Discarded => Ok(()),
        _ => Err(Rejection::invalid_field(
            "state_invalid",
            "state",
            "must be dead, archived or discarded: other jobs are no dead letters",
        )),
    }
}

/// A job that is still tried has not died for any reason.
pub(super) fn can_be_grouped(filter: &GroupFilter) -> Result<(), Rejection> {
    if filter.state == GroupState::Retrying && filter.reason.is_some() {
        let detail = "only dead letters have a reason: leave it out, or ask for state=dead";
        return Err(Rejection::invalid_field("reason_not_dead", "reason", detail));
    }
    Ok(())
}

pub(super) fn job_not_found() -> Rejection {
    Rejection::not_found("job_not_found", "there is no such job, or it ended so long ago that it was deleted")
}

pub(super) fn dead_letter_not_found() -> Rejection {
    Rejection::not_found("dead_letter_not_found", "there is no such dead letter")
}

pub(super) fn event_not_logged() -> Rejection {
    Rejection::conflict("event_not_logged", "the event log does not have this event, so nothing can take its place")
}

pub(super) fn queue_not_found() -> Rejection {
    Rejection::not_found("queue_not_found", "there is no such queue: no worker ever served it, and it has no jobs")
}

pub(super) fn queue_already_paused() -> Rejection {
    Rejection::conflict("queue_already_paused", "the queue is paused already; resume it first to give another reason")
}

pub(super) fn queue_not_paused() -> Rejection {
    Rejection::conflict("queue_not_paused", "the queue is not paused")
}

pub(super) fn timeline_not_found() -> Rejection {
    Rejection::not_found("timeline_not_found", "no event of the log has to do with it")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::model::DeadReason;

    fn allowed(rule: fn(JobState) -> Result<(), Rejection>) -> Vec<&'static str> {
        JobState::ALL.into_iter().filter(|state| rule(*state).is_ok()).map(JobState::as_str).collect()
    }

    fn code(rule: fn(JobState) -> Result<(), Rejection>, state: JobState) -> &'static str {
        rule(state).unwrap_err().code
    }

    #[test]
    fn only_what_waits_can_be_run_now() {
        assert_eq!(allowed(can_run_now), ["scheduled", "retrying", "waiting"]);
        for state in [JobState::Running, JobState::Pending, JobState::Blocked, JobState::Completed, JobState::Dead] {
            assert_eq!(code(can_run_now, state), "job_not_waiting");
        }
    }

    #[test]
    fn what_is_not_running_and_has_not_ended_can_be_cancelled() {
        assert_eq!(allowed(can_be_cancelled), ["pending", "scheduled", "retrying", "blocked", "waiting"]);
        assert_eq!(code(can_be_cancelled, JobState::Running), "job_running");
        for state in [JobState::Completed, JobState::Cancelled, JobState::Dead, JobState::Archived, JobState::Discarded]
        {
            assert_eq!(code(can_be_cancelled, state), "job_finished");
        }
    }

    #[test]
    fn a_step_is_cancelled_with_what_it_belongs_to() {
        let refused = is_cancelled_alone("run-operation.v1").unwrap_err();
        assert_eq!((refused.code, refused.detail.contains("an operation")), ("job_is_a_step", true));
        for alone in ["publish-event.v1", "of another release"] {
            assert_eq!(is_cancelled_alone(alone), Ok(()));
        }
    }

    #[test]
    fn only_the_dead_are_dead() {
        assert_eq!(allowed(is_dead), ["dead"]);
        for state in [JobState::Archived, JobState::Discarded] {
            let refused = is_dead(state).unwrap_err();
            assert_eq!((refused.code, refused.detail.ends_with("restore it first")), ("dead_letter_not_dead", true));
        }
    }

    #[test]
    fn what_was_put_away_can_be_restored() {
        let restored = |state| can_be_restored(state, None);
        assert_eq!(allowed(restored), ["archived", "discarded"]);
        for state in [JobState::Dead, JobState::Completed, JobState::Retrying] {
            assert_eq!(code(restored, state), "dead_letter_not_put_away");
        }
        let corrected = can_be_restored(JobState::Discarded, Some(Uuid::nil())).unwrap_err();
        assert_eq!(corrected.code, "dead_letter_corrected");
    }

    #[test]
    fn dead_letters_are_dead_or_put_away() {
        assert_eq!(allowed(is_state_of_dead_letters), ["dead", "archived", "discarded"]);
    }

    #[test]
    fn only_dead_letters_are_grouped_by_reason() {
        let reason = Some(DeadReason::Permanent);
        let grouped = |state| can_be_grouped(&GroupFilter { state, reason, ..GroupFilter::default() });
        assert!(grouped(GroupState::Dead).is_ok());
        let refused = grouped(GroupState::Retrying).unwrap_err();
        assert_eq!((refused.code, refused.fields[0].pointer.as_str()), ("reason_not_dead", "reason"));
        assert!(can_be_grouped(&GroupFilter { state: GroupState::Retrying, ..GroupFilter::default() }).is_ok());
    }

    #[test]
    fn an_empty_filter_retries_nothing() {
        let refused = selects_some(&JobFilter::default()).unwrap_err();
        assert_eq!((refused.code, refused.fields[0].pointer.as_str()), ("filter_empty", "/filter"));
        assert!(selects_some(&JobFilter { state: Some(JobState::Dead), ..JobFilter::default() }).is_ok());
    }
}
