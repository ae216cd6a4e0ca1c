//! Events committed at a steady rate, whatever becomes of them: a small transaction every few
//! milliseconds, and a ring of the doorbell after it.

use std::time::{Duration, Instant};

use sqlx::PgConnection;
use tokio::time::{MissedTickBehavior, interval};

use crate::Result;
use crate::confirms::correlation_id;
use crate::work::{self, Events, OUTBOX};

/// Between two transactions.
const TICK: Duration = Duration::from_millis(10);
const CUSTOMERS: usize = 10_000;

/// How much, and how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Feed {
    /// Events per second.
    pub(crate) rate: f64,
    pub(crate) period: Duration,
}

/// What was fed.
#[derive(Debug, Default)]
pub(crate) struct Fed {
    pub(crate) events: usize,
    /// When each transaction had committed; its number is its place here.
    pub(crate) commits: Vec<Instant>,
}

/// Feeds for the whole period. What it cannot keep up with comes in the next transaction.
pub(crate) async fn feed(connection: &mut PgConnection, feed: Feed) -> Result<Fed> {
    let (mut fed, started) = (Fed::default(), Instant::now());
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while started.elapsed() < feed.period {
        ticks.tick().await;
        let count = due(feed.rate, started.elapsed(), fed.events);
        if count == 0 {
            continue;
        }
        let correlation_id = correlation_id(fed.commits.len());
        let events = Events { count, customers: CUSTOMERS, correlation_id: &correlation_id };
        work::add_events(connection, events).await?;
        fed.commits.push(Instant::now());
        fed.events += count;
        work::ring(connection, OUTBOX).await?;
    }
    Ok(fed)
}

fn due(rate: f64, elapsed: Duration, fed: usize) -> usize {
    ((rate * elapsed.as_secs_f64()) as usize).saturating_sub(fed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_tick_catches_up() {
        assert_eq!(due(1000.0, Duration::from_millis(10), 0), 10);
        assert_eq!(due(1000.0, Duration::from_millis(50), 10), 40);
        assert_eq!(due(1000.0, Duration::from_millis(50), 60), 0);
    }
}
