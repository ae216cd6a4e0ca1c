//! What configuration says about the worker process as a whole: `[worker]` in `config/portal.toml`.
//! What it says per queue is [`domain::kernel::policy::QueuePolicy`].

use std::time::Duration;

/// Settings of a worker process.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Queues to serve; empty means every queue that has a registered job kind.
    pub queues: Vec<String>,
    /// A worker looks for jobs at least this often, also when no doorbell rings.
    pub poll: Duration,
    /// How often a worker says that it lives.
    pub heartbeat: Duration,
    /// A worker whose heartbeat has not changed for this long is dead. At least three heartbeats.
    pub dead_after: Duration,
    /// How often a worker looks at the heartbeats of the others.
    pub observe: Duration,
    /// At a stop, jobs in execution may take this long to finish; then they are handed back.
    pub shutdown_timeout: Duration,
}

impl Settings {
    /// Whether this process serves a queue.
    pub fn serves(&self, queue: &str) -> bool {
        self.queues.is_empty() || self.queues.iter().any(|served| served == queue)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            queues: Vec::new(),
            poll: Duration::from_secs(1),
            heartbeat: Duration::from_secs(5),
            dead_after: Duration::from_secs(15),
            observe: Duration::from_secs(1),
            shutdown_timeout: Duration::from_secs(8),
        }
    }
}
