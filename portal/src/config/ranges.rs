//! The range of every number. `config/portal.toml` says the same in the comment of each key, and a
//! test compares the two.

use toml::Value;

use super::error::Error;
use super::layers::Layers;

/// Key, smallest and greatest value.
pub(super) const RANGES: [(&str, f64, f64); 55] = [
    ("http.body_limit_bytes", 1024.0, 104_857_600.0),
    ("http.request_timeout_ms", 100.0, 300_000.0),
    ("http.header_read_timeout_ms", 100.0, 300_000.0),
    ("http.max_concurrent_requests", 1.0, 100_000.0),
    ("http.readiness_timeout_ms", 100.0, 60_000.0),
    ("http.shutdown_timeout_ms", 0.0, 60_000.0),
    ("database.max_connections", 2.0, 1000.0),
    ("database.acquire_timeout_ms", 100.0, 60_000.0),
    ("database.statement_timeout_ms", 0.0, 3_600_000.0),
    ("database.lock_timeout_ms", 0.0, 3_600_000.0),
    ("database.answer_timeout_ms", 100.0, 3_660_000.0),
    ("auth.leeway_ms", 0.0, 300_000.0),
    ("auth.refresh_interval_ms", 10_000.0, 86_400_000.0),
    ("auth.refetch_cooldown_ms", 1000.0, 600_000.0),
    ("auth.fetch_timeout_ms", 100.0, 60_000.0),
    ("amqp.confirm_timeout_ms", 100.0, 300_000.0),
    ("amqp.reconnect_max_ms", 100.0, 300_000.0),
    ("amqp.delivery_limit", 1.0, 1000.0),
    ("amqp.prefetch", 1.0, 65535.0),
    ("amqp.receive_batch", 1.0, 10000.0),
    ("worker.poll_ms", 10.0, 60_000.0),
    ("worker.heartbeat_ms", 100.0, 60_000.0),
    ("worker.dead_after_ms", 300.0, 600_000.0),
    ("worker.observe_ms", 100.0, 60_000.0),
    ("worker.shutdown_timeout_ms", 0.0, 600_000.0),
    ("notifications.customer_timeout_ms", 100.0, 20_000.0),
    ("notifications.customer_max_bytes", 256.0, 10_485_760.0),
    ("notifications.customer_attempts", 1.0, 1000.0),
    ("notifications.breaker_failures", 1.0, 1000.0),
    ("notifications.breaker_pause_ms", 100.0, 3_600_000.0),
    ("notifications.smtp_timeout_ms", 100.0, 30_000.0),
    ("metrics.interval_ms", 1000.0, 600_000.0),
    ("metrics.tenants", 0.0, 1000.0),
    ("webhooks.timeout_ms", 100.0, 50_000.0),
    ("webhooks.max_redirects", 0.0, 10.0),
    ("webhooks.response_bytes", 0.0, 65_536.0),
    ("webhooks.max_in_flight", 1.0, 1000.0),
    ("webhooks.breaker_failures", 1.0, 1000.0),
    ("webhooks.breaker_pause_ms", 100.0, 3_600_000.0),
    ("webhooks.retry_after_max_ms", 0.0, 604_800_000.0),
    ("webhooks.disable_after_ms", 60_000.0, 31_536_000_000.0),
    ("queues.*.concurrency", 1.0, 10_000.0),
    ("queues.*.batch", 1.0, 10_000.0),
    ("queues.*.max_attempts", 1.0, 1000.0),
    ("queues.*.backoff_base_ms", 0.0, 86_400_000.0),
    ("queues.*.backoff_factor", 1.0, 100.0),
    ("queues.*.backoff_cap_ms", 0.0, 604_800_000.0),
    ("queues.*.backoff_jitter", 0.0, 1.0),
    ("queues.*.timeout_ms", 100.0, 86_400_000.0),
    ("queues.*.max_crashes", 1.0, 100.0),
    ("queues.*.keep_completed_days", 1.0, 3650.0),
    ("queues.*.keep_cancelled_days", 1.0, 3650.0),
    ("queues.*.keep_discarded_days", 1.0, 3650.0),
    ("queues.*.keep_archived_days", 0.0, 3650.0),
    ("queues.*.keep_attempts_days", 1.0, 3650.0),
];

/// As [`RANGES`], of each number in a list.
const LISTS: [(&str, f64, f64); 1] = [("queues.*.backoff_waits_ms", 0.0, 604_800_000.0)];

/// The first number that is out of its range.
pub(super) fn check(layers: &Layers) -> Result<(), Error> {
    for (key, value) in layers.iter() {
        let numbers: Vec<f64> = match value {
            Value::Array(items) => items.iter().filter_map(number).collect(),
            value => number(value).into_iter().collect(),
        };
        let pattern = key.pattern();
        let range = RANGES.iter().chain(&LISTS).find(|(name, ..)| *name == pattern);
        let outside =
            |(_, low, high): &(&str, f64, f64)| numbers.iter().find(|n| !(*low..=*high).contains(*n)).copied();
        if let Some((range, number)) = range.and_then(|range| Some((range, outside(range)?))) {
            let (_, low, high) = range;
            return Err(layers.wrong(&key.to_string(), format!("{number} is not within {low} to {high}")));
        }
    }
    Ok(())
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        _ => None,
    }
}
