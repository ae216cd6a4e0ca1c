//! What may become of a replay, and which test events there may be.

use crate::kernel::error::Rejection;
use crate::kernel::event::Draft;
use crate::kernel::input;

use super::model::ReplayState;

pub(super) fn can_be_paused(state: ReplayState) -> Result<(), Rejection> {
    match state {
        ReplayState::Running => Ok(()),
        other => Err(Rejection::conflict("replay_not_running", format!("the replay is {}", other.as_str()))),
    }
}

pub(super) fn can_be_resumed(state: ReplayState) -> Result<(), Rejection> {
    match state {
        ReplayState::Paused => Ok(()),
        other => Err(Rejection::conflict("replay_not_paused", format!("the replay is {}", other.as_str()))),
    }
}

pub(super) fn can_be_cancelled(state: ReplayState) -> Result<(), Rejection> {
    match state {
        ReplayState::Running | ReplayState::Paused => Ok(()),
        other => Err(Rejection::conflict("replay_ended", format!("the replay is {} already", other.as_str()))),
    }
}

/// A replay to nobody would never get anywhere.
pub(super) fn consumer_unknown(consumer: &str) -> Rejection {
    let detail = format!("no worker has ever served a consumer group {consumer}: see GET /v1/admin/queues");
    Rejection::invalid(vec![input::wrong("/consumer", "replay_consumer_unknown", detail)])
}

pub(super) fn replay_not_found() -> Rejection {
    Rejection::not_found("replay_not_found", "there is no such replay")
}

/// `last` is the number of the last event that its aggregate has. In the history of a real one it would be a lie,
/// and it would take the number of the next real event, whose command could then never commit.
pub(super) fn can_be_a_test(draft: &Draft, last: Option<i64>) -> Result<(), Rejection> {
    if let Some(last) = last {
        let detail = format!(
            "{} has events up to version {last}, and a test event is about something of its own: give it another id",
            draft.aggregate_id
        );
        return Err(Rejection::conflict("aggregate_exists", detail));
    }
    if draft.sequence < 1 {
        let detail = format!("versions begin with 1, this one is {}", draft.sequence);
        return Err(Rejection::invalid_field("sequence_invalid", "version", detail));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_event_is_about_an_aggregate_of_its_own() {
        let draft = |sequence| Draft {
            event_type: "com.offgrid.portal.things.thing-made",
            module: "things",
            aggregate_id: uuid::Uuid::nil(),
            sequence,
            data_version: 1,
            data: serde_json::value::RawValue::NULL.to_owned(),
        };
        assert_eq!(can_be_a_test(&draft(1), None), Ok(()));
        assert_eq!(can_be_a_test(&draft(7), None), Ok(()));
        assert_eq!(can_be_a_test(&draft(2), Some(1)).unwrap_err().code, "aggregate_exists");
        assert_eq!(can_be_a_test(&draft(0), None).unwrap_err().code, "sequence_invalid");
    }

    #[test]
    fn only_what_has_not_ended_can_be_changed() {
        use ReplayState::{Cancelled, Completed, Paused, Running};
        let all = [Running, Paused, Cancelled, Completed];
        let allowed = |rule: fn(ReplayState) -> Result<(), Rejection>| {
            all.into_iter().filter(|state| rule(*state).is_ok()).collect::<Vec<_>>()
        };
        assert_eq!(allowed(can_be_paused), [Running]);
        assert_eq!(allowed(can_be_resumed), [Paused]);
        assert_eq!(allowed(can_be_cancelled), [Running, Paused]);
        assert_eq!(can_be_paused(Paused).unwrap_err().code, "replay_not_running");
        assert_eq!(can_be_resumed(Running).unwrap_err().code, "replay_not_paused");
        assert_eq!(can_be_cancelled(Completed).unwrap_err().code, "replay_ended");
    }
}
