//! What is as it is at the moment of asking.

use api::health::BrokerState;
use domain::operations::Load;
use prometheus::proto::MetricFamily;
use prometheus::{Gauge, Opts, Registry};

use super::Sources;

/// A metric whose values are put together anew each time.
struct Described {
    name: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
}

const BUILD: Described =
    Described { name: "portal_build_info", help: "1, for the version of the program.", labels: &["version"] };
const DATABASE_UP: Described = Described {
    name: "portal_database_up",
    help: "Whether the database answered when it was last asked. While it does not, all that it knows is missing.",
    labels: &[],
};
const CONNECTIONS: Described = Described {
    name: "portal_database_connections",
    help: "Connections of this process to the database.",
    labels: &["pool", "state"],
};
const CONNECTIONS_MAX: Described = Described {
    name: "portal_database_connections_max",
    help: "Connections that this process may have at once.",
    labels: &["pool"],
};
const BROKER_UP: Described =
    Described { name: "portal_broker_up", help: "Whether this process is connected to the broker.", labels: &[] };
const BROKER_MESSAGES: Described = Described {
    name: "portal_broker_queue_messages",
    help: "Events that wait at the broker for a consumer group, at the last look.",
    labels: &["queue"],
};
const DEPTH: Described = Described {
    name: "portal_queue_depth",
    help: "Jobs that workers are needed for now: due, or running.",
    labels: &["queue"],
};
const OLDEST: Described = Described {
    name: "portal_queue_oldest_due_seconds",
    help: "For how long the job has been due that has waited longest; 0 when none waits.",
    labels: &["queue"],
};
const JOBS: Described =
    Described { name: "portal_queue_jobs", help: "Live jobs by state.", labels: &["queue", "state"] };
const TENANT_DEPTH: Described = Described {
    name: "portal_queue_tenant_depth",
    help: "Depth by tenant: those with most, the others as _other, and nobody's as _none.",
    labels: &["queue", "tenant"],
};
const TENANT_OLDEST: Described = Described {
    name: "portal_queue_tenant_oldest_due_seconds",
    help: "Oldest due job by tenant, as the depth.",
    labels: &["queue", "tenant"],
};
const DEAD: Described = Described {
    name: "portal_dead_letters",
    help: "Dead letters that nobody has handled, by the class of their error.",
    labels: &["queue", "class"],
};

/// Every state is shown, so that a count that falls to 0 is seen to do so.
const STATES: [&str; 5] = ["pending", "retrying", "running", "scheduled", "waiting"];

/// The metrics of this moment; those of the database only if it answered.
pub(super) fn gather(sources: &Sources, load: Option<&Load>) -> Vec<MetricFamily> {
    let registry = Registry::new();
    set(&registry, &BUILD, &[env!("CARGO_PKG_VERSION")], 1.0);
    set(&registry, &DATABASE_UP, &[], if load.is_some() { 1.0 } else { 0.0 });
    pools(&registry, sources);
    broker(&registry, sources);
    if let Some(load) = load {
        queues(&registry, load);
    }
    registry.gather()
}

fn pools(registry: &Registry, sources: &Sources) {
    for (name, pool) in &sources.pools {
        let (size, idle) = (f64::from(pool.size()), pool.num_idle() as f64);
        set(registry, &CONNECTIONS, &[name, "idle"], idle);
        // the two are read one after the other
        set(registry, &CONNECTIONS, &[name, "in_use"], (size - idle).max(0.0));
        set(registry, &CONNECTIONS_MAX, &[name], f64::from(pool.options().get_max_connections()));
    }
}

fn broker(registry: &Registry, sources: &Sources) {
    match &*sources.broker.borrow() {
        BrokerState::Up => set(registry, &BROKER_UP, &[], 1.0),
        BrokerState::Down { .. } => set(registry, &BROKER_UP, &[], 0.0),
        BrokerState::Embedded | BrokerState::NotUsed => {}
    }
    for (group, messages) in (sources.at_broker)() {
        set(registry, &BROKER_MESSAGES, &[&group], messages as f64);
    }
}

fn queues(registry: &Registry, load: &Load) {
    for (name, queue) in &load.queues {
        set(registry, &DEPTH, &[name], queue.depth as f64);
        set(registry, &OLDEST, &[name], queue.oldest_due_seconds);
        for state in STATES {
            set(registry, &JOBS, &[name, state], queue.states.get(state).copied().unwrap_or(0) as f64);
        }
        for (tenant, load) in &queue.tenants {
            set(registry, &TENANT_DEPTH, &[name, tenant], load.depth as f64);
            set(registry, &TENANT_OLDEST, &[name, tenant], load.oldest_due_seconds);
        }
    }
    for dead in &load.dead {
        set(registry, &DEAD, &[&dead.queue, &dead.error_class], dead.count as f64);
    }
}

/// One value. Labels are constant: a vector of the library takes `ab`, `c` and `a`, `bc` for the same.
fn set(registry: &Registry, of: &Described, labels: &[&str], value: f64) {
    let options = of
        .labels
        .iter()
        .zip(labels)
        .fold(Opts::new(of.name, of.help), |options, (name, label)| options.const_label(*name, *label));
    let registered = Gauge::with_opts(options).and_then(|gauge| {
        gauge.set(value);
        registry.register(Box::new(gauge))
    });
    if let Err(error) = registered {
        tracing::error!(%error, metric = of.name, "a metric is not shown");
    }
}

#[cfg(test)]
mod tests {
    use prometheus::TextEncoder;

    use super::*;

    #[test]
    fn names_that_read_alike_side_by_side_stay_apart() {
        let registry = Registry::new();
        set(&registry, &TENANT_DEPTH, &["ab", "c"], 1.0);
        set(&registry, &TENANT_DEPTH, &["a", "bc"], 2.0);
        let text = TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
        assert!(text.contains("{queue=\"ab\",tenant=\"c\"} 1\n"), "{text}");
        assert!(text.contains("{queue=\"a\",tenant=\"bc\"} 2\n"), "{text}");
    }
}
