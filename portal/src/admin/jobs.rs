//! `portal admin jobs`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Session;
use super::filter::{Act, Filter, Id, Page, Why, given};
use super::job_view::{CHANGED, JOB, JOBS};
use super::server::Pairs;
use super::table::Column;
use crate::failure::Failure;
use crate::input;

pub(super) const EXAMPLES: &str = "\
Examples:
  portal admin jobs list --queue outbox --state retrying
  portal admin jobs show 01JGFJJZ00E008000000000101
  portal admin jobs definitions
  portal admin jobs start clean-up --parameters '{\"keepDays\": 3}' --reason 'The disk is almost full'
  portal admin jobs start rebuild-documents --tenant demo --reason 'Documents are missing'";

const DEFINITIONS: &[Column] = &[
    ("NAME", "/name"),
    ("QUEUE", "/queue"),
    ("CONCERNS", "/concerns"),
    ("STARTED BY", "/startedBy"),
    ("PARAMETERS", "/parameters/properties"),
    ("DESCRIPTION", "/description"),
];

/// What to do with jobs.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Of every tenant and in every state, newest first
    List(Box<List>),
    /// One with its payload and everything that happened to it
    Show {
        /// As the list shows it
        id: Id,
    },
    /// Ends one that no worker holds; later jobs of its key go on
    Cancel(Act),
    /// Makes one due that is scheduled, retrying, or waiting
    RunNow(Act),
    /// Which can be started, and with what parameters
    Definitions,
    /// Starts one by hand
    Start(Box<Start>),
}

/// Which jobs.
#[derive(Debug, Args)]
pub(super) struct List {
    /// In this state
    #[arg(long, value_parser = ["pending", "scheduled", "running", "retrying", "blocked", "waiting", "completed",
          "cancelled", "dead", "archived", "discarded"])]
    state: Option<String>,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    page: Page,
}

/// Which job.
#[derive(Debug, Args)]
pub(super) struct Start {
    /// The name of one of `definitions`
    definition: String,
    /// What its schema asks for: a JSON object, @FILE, or - for standard input
    #[arg(long, value_name = "JSON")]
    parameters: Option<String>,
    /// Whose data it is about, if it concerns a tenant
    #[arg(long)]
    tenant: Option<String>,
    /// Not before: 2026-01-31T08:00:00Z
    #[arg(long, value_name = "TIME")]
    run_at: Option<String>,
    #[command(flatten)]
    why: Why,
}

pub(super) async fn run(session: &Session, command: &Command) -> Result<(), Failure> {
    let Session { server, printer } = session;
    match command {
        Command::List(list) => printer.list(&server.get(&["jobs"], &list.query()).await?, JOBS),
        Command::Show { id } => printer.full(&server.get(&["jobs", id.as_str()], &Vec::new()).await?, &JOB),
        Command::Cancel(act) => change(session, act, "cancel").await,
        Command::RunNow(act) => change(session, act, "run-now").await,
        Command::Definitions => printer.list(&server.get(&["job-definitions"], &Vec::new()).await?, DEFINITIONS),
        Command::Start(start) => printer.changed(&server.post(&["jobs"], &start.body()?).await?, CHANGED),
    }
}

async fn change(session: &Session, Act { id, why }: &Act, verb: &str) -> Result<(), Failure> {
    let changed = session.server.post(&["jobs", id.as_str(), verb], &json!({"reason": why.reason})).await?;
    session.printer.changed(&changed, CHANGED)
}

impl List {
    fn query(&self) -> Pairs {
        let mut query = given([("state", &self.state)]);
        query.extend(self.filter.pairs());
        query.extend(self.page.pairs());
        query
    }
}

impl Start {
    fn body(&self) -> Result<Value, Failure> {
        let mut body = json!({"definition": self.definition, "reason": self.why.reason});
        if let Some(parameters) = &self.parameters {
            body["parameters"] = input::object("--parameters", parameters)?.into();
        }
        for (name, value) in given([("tenantId", &self.tenant), ("runAt", &self.run_at)]) {
            body[name] = value.into();
        }
        Ok(body)
    }
}
