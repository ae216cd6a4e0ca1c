//! The command line, and what the two forms mean.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

/// Kills, pauses and cuts off a whole installation under load, and checks that nothing was lost.
#[derive(Debug, Parser)]
#[command(name = "chaos")]
pub(crate) struct Options {
    /// The form with at least 100,000 commands, the product's own rescue time, and many mixes
    #[arg(long)]
    pub(crate) long: bool,
    /// Repeats a run's choices; printed at the start of each
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Commands to issue at least
    #[arg(long)]
    pub(crate) commands: Option<usize>,
    /// Only faults with this in their name, and no mixes
    #[arg(long)]
    pub(crate) only: Option<String>,
    /// The checkout
    #[arg(long, default_value = ".")]
    pub(crate) root: PathBuf,
    /// The program under test, built with the feature `fail-points`
    #[arg(long, default_value = "target/debug/portal")]
    pub(crate) portal: PathBuf,
    /// Where logs, the broker's data and a failed run's findings go
    #[arg(long, default_value = "target/chaos")]
    pub(crate) work: PathBuf,
    /// Where PostgreSQL's data goes
    #[arg(long, default_value = "target/chaos/postgres")]
    pub(crate) postgres: PathBuf,
    /// The mount point of the small file system that PostgreSQL's data lies on, if it does
    #[arg(long)]
    pub(crate) small_disk: Option<PathBuf>,
    /// libfaketime, if there is one
    #[arg(long)]
    pub(crate) faketime: Option<PathBuf>,
    /// The first of eight ports: PostgreSQL, proxies, API, issuer
    #[arg(long, default_value_t = 27450)]
    pub(crate) port: u16,
    /// The first of RabbitMQ's four
    #[arg(long, default_value_t = 27700)]
    pub(crate) amqp_port: u16,
}

/// How much, and how fast.
#[derive(Debug, Clone)]
pub(crate) struct Form {
    /// Commands at least.
    pub(crate) commands: usize,
    /// Commands per second, about.
    pub(crate) rate: f64,
    pub(crate) clients: usize,
    /// Aggregates to begin with.
    pub(crate) customers: usize,
    pub(crate) workers: usize,
    /// Rounds of two faults at once, at least.
    pub(crate) mixes: usize,
    /// The rescue time; none keeps the product's own.
    pub(crate) dead_after: Option<Duration>,
    /// How long a link is out of order.
    pub(crate) outage: Duration,
}

impl Form {
    pub(crate) fn of(options: &Options) -> Self {
        let mut form = if options.long { Self::long() } else { Self::short() };
        form.commands = options.commands.unwrap_or(form.commands);
        if options.only.is_some() {
            form.mixes = 0;
            form.commands = options.commands.unwrap_or(0);
        }
        form
    }

    fn short() -> Self {
        Self {
            commands: 5_000,
            rate: 60.0,
            clients: 16,
            customers: 60,
            workers: 3,
            mixes: 4,
            dead_after: Some(Duration::from_secs(3)),
            outage: Duration::from_secs(4),
        }
    }

    fn long() -> Self {
        Self {
            commands: 100_000,
            rate: 150.0,
            clients: 32,
            customers: 200,
            workers: 3,
            mixes: 30,
            dead_after: None,
            outage: Duration::from_secs(40),
        }
    }

    /// What the product makes of it: 15 s unless told otherwise.
    pub(crate) fn rescue_time(&self) -> Duration {
        self.dead_after.unwrap_or(Duration::from_secs(15))
    }
}
