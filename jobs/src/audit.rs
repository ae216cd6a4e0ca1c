//! What audit does on events: keeps a document of every entity.

use domain::kernel::event::Event;
use domain::{Error, Tx};

/// Keeps what the event's entity looks like after it.
pub(crate) async fn keep_document<E: Event + Send + Sync>(event: E, tx: &mut Tx) -> Result<(), Error> {
    domain::audit::keep_document(&event, tx).await
}
