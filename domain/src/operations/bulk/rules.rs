//! What may become of an operation, and every "no" there is.

use std::collections::BTreeSet;

use crate::kernel::error::Rejection;

use super::model::{Action, MOST_IDS, MOST_ITEMS, OperationState};
use crate::operations::model::JobId;

pub(super) fn can_be_paused(state: OperationState) -> Result<(), Rejection> {
    match state {
        OperationState::Running => Ok(()),
        other => Err(Rejection::conflict("operation_not_running", format!("the operation is {}", other.as_str()))),
    }
}

pub(super) fn can_be_resumed(state: OperationState) -> Result<(), Rejection> {
    match state {
        OperationState::Paused | OperationState::Stopped => Ok(()),
        other => Err(Rejection::conflict(
            "operation_not_paused",
            format!("the operation is {}, neither paused nor stopped", other.as_str()),
        )),
    }
}

pub(super) fn can_be_cancelled(state: OperationState) -> Result<(), Rejection> {
    match state {
        OperationState::Running | OperationState::Paused | OperationState::Stopped => Ok(()),
        other => Err(Rejection::conflict("operation_ended", format!("the operation is {} already", other.as_str()))),
    }
}

/// Only what is retried has an outcome that a step could be judged by.
pub(super) fn can_be_gradual(action: Action) -> Result<(), Rejection> {
    if action.runs_jobs() {
        return Ok(());
    }
    let detail = format!("only a retry is gradual: {} runs no jobs whose outcome could be waited for", action.as_str());
    Err(Rejection::invalid_field("gradual_without_jobs", "/gradual", detail))
}

/// Only an edit has a patch, and it has one.
pub(super) fn patch_fits(action: Action, given: bool) -> Result<(), Rejection> {
    match (action == Action::EditAndRetry, given) {
        (true, false) => {
            Err(Rejection::invalid_field("patch_missing", "/patch", "give the merge patch of each payload"))
        }
        (false, true) => {
            let detail = format!("only edit_and_retry changes payloads, {} does not", action.as_str());
            Err(Rejection::invalid_field("patch_without_edit", "/patch", detail))
        }
        _ => Ok(()),
    }
}

/// The ids, each once, in the order of the ids.
pub(super) fn distinct(ids: Vec<JobId>) -> Result<Vec<String>, Rejection> {
    let distinct: BTreeSet<String> = ids.iter().map(|id| id.as_str().to_owned()).collect();
    match distinct.len() {
        0 => Err(Rejection::invalid_field("ids_empty", "/ids", "give at least one id")),
        n if n > MOST_IDS => {
            let detail = format!("has {n} ids; at most {MOST_IDS} are allowed: select more by a filter");
            Err(Rejection::invalid_field("too_many_ids", "/ids", detail))
        }
        _ => Ok(distinct.into_iter().collect()),
    }
}

/// What an operation is on is written down at once, so there is an end to it.
pub(super) fn fits(selected: usize) -> Result<(), Rejection> {
    if selected <= MOST_ITEMS {
        return Ok(());
    }
    let detail = format!(
        "more than {MOST_ITEMS} dead letters match; narrow the filter, for example by createdTo, and order one \
         operation after another"
    );
    Err(Rejection::invalid_field("too_many_items", "/filter", detail))
}

pub(super) fn operation_not_found() -> Rejection {
    Rejection::not_found("operation_not_found", "there is no such operation")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_not_ended_can_be_changed() {
        use OperationState::{Cancelled, Completed, Paused, Running, Stopped};
        let all = [Running, Paused, Stopped, Cancelled, Completed];
        let allowed = |rule: fn(OperationState) -> Result<(), Rejection>| {
            all.into_iter().filter(|state| rule(*state).is_ok()).collect::<Vec<_>>()
        };
        assert_eq!(allowed(can_be_paused), [Running]);
        assert_eq!(allowed(can_be_resumed), [Paused, Stopped]);
        assert_eq!(allowed(can_be_cancelled), [Running, Paused, Stopped]);
        assert_eq!(can_be_paused(Stopped).unwrap_err().code, "operation_not_running");
        assert_eq!(can_be_resumed(Running).unwrap_err().code, "operation_not_paused");
        assert_eq!(can_be_cancelled(Completed).unwrap_err().code, "operation_ended");
    }

    #[test]
    fn only_retries_are_gradual() {
        let gradual: Vec<_> = Action::ALL.into_iter().filter(|action| can_be_gradual(*action).is_ok()).collect();
        assert_eq!(gradual, [Action::Retry, Action::EditAndRetry]);
        let refused = can_be_gradual(Action::Discard).unwrap_err();
        assert_eq!((refused.code, refused.fields[0].pointer.as_str()), ("gradual_without_jobs", "/gradual"));
    }

    #[test]
    fn only_an_edit_has_a_patch() {
        assert!(patch_fits(Action::EditAndRetry, true).is_ok() && patch_fits(Action::Retry, false).is_ok());
        assert_eq!(patch_fits(Action::EditAndRetry, false).unwrap_err().code, "patch_missing");
        assert_eq!(patch_fits(Action::Discard, true).unwrap_err().code, "patch_without_edit");
    }

    #[test]
    fn ids_count_once_and_within_the_limit() {
        let ids = |n: usize| (0..n).map(|n| JobId::new(&format!("{n:06}"))).collect::<Vec<_>>();
        let twice = [ids(2), ids(3)].concat();
        assert_eq!(distinct(twice).unwrap(), ["000000", "000001", "000002"]);
        assert_eq!(distinct(ids(0)).unwrap_err().code, "ids_empty");
        assert!(distinct(ids(MOST_IDS)).is_ok());
        assert_eq!(distinct(ids(MOST_IDS + 1)).unwrap_err().code, "too_many_ids");
    }

    #[test]
    fn an_operation_has_limits() {
        assert!(fits(MOST_ITEMS).is_ok());
        let refused = fits(MOST_ITEMS + 1).unwrap_err();
        assert_eq!((refused.code, refused.fields[0].pointer.as_str()), ("too_many_items", "/filter"));
    }
}
