//! What operators did, as auditors see it.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::kernel::ctx::{Actor, CorrelationId};
use crate::kernel::page::SearchText;

/// Which records; every given condition must hold.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Done by this person.
    pub actor: Option<Actor>,
    /// Exactly this: `retry_dead_letter`.
    pub action: Option<SearchText>,
    /// Done to something of this kind: `queue`.
    pub target_kind: Option<SearchText>,
    /// Done to this, alone or with others.
    pub target_id: Option<SearchText>,
    /// Belonging to what this request caused.
    pub correlation_id: Option<CorrelationId>,
    /// Then or later.
    pub from: Option<DateTime<Utc>>,
    /// Before.
    pub to: Option<DateTime<Utc>>,
}

/// What one command of an operator did.
#[derive(Debug, Clone)]
pub struct AuditRecord {
    /// Its id.
    pub id: Uuid,
    /// When.
    pub at: DateTime<Utc>,
    /// Who: the subject of the token.
    pub actor: String,
    /// The roles in the token.
    pub roles: Vec<String>,
    /// Verb and thing.
    pub action: String,
    /// What was changed: `dead_letter`, `job`, `queue`, `replay`.
    pub target_kind: String,
    /// Each that was.
    pub target_ids: Vec<String>,
    /// Why, where that is asked for.
    pub reason: Option<String>,
    /// What counted of it before: a small object.
    pub before: Value,
    /// The same afterwards.
    pub after: Value,
    /// Shared by everything the request caused.
    pub correlation_id: String,
    /// The request itself.
    pub request_id: String,
}
