//! `portal admin workflows`.

use clap::Subcommand;
use serde_json::json;

use super::Session;
use super::filter::{Act, Id, Page};
use super::table::Column;
use super::view::View;
use crate::failure::Failure;

const RUNS: &[Column] = &[
    ("ID", "/id"),
    ("WORKFLOW", "/workflow"),
    ("TENANT", "/tenant"),
    ("STATE", "/state"),
    ("STEP", "/step"),
    ("DONE", "/done"),
    ("TOTAL", "/total"),
    ("BEGUN", "/createdAt"),
    ("BY", "/createdBy"),
    ("ERROR", "/error"),
];

const RUN: View = View {
    fields: &[
        ("id", "/id"),
        ("workflow", "/workflow"),
        ("tenant", "/tenant"),
        ("state", "/state"),
        ("step", "/step"),
        ("done", "/done"),
        ("total", "/total"),
        ("error", "/error"),
        ("begun", "/createdAt"),
        ("by", "/createdBy"),
        ("went on", "/changedAt"),
        ("cancelled by", "/changedBy"),
        ("because", "/changeReason"),
        ("ended", "/endedAt"),
    ],
    lists: &[("TURNS", "/turns", &[("TURN", "/turn"), ("STEP", "/step"), ("AT", "/at"), ("LOG", "/log")])],
    documents: &[("RESULT", "/result")],
};

/// What to do with runs of workflows.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Newest first
    List(Page),
    /// One with its progress, and what its turns had to say
    Show {
        /// As the list shows it
        id: Id,
    },
    /// For good: it takes no more turns; what is done stays
    Cancel(Act),
}

pub(super) async fn run(session: &Session, command: &Command) -> Result<(), Failure> {
    let Session { server, printer } = session;
    match command {
        Command::List(page) => printer.list(&server.get(&["workflows"], &page.pairs()).await?, RUNS),
        Command::Show { id } => printer.full(&server.get(&["workflows", id.as_str()], &Vec::new()).await?, &RUN),
        Command::Cancel(Act { id, why }) => {
            let body = json!({"reason": why.reason});
            printer.changed(&server.post(&["workflows", id.as_str(), "cancel"], &body).await?, RUN.fields)
        }
    }
}
