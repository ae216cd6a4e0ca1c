//! The dry run: what an operation would do, with nothing done.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::kernel::command::Query;
use crate::kernel::decode::Misfit;
use crate::kernel::error::{Error, FieldError, Rejection};
use crate::kernel::job::Job as _;
use crate::kernel::page::{Page, PageSize, decode_cursor};
use crate::kernel::tx::Tx;
use crate::messaging::HandleEvent;
use crate::operations::commands::WhichDeadLetters;
use crate::operations::model::JobId;

use super::model::{Action, MOST_ITEMS, Preview, PreviewItem, PreviewTotals, Verdict};
use super::store::{self, Read};
use super::{payload, queries, rules};

/// Payloads that are looked at, in bytes; and so many of them at a time.
const PAYLOAD_BYTES: usize = 32 * 1024 * 1024;
const PAYLOADS: usize = 500;

/// What an operation would do, now: in all, on the first page, and one by one. Rejected as
/// [`StartOperation`](super::StartOperation), but not for selecting too much, and with `cursor_invalid`.
#[derive(Debug, Clone)]
pub struct PreviewOperation {
    /// What would be done.
    pub action: Action,
    /// To which.
    pub which: WhichDeadLetters,
    /// The merge patch of each payload, where it would be edited.
    pub patch: Option<Map<String, Value>>,
    /// `next` of the page before; none starts with the first, and counts.
    pub cursor: Option<String>,
    /// Items on a page.
    pub size: PageSize,
}

struct Row {
    id: String,
    queue: Option<String>,
    kind: Option<String>,
    tenant: Option<String>,
    verdict: Verdict,
    blocked_by: Option<String>,
}

impl Query for PreviewOperation {
    type Output = Preview;

    async fn fetch(self, tx: &mut Tx) -> Result<Preview, Error> {
        let after = self.cursor.as_deref().map(cursor).transpose()?;
        rules::patch_fits(self.action, self.patch.is_some())?;
        let patch = self.patch.map(Value::Object);
        let mut ids = queries::selected(tx, self.action, &self.which, MOST_ITEMS).await?;
        let too_many = ids.len() > MOST_ITEMS;
        ids.truncate(MOST_ITEMS);
        let first = after.is_none();
        let limit = if first { i64::MAX } else { self.size.rows_to_fetch() };
        let rows = verdicts(tx, self.action, &ids, (after.as_deref(), limit)).await?;
        let (mut items, checked) = check_payloads(tx, (self.action, patch.as_ref()), rows).await?;
        let totals = first.then(|| {
            let mut totals = PreviewTotals { too_many, payloads_checked: checked, ..PreviewTotals::default() };
            items.iter().for_each(|item| totals.count(item.verdict));
            totals
        });
        items.truncate(usize::try_from(self.size.rows_to_fetch()).unwrap_or(usize::MAX));
        Ok(Preview { totals, items: Page::new(items, self.size, |item| item.job_id.clone()) })
    }
}

/// The id of the last item of the page before. It came in a body: there a wrong one is pointed to.
fn cursor(text: &str) -> Result<String, Rejection> {
    let id: Result<String, Rejection> = decode_cursor(text);
    let pointed = |field: FieldError| FieldError { pointer: format!("/{}", field.pointer), ..field };
    id.map(|id| JobId::new(&id).as_str().to_owned())
        .map_err(|no| Rejection { fields: no.fields.iter().cloned().map(pointed).collect(), ..no })
}

async fn verdicts(
    tx: &mut Tx,
    action: Action,
    ids: &[String],
    (after, limit): (Option<&str>, i64),
) -> Result<Vec<Row>, Error> {
    let rows = sqlx::query_file_as!(
        Row,
        "src/operations/bulk/preview.sql",
        ids,
        after,
        limit,
        action.runs_jobs(),
        action == Action::Restore,
        HandleEvent::KIND
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Says of those whose payload their kind cannot read that they are invalid, and how many were looked at.
async fn check_payloads(
    tx: &mut Tx,
    (action, patch): (Action, Option<&Value>),
    rows: Vec<Row>,
) -> Result<(Vec<PreviewItem>, usize), Error> {
    let mut items: Vec<PreviewItem> = rows.into_iter().map(PreviewItem::from).collect();
    if !action.runs_jobs() {
        return Ok((items, 0));
    }
    let (mut checked, mut bytes) = (0, 0);
    for chunk in items.chunks_mut(PAYLOADS) {
        if bytes >= PAYLOAD_BYTES {
            break;
        }
        let looked = misfits(tx, chunk, patch).await?;
        checked += looked.checked;
        bytes += looked.bytes;
        let mut misfits = looked.misfits;
        for item in chunk {
            if let Some(Misfit { pointer, problem }) = misfits.remove(&item.job_id) {
                item.verdict = Verdict::PayloadInvalid;
                item.blocked_by = None;
                (item.pointer, item.detail) = (Some(pointer), Some(problem));
            }
        }
    }
    Ok((items, checked))
}

struct Looked {
    misfits: HashMap<String, Misfit>,
    checked: usize,
    bytes: usize,
}

async fn misfits(tx: &mut Tx, items: &[PreviewItem], patch: Option<&Value>) -> Result<Looked, Error> {
    let dead = items.iter().filter(|item| item.verdict != Verdict::NoLongerDead);
    let ids: Vec<String> = dead.map(|item| item.job_id.clone()).collect();
    let rows = store::payloads(tx, &ids).await?;
    let (checked, bytes) = (rows.len(), rows.iter().map(|row| row.payload.len()).sum::<usize>());
    let misfit = |row: Read| {
        let misfit = match patch {
            Some(patch) => payload::edited(&row.kind, &row.payload, patch).err(),
            None => payload::misfit(&row.kind, &row.payload),
        };
        Some((row.id, misfit?))
    };
    let misfits = rows.into_iter().filter_map(misfit).collect();
    Ok(Looked { misfits, checked, bytes })
}

impl From<Row> for PreviewItem {
    fn from(row: Row) -> Self {
        Self {
            job_id: row.id,
            verdict: row.verdict,
            queue: row.queue,
            kind: row.kind,
            tenant: row.tenant,
            blocked_by: row.blocked_by,
            pointer: None,
            detail: None,
        }
    }
}
