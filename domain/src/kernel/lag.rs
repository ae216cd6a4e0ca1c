//! How far the queues are behind.

use sqlx::PgConnection;

/// A queue that workers serve, and for how long its oldest job has waited.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueLag {
    /// Its name; that of a consumer group for handler jobs.
    pub queue: String,
    /// Seconds since the job was enqueued that has waited longest, whatever it waits for; 0 when none waits.
    pub seconds: f64,
}

/// Every queue that a worker has ever served, by name.
///
/// # Errors
/// When the database cannot be asked.
pub async fn lag(conn: &mut PgConnection) -> sqlx::Result<Vec<QueueLag>> {
    sqlx::query_as!(QueueLag, r#"select queue as "queue!", seconds as "seconds!" from jobs.lag()"#)
        .fetch_all(conn)
        .await
}
