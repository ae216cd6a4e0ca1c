//! One chronological answer for one id.

use uuid::Uuid;

use crate::customers::CustomerCreated;
use crate::kernel::command::Query;
use crate::kernel::ctx::CorrelationId;
use crate::kernel::error::Error;
use crate::kernel::event::Event as _;
use crate::kernel::tx::Tx;
use crate::orders::OrderCreated;

use crate::operations::model::{Step, Timeline, TimelineEntry, TimelineOf};
use crate::operations::rules;

/// No timeline shows more entries than this.
pub const MOST_ENTRIES: usize = 1_000;

/// What happened to something, from the command to the last consumer, and what comes next. Rejected with
/// `timeline_not_found` when no event of the log has to do with it.
#[derive(Debug, Clone)]
pub struct GetTimeline {
    /// Whose.
    pub of: TimelineOf,
}

impl Query for GetTimeline {
    type Output = Timeline;

    async fn fetch(self, tx: &mut Tx) -> Result<Timeline, Error> {
        let mut events = events(tx, &self.of).await?;
        if events.is_empty() {
            return Err(rules::timeline_not_found().into());
        }
        let more_events = events.len() > MOST_ENTRIES;
        events.truncate(MOST_ENTRIES);
        let mut entries = entries(tx, &events).await?;
        let truncated = more_events || entries.len() > MOST_ENTRIES;
        entries.truncate(MOST_ENTRIES);
        Ok(Timeline { entries, truncated })
    }
}

/// One more than can be shown, if there are.
fn limit() -> i64 {
    i64::try_from(MOST_ENTRIES).unwrap_or(i64::MAX).saturating_add(1)
}

async fn events(tx: &mut Tx, of: &TimelineOf) -> Result<Vec<Uuid>, Error> {
    let (module, aggregate, event, correlation_id) = match of {
        TimelineOf::Order(id) => (Some(OrderCreated::MODULE), Some(*id), None, None),
        TimelineOf::Customer(id) => (Some(CustomerCreated::MODULE), Some(*id), None, None),
        TimelineOf::Event(id) => (None, None, Some(*id), None),
        TimelineOf::Correlation(id) => (None, None, None, Some(CorrelationId::as_str(id))),
    };
    let ids = sqlx::query_file_scalar!(
        "src/operations/timeline_events.sql",
        module,
        aggregate,
        event,
        correlation_id,
        limit()
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(ids)
}

async fn entries(tx: &mut Tx, events: &[Uuid]) -> Result<Vec<TimelineEntry>, Error> {
    let texts: Vec<String> = events.iter().map(Uuid::to_string).collect();
    let entries = sqlx::query_file_as!(TimelineEntry, "src/operations/timeline.sql", events, &texts, limit())
        .fetch_all(tx.conn())
        .await?;
    Ok(entries)
}
