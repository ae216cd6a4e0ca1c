//! Events that need not be published, because the next one says it all.

use uuid::Uuid;

use crate::kernel::db::Db;
use crate::kernel::error::Error;

/// The event that comes right after that of outbox job `job_id`, for the same aggregate and of the same
/// `event_type`, if it is about to be published too. With another event between the two there is none.
///
/// # Errors
/// [`Error::Database`].
pub async fn superseded_by(db: &Db, job_id: &str, event_type: &str) -> Result<Option<Uuid>, Error> {
    db.ask(async |conn| {
        let by =
            sqlx::query_file_scalar!("src/messaging/superseded.sql", job_id, event_type).fetch_optional(conn).await?;
        Ok(by)
    })
    .await
}
