//! The command line, and what the two forms mean.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use crate::faults::Fault;
use crate::program::Environment;

/// Kills, pauses and cuts off a whole installation under load, and checks that nothing was lost.
#[derive(Debug, Parser)]
#[command(name = "chaos")]
pub(crate) struct Options {
    /// What is played
    #[arg(long, value_enum, default_value_t = Scenario::Faults)]
    pub(crate) scenario: Scenario,
    /// The form with at least 100,000 commands, the product's own rescue time, and many mixes; of `orders` that
    /// with 10,000 of them in each act
    #[arg(long)]
    pub(crate) long: bool,
    /// Repeats a run's choices; printed at the start of each
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Commands to issue at least, or orders to place in each act
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

/// What is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// Everything that can die or be cut off, under load of customers' data
    Faults,
    /// A shop: orders, stock and notifications while handlers fail and events arrive twice
    Orders,
}

impl Options {
    /// Whether a fault was chosen; all are, unless some were.
    pub(crate) fn picks(&self, fault: Fault) -> bool {
        self.only.as_ref().is_none_or(|part| fault.to_string().contains(part))
    }
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
    /// What workers are told besides.
    pub(crate) worker_environment: Environment,
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

    pub(crate) fn short() -> Self {
        Self {
            commands: 5_000,
            rate: 60.0,
            clients: 16,
            customers: 60,
            workers: 3,
            mixes: 4,
            dead_after: Some(Duration::from_secs(3)),
            outage: Duration::from_secs(4),
            worker_environment: Vec::new(),
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
            worker_environment: Vec::new(),
        }
    }

    /// What the product makes of it: 15 s unless told otherwise.
    pub(crate) fn rescue_time(&self) -> Duration {
        self.dead_after.unwrap_or(Duration::from_secs(15))
    }
}
