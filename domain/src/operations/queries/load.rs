//! How much there is to do.

use super::COUNT_LIMIT;
use crate::kernel::command::Query;
use crate::kernel::error::Error;
use crate::kernel::tx::Tx;
use crate::operations::model::{DeadLoad, Load, StateLoad};

/// What waits in each queue, and what was given up: for metrics, so it is quick however much that is.
#[derive(Debug, Clone, Copy)]
pub struct ReadLoad {
    /// Tenants that are named, of each queue.
    pub tenants: i64,
}

impl Query for ReadLoad {
    type Output = Load;

    async fn fetch(self, tx: &mut Tx) -> Result<Load, Error> {
        let counted = sqlx::query_file_as!(StateLoad, "src/operations/load.sql", COUNT_LIMIT, self.tenants)
            .fetch_all(tx.conn())
            .await?;
        let dead = sqlx::query_file_as!(DeadLoad, "src/operations/load_dead.sql").fetch_all(tx.conn()).await?;
        Ok(Load::new(counted, dead))
    }
}
