//! Faults of the programs under test.

use std::time::{Duration, Instant};

use chrono::{DateTime, FixedOffset, TimeDelta, Utc};
use rustix::process::Signal;
use tokio::time::sleep;

use crate::Result;
use crate::program::Program;
use crate::proxy::Flow;
use crate::world::World;

/// A fail point is reached, or a program started again, within this time, other faults included.
const PATIENCE: Duration = Duration::from_secs(60);

/// At any moment.
pub(super) async fn kill(program: &Program) -> Result<()> {
    let before = program.lives();
    program.signal(Signal::KILL)?;
    program.killed_after(before, PATIENCE).await
}

/// Restarts it armed, and waits until it has died of it.
pub(super) async fn kill_at(program: &Program, point: &str, passes: u32) -> Result<()> {
    let before = program.lives();
    program.restart_with(vec![armed(point, passes)]).await?;
    program.killed_after(before, PATIENCE).await
}

fn armed(point: &str, passes: u32) -> (String, String) {
    // the library knows no "0 times"
    let before = if passes == 0 { String::new() } else { format!("{passes}*off->") };
    ("FAILPOINTS".to_owned(), format!("fail-point:{point}={before}return"))
}

/// Only attempts that did not succeed come by there.
pub(super) async fn kill_in_outage(world: &World, worker: &Program, point: &str) -> Result<()> {
    let before = worker.lives();
    worker.restart_with(vec![armed(point, 0)]).await?;
    let cutting = async {
        loop {
            // a connection that lasts a while is no reason to reconnect more slowly
            sleep(Duration::from_millis(1500)).await;
            world.broker_link.set_existing(Flow::Cut);
        }
    };
    tokio::select! {
        died = worker.killed_after(before, PATIENCE) => died,
        () = cutting => Ok(()),
    }
}

/// Long enough to be declared dead; then it goes on as if nothing had been.
pub(super) async fn pause(program: &Program, rescue_time: Duration) -> Result<()> {
    program.signal(Signal::STOP)?;
    sleep(rescue_time + Duration::from_secs(2)).await;
    program.signal(Signal::CONT)
}

/// Only this process's clock, by libfaketime; only that of the calendar, as on a real machine.
pub(super) async fn jump_clock(world: &World, worker: &Program) -> Result<()> {
    let library = world.faketime.as_ref().ok_or("no libfaketime")?;
    let offset = world.places.work.join("clock-offset");
    let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let seen = std::fs::metadata(&worker.log)?.len();
    std::fs::write(&offset, "+0")?;
    worker
        .restart_with(vec![
            variable("LD_PRELOAD", &library.to_string_lossy()),
            variable("FAKETIME_TIMESTAMP_FILE", &offset.to_string_lossy()),
            variable("FAKETIME_NO_CACHE", "1"),
            variable("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ])
        .await?;
    for (jump, hours) in [("+1h", 1), ("-1h", -1), ("+0", 0)] {
        std::fs::write(&offset, jump)?;
        until_logged(worker, seen, hours).await?;
    }
    worker.restart_with(Vec::new()).await
}

/// Waits until the worker logs by a clock that is so many hours ahead: that shows that it jumped.
async fn until_logged(worker: &Program, from: u64, hours: i64) -> Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        sleep(Duration::from_millis(500)).await;
        let log = std::fs::read(&worker.log)?;
        let log = String::from_utf8_lossy(log.get(usize::try_from(from)?..).unwrap_or_default()).into_owned();
        let ahead = last_time(&log).map(|time| time.signed_duration_since(Utc::now()) - TimeDelta::hours(hours));
        if ahead.is_some_and(|ahead| ahead.abs() < TimeDelta::minutes(30)) {
            return Ok(());
        }
    }
    Err(format!("{} does not log by a clock that is {hours} h ahead", worker.name).into())
}

/// Of the last record. Records begin with the time.
fn last_time(log: &str) -> Option<DateTime<FixedOffset>> {
    let words = log.lines().rev().filter_map(|line| line.split_whitespace().next());
    words.filter_map(|word| DateTime::parse_from_rfc3339(word).ok()).next()
}
