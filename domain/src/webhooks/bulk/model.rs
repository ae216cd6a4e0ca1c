//! Bulks as callers see them.

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Many deliveries that are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bulk {
    /// Never changes.
    pub id: Uuid,
    /// To which endpoint.
    pub endpoint_id: Uuid,
    /// What.
    pub kind: BulkKind,
    /// Deliveries made, or events that happened, then or later.
    pub since: DateTime<Utc>,
    /// Where it stands.
    pub state: BulkState,
    /// Deliveries or events that it is about, so far.
    pub matched: i64,
    /// Those of them that became a job.
    pub sent: i64,
    /// Why it failed.
    pub error: Option<String>,
    /// Who ordered it.
    pub created_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// When it last went on.
    pub changed_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
}

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum BulkKind {
    /// All deliveries that have failed.
    Recover,
    /// All stored events that it wants and does not have.
    Replay,
}

/// Where a bulk stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum BulkState {
    /// It makes deliveries.
    Running,
    /// It was stopped.
    Cancelled,
    /// All are made.
    Completed,
    /// It could not go on.
    Failed,
}

impl BulkKind {
    /// As it is written and stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Recover => "recover",
            Self::Replay => "replay",
        }
    }
}

impl BulkState {
    /// As it is written and stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Cancelled => "cancelled",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }
}
