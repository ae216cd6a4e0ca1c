//! What operators did. A command over [`Scope::Installation`](super::ctx::Scope::Installation) writes one
//! row of it with [`Tx::record`], which commits with what it did, or not at all.
//! One that changed something and recorded nothing is not committed: see [`Tx::ensure_recorded`].

use serde_json::Value;
use uuid::Uuid;

use super::error::Error;
use super::reason::Reason;
use super::tx::Tx;

/// What a command did, and to what. Who, when and as part of which request is in the transaction.
#[derive(Debug, Clone)]
pub struct Record<'a> {
    /// Verb and thing, part of the contract with callers: `retry_dead_letter`.
    pub action: &'static str,
    /// What was changed.
    pub target: Target,
    /// Why, if that is asked for.
    pub reason: Option<&'a Reason>,
    /// What counted of it, as a small JSON object: a state, a hash, but never a payload.
    pub before: Value,
    /// The same as it is now.
    pub after: Value,
}

/// What was changed.
#[derive(Debug, Clone)]
pub struct Target {
    /// `dead_letter`, `job`, `queue`, `replay`.
    pub kind: &'static str,
    /// Each of them.
    pub ids: Vec<String>,
}

impl Target {
    /// A single one.
    pub fn one(kind: &'static str, id: impl Into<String>) -> Self {
        Self { kind, ids: vec![id.into()] }
    }
}

pub(super) async fn write(tx: &mut Tx, record: Record<'_>) -> Result<(), Error> {
    let ctx = tx.ctx().clone();
    let roles: Vec<String> = ctx.roles.iter().map(|role| (*role).to_owned()).collect();
    sqlx::query!(
        "insert into operations.audit_records (id, actor, roles, action, target_kind, target_ids, reason, before, after,
             correlation_id, request_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        Uuid::now_v7(),
        ctx.actor.as_str(),
        &roles,
        record.action,
        record.target.kind,
        &record.target.ids,
        record.reason.map(Reason::as_str),
        record.before,
        record.after,
        ctx.correlation_id.as_str(),
        ctx.causation_id
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whether the transaction has changed anything: only then has it got an id.
pub(super) async fn has_written(tx: &mut Tx) -> Result<bool, Error> {
    let wrote = sqlx::query_scalar!(r#"select pg_current_xact_id_if_assigned() is not null as "wrote!""#);
    Ok(wrote.fetch_one(tx.conn()).await?)
}
