//! `portal admin queues`.

use clap::Subcommand;
use serde_json::json;

use super::Session;
use super::filter::{Act, Id};
use super::table::Column;
use crate::failure::Failure;

const QUEUES: &[Column] = &[
    ("NAME", "/name"),
    ("PENDING", "/counts/pending"),
    ("RUNNING", "/counts/running"),
    ("RETRYING", "/counts/retrying"),
    ("SCHEDULED", "/counts/scheduled"),
    ("BLOCKED", "/counts/blocked"),
    ("WAITING", "/counts/waiting"),
    ("DEAD", "/counts/dead"),
    ("DUE FOR (S)", "/oldestDueSeconds"),
    ("PER MINUTE", "/completedPerMinute"),
    ("WAITS FOR", "/waiting/dependency"),
    ("PAUSED", "/paused/reason"),
];

const SWITCHED: &[Column] =
    &[("queue", "/name"), ("paused", "/paused/at"), ("by", "/paused/by"), ("because", "/paused/reason")];

/// What to do with queues.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// How much is in each, since when the oldest is due, how fast they go
    List,
    /// No worker starts a job of it until it is resumed; what runs goes on
    Pause(Act),
    /// Its workers go on
    Resume {
        /// The queue's name
        id: Id,
    },
}

pub(super) async fn run(session: &Session, command: &Command) -> Result<(), Failure> {
    let Session { server, printer } = session;
    match command {
        Command::List => printer.list(&server.get(&["queues"], &Vec::new()).await?, QUEUES),
        Command::Pause(Act { id, why }) => {
            let paused = server.post(&["queues", id.as_str(), "pause"], &json!({"reason": why.reason})).await?;
            printer.changed(&paused, SWITCHED)
        }
        Command::Resume { id } => {
            printer.changed(&server.post(&["queues", id.as_str(), "resume"], &json!({})).await?, SWITCHED)
        }
    }
}
