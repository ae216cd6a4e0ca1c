//! Starts and stops replays, and publishes test events.

use serde_json::json;
use uuid::Uuid;

use crate::kernel::command::Command;
use crate::kernel::error::Error;
use crate::kernel::event::Draft;
use crate::kernel::page::SearchText;
use crate::kernel::record::{Record, Target};
use crate::kernel::tx::Tx;
use crate::operations::Reason;

use super::jobs::ReplayEvents;
use super::model::{Rate, Repeat, Replay, ReplayFilter, ReplayState};
use super::{queries, rules, store};

/// Hands stored events to a consumer group again: those there are now and for which the filter holds. Rejected
/// with `replay_consumer_unknown`.
#[derive(Debug, Clone)]
pub struct StartReplay {
    /// The group.
    pub consumer: SearchText,
    /// Which events.
    pub filter: ReplayFilter,
    /// How fast.
    pub rate: Rate,
    /// What becomes of those it has already.
    pub repeat: Repeat,
    /// Why.
    pub reason: Reason,
}

/// What an operator does to a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayChange {
    /// Nothing more is handed over until it is resumed.
    Pause,
    /// It goes on where it stopped.
    Resume,
    /// Nothing more is handed over.
    Cancel,
}

/// Pauses, resumes or cancels a replay. Rejected with `replay_not_found`, `replay_not_running`,
/// `replay_not_paused` or `replay_ended`.
#[derive(Debug, Clone)]
pub struct ChangeReplay {
    /// Which.
    pub id: Uuid,
    /// How.
    pub change: ReplayChange,
    /// Why.
    pub reason: Reason,
}

/// Publishes an event that nothing but this command stands behind, and returns its id. Rejected with
/// `aggregate_exists` or `sequence_invalid`.
#[derive(Debug, Clone)]
pub struct PublishTestEvent {
    /// What it says.
    pub draft: Draft,
}

impl ReplayChange {
    /// As auditors read it.
    fn action(self) -> &'static str {
        match self {
            Self::Pause => "pause_replay",
            Self::Resume => "resume_replay",
            Self::Cancel => "cancel_replay",
        }
    }
}

impl Command for PublishTestEvent {
    type Output = Uuid;

    async fn handle(self, tx: &mut Tx) -> Result<Uuid, Error> {
        let last = store::last_sequence(tx, self.draft.aggregate_id).await?;
        rules::can_be_a_test(&self.draft, last)?;
        tx.emit_draft(self.draft)
    }
}

impl Command for StartReplay {
    type Output = Replay;

    async fn handle(self, tx: &mut Tx) -> Result<Replay, Error> {
        queries::known_consumer(tx, &self.consumer).await?;
        let id = Uuid::now_v7();
        store::insert(tx, id, &self).await?;
        tx.enqueue(&ReplayEvents { replay: id, step: 0 }).await?;
        let replay = queries::replay(tx, id).await?.ok_or_else(rules::replay_not_found)?;
        tx.record(Record {
            action: "start_replay",
            target: Target::one("replay", id.to_string()),
            reason: Some(&self.reason),
            before: json!({}),
            after: json!({
                "state": replay.state.as_str(), "consumer": replay.consumer, "rate": replay.rate, "force": replay.force,
                "lastPosition": replay.last_position,
            }),
        })
        .await?;
        Ok(replay)
    }
}

impl Command for ChangeReplay {
    type Output = Replay;

    async fn handle(self, tx: &mut Tx) -> Result<Replay, Error> {
        let now = store::lock(tx, self.id).await?.ok_or_else(rules::replay_not_found)?;
        let state = match self.change {
            ReplayChange::Pause => rules::can_be_paused(now.state).map(|()| ReplayState::Paused)?,
            ReplayChange::Resume => rules::can_be_resumed(now.state).map(|()| ReplayState::Running)?,
            ReplayChange::Cancel => rules::can_be_cancelled(now.state).map(|()| ReplayState::Cancelled)?,
        };
        // a new number, so that the job of before, should it still be waiting, does nothing
        let step = now.step + 1;
        store::set_state(tx, self.id, state, step, &self.reason).await?;
        if state == ReplayState::Running {
            tx.enqueue(&ReplayEvents { replay: self.id, step }).await?;
        }
        tx.record(Record {
            action: self.change.action(),
            target: Target::one("replay", self.id.to_string()),
            reason: Some(&self.reason),
            before: json!({"state": now.state.as_str()}),
            after: json!({"state": state.as_str()}),
        })
        .await?;
        queries::replay(tx, self.id).await?.ok_or_else(|| rules::replay_not_found().into())
    }
}
