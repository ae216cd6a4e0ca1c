//! What audit does: keeps a document of every entity on its events, and makes them anew.

use domain::audit::{RebuildDocuments, RebuildWindow, Rebuilt};
use domain::kernel::event::Event;
use domain::{Error, Tx};

use crate::runtime::{JobContext, JobResult, ctx_of};

/// Who did it, in the words of the log.
const ACTOR: &str = "job:rebuild-documents";

/// Keeps what the event's entity looks like after it.
pub(crate) async fn keep_document<E: Event + Send + Sync>(event: E, tx: &mut Tx) -> Result<(), Error> {
    domain::audit::keep_document(&event, tx).await
}

/// Makes a tenant's documents anew, a window of the log at a time. One that breaks off begins again, and finds less
/// to do.
pub(crate) async fn rebuild_documents(job: RebuildDocuments, context: JobContext) -> JobResult {
    let ctx = ctx_of(&context, ACTOR)?;
    let (mut after, mut documents) = (Some(0), 0);
    while let Some(position) = after {
        let window = RebuildWindow { entity: job.entity, after: position };
        let Rebuilt { changed, next } = domain::run(&context.db, &ctx, window).await?;
        documents += changed;
        after = next;
    }
    tracing::info!(tenant = context.tenant.as_ref().map(domain::TenantId::as_str), documents, "documents rebuilt");
    Ok(())
}
