//! SQL that writes documents.

use serde_json::value::RawValue;
use uuid::Uuid;

use crate::kernel::error::Error;
use crate::kernel::tx::Tx;

use super::jobs::Entity;

pub(super) async fn put_document(
    tx: &mut Tx,
    entity: &str,
    id: Uuid,
    version: i64,
    document: &RawValue,
) -> Result<(), Error> {
    let (tenant, now) = (tx.tenant()?, tx.now());
    sqlx::query!(
        "insert into audit.documents as d (tenant_id, entity, id, version, document, changed_at)
         values ($1, $2, $3, $4, $5::text::jsonb, $6)
         on conflict (tenant_id, entity, id) do update
             set version = excluded.version, document = excluded.document, changed_at = excluded.changed_at
             -- of the same version with other contents: a correction
             where d.version < excluded.version
                or (d.version = excluded.version and d.document is distinct from excluded.document)",
        tenant.as_str(),
        entity,
        id,
        version,
        document.get(),
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Where the log ends, of whichever tenant.
pub(super) async fn last_position(tx: &mut Tx) -> Result<i64, Error> {
    let last =
        sqlx::query_scalar!(r#"select last_position as "last!" from messaging.log_end()"#).fetch_one(tx.conn()).await?;
    Ok(last)
}

/// Puts the documents of the events at positions beyond `after` and up to `to`; how many are other ones now.
pub(super) async fn rebuild(tx: &mut Tx, entity: Option<Entity>, after: i64, to: i64) -> Result<u64, Error> {
    let (tenant, now) = (tx.tenant()?, tx.now());
    let done = sqlx::query_file!("src/audit/rebuild.sql", after, to, entity.map(Entity::as_str), tenant.as_str(), now)
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected())
}
