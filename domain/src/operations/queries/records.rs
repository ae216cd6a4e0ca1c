//! What operators did.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::kernel::command::Query;
use crate::kernel::ctx::{Actor, CorrelationId};
use crate::kernel::error::{Error, Rejection};
use crate::kernel::page::{Page, PageSize, SearchText, decode_cursor, foreign_cursor};
use crate::kernel::tx::Tx;

use crate::operations::model::{AuditFilter, AuditRecord};

/// A page of records for which the filter holds, newest first. Rejected with `cursor_invalid`.
#[derive(Debug, Clone, Default)]
pub struct ListAuditRecords {
    /// Which.
    pub filter: AuditFilter,
    /// `next` of the page before; none starts with the newest.
    pub cursor: Option<String>,
    /// How many at most.
    pub size: PageSize,
}

impl Query for ListAuditRecords {
    type Output = Page<AuditRecord>;

    async fn fetch(self, tx: &mut Tx) -> Result<Page<AuditRecord>, Error> {
        let after = self.cursor.as_deref().map(cursor).transpose()?;
        let filter = &self.filter;
        let rows = sqlx::query_file_as!(
            AuditRecord,
            "src/operations/audit_records.sql",
            filter.actor.as_ref().map(Actor::as_str),
            filter.action.as_ref().map(SearchText::as_str),
            filter.target_kind.as_ref().map(SearchText::as_str),
            filter.target_id.as_ref().map(SearchText::as_str),
            filter.correlation_id.as_ref().map(CorrelationId::as_str),
            filter.from,
            filter.to,
            after.map(|(at, _)| at),
            after.map(|(_, id)| id),
            self.size.rows_to_fetch()
        )
        .fetch_all(tx.conn())
        .await?;
        Ok(Page::new(rows, self.size, |record| (record.at, record.id)))
    }
}

/// Time and id of the last record of the page before; only times that PostgreSQL can express, which all of ours are.
fn cursor(text: &str) -> Result<(DateTime<Utc>, Uuid), Rejection> {
    let (at, id): (DateTime<Utc>, Uuid) = decode_cursor(text)?;
    if at < DateTime::UNIX_EPOCH { Err(foreign_cursor()) } else { Ok((at, id)) }
}
