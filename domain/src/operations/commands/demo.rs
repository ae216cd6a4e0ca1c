//! Jobs to try the operators' commands on.

use std::time::Duration;

use serde_json::json;
use ulid::Ulid;
use uuid::Uuid;

use crate::kernel::command::Command;
use crate::kernel::error::Error;
use crate::kernel::job::NewJob;
use crate::kernel::record::{Record, Target};
use crate::kernel::tx::Tx;

use crate::operations::model::{JobId, Reason};
use crate::operations::store;

/// Where they are. No worker serves it, and it is paused.
const QUEUE: &str = "demo";

/// Makes the paused queue `demo` with jobs that have not run and dead letters, under given ids, so
/// that the examples in the API's description work as they stand. Says whether it did: where the
/// queue has been made before, it does nothing.
#[derive(Debug, Clone, Default)]
pub struct AddDemoJobs {
    /// Jobs that are due in a year.
    pub scheduled: Vec<Uuid>,
    /// Jobs that failed six times.
    pub dead: Vec<Uuid>,
    /// Others that did, and are archived.
    pub archived: Vec<Uuid>,
}

impl Command for AddDemoJobs {
    type Output = bool;

    async fn handle(self, tx: &mut Tx) -> Result<bool, Error> {
        if !store::add_demo_queue(tx, QUEUE).await? {
            return Ok(false);
        }
        let year = Duration::from_secs(365 * 24 * 60 * 60);
        let jobs = self.scheduled.iter().map(|id| demo_job(*id, year));
        let failed: Vec<Uuid> = self.dead.iter().chain(&self.archived).copied().collect();
        let dead = failed.iter().map(|id| demo_job(*id, Duration::ZERO));
        tx.enqueue_all(jobs.chain(dead).collect()).await?;
        let failed: Vec<String> = failed.iter().map(|id| Ulid::from(*id).to_string()).collect();
        store::kill_demo_jobs(tx, &failed).await?;
        for id in &self.archived {
            let id = JobId::new(&Ulid::from(*id).to_string());
            store::archive(tx, &id, &Reason::said("Demo: kept as an example".to_owned())).await?;
        }
        tx.record(Record {
            action: "add_demo_jobs",
            target: Target::one("queue", QUEUE),
            reason: None,
            before: json!({}),
            after: json!({"paused": true, "scheduled": self.scheduled.len(), "dead": failed.len()}),
        })
        .await?;
        Ok(true)
    }
}

fn demo_job(id: Uuid, delay: Duration) -> NewJob {
    NewJob {
        id: Ulid::from(id),
        queue: QUEUE,
        kind: "demo.v1",
        payload: br#"{"hello": "operator"}"#.to_vec(),
        ordering_key: None,
        priority: 0,
        delay,
        subject: Some("demo".to_owned()),
    }
}
