//! What is printed, and what is kept of a failed run.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::time::Duration;

use crate::check::{Counts, Violation};
use crate::faults::Shot;
use crate::history::History;
use crate::recovery::Round;

/// Examples shown per broken promise.
const EXAMPLES: usize = 5;

/// `worker: kill -9 at claimed + rabbitmq: restart`
pub(crate) fn names(shots: &[Shot]) -> String {
    shots.iter().map(|shot| shot.fault.to_string()).collect::<Vec<_>>().join(" + ")
}

/// A line when a fault is over.
pub(crate) fn progress(round: &Round, issued: usize) {
    let first = seconds(round.recovery.first);
    let failure = round.failure.as_ref().map_or(String::new(), |failure| format!("  FAILED: {failure}"));
    println!(
        "{:>6.1} s  {:<70} {:>5.1} s  recovery {first}  {issued} commands{failure}",
        round.began.as_secs_f64(),
        names(&round.shots),
        round.lasted.as_secs_f64(),
    );
}

fn seconds(duration: Option<Duration>) -> String {
    duration.map_or("    never".to_owned(), |duration| format!("{:>7.2} s", duration.as_secs_f64()))
}

/// The table.
pub(crate) fn print(rounds: &[Round], counts: &Counts, troubles: &[String]) {
    println!("\n{:<70} {:>9} {:>9} {:>9}", "fault", "lasted", "recovery", "caught up");
    for round in rounds {
        let (first, caught_up) = (seconds(round.recovery.first), seconds(round.recovery.caught_up));
        println!("{:<70} {} {first} {caught_up}", names(&round.shots), seconds(Some(round.lasted)));
    }
    println!("\nrecovery: from the return of what was away to the confirm of an event committed after it");
    println!("caught up: until what was committed before was through as well\n");
    let rows = [
        ("commands acknowledged", counts.acknowledged),
        ("commands refused", counts.refused),
        ("answers lost and given up", counts.unknown),
        ("  of these took effect", counts.unknown_happened),
        ("answers lost, asked again, then answered", counts.asked_again),
        ("events committed", counts.events),
        ("messages arrived", counts.arrivals),
        ("  of these duplicates", counts.duplicates),
    ];
    for (what, count) in rows {
        println!("{what:<42} {count:>8}");
    }
    println!(
        "attempts that did not succeed: {}",
        if troubles.is_empty() { "none".to_owned() } else { troubles.join("; ") }
    );
}

/// The last lines.
pub(crate) fn verdict<P: Copy + Ord + Display>(violations: &[Violation<P>], seed: u64) {
    let mut by_promise: BTreeMap<P, Vec<&str>> = BTreeMap::new();
    for violation in violations {
        by_promise.entry(violation.promise).or_default().push(&violation.example);
    }
    for (promise, examples) in &by_promise {
        println!("\nBROKEN: {promise}: {} times", examples.len());
        examples.iter().take(EXAMPLES).for_each(|example| println!("  {example}"));
    }
    let verdict = if violations.is_empty() { "every promise was kept; 0 lost" } else { "FAILED" };
    println!("\n{verdict} (seed {seed})");
}

/// Writes what the checker looked at into files that can be searched.
pub(crate) fn keep(history: &History, work: &Path) -> io::Result<()> {
    lines(&work.join("commands.txt"), &history.commands)?;
    lines(&work.join("events.txt"), &history.events)?;
    lines(&work.join("arrivals.txt"), &history.arrivals)?;
    println!("logs, commands, events and arrivals: {}", work.display());
    Ok(())
}

fn lines<T: std::fmt::Debug>(path: &Path, items: &[T]) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    items.iter().try_for_each(|item| writeln!(file, "{item:?}"))?;
    file.flush()
}
