//! `portal admin schedules`.

use clap::Subcommand;
use serde_json::json;

use super::Session;
use super::filter::{Act, Id, Page};
use super::job_view;
use super::table::Column;
use super::view::View;
use crate::failure::Failure;

const SCHEDULES: &[Column] = &[
    ("ID", "/id"),
    ("NAME", "/name"),
    ("DEFINITION", "/definition"),
    ("TENANT", "/tenantId"),
    ("CRON", "/cron"),
    ("TIME ZONE", "/timeZone"),
    ("ENABLED", "/enabled"),
    ("NEXT", "/nextFires/0"),
    ("LAST", "/lastFires/0/at"),
];

const SCHEDULE: View = View {
    fields: &[
        ("id", "/id"),
        ("name", "/name"),
        ("description", "/description"),
        ("definition", "/definition"),
        ("tenant", "/tenantId"),
        ("cron", "/cron"),
        ("time zone", "/timeZone"),
        ("missed", "/missed"),
        ("missed at most", "/missedLimit"),
        ("enabled", "/enabled"),
        ("next", "/nextFires"),
        ("created", "/createdAt"),
        ("created by", "/createdBy"),
        ("changed", "/updatedAt"),
        ("changed by", "/updatedBy"),
        ("because", "/reason"),
        ("version", "/version"),
    ],
    lists: &[(
        "LAST FIRES",
        "/lastFires",
        &[
            ("DUE", "/dueAt"),
            ("AT", "/at"),
            ("CAUSE", "/cause"),
            ("JOB", "/jobId"),
            ("SKIPPED", "/skipped"),
            ("WHO", "/actor"),
            ("REASON", "/reason"),
        ],
    )],
    documents: &[("PARAMETERS", "/parameters")],
};

const SWITCHED: &[Column] = &[("id", "/id"), ("name", "/name"), ("enabled", "/enabled"), ("next", "/nextFires/0")];

/// What to do with schedules.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Newest first, each with its next due time
    List(Page),
    /// One with its next due times, and what it did last
    Show {
        /// As the list shows it
        id: Id,
    },
    /// It starts jobs from now on; what was due before is not missed
    Enable(Act),
    /// It starts nothing until it is enabled
    Disable(Act),
    /// Starts its job now, whether or not it is enabled
    Run(Act),
}

pub(super) async fn run(session: &Session, command: &Command) -> Result<(), Failure> {
    let Session { server, printer } = session;
    match command {
        Command::List(page) => printer.list(&server.get(&["schedules"], &page.pairs()).await?, SCHEDULES),
        Command::Show { id } => printer.full(&server.get(&["schedules", id.as_str()], &Vec::new()).await?, &SCHEDULE),
        Command::Enable(act) => switch(session, act, true).await,
        Command::Disable(act) => switch(session, act, false).await,
        Command::Run(Act { id, why }) => {
            let job = server.post(&["schedules", id.as_str(), "run"], &json!({"reason": why.reason})).await?;
            printer.changed(&job, job_view::CHANGED)
        }
    }
}

async fn switch(session: &Session, Act { id, why }: &Act, enabled: bool) -> Result<(), Failure> {
    let body = json!({"enabled": enabled, "reason": why.reason});
    session.printer.changed(&session.server.patch(&["schedules", id.as_str()], &body).await?, SWITCHED)
}
