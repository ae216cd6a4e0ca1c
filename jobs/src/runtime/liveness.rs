//! Who is alive: this process says so with a counter, and watches the counters of the others.
//!
//! No wall clock takes part: a worker is dead when its counter has not changed for `dead_after` of
//! the observer's own monotonic time, and only time during which the observer was really looking
//! counts. A clock that jumps, a paused observer and a database outage therefore kill nobody.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use domain::kernel::connection::within;
use sqlx::{PgConnection, PgPool};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::process::Runtime;
use super::settings::Settings;

/// Registers a process start; again, when the first try broke half-way. `queues` are the ones it
/// serves.
pub(crate) async fn register(conn: &mut PgConnection, worker: &str, queues: &[String]) -> sqlx::Result<()> {
    let host = gethostname();
    sqlx::query!(
        "insert into jobs.workers (id, host, pid, version, queues) values ($1, $2, $3, $4, $5)
         on conflict (id) do nothing",
        worker,
        host,
        i32::try_from(std::process::id()).unwrap_or_default(),
        env!("CARGO_PKG_VERSION"),
        queues
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!("insert into jobs.queues (name) select unnest($1::text[]) on conflict do nothing", queues)
        .execute(conn)
        .await?;
    Ok(())
}

/// Beats until dropped. Cancels `lost` when the others have declared this worker dead. A beat over a
/// connection that fell silent is given up in time for another one.
pub(crate) async fn beat(pool: PgPool, worker: String, settings: Settings, lost: CancellationToken) {
    let limit = settings.dead_after.saturating_sub(settings.heartbeat * 2);
    let mut ticks = tokio::time::interval(settings.heartbeat);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let beat = within(&pool, limit, async |conn| beat_once(conn, &worker).await);
        match timeout(limit, beat).await.unwrap_or(Err(sqlx::Error::PoolTimedOut)) {
            Ok(true) => {}
            Ok(false) => {
                tracing::warn!(worker, "declared dead by another worker; starting anew under a new id");
                lost.cancel();
                return;
            }
            Err(error) => tracing::warn!(worker, %error, "heartbeat not written; trying again"),
        }
    }
}

async fn beat_once(conn: &mut PgConnection, worker: &str) -> sqlx::Result<bool> {
    let beaten = sqlx::query!(
        "update jobs.workers set beats = beats + 1, beat_at = now()
         where id = $1 and died_at is null and stopped_at is null",
        worker
    )
    .execute(conn)
    .await?;
    Ok(beaten.rows_affected() == 1)
}

/// Watches the others until dropped, and rescues what the dead held.
pub(crate) async fn observe(pool: PgPool, runtime: Runtime, worker: String) {
    let (db, settings) = (&runtime.db, &runtime.settings);
    let mut seen = Observations::default();
    let mut ticks = tokio::time::interval(settings.observe);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let looked = within(&pool, db.answer_limit(), async |conn| counters(conn, &worker).await);
        let counters = match looked.await {
            Ok(counters) => counters,
            Err(error) => {
                tracing::debug!(%error, "heartbeats not read");
                continue;
            }
        };
        // a gap between two looks proves nothing about the others
        let gap = settings.observe * 3;
        for (dead, beats) in seen.look(Instant::now(), counters, gap, settings.dead_after) {
            rescue(&pool, &runtime, &dead, beats).await;
        }
    }
}

async fn counters(conn: &mut PgConnection, except: &str) -> sqlx::Result<Vec<(String, i64)>> {
    let rows = sqlx::query!(
        "select id, beats from jobs.workers where stopped_at is null and died_at is null and id <> $1",
        except
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.beats)).collect())
}

/// Where something reacts to a dead letter, none is made here: a job that has killed too many workers is
/// claimed once more, and buried by who can react in the same transaction.
async fn rescue(pool: &PgPool, runtime: &Runtime, worker: &str, beats: i64) {
    let (db, react) = (&runtime.db, runtime.kinds.queues_with_hooks());
    let configured = db.policies().0.keys().map(String::as_str);
    let names: BTreeSet<&str> = configured.chain(react.iter().copied()).collect();
    let policies: Vec<_> = names.iter().map(|name| db.policy(name)).collect();
    let crashes: Vec<i32> = policies.iter().map(|p| i32::try_from(p.max_crashes).unwrap_or(i32::MAX)).collect();
    let holds: Vec<bool> = policies.iter().map(|p| p.hold_key_on_dead_letter).collect();
    let reacts: Vec<bool> = names.iter().map(|name| react.contains(name)).collect();
    let queues: Vec<String> = names.into_iter().map(str::to_owned).collect();
    let rescue = async |conn: &mut PgConnection| {
        sqlx::query_scalar!(
            "select jobs.rescue($1, $2, $3, $4, $5, $6)",
            worker,
            beats,
            &queues,
            &crashes,
            &holds,
            &reacts
        )
        .fetch_one(conn)
        .await
    };
    match within(pool, db.answer_limit(), rescue).await {
        Ok(Some(jobs)) => {
            tracing::warn!(worker, jobs, "worker is dead: its jobs were taken back");
            db.ring(queues);
        }
        Ok(None) => tracing::debug!(worker, "not dead after all, or rescued by another"),
        Err(error) => tracing::warn!(worker, %error, "rescue failed; trying again"),
    }
}

/// When each worker's counter was last seen to change.
#[derive(Default)]
struct Observations {
    last_look: Option<Instant>,
    workers: HashMap<String, (i64, Instant)>,
}

impl Observations {
    /// Takes in the counters of all live workers; returns those that are dead, with the counter
    /// they stopped at.
    fn look(
        &mut self,
        now: Instant,
        counters: Vec<(String, i64)>,
        gap: Duration,
        dead_after: Duration,
    ) -> Vec<(String, i64)> {
        let looked_away = self.last_look.is_none_or(|last| now.duration_since(last) > gap);
        self.last_look = Some(now);
        let mut dead = Vec::new();
        let before = std::mem::take(&mut self.workers);
        for (worker, beats) in counters {
            let since = match before.get(&worker) {
                Some((seen, since)) if *seen == beats && !looked_away => *since,
                _ => now,
            };
            if now.duration_since(since) >= dead_after {
                dead.push((worker.clone(), beats));
            }
            self.workers.insert(worker, (beats, since));
        }
        dead
    }
}

fn gethostname() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .unwrap_or_else(|_| "unknown".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAP: Duration = Duration::from_secs(3);
    const DEAD: Duration = Duration::from_secs(15);

    fn look(seen: &mut Observations, start: Instant, second: u64, beats: i64) -> usize {
        seen.look(start + Duration::from_secs(second), vec![("w".into(), beats)], GAP, DEAD).len()
    }

    #[test]
    fn dead_after_fifteen_seconds_without_a_beat() {
        let (mut seen, start) = (Observations::default(), Instant::now());
        let deaths: Vec<u64> = (0..=16).filter(|s| look(&mut seen, start, *s, 7) > 0).collect();
        assert_eq!(deaths, [15, 16]);
    }

    #[test]
    fn a_beat_starts_the_count_again() {
        let (mut seen, start) = (Observations::default(), Instant::now());
        assert_eq!((0..=14).map(|s| look(&mut seen, start, s, 7)).sum::<usize>(), 0);
        assert_eq!((15..=29).map(|s| look(&mut seen, start, s, 8)).sum::<usize>(), 0);
        assert_eq!(look(&mut seen, start, 30, 8), 1);
    }

    #[test]
    fn time_in_which_nobody_looked_counts_for_nothing() {
        let (mut seen, start) = (Observations::default(), Instant::now());
        look(&mut seen, start, 0, 7);
        assert_eq!(look(&mut seen, start, 60, 7), 0, "the observer was paused for a minute");
        assert_eq!((61..=74).map(|s| look(&mut seen, start, s, 7)).sum::<usize>(), 0);
        assert_eq!(look(&mut seen, start, 75, 7), 1);
    }
}
