//! Starts jobs by hand.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::kernel::command::{Command, Query as _};
use crate::kernel::error::Error;
use crate::kernel::record::{Record, Target};
use crate::kernel::tx::Tx;
use crate::operations::{GetJob, JobDetail, JobId, Reason};

use crate::schedules::model::Order;
use crate::schedules::store::{self, Fire};

/// Starts a job. Answers with it.
#[derive(Clone)]
pub struct StartJob {
    /// Which.
    pub order: Order,
    /// Not before; at once if that has passed.
    pub run_at: Option<DateTime<Utc>>,
    /// Why.
    pub reason: Reason,
}

impl Command for StartJob {
    type Output = JobDetail;

    async fn handle(self, tx: &mut Tx) -> Result<JobDetail, Error> {
        let now = store::clock(tx).await?;
        let delay = self.run_at.map_or(Duration::ZERO, |at| (at - now).to_std().unwrap_or_default());
        // the queue counts in whole milliseconds, and must not be early
        let delay = Duration::from_millis(u64::try_from(delay.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX));
        let job = self.order.job(format!("job-definitions/{}", self.order.definition.about.name), delay);
        let id = job.id;
        tx.enqueue_for(self.order.tenant.as_ref(), vec![job]).await?;
        let fire = Fire { schedule: None, definition: self.order.definition, job: id };
        store::note_start(tx, &fire, &self.reason).await?;
        let definition = self.order.definition.about.name;
        tx.record(Record {
            action: "start_job",
            target: Target::one("job", id.to_string()),
            reason: Some(&self.reason),
            before: json!({}),
            after: json!({"definition": definition, "tenant": self.order.tenant.as_ref().map(|tenant| tenant.as_str())}),
        })
        .await?;
        GetJob { id: JobId::new(&id.to_string()) }.fetch(tx).await
    }
}
