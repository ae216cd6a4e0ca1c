//! The command line. `make bench` fills in servers and paths.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::noop::Payload;

const EXAMPLES: &str = "\
Examples:
  make bench                            everything but B12: some 15 minutes
  make bench ONLY=B1,B4                 two figures, and the floors they are compared with
  make bench ONLY=B12 ARGS='--minutes 5 --percent 30'
  make bench ARGS=--check               fail when a ratio is over 15 % worse than bench/baseline.json
  make bench ARGS=--write-baseline      accept the ratios of this run

The table goes to standard output, progress to standard error, all values to target/bench.json.
What each figure means and how it is measured: bench/README.md.

Exit codes:
  0 measured · 1 failed, or a regression with --check · 2 wrong usage";

/// Measures what the servers of this machine can do, and what of it the product makes.
#[derive(Debug, Parser)]
#[command(name = "bench", after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    /// Only these, separated by commas: F1 to F5, B1 to B13 (ONLY=…)
    #[arg(long, value_name = "PARTS")]
    pub(crate) only: Option<String>,
    /// How often each figure is measured; its value is the median
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..))]
    pub(crate) runs: u8,
    /// One run with a tenth of the jobs: shows that everything works, measures little
    #[arg(long)]
    pub(crate) quick: bool,
    /// How long B12 takes
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) minutes: u64,
    /// How fast events arrive in B12, in percent of B2's rate; whoever commits them needs the processors too
    #[arg(long, default_value_t = 70, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub(crate) percent: u8,
    /// Compare the ratios with the baseline; fail when one is over 15 % worse
    #[arg(long, conflicts_with_all = ["write_baseline", "quick"])]
    pub(crate) check: bool,
    /// Make the ratios of this run the baseline
    #[arg(long, conflicts_with = "quick")]
    pub(crate) write_baseline: bool,
    /// URL of a superuser, on a server with nothing else in it
    #[arg(long, value_name = "URL", default_value = "")]
    pub(crate) postgres: String,
    /// URL of a RabbitMQ with nothing else in it
    #[arg(long, value_name = "URL", default_value = "")]
    pub(crate) amqp: String,
    /// What the header says of RabbitMQ
    #[arg(long, value_name = "VERSION", default_value = "unknown version")]
    pub(crate) rabbitmq_version: String,
    /// The product's binary
    #[arg(long, value_name = "FILE", default_value = "target/release/portal")]
    pub(crate) portal: PathBuf,
    /// Where all values go
    #[arg(long, value_name = "FILE", default_value = "target/bench.json")]
    pub(crate) output: PathBuf,
    /// The ratios to compare with
    #[arg(long, value_name = "FILE", default_value = "bench/baseline.json")]
    pub(crate) baseline: PathBuf,
    #[command(subcommand)]
    pub(crate) inner: Option<Inner>,
}

/// What this program starts itself as.
#[derive(Debug, Subcommand)]
pub(crate) enum Inner {
    /// Runs jobs that do nothing, until SIGTERM
    #[command(hide = true)]
    NoopWorker {
        /// Of the database
        url: String,
        /// Of completed jobs
        payload: Payload,
    },
}
