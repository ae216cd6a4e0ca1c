//! SQL that writes documents.

use serde_json::value::RawValue;
use uuid::Uuid;

use crate::kernel::error::Error;
use crate::kernel::tx::Tx;

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
