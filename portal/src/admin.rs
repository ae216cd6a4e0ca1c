//! `portal admin`: what the admin API can do, from a terminal, against any server.
//!
//! It speaks HTTP only, and needs neither the configuration nor the database of an installation: an address and a token.
//! A resource of the API is a module with its commands; [`Server`] asks, [`Printer`] shows, [`watch`] follows an
//! operation to its end. What is allowed, and what a filter means, only the API knows: its refusals are printed.

mod audit;
mod bar;
mod changes;
mod dead_letters;
mod edit;
mod events;
mod filter;
mod job_view;
mod jobs;
mod operations;
mod order;
mod printer;
mod problem;
mod queues;
mod schedules;
mod server;
mod table;
mod timeline;
mod token;
mod view;
mod watch;
mod workflows;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use reqwest::Url;

use crate::failure::Failure;
use printer::{Output, Printer};
pub(crate) use problem::Problem;
use server::Server;

const EXAMPLES: &str = "\
Examples:
  export PORTAL_ADMIN_TOKEN=…                       what `make run` prints for Admin
  portal admin dead-letters groups                  what fails, how often, since when, whom it affects
  portal admin operations preview retry --fingerprint 7c9e8581fcd3db75
  portal admin operations start retry --fingerprint 7c9e8581fcd3db75 --gradual --watch --reason 'INC-204 is fixed'
  portal admin --server https://portal.example.com --token-file ~/.portal-token queues list
  portal admin dead-letters list --output json | jq -r '.data[].id'

The token is read from the environment or a file, because everybody on a machine sees command lines.

Exit codes:
  0 done · 1 refused, or failed, with one line that says why · 2 wrong usage · 3 the server cannot be reached
  4 the operation that was watched did not complete: it stopped, was paused or cancelled, or Ctrl-C ended the watching";

/// Of the options that every command has.
const HEADING: &str = "Server and output";

/// `portal admin`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Admin {
    /// Where the API is
    #[arg(long, global = true, help_heading = HEADING, value_name = "URL", env = "PORTAL_ADMIN_SERVER",
          hide_env_values = true, default_value = "http://127.0.0.1:8080", value_parser = server::address)]
    server: Url,
    /// A file with a bearer token of somebody who is portal-admin; without it, PORTAL_ADMIN_TOKEN is the token
    #[arg(long, global = true, help_heading = HEADING, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Certificates (PEM) to trust for https, beside those that this machine trusts
    #[arg(long, global = true, help_heading = HEADING, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Tables that fit the terminal, or what the API answers, as one JSON document
    #[arg(long, global = true, help_heading = HEADING, value_enum, default_value = "table")]
    output: Output,
    #[command(subcommand)]
    command: Command,
}

/// Of what.
#[derive(Debug, Subcommand)]
enum Command {
    /// Jobs that were given up: understand, correct, retry or put away
    #[command(after_help = dead_letters::EXAMPLES)]
    DeadLetters {
        #[command(subcommand)]
        command: dead_letters::Command,
    },
    /// One action on many dead letters, step by step if you like
    #[command(after_help = operations::EXAMPLES)]
    Operations {
        #[command(subcommand)]
        command: operations::Command,
    },
    /// Jobs, wherever they are
    #[command(after_help = jobs::EXAMPLES)]
    Jobs {
        #[command(subcommand)]
        command: jobs::Command,
    },
    /// Queues: how much waits, and since when
    Queues {
        #[command(subcommand)]
        command: queues::Command,
    },
    /// What is started when
    Schedules {
        #[command(subcommand)]
        command: schedules::Command,
    },
    /// Runs of workflows
    Workflows {
        #[command(subcommand)]
        command: workflows::Command,
    },
    /// What operators did, newest first
    #[command(after_help = audit::EXAMPLES)]
    Audit(Box<audit::Audit>),
    /// The story of an order, a customer, an event or a request
    #[command(after_help = timeline::EXAMPLES)]
    Timeline(timeline::Timeline),
}

/// Whom to ask, and where to show it.
struct Session {
    server: Server,
    printer: Printer,
}

/// Does it, and says how it ended.
pub(crate) async fn run(admin: &Admin) -> Result<ExitCode, Failure> {
    let token = token::authorization(admin.token_file.as_deref())?;
    let server = Server::new(&admin.server, token, admin.ca_file.as_deref())?;
    let session = Session { server, printer: Printer::new(admin.output) };
    match &admin.command {
        Command::Operations { command } => return operations::run(&session, command).await,
        Command::DeadLetters { command } => dead_letters::run(&session, command).await,
        Command::Jobs { command } => jobs::run(&session, command).await,
        Command::Queues { command } => queues::run(&session, command).await,
        Command::Schedules { command } => schedules::run(&session, command).await,
        Command::Workflows { command } => workflows::run(&session, command).await,
        Command::Audit(audit) => audit::run(&session, audit).await,
        Command::Timeline(timeline) => timeline::run(&session, timeline).await,
    }
    .map(|()| ExitCode::SUCCESS)
}
