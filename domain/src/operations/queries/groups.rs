//! Failures that are alike, as groups.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::kernel::command::Query;
use crate::kernel::ctx::TenantId;
use crate::kernel::error::{Error, Rejection};
use crate::kernel::page::{Page, PageSize, SearchText, decode_cursor, foreign_cursor};
use crate::kernel::tx::Tx;
use crate::operations::model::{
    Affected, DeadReason, FailureGroup, Fingerprint, GroupFilter, GroupSort, GroupState, Sample,
};
use crate::operations::rules;

/// Of each group, so many subjects are counted at most.
const SUBJECT_LIMIT: i64 = 1000;

/// Of jobs that are retried, so many are looked at: the newest failure of each has to be looked up.
const RETRYING_LIMIT: i64 = 20_000;

/// A page of groups. Of jobs that are retried, the newest 20,000 are looked at, and each belongs to the group of
/// its newest failure. Rejected with `cursor_invalid`, or `reason_not_dead`.
///
/// Groups grow and shrink while they are paged through: one may be missed or seen twice then.
#[derive(Debug, Clone, Default)]
pub struct ListFailureGroups {
    /// Which.
    pub filter: GroupFilter,
    /// What they are ordered by.
    pub sort: GroupSort,
    /// `next` of the page before; none starts at the beginning.
    pub cursor: Option<String>,
    /// How many at most.
    pub size: PageSize,
}

/// The last group of a page.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Position {
    sort: String,
    count: i64,
    last_seen: DateTime<Utc>,
    fingerprint: String,
}

/// The same as the statements want it.
#[derive(Default)]
struct After {
    count: Option<i64>,
    last_seen: Option<DateTime<Utc>>,
    fingerprint: Option<String>,
}

struct GroupRow {
    fingerprint: String,
    queue: String,
    kind: String,
    reason: Option<DeadReason>,
    error_class: Option<String>,
    pattern: String,
    count: i64,
    first_seen: DateTime<Utc>,
    last_seen: DateTime<Utc>,
    sample_id: String,
    error: String,
    tenants: i64,
    first_tenants: Vec<String>,
    subjects: i64,
    first_subjects: Vec<String>,
}

impl Query for ListFailureGroups {
    type Output = Page<FailureGroup>;

    async fn fetch(self, tx: &mut Tx) -> Result<Page<FailureGroup>, Error> {
        rules::can_be_grouped(&self.filter)?;
        let after = self.after()?;
        let rows = match self.filter.state {
            GroupState::Dead => dead(tx, &self, after).await?,
            GroupState::Retrying => retrying(tx, &self, after).await?,
        };
        Ok(Page::new(rows.into_iter().map(FailureGroup::from).collect(), self.size, |group| Position {
            sort: self.sort.as_str().to_owned(),
            count: group.count,
            last_seen: group.last_seen,
            fingerprint: group.fingerprint.clone(),
        }))
    }
}

impl ListFailureGroups {
    fn after(&self) -> Result<After, Rejection> {
        let Some(cursor) = &self.cursor else { return Ok(After::default()) };
        let position: Position = decode_cursor(cursor)?;
        let known = Fingerprint::parse(&position.fingerprint, "cursor").is_ok()
            && position.sort == self.sort.as_str()
            // what PostgreSQL can read
            && position.last_seen >= DateTime::UNIX_EPOCH;
        let Position { count, last_seen, fingerprint, .. } = position;
        let after = After { count: Some(count), last_seen: Some(last_seen), fingerprint: Some(fingerprint) };
        if known { Ok(after) } else { Err(foreign_cursor()) }
    }

    fn by_count(&self) -> bool {
        self.sort == GroupSort::Count
    }
}

async fn dead(tx: &mut Tx, asked: &ListFailureGroups, after: After) -> Result<Vec<GroupRow>, Error> {
    let filter = &asked.filter;
    let rows = sqlx::query_file_as!(
        GroupRow,
        "src/operations/groups_dead.sql",
        filter.queue.as_ref().map(SearchText::as_str),
        filter.kind.as_ref().map(SearchText::as_str),
        filter.tenant.as_ref().map(TenantId::as_str),
        filter.reason.map(DeadReason::as_str),
        asked.by_count(),
        after.count,
        after.last_seen,
        after.fingerprint,
        asked.size.rows_to_fetch(),
        SUBJECT_LIMIT
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

async fn retrying(tx: &mut Tx, asked: &ListFailureGroups, after: After) -> Result<Vec<GroupRow>, Error> {
    let filter = &asked.filter;
    let rows = sqlx::query_file_as!(
        GroupRow,
        "src/operations/groups_retrying.sql",
        filter.queue.as_ref().map(SearchText::as_str),
        filter.kind.as_ref().map(SearchText::as_str),
        filter.tenant.as_ref().map(TenantId::as_str),
        asked.by_count(),
        after.count,
        after.last_seen,
        after.fingerprint,
        asked.size.rows_to_fetch(),
        RETRYING_LIMIT,
        SUBJECT_LIMIT
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

impl From<GroupRow> for FailureGroup {
    fn from(row: GroupRow) -> Self {
        Self {
            fingerprint: row.fingerprint,
            queue: row.queue,
            kind: row.kind,
            reason: row.reason,
            error_class: row.error_class,
            pattern: row.pattern,
            count: row.count,
            first_seen: row.first_seen,
            last_seen: row.last_seen,
            sample: Sample { id: row.sample_id, error: row.error },
            tenants: Affected { count: row.tenants, first: row.first_tenants },
            subjects: Affected { count: row.subjects, first: row.first_subjects },
        }
    }
}
