//! Reads the event log and the documents, always of the transaction's tenant.

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::difference;
use super::model::{Compared, Comparison, Document, ENTITIES, EventFilter, Moment};
use super::rules;
use crate::kernel::command::Query;
use crate::kernel::ctx::{Actor, CorrelationId};
use crate::kernel::error::{Error, Rejection};
use crate::kernel::event::{Envelope, LogRow};
use crate::kernel::page::{Page, PageSize, SearchText, decode_cursor, foreign_cursor};
use crate::kernel::tx::Tx;

/// A page of events for which the filter holds, newest first. Rejected with `cursor_invalid`.
#[derive(Debug, Clone, Default)]
pub struct ListEvents {
    /// Which.
    pub filter: EventFilter,
    /// `next` of the page before; none starts with the newest.
    pub cursor: Option<String>,
    /// How many at most.
    pub size: PageSize,
}

/// A page of the events of one aggregate in their order. Rejected with `cursor_invalid`, and with
/// `stream_not_found` if there are none.
#[derive(Debug, Clone)]
pub struct ListStreamEvents {
    /// Which.
    pub aggregate: Uuid,
    /// `next` of the page before; none starts with the first.
    pub cursor: Option<String>,
    /// How many at most.
    pub size: PageSize,
}

/// A page of the present documents of an entity, the one changed last first. Rejected with
/// `entity_unknown` and `cursor_invalid`.
#[derive(Debug, Clone)]
pub struct ListDocuments {
    /// The module.
    pub entity: String,
    /// `next` of the page before; none starts with the newest.
    pub cursor: Option<String>,
    /// How many at most.
    pub size: PageSize,
}

/// One document in some state. Rejected with `entity_unknown` and `document_not_found`.
#[derive(Debug, Clone)]
pub struct GetDocument {
    /// The module.
    pub entity: String,
    /// Which.
    pub id: Uuid,
    /// In which state.
    pub moment: Moment,
    /// The version whose differences are asked for.
    pub compare_with: Option<i64>,
}

impl Query for ListEvents {
    type Output = Page<Envelope>;

    async fn fetch(self, tx: &mut Tx) -> Result<Page<Envelope>, Error> {
        let after = self.cursor.as_deref().map(time_cursor::<i64>).transpose()?;
        let filter = &self.filter;
        let rows = if filter.aggregate.is_some() || filter.actor.is_some() || filter.correlation_id.is_some() {
            events(tx, filter, after, self.size).await?
        } else {
            events_by_type(tx, filter, after, self.size).await?
        };
        envelopes(Page::new(rows, self.size, |row| (row.occurred_at, row.position)))
    }
}

impl Query for ListStreamEvents {
    type Output = Page<Envelope>;

    async fn fetch(self, tx: &mut Tx) -> Result<Page<Envelope>, Error> {
        let after = self.cursor.as_deref().map(stream_cursor).transpose()?;
        let rows = sqlx::query_file_as!(
            LogRow,
            "src/audit/stream.sql",
            &modules(),
            self.aggregate,
            after.map(|(sequence, _)| sequence),
            after.map(|(_, position)| position),
            self.size.rows_to_fetch()
        )
        .fetch_all(tx.conn())
        .await?;
        if rows.is_empty() {
            return Err(rules::stream_not_found().into());
        }
        envelopes(Page::new(rows, self.size, |row| (row.sequence, row.position)))
    }
}

impl Query for ListDocuments {
    type Output = Page<Document>;

    async fn fetch(self, tx: &mut Tx) -> Result<Page<Document>, Error> {
        let entity = rules::entity(&self.entity)?;
        let after = self.cursor.as_deref().map(time_cursor::<Uuid>).transpose()?;
        let rows = sqlx::query_as!(
            DocumentRow,
            r#"select id, version, changed_at, document::text as "document!" from audit.documents
               where entity = $1 and ($2::timestamptz is null or (changed_at, id) < ($2, $3::uuid))
               order by changed_at desc, id desc limit $4"#,
            entity,
            after.map(|(changed_at, _)| changed_at),
            after.map(|(_, id)| id),
            self.size.rows_to_fetch()
        )
        .fetch_all(tx.conn())
        .await?;
        let Page { data, next } = Page::new(rows, self.size, |row| (row.changed_at, row.id));
        let data = data.into_iter().map(|row| row.into_document(entity)).collect::<Result<_, _>>()?;
        Ok(Page { data, next })
    }
}

impl Query for GetDocument {
    type Output = Compared;

    async fn fetch(self, tx: &mut Tx) -> Result<Compared, Error> {
        let entity = rules::entity(&self.entity)?;
        let document = match self.moment {
            Moment::Now => present(tx, entity, self.id).await?,
            Moment::Time(time) => folded(tx, entity, self.id, Some(time), None).await?,
            Moment::Version(version) => folded(tx, entity, self.id, None, Some(version)).await?,
        };
        let document = document.ok_or_else(rules::document_not_found)?;
        let Some(version) = self.compare_with else { return Ok(Compared { document, comparison: None }) };
        let other = folded(tx, entity, self.id, None, Some(version)).await?;
        let other = other.ok_or_else(|| rules::version_not_found(version))?;
        let comparison =
            Some(Comparison { version, changes: difference::between(&other.value()?, &document.value()?) });
        Ok(Compared { document, comparison })
    }
}

async fn events(
    tx: &mut Tx,
    filter: &EventFilter,
    after: Option<(DateTime<Utc>, i64)>,
    size: PageSize,
) -> Result<Vec<LogRow>, Error> {
    let rows = sqlx::query_file_as!(
        LogRow,
        "src/audit/events.sql",
        filter.stream.as_ref().map(SearchText::as_str),
        filter.event_type.as_ref().map(SearchText::as_str),
        filter.aggregate,
        &modules(),
        filter.actor.as_ref().map(Actor::as_str),
        filter.correlation_id.as_ref().map(CorrelationId::as_str),
        filter.from,
        filter.to,
        after.map(|(time, _)| time),
        after.map(|(_, position)| position),
        size.rows_to_fetch()
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

async fn events_by_type(
    tx: &mut Tx,
    filter: &EventFilter,
    after: Option<(DateTime<Utc>, i64)>,
    size: PageSize,
) -> Result<Vec<LogRow>, Error> {
    let rows = sqlx::query_file_as!(
        LogRow,
        "src/audit/events_by_type.sql",
        filter.stream.as_ref().map(SearchText::as_str),
        filter.event_type.as_ref().map(SearchText::as_str),
        filter.from,
        filter.to,
        after.map(|(time, _)| time),
        after.map(|(_, position)| position),
        size.rows_to_fetch()
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// As the event processor keeps it.
async fn present(tx: &mut Tx, entity: &'static str, id: Uuid) -> Result<Option<Document>, Error> {
    let row = sqlx::query_as!(
        DocumentRow,
        r#"select id, version, changed_at, document::text as "document!" from audit.documents
           where entity = $1 and id = $2"#,
        entity,
        id
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| row.into_document(entity)).transpose()
}

/// Folded from its events: each carries the whole entity, so that the last of them is the state. A correction comes
/// after what it corrects, and has its sequence.
async fn folded(
    tx: &mut Tx,
    entity: &'static str,
    id: Uuid,
    up_to: Option<DateTime<Utc>>,
    version: Option<i64>,
) -> Result<Option<Document>, Error> {
    let row = sqlx::query!(
        r#"select sequence, occurred_at, data::text as "data!" from kernel.events
           where module = $1 and aggregate_id = $2
             and ($3::timestamptz is null or occurred_at <= $3) and ($4::bigint is null or sequence = $4)
           order by sequence desc, position desc limit 1"#,
        entity,
        id,
        up_to,
        version
    )
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let document = super::document(entity, &row.data)
        .ok_or_else(|| Error::Internal(format!("event {} of {entity}/{id} carries no document", row.sequence)))?;
    let (version, changed_at) = (row.sequence, row.occurred_at);
    Ok(Some(Document { entity, id, version, changed_at, document: document.to_owned() }))
}

struct DocumentRow {
    id: Uuid,
    version: i64,
    changed_at: DateTime<Utc>,
    document: String,
}

impl DocumentRow {
    fn into_document(self, entity: &'static str) -> Result<Document, Error> {
        let Self { id, version, changed_at, document } = self;
        let document =
            RawValue::from_string(document).map_err(|e| Error::Internal(format!("document {entity}/{id}: {e}")))?;
        Ok(Document { entity, id, version, changed_at, document })
    }
}

impl Document {
    fn value(&self) -> Result<serde_json::Value, Error> {
        let Self { entity, id, document, .. } = self;
        serde_json::from_str(document.get()).map_err(|e| Error::Internal(format!("document {entity}/{id}: {e}")))
    }
}

fn envelopes(page: Page<LogRow>) -> Result<Page<Envelope>, Error> {
    let data = page.data.into_iter().map(LogRow::into_envelope).collect::<Result<_, _>>()?;
    Ok(Page { data, next: page.next })
}

fn modules() -> Vec<String> {
    ENTITIES.map(str::to_owned).to_vec()
}

/// A time, and what tells apart those alike in it. Only times that PostgreSQL can express, which all of
/// ours are.
fn time_cursor<K: DeserializeOwned>(cursor: &str) -> Result<(DateTime<Utc>, K), Rejection> {
    let (time, key): (DateTime<Utc>, K) = decode_cursor(cursor)?;
    if time < DateTime::UNIX_EPOCH { Err(foreign_cursor()) } else { Ok((time, key)) }
}

/// A sequence, and the place in the log that tells apart those alike in it.
fn stream_cursor(cursor: &str) -> Result<(i64, i64), Rejection> {
    decode_cursor(cursor)
}
