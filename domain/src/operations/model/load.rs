//! How much there is to do, as metrics say it.

use std::collections::BTreeMap;

/// What waits, and what was given up.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Load {
    /// By name.
    pub queues: BTreeMap<String, QueueLoad>,
    /// Dead letters that nobody has handled.
    pub dead: Vec<DeadLoad>,
}

/// The jobs of a queue. Counting stops at [`COUNT_LIMIT`](crate::operations::COUNT_LIMIT): of those that wait for
/// their time, and of the others.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct QueueLoad {
    /// Jobs that workers are needed for now: due, or running.
    pub depth: i64,
    /// For how many seconds the one has been due that has waited longest; 0 when none waits.
    pub oldest_due_seconds: f64,
    /// By state.
    pub states: BTreeMap<String, i64>,
    /// By tenant: those with the greatest depth; the rest is one, and jobs of no tenant another.
    pub tenants: BTreeMap<String, TenantLoad>,
}

/// One tenant's part of it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct TenantLoad {
    /// As that of the queue.
    pub depth: i64,
    /// As that of the queue.
    pub oldest_due_seconds: f64,
}

/// Dead letters of a queue.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadLoad {
    /// Their queue.
    pub queue: String,
    /// What sort of failure.
    pub error_class: String,
    /// How many.
    pub count: i64,
}

/// Jobs of one queue, tenant and state.
#[derive(Debug, Clone)]
pub struct StateLoad {
    /// Their queue.
    pub queue: String,
    /// Whose they are; none, like the state, of a queue without jobs.
    pub tenant: Option<String>,
    /// `pending` (also behind an earlier one of their key), `scheduled`, `retrying`, `waiting` or `running`.
    pub state: Option<String>,
    /// How many.
    pub jobs: i64,
    /// How many of them are due, or running.
    pub due: i64,
    /// Since when the first of them is due.
    pub oldest_due_seconds: f64,
}

impl Load {
    /// Adds up what was counted.
    pub(in crate::operations) fn new(counted: Vec<StateLoad>, dead: Vec<DeadLoad>) -> Self {
        let mut queues = BTreeMap::<String, QueueLoad>::new();
        for row in counted {
            let queue = queues.entry(row.queue).or_default();
            let (Some(tenant), Some(state)) = (row.tenant, row.state) else { continue };
            queue.depth += row.due;
            queue.oldest_due_seconds = queue.oldest_due_seconds.max(row.oldest_due_seconds);
            *queue.states.entry(state).or_default() += row.jobs;
            let tenant = queue.tenants.entry(tenant).or_default();
            tenant.depth += row.due;
            tenant.oldest_due_seconds = tenant.oldest_due_seconds.max(row.oldest_due_seconds);
        }
        Self { queues, dead }
    }
}
