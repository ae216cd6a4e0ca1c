//! `portal admin timeline`.

use clap::Args;

use super::Session;
use super::filter::given;
use super::table::Column;
use crate::failure::Failure;

pub(super) const EXAMPLES: &str = "\
Examples:
  portal admin timeline --order 01941f29-7c00-7000-8000-000000000501
  portal admin timeline --correlation-id walk-through-1";

const ENTRIES: &[Column] = &[
    ("AT", "/at"),
    ("STEP", "/step"),
    ("QUEUE", "/queue"),
    ("WHO", "/who"),
    ("ATTEMPT", "/attempt"),
    ("OUTCOME", "/outcome"),
    ("EVENT", "/eventType"),
    ("SUBJECT", "/subject"),
    ("ERROR", "/error"),
    ("REASON", "/reason"),
];

/// Whose story.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Timeline {
    /// An order's, with all that its requests caused
    #[arg(long, value_name = "ID")]
    order: Option<String>,
    /// A customer's, with all that the requests caused
    #[arg(long, value_name = "ID")]
    customer: Option<String>,
    /// One event's, and what became of it
    #[arg(long, value_name = "ID")]
    event: Option<String>,
    /// That of the request with this correlation id
    #[arg(long, value_name = "ID")]
    correlation_id: Option<String>,
}

pub(super) async fn run(session: &Session, of: &Timeline) -> Result<(), Failure> {
    let query = given([
        ("order", &of.order),
        ("customer", &of.customer),
        ("event", &of.event),
        ("correlationId", &of.correlation_id),
    ]);
    let story = session.server.get(&["timeline"], &query).await?;
    session.printer.list(&story, ENTRIES)?;
    if story.body["truncated"] == true {
        session.printer.note("it goes on: no more than 1,000 entries are shown");
    }
    Ok(())
}
