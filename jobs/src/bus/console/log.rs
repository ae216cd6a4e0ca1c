//! Shows what other processes publish, as the database tells it: for an installation without a broker.

use std::collections::BTreeSet;
use std::io::Write;
use std::time::Duration;

use domain::messaging::ListPublished;
use domain::{Ctx, Db};
use tokio_util::sync::CancellationToken;

use super::{ConsoleError, Printer};
use crate::bus::cloudevent::{self, ContentMode};

/// How often the database is asked.
const INTERVAL: Duration = Duration::from_millis(250);

/// An event that is published after so many younger ones is not shown any more.
const WINDOW: i64 = 2_000;

/// Prints every event that is confirmed from now on, or only those of some `types`, until `stop` is cancelled.
/// Asks for ever; what is published while the database is away is shown when it is back.
///
/// # Errors
/// [`ConsoleError::Write`] when nobody reads the output any more.
pub async fn run_log<W: Write + Send + 'static>(
    db: &Db,
    ctx: &Ctx,
    types: &[String],
    printer: Printer<W>,
    stop: CancellationToken,
) -> Result<(), ConsoleError> {
    let mut seen = None;
    let mut failing = false;
    loop {
        match stop.run_until_cancelled(new_events(db, ctx, types, &mut seen)).await {
            None => return Ok(()),
            Some(Ok(messages)) => {
                failing = false;
                for message in messages {
                    printer.print(&message.properties, &message.body).await?;
                }
            }
            Some(Err(error)) => {
                if !failing {
                    tracing::warn!(%error, "no events to show");
                }
                failing = true;
            }
        }
        if stop.run_until_cancelled(tokio::time::sleep(INTERVAL)).await.is_none() {
            return Ok(());
        }
    }
}

/// What was published since the last time; the first time nothing, because it was published before.
async fn new_events(
    db: &Db,
    ctx: &Ctx,
    types: &[String],
    seen: &mut Option<BTreeSet<i64>>,
) -> Result<Vec<cloudevent::Message>, domain::Error> {
    let known = seen.iter().flatten().copied().collect();
    let published =
        domain::fetch(db, ctx, ListPublished { window: WINDOW, seen: known, types: types.to_vec() }).await?;
    let first = seen.is_none();
    let seen = seen.get_or_insert_default();
    seen.extend(published.iter().map(|published| published.position));
    if let Some(last) = seen.last().copied() {
        *seen = seen.split_off(&(last - WINDOW));
    }
    if first {
        tracing::info!("showing events as they are published");
        return Ok(Vec::new());
    }
    // it was published: it can be encoded
    Ok(published.iter().filter_map(|p| cloudevent::encode(&p.event, ContentMode::Structured).ok()).collect())
}
