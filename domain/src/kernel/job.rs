//! Jobs: stored units of work. Arguments live here in `domain`, execution in `jobs`.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use ulid::Ulid;

/// The arguments of a kind of job.
pub trait Job: Serialize + DeserializeOwned + Send + Sync {
    /// Type name with a version, so that rows written by an older release still decode:
    /// `publish-event.v1`.
    const KIND: &'static str;
    /// Where it waits; its policy is configuration (`[queues.<name>]`).
    const QUEUE: &'static str;
}

/// A job about to be inserted.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// Chosen by the inserter, so that a row can refer to its job before it exists.
    pub id: Ulid,
    /// [`Job::QUEUE`].
    pub queue: &'static str,
    /// [`Job::KIND`].
    pub kind: &'static str,
    /// The arguments as JSON.
    pub payload: Vec<u8>,
    /// Jobs of one queue and key run one after another, in order of insertion.
    pub ordering_key: Option<String>,
    /// Higher first; must be 0 with an ordering key.
    pub priority: i32,
    /// Not before this long after the commit's `now()`.
    pub delay: Duration,
    /// What it is about, for people: `customers/{id}`.
    pub subject: Option<String>,
}

impl NewJob {
    /// A job without key, priority or delay.
    ///
    /// # Errors
    /// When the arguments cannot be written as JSON.
    pub fn new<J: Job>(args: &J) -> Result<Self, serde_json::Error> {
        Ok(Self {
            id: Ulid::from(uuid::Uuid::now_v7()),
            queue: J::QUEUE,
            kind: J::KIND,
            payload: serde_json::to_vec(args)?,
            ordering_key: None,
            priority: 0,
            delay: Duration::ZERO,
            subject: None,
        })
    }
}
