//! Replays as operators see them, and events on their way.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::kernel::ctx::TenantId;
use crate::kernel::error::FieldError;
use crate::kernel::event::Envelope;
use crate::kernel::input;
use crate::kernel::page::SearchText;

/// Which events; every given condition must hold.
#[derive(Debug, Clone, Default)]
pub struct ReplayFilter {
    /// Of this module.
    pub stream: Option<SearchText>,
    /// Of this CloudEvents type.
    pub event_type: Option<SearchText>,
    /// Of this aggregate.
    pub aggregate: Option<Uuid>,
    /// Then or later.
    pub from: Option<DateTime<Utc>>,
    /// Before.
    pub to: Option<DateTime<Utc>>,
    /// Of this tenant.
    pub tenant: Option<TenantId>,
}

/// Events, or items of an operation, per second at most: 1 to 10,000; 100 unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate(i32);

impl Default for Rate {
    fn default() -> Self {
        Self(100)
    }
}

impl Rate {
    /// As fast as may be.
    pub const MOST: Self = Self(10_000);

    /// As it is stored.
    pub(crate) fn stored(rate: i32) -> Self {
        Self(rate)
    }

    /// # Errors
    /// Names `pointer`; code `rate_invalid`.
    pub fn new(rate: i64, pointer: &str) -> Result<Self, FieldError> {
        match i32::try_from(rate) {
            Ok(rate @ 1..=10_000) => Ok(Self(rate)),
            _ => Err(input::wrong(pointer, "rate_invalid", "rate is a number from 1 to 10000")),
        }
    }

    /// The number itself.
    pub fn get(self) -> i32 {
        self.0
    }
}

/// What a group makes of events that it has already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Repeat {
    /// They are skipped.
    #[default]
    Skip,
    /// They are handled once more, once per replay.
    Force,
}

/// Where a replay stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum ReplayState {
    /// It hands over events.
    Running,
    /// It waits until it is resumed.
    Paused,
    /// It was stopped for good.
    Cancelled,
    /// All its events are handed over.
    Completed,
}

impl ReplayState {
    /// As it is written in JSON and stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Cancelled => "cancelled",
            Self::Completed => "completed",
        }
    }
}

/// Stored events that are handed to a consumer group again.
#[derive(Debug, Clone)]
pub struct Replay {
    /// Its id, the mark of the events it hands over.
    pub id: Uuid,
    /// The group.
    pub consumer: String,
    /// Only of this module.
    pub stream: Option<String>,
    /// Only of this type.
    pub event_type: Option<String>,
    /// Only of this aggregate.
    pub aggregate: Option<Uuid>,
    /// Only of then or later.
    pub from: Option<DateTime<Utc>>,
    /// Only of before.
    pub to: Option<DateTime<Utc>>,
    /// Only of this tenant.
    pub tenant: Option<String>,
    /// Events per second at most.
    pub rate: i32,
    /// Whether also those are handled that the group has already.
    pub force: bool,
    /// Why.
    pub reason: String,
    /// Who ordered it.
    pub created_by: String,
    /// Where it stands.
    pub state: ReplayState,
    /// How far it has looked through the log …
    pub position: i64,
    /// … which ended here when it was ordered.
    pub last_position: i64,
    /// Events for which the filter holds, so far.
    pub matched: i64,
    /// Those that became jobs of the group; it had the others already.
    pub handed_over: i64,
    /// When it was ordered.
    pub created_at: DateTime<Utc>,
    /// When it last went on, or was changed.
    pub changed_at: DateTime<Utc>,
    /// Who last paused, resumed or cancelled it.
    pub changed_by: Option<String>,
    /// Why.
    pub change_reason: Option<String>,
    /// When it was completed or cancelled.
    pub ended_at: Option<DateTime<Utc>>,
}

/// What a replay would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplayCounts {
    /// Events for which the filter holds; counting stops at 100,000.
    pub matched: i64,
    /// Those among them that the group has already.
    pub known: i64,
}

/// An event that the broker has confirmed.
#[derive(Debug, Clone)]
pub struct Published {
    /// Its place in the log.
    pub position: i64,
    /// The event.
    pub event: Envelope,
}
