//! Starts what is due. Every worker process looks once a second, whatever queues it serves; only one of them is the
//! first for each due time.

use std::time::Duration;

use domain::{Db, schedules};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_secs(1);

/// How often is forgotten what happened long ago.
const EXPIRE_EVERY: Duration = Duration::from_secs(600);

/// Runs until `stop`. While the database is away nothing is started; what was due by then is dealt with as each
/// schedule says.
pub(crate) async fn run(db: Db, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut failures, mut expire_at) = (0_u32, Instant::now());
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.cancelled() => return,
        }
        match schedules::tick(&db, None).await {
            Ok(_) => failures = 0,
            Err(error) => {
                failures += 1;
                if failures == 1 {
                    tracing::warn!(%error, "cannot look for due schedules; trying again until it works");
                }
                continue;
            }
        }
        if Instant::now() >= expire_at {
            expire_at = Instant::now() + EXPIRE_EVERY;
            // as long as the jobs that it started
            let keep_days = db.policies().longest_completed_days();
            if let Err(error) = schedules::expire_fires(&db, keep_days).await {
                tracing::warn!(%error, "what schedules did long ago is not forgotten; trying again later");
            }
        }
    }
}
