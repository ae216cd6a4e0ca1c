//! The fault suite: a whole installation under load, everything that can die or be cut off does,
//! and afterwards every promise is checked. `scripts/chaos.sh` builds and runs it. This is the scenario
//! `faults`; [`orders`] is the other.
//!
//! ```text
//! load ──HTTP──▶ portal api ──▶ proxy ──▶ PostgreSQL ◀── proxy ◀── portal worker × 3 ──▶ proxy ──▶ RabbitMQ
//!   │ what was answered                      │ what is there                                        │ what arrived
//!   └──────────────────────────▶ check ◀─────┴──────────────────────────── consumer ◀───────────────┘
//! ```
//!
//! Nothing here is code of the product: the programs are run as they are, the database is read with
//! SQL, the broker with an AMQP client. [`faults`] do harm, [`check`] judges.

mod check;
mod consumer;
mod database;
mod faults;
mod history;
mod issuer;
mod load;
mod options;
mod orders;
mod places;
mod program;
mod proxy;
mod recovery;
mod report;
mod request;
mod run;
mod schedule;
mod servers;
mod world;

use std::process::ExitCode;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use options::{Options, Scenario};

/// Whatever goes wrong in the suite itself ends the run.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// A name that only a program with fail points contains.
const FAIL_POINT: &[u8] = b"fail-point:confirmed";
/// What a shell reports for a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let _ = rustls::crypto::ring::default_provider().install_default();
    match guarded(&options).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("chaos: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs until the end, or until it is interrupted: what was started then ends by being dropped.
async fn guarded(options: &Options) -> Result<ExitCode> {
    has_fail_points(options)?;
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(1..1_000_000));
    println!("seed {seed}");
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let run = async {
        match options.scenario {
            Scenario::Faults => run::run(options, seed).await,
            Scenario::Orders => orders::run(options, seed).await,
        }
    };
    tokio::select! {
        kept = run => Ok(if kept? { ExitCode::SUCCESS } else { ExitCode::FAILURE }),
        _ = interrupt.recv() => Ok(INTERRUPTED.into()),
        _ = terminate.recv() => Ok(INTERRUPTED.into()),
    }
}

fn has_fail_points(options: &Options) -> Result<()> {
    let program = std::fs::read(&options.portal)?;
    if program.windows(FAIL_POINT.len()).any(|window| window == FAIL_POINT) {
        return Ok(());
    }
    Err(format!("{} was built without the feature fail-points", options.portal.display()).into())
}
