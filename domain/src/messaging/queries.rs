//! Reads replays, what one would do, and which events were published lately.

use uuid::Uuid;

use crate::kernel::command::Query;
use crate::kernel::ctx::TenantId;
use crate::kernel::error::{Error, Rejection};
use crate::kernel::event::LogRow;
use crate::kernel::page::{Page, PageSize, SearchText, decode_cursor};
use crate::kernel::tx::Tx;

use super::model::{Published, Replay, ReplayCounts, ReplayFilter, ReplayState};
use super::rules;

/// One replay. Rejected with `replay_not_found`.
#[derive(Debug, Clone, Copy)]
pub struct GetReplay {
    /// Which.
    pub id: Uuid,
}

/// A page of replays, newest first. Rejected with `cursor_invalid`.
#[derive(Debug, Clone, Default)]
pub struct ListReplays {
    /// `next` of the page before; none starts with the newest.
    pub cursor: Option<String>,
    /// How many at most.
    pub size: PageSize,
}

/// How many events a replay would be of, now.
#[derive(Debug, Clone)]
pub struct CountReplay {
    /// The group.
    pub consumer: SearchText,
    /// Which events.
    pub filter: ReplayFilter,
}

/// Refuses a group that no worker has ever served.
pub(super) async fn known_consumer(tx: &mut Tx, consumer: &SearchText) -> Result<(), Error> {
    let known = sqlx::query_scalar!(
        r#"select exists (select from jobs.queues where name = $1) as "known!""#,
        consumer.as_str()
    )
    .fetch_one(tx.conn())
    .await?;
    if known { Ok(()) } else { Err(rules::consumer_unknown(consumer.as_str()).into()) }
}

/// The events at the end of the log that were published, in the order in which they were, but for those that were
/// seen before.
#[derive(Debug, Clone)]
pub struct ListPublished {
    /// How many places of the log are looked at, from its end.
    pub window: i64,
    /// The places that were seen.
    pub seen: Vec<i64>,
    /// Only of these types; none: of all.
    pub types: Vec<String>,
}

impl Query for ListPublished {
    type Output = Vec<Published>;

    async fn fetch(self, tx: &mut Tx) -> Result<Vec<Published>, Error> {
        let rows = sqlx::query_file_as!(LogRow, "src/messaging/published.sql", self.window, &self.seen, &self.types)
            .fetch_all(tx.conn())
            .await?;
        let published = |row: LogRow| Ok(Published { position: row.position, event: row.into_envelope()? });
        rows.into_iter().map(published).collect()
    }
}

impl Query for GetReplay {
    type Output = Replay;

    async fn fetch(self, tx: &mut Tx) -> Result<Replay, Error> {
        replay(tx, self.id).await?.ok_or_else(|| rules::replay_not_found().into())
    }
}

impl Query for ListReplays {
    type Output = Page<Replay>;

    async fn fetch(self, tx: &mut Tx) -> Result<Page<Replay>, Error> {
        let after = self.cursor.as_deref().map(cursor).transpose()?;
        let rows =
            sqlx::query_file_as!(Replay, "src/messaging/replays.sql", None::<Uuid>, after, self.size.rows_to_fetch())
                .fetch_all(tx.conn())
                .await?;
        Ok(Page::new(rows, self.size, |replay| replay.id))
    }
}

impl Query for CountReplay {
    type Output = ReplayCounts;

    async fn fetch(self, tx: &mut Tx) -> Result<ReplayCounts, Error> {
        known_consumer(tx, &self.consumer).await?;
        let filter = &self.filter;
        let counts = sqlx::query_file_as!(
            ReplayCounts,
            "src/messaging/replay_counts.sql",
            self.consumer.as_str(),
            filter.stream.as_ref().map(SearchText::as_str),
            filter.event_type.as_ref().map(SearchText::as_str),
            filter.aggregate,
            filter.from,
            filter.to,
            filter.tenant.as_ref().map(TenantId::as_str)
        )
        .fetch_one(tx.conn())
        .await?;
        Ok(counts)
    }
}

pub(super) async fn replay(tx: &mut Tx, id: Uuid) -> Result<Option<Replay>, Error> {
    let row = sqlx::query_file_as!(Replay, "src/messaging/replays.sql", id, None::<Uuid>, 1)
        .fetch_optional(tx.conn())
        .await?;
    Ok(row)
}

fn cursor(text: &str) -> Result<Uuid, Rejection> {
    decode_cursor(text)
}
