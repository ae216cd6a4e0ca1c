//! `portal admin operations`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

use super::Session;
use super::filter::{Act, Id, Page, Why, given};
use super::order::Order;
use super::server::Answer;
use super::table::{self, Column};
use super::view::View;
use super::watch;
use crate::failure::Failure;

pub(super) const EXAMPLES: &str = "\
Examples:
  portal admin operations preview retry --queue stock
  portal admin operations start retry --queue stock --steps 1,10,100 --reason 'INC-204 is fixed' --watch
  portal admin operations start discard 01JGFJJZ00E008000000000103 01JGFJJZ00E008000000000104 --reason 'Duplicates'
  portal admin operations watch 01941f29-7c00-7000-8000-000000000601
  portal admin operations items 01941f29-7c00-7000-8000-000000000601 --result failed
  portal admin operations resume 01941f29-7c00-7000-8000-000000000601 --reason 'The rest is fixed too' --watch

An operation is on what was dead when it began. Ctrl-C ends the watching, not the operation.";

const OPERATIONS: &[Column] = &[
    ("ID", "/id"),
    ("ACTION", "/action"),
    ("STATE", "/state"),
    ("TOTAL", "/progress/total"),
    ("WAITING", "/progress/waiting"),
    ("DONE", "/progress/done"),
    ("SUCCEEDED", "/progress/succeeded"),
    ("FAILED", "/progress/failed"),
    ("BEGUN", "/createdAt"),
    ("BY", "/createdBy"),
    ("REASON", "/reason"),
];

/// Everything there is to know about one.
pub(super) const OPERATION: View = View {
    fields: &[
        ("id", "/id"),
        ("action", "/action"),
        ("filter", "/filter"),
        ("patch", "/patch"),
        ("reason", "/reason"),
        ("state", "/state"),
        ("explanation", "/explanation"),
        ("items", "/progress/total"),
        ("waiting", "/progress/waiting"),
        ("done", "/progress/done"),
        ("skipped", "/progress/skipped"),
        ("succeeded", "/progress/succeeded"),
        ("failed again", "/progress/failed"),
        ("with the same error", "/progress/failedAlike"),
        ("cancelled", "/progress/cancelled"),
        ("step", "/progress/step"),
        ("steps", "/steps"),
        ("then the rest", "/thenRest"),
        ("per second", "/ratePerSecond"),
        ("stops at", "/stopWhen/share"),
        ("begun", "/createdAt"),
        ("by", "/createdBy"),
        ("changed", "/changedAt"),
        ("changed by", "/changedBy"),
        ("because", "/changeReason"),
        ("ended", "/endedAt"),
    ],
    lists: &[],
    documents: &[],
};

const ITEMS: &[Column] = &[
    ("POSITION", "/position"),
    ("JOB", "/jobId"),
    ("RESULT", "/result"),
    ("SKIPPED FOR", "/skippedFor"),
    ("FINGERPRINT", "/fingerprint"),
    ("FAILED WITH", "/failedWith"),
    ("ERROR", "/error"),
    ("DETAIL", "/detail"),
];

const TOTALS: &[Column] = &[
    ("selected", "/selected"),
    ("too many", "/tooMany"),
    ("ready", "/ready"),
    ("already processed", "/alreadyProcessed"),
    ("blocked", "/blocked"),
    ("endpoint disabled", "/endpointDisabled"),
    ("payload invalid", "/payloadInvalid"),
    ("no longer dead", "/noLongerDead"),
    ("payloads checked", "/payloadsChecked"),
];

const VERDICTS: &[Column] = &[
    ("JOB", "/jobId"),
    ("VERDICT", "/verdict"),
    ("QUEUE", "/queue"),
    ("KIND", "/kind"),
    ("TENANT", "/tenant"),
    ("BLOCKED BY", "/blockedBy"),
    ("AT", "/pointer"),
    ("DETAIL", "/detail"),
];

/// What to do with operations.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Says what an operation would do, in all and one by one, and does nothing
    Preview(Box<Preview>),
    /// Starts one: workers do it bit by bit, each item once
    Start(Box<Start>),
    /// Newest first
    List(Page),
    /// One with its progress
    Show {
        /// As the list shows it
        id: Id,
    },
    /// What became of its items
    Items(Items),
    /// Shows its progress until it ends, stops or pauses
    Watch {
        /// As the list shows it
        id: Id,
    },
    /// Nothing more is done until it is resumed
    Pause(Act),
    /// One that was paused, or stopped by itself, goes on
    Resume(Resume),
    /// For good: nothing more is done; what was done stays done
    Cancel(Act),
}

/// What would it do.
#[derive(Debug, Args)]
pub(super) struct Preview {
    /// As `start` takes it; nothing keeps it
    #[arg(long, value_name = "TEXT", default_value = "preview", hide_default_value = true)]
    reason: String,
    #[command(flatten)]
    order: Order,
    #[command(flatten)]
    page: Page,
}

/// What to do.
#[derive(Debug, Args)]
pub(super) struct Start {
    // before the order, whose options have headings
    #[command(flatten)]
    why: Why,
    /// Show its progress until it ends, stops or pauses
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    order: Order,
}

/// Which operation, and what then.
#[derive(Debug, Args)]
pub(super) struct Resume {
    #[command(flatten)]
    act: Act,
    /// Show its progress until it ends, stops or pauses
    #[arg(long)]
    watch: bool,
}

/// Which items.
#[derive(Debug, Args)]
pub(super) struct Items {
    /// Of the operation with this id
    id: Id,
    /// Of which this became
    #[arg(long, value_parser = ["waiting", "done", "skipped", "succeeded", "failed", "cancelled"])]
    result: Option<String>,
    #[command(flatten)]
    page: Page,
}

pub(super) async fn run(session: &Session, command: &Command) -> Result<ExitCode, Failure> {
    let Session { server, printer } = session;
    match command {
        Command::Start(start) => return begin(session, start).await,
        Command::Watch { id } => return watch::run(session, id.as_str()).await,
        Command::Resume(Resume { act, watch: true }) => {
            change(session, act, "resume").await?;
            return watch::run(session, act.id.as_str()).await;
        }
        Command::Preview(preview) => preview.show(session).await,
        Command::List(page) => printer.list(&server.get(&["operations"], &page.pairs()).await?, OPERATIONS),
        Command::Show { id } => printer.full(&server.get(&["operations", id.as_str()], &Vec::new()).await?, &OPERATION),
        Command::Items(items) => items.show(session).await,
        Command::Pause(act) => show_change(session, act, "pause").await,
        Command::Resume(Resume { act, watch: false }) => show_change(session, act, "resume").await,
        Command::Cancel(act) => show_change(session, act, "cancel").await,
    }
    .map(|()| ExitCode::SUCCESS)
}

async fn begin(session: &Session, start: &Start) -> Result<ExitCode, Failure> {
    let body = start.order.body(&start.why.reason)?;
    let begun = session.server.post(&["operations"], &body).await?;
    match begun.body["id"].as_str() {
        Some(id) if start.watch => {
            session.printer.note(&format!("operation {id} begins"));
            watch::run(session, id).await
        }
        _ => session.printer.full(&begun, &OPERATION).map(|()| ExitCode::SUCCESS),
    }
}

async fn change(session: &Session, Act { id, why }: &Act, verb: &str) -> Result<Answer, Failure> {
    session.server.post(&["operations", id.as_str(), verb], &json!({"reason": why.reason})).await
}

async fn show_change(session: &Session, act: &Act, verb: &str) -> Result<(), Failure> {
    session.printer.full(&change(session, act, verb).await?, &OPERATION)
}

impl Preview {
    async fn show(&self, session: &Session) -> Result<(), Failure> {
        let Session { server, printer } = session;
        let mut body = self.order.body(&self.reason)?;
        body["dryRun"] = true.into();
        if let Some(limit) = self.page.limit {
            body["limit"] = limit.into();
        }
        if let Some(cursor) = &self.page.cursor {
            body["cursor"] = cursor.as_str().into();
        }
        let preview = server.query(&["operations"], &body).await?;
        if let totals @ serde_json::Value::Object(_) = &preview.body["totals"] {
            printer.table(|width| table::fields(TOTALS, totals, width) + "\n")?;
        }
        printer.list(&preview, VERDICTS)
    }
}

impl Items {
    async fn show(&self, session: &Session) -> Result<(), Failure> {
        let mut query = given([("result", &self.result)]);
        query.extend(self.page.pairs());
        let items = session.server.get(&["operations", self.id.as_str(), "items"], &query).await?;
        session.printer.list(&items, ITEMS)
    }
}
