//! What may become of a replay.

use crate::kernel::error::Rejection;
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

#[cfg(test)]
mod tests {
    use super::*;

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
