//! Measures the product on real servers: floors (what plain programs make of the same servers),
//! figures (what the product makes of them), and their ratio. `make bench` starts the servers with
//! durable settings and runs this in release.
//!
//! ```text
//! cli ─▶ plan: which parts ─▶ bench: one after another ─▶ floors/  plain programs
//!                                │                        figures/ the product's processes
//!                                ▼
//!                             report: table, target/bench.json ─▶ baseline: compare, or write
//! ```
//!
//! Every part works in a database of its own and removes it.

mod amqp;
mod baseline;
mod bench;
mod circumstances;
mod cli;
mod confirms;
mod depth;
mod feeder;
mod figures;
mod floors;
mod http;
mod measured;
mod noop;
mod plan;
mod processes;
mod random;
mod report;
mod scratch;
mod server;
mod shop;
mod statistics;
mod tokens;
mod work;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::str::FromStr as _;
use std::time::Duration;

use clap::Parser as _;
use serde_json::Value;
use sqlx::postgres::PgConnectOptions;
use tikv_jemallocator::Jemalloc;

use bench::{Bench, Endurance, Sizes};
use cli::{Cli, Inner};
use plan::Part;
use processes::Programs;
use report::Report;

/// As the product's.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// Whatever goes wrong ends the run, and is shown.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;
pub(crate) type Result<T> = std::result::Result<T, Error>;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.inner {
        Some(Inner::NoopWorker { url, payload }) => noop_worker(url, *payload).await,
        None => run(&cli).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn noop_worker(url: &str, payload: noop::Payload) -> Result<()> {
    noop::run(PgConnectOptions::from_str(url)?, payload).await
}

async fn run(cli: &Cli) -> Result<()> {
    let parts = plan::chosen(cli.only.as_deref())?;
    if cli.postgres.is_empty() || cli.amqp.is_empty() {
        return Err("start it with `make bench`, or give --postgres and --amqp (see --help)".into());
    }
    let before = baseline_file(cli)?;
    scratch::remove_leftovers(&cli.postgres).await?;
    let circumstances = circumstances::gather(&cli.postgres, &cli.rabbitmq_version).await?;
    let mut bench = new_bench(cli);
    let measured = measure(&mut bench, parts).await;
    let cleaned = scratch::remove_leftovers(&cli.postgres).await;
    let report = Report { circumstances, parts: bench.known() };
    // what was measured before a failure is worth seeing
    print!("\n{}\n{}", report.header(), report.table());
    measured?;
    cleaned?;
    write_json(&cli.output, &report.json())?;
    println!("\nall values: {}", cli.output.display());
    conclude(cli, &report, &before)
}

async fn measure(bench: &mut Bench, parts: BTreeSet<Part>) -> Result<()> {
    for part in parts {
        bench.measured(part).await.map_err(|error| format!("{}: {error}", part.name()))?;
    }
    match bench.depth.take() {
        Some(depth) => depth.scratch.remove().await,
        None => Ok(()),
    }
}

fn new_bench(cli: &Cli) -> Bench {
    let endurance = Endurance { period: Duration::from_secs(60 * cli.minutes), percent: cli.percent };
    let sizes = if cli.quick { Sizes::quick(endurance) } else { Sizes::full(cli.runs.into(), endurance) };
    let logs = cli.output.with_file_name("bench-logs");
    Bench::new(cli.postgres.clone(), cli.amqp.clone(), Programs { portal: cli.portal.clone(), logs }, sizes)
}

/// Says what was not reached, and compares with the baseline, or becomes it.
fn conclude(cli: &Cli, report: &Report, before: &Value) -> Result<()> {
    match report.missed().as_slice() {
        [] => {}
        missed => println!("not reached: {}", missed.join(" · ")),
    }
    if cli.write_baseline {
        write_json(&cli.baseline, &baseline::write(report, before))?;
        println!("baseline written: {}", cli.baseline.display());
    }
    if cli.check {
        let (worse, compared) = baseline::compare(report, before);
        println!("{compared} ratios compared with {}", cli.baseline.display());
        if !worse.is_empty() {
            return Err(format!("worse than the baseline:\n  {}", worse.join("\n  ")).into());
        }
    }
    Ok(())
}

/// Read before anything is measured: a missing file must not show after a quarter of an hour.
fn baseline_file(cli: &Cli) -> Result<Value> {
    match fs::read_to_string(&cli.baseline) {
        Ok(text) => Ok(serde_json::from_str(&text).map_err(|e| format!("{}: {e}", cli.baseline.display()))?),
        Err(_) if !cli.check => Ok(Value::Null),
        Err(error) => Err(format!("{}: {error}; write it with --write-baseline", cli.baseline.display()).into()),
    }
}

fn write_json(path: &Path, value: &Value) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let written = fs::write(path, serde_json::to_string_pretty(value)? + "\n");
    written.map_err(|error| format!("{}: {error}", path.display()).into())
}
