//! `portal admin audit`.

use clap::Args;

use super::Session;
use super::filter::{Page, given};
use super::table::Column;
use crate::failure::Failure;

pub(super) const EXAMPLES: &str = "\
Examples:
  portal admin audit --from 2026-01-31T00:00:00Z
  portal admin audit --target-id 01JGFJJZ00E008000000000103
  portal admin audit --actor ada@offgrid.example --action retry_dead_letter --output json";

const RECORDS: &[Column] = &[
    ("AT", "/at"),
    ("WHO", "/actor"),
    ("ACTION", "/action"),
    ("TARGET", "/target/kind"),
    ("IDS", "/target/ids"),
    ("REASON", "/reason"),
    ("BEFORE", "/before"),
    ("AFTER", "/after"),
];

/// Which records; every given condition must hold.
#[derive(Debug, Args)]
pub(super) struct Audit {
    /// By this person: the subject of a token
    #[arg(long)]
    actor: Option<String>,
    /// This action: retry_dead_letter
    #[arg(long)]
    action: Option<String>,
    /// On this kind of thing: dead_letter, job, operation, queue, schedule
    #[arg(long, value_name = "KIND")]
    target_kind: Option<String>,
    /// On this, alone or with others
    #[arg(long, value_name = "ID")]
    target_id: Option<String>,
    /// By the request with this correlation id
    #[arg(long, value_name = "ID")]
    correlation_id: Option<String>,
    /// Then or later: 2026-01-31T08:00:00Z
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Before
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    #[command(flatten)]
    page: Page,
}

pub(super) async fn run(session: &Session, audit: &Audit) -> Result<(), Failure> {
    let mut query = given([
        ("actor", &audit.actor),
        ("action", &audit.action),
        ("targetKind", &audit.target_kind),
        ("targetId", &audit.target_id),
        ("correlationId", &audit.correlation_id),
        ("from", &audit.from),
        ("to", &audit.to),
    ]);
    query.extend(audit.page.pairs());
    session.printer.list(&session.server.get(&["audit"], &query).await?, RECORDS)
}
