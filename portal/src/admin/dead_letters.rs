//! `portal admin dead-letters`.

use clap::{Args, Subcommand};
use serde_json::json;

use super::Session;
use super::edit::{self, Edit};
use super::filter::{Act, Filter, Id, Page, given};
use super::job_view::{CHANGED, DEAD_LETTERS, JOB};
use super::server::Pairs;
use super::table::Column;
use crate::failure::Failure;

pub(super) const EXAMPLES: &str = r#"Examples:
  portal admin dead-letters groups
  portal admin dead-letters list --fingerprint 7c9e8581fcd3db75
  portal admin dead-letters show 01JGFJJZ00E008000000000103
  portal admin dead-letters retry 01JGFJJZ00E008000000000103 --reason 'The broker is back'
  portal admin dead-letters edit 01JGFJJZ00E008000000000107 --patch '{"hello": "world"}' --dry-run
  portal admin dead-letters edit 01JGFJJZ00E008000000000107 --patch @fix.json --reason 'A typing error; see INC-207'

Many at once: portal admin operations"#;

const GROUPS: &[Column] = &[
    ("FINGERPRINT", "/fingerprint"),
    ("COUNT", "/count"),
    ("QUEUE", "/queue"),
    ("KIND", "/kind"),
    ("CLASS", "/errorClass"),
    ("FIRST SEEN", "/firstSeen"),
    ("LAST SEEN", "/lastSeen"),
    ("TENANTS", "/tenants/first"),
    ("SUBJECTS", "/subjects/count"),
    ("PATTERN", "/pattern"),
    ("SAMPLE", "/sample/id"),
];

/// What to do with dead letters.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Newest first: those that nobody has handled
    List(Box<List>),
    /// One with its payload and everything that happened to it
    Show {
        /// As the list shows it
        id: Id,
    },
    /// What their failures have in common: how many, since when, whom they affect
    Groups(Box<Groups>),
    /// Puts one back into its queue, due at once
    Retry(Act),
    /// Drops one; it stays visible for some days, and can be restored
    Discard(Act),
    /// Keeps one for good, as nothing that is left to do
    Archive(Act),
    /// Makes one that was archived or discarded something to do again
    Restore(Act),
    /// Corrects the payload of one, and puts it back into its queue
    Edit(Box<Edit>),
}

/// Which dead letters.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Those in this state [default: dead]
    #[arg(long, value_parser = ["dead", "archived", "discarded"])]
    state: Option<String>,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    page: Page,
}

/// Which groups.
#[derive(Debug, Args)]
pub(super) struct Groups {
    /// Of dead letters, or of jobs that have failed and have attempts left [default: dead]
    #[arg(long, value_parser = ["dead", "retrying"])]
    state: Option<String>,
    /// Of this queue
    #[arg(long)]
    queue: Option<String>,
    /// Of this kind
    #[arg(long)]
    kind: Option<String>,
    /// Of this tenant
    #[arg(long)]
    tenant: Option<String>,
    /// Given up for this reason
    #[arg(long, value_name = "REASON", value_parser = ["exhausted", "permanent", "undecodable", "crash_loop"])]
    dead_reason: Option<String>,
    /// The largest first, or those that failed last [default: count]
    #[arg(long, value_parser = ["count", "last_seen"])]
    sort: Option<String>,
    #[command(flatten)]
    page: Page,
}

pub(super) async fn run(session: &Session, command: &Command) -> Result<(), Failure> {
    let Session { server, printer } = session;
    match command {
        Command::List(list) => printer.list(&server.get(&["dead-letters"], &list.query()).await?, DEAD_LETTERS),
        Command::Show { id } => {
            let letter = server.get(&["dead-letters", id.as_str()], &Vec::new()).await?;
            printer.full(&letter, &JOB)?;
            if let Some(etag) = &letter.etag {
                printer.note(&format!("its ETag, for --if-match: {etag}"));
            }
            Ok(())
        }
        Command::Groups(groups) => {
            printer.list(&server.get(&["dead-letters", "groups"], &groups.query()).await?, GROUPS)
        }
        Command::Retry(act) => change(session, act, "retry").await,
        Command::Discard(act) => change(session, act, "discard").await,
        Command::Archive(act) => change(session, act, "archive").await,
        Command::Restore(act) => change(session, act, "restore").await,
        Command::Edit(edit) => edit::run(session, edit).await,
    }
}

async fn change(session: &Session, Act { id, why }: &Act, verb: &str) -> Result<(), Failure> {
    let path = ["dead-letters", id.as_str(), verb];
    let changed = session.server.post(&path, &json!({"reason": why.reason})).await?;
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

impl Groups {
    fn query(&self) -> Pairs {
        let mut query = given([
            ("state", &self.state),
            ("queue", &self.queue),
            ("kind", &self.kind),
            ("tenant", &self.tenant),
            ("reason", &self.dead_reason),
            ("sort", &self.sort.as_ref().map(|sort| format!("-{sort}"))),
        ]);
        query.extend(self.page.pairs());
        query
    }
}
