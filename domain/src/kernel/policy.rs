//! What configuration says about each queue: `[queues.<name>]` in `config/portal.toml`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

/// The policies of all queues.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct QueuePolicies(pub BTreeMap<String, QueuePolicy>);

/// The policy of one queue. Durations are whole milliseconds.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QueuePolicy {
    /// Jobs of this queue in execution at once, per worker process.
    pub concurrency: usize,
    /// Jobs claimed, and completed, in one statement at most.
    pub batch: usize,
    /// Attempts counting the first; `retries + 1`.
    pub max_attempts: u32,
    /// Wait after the first failed attempt.
    pub backoff_base_ms: u64,
    /// Each further wait is this many times the one before.
    pub backoff_factor: f64,
    /// No wait is longer.
    pub backoff_cap_ms: u64,
    /// The wait after each failed attempt, the last of them after all that follow; none: by base, factor and cap.
    pub backoff_waits_ms: Vec<u64>,
    /// Random spread of a wait, as a share of it: 0.1 is ±10 %.
    pub backoff_jitter: f64,
    /// An attempt that takes longer has failed.
    pub timeout_ms: u64,
    /// When the dependency is unreachable.
    pub on_unavailable: OnUnavailable,
    /// Whether later jobs of a key wait while one of them is a dead letter.
    pub hold_key_on_dead_letter: bool,
    /// Whether a completed job keeps its payload.
    pub keep_payload: bool,
    /// Crashes of a worker while it runs a job alone, before the job is quarantined.
    pub max_crashes: u32,
    /// A completed job is kept for so many days.
    pub keep_completed_days: u16,
    /// A job that was cancelled.
    pub keep_cancelled_days: u16,
    /// A dead letter that was dropped. One that is left to do stays until somebody does it.
    pub keep_discarded_days: u16,
    /// A dead letter that was archived; 0: until somebody restores it.
    pub keep_archived_days: u16,
    /// What happened to a job, once it is neither live nor a dead letter.
    pub keep_attempts_days: u16,
}

/// What becomes of jobs while their dependency is unreachable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnUnavailable {
    /// They wait, and no attempt is counted.
    Wait,
    /// The attempt counts as failed.
    Count,
}

impl Default for QueuePolicy {
    fn default() -> Self {
        Self {
            concurrency: 16,
            batch: 100,
            max_attempts: 6,
            backoff_base_ms: 30_000,
            backoff_factor: 2.0,
            backoff_cap_ms: 480_000,
            backoff_waits_ms: Vec::new(),
            backoff_jitter: 0.0,
            timeout_ms: 60_000,
            on_unavailable: OnUnavailable::Wait,
            hold_key_on_dead_letter: false,
            keep_payload: true,
            max_crashes: 3,
            keep_completed_days: 7,
            keep_cancelled_days: 7,
            keep_discarded_days: 7,
            keep_archived_days: 0,
            keep_attempts_days: 7,
        }
    }
}

impl QueuePolicy {
    /// The wait after a failed attempt: that of the list, or `base × factor^(failed - 1)` up to the cap; spread
    /// by `jitter × spread`.
    ///
    /// `failed` counts failed attempts including this one (from 1); `spread` is a random number in
    /// -1.0 ..= 1.0.
    pub fn backoff(&self, failed: u32, spread: f64) -> Duration {
        let before = failed.saturating_sub(1);
        let place = usize::try_from(before).unwrap_or(usize::MAX);
        let wait = match self.backoff_waits_ms.get(place).or(self.backoff_waits_ms.last()) {
            Some(wait) => *wait as f64,
            None => self.growing_wait(i32::try_from(before).unwrap_or(i32::MAX)),
        };
        let spread_out = (wait * (1.0 + self.backoff_jitter * spread)).max(0.0);
        Duration::from_millis(spread_out as u64)
    }

    fn growing_wait(&self, exponent: i32) -> f64 {
        let wait = self.backoff_base_ms as f64 * self.backoff_factor.powi(exponent);
        wait.min(self.backoff_cap_ms as f64)
    }
}

impl QueuePolicies {
    /// The policy of a queue; the defaults if configuration does not name it.
    pub fn of(&self, queue: &str) -> QueuePolicy {
        self.0.get(queue).cloned().unwrap_or_default()
    }

    /// For how many days completed or cancelled jobs of any queue are kept, those of queues without a section too.
    pub fn longest_completed_days(&self) -> u16 {
        let default = QueuePolicy::default();
        let all = self.0.values().chain([&default]);
        all.map(|policy| policy.keep_completed_days.max(policy.keep_cancelled_days)).max().unwrap_or(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outbox_waits_30_60_120_240_480_seconds() {
        let policy = QueuePolicy::default();
        let waits: Vec<u64> = (1..=6).map(|n| policy.backoff(n, 0.0).as_secs()).collect();
        assert_eq!(waits, [30, 60, 120, 240, 480, 480]);
    }

    #[test]
    fn jitter_spreads_both_ways_and_never_below_zero() {
        let policy = QueuePolicy { backoff_jitter: 0.1, ..QueuePolicy::default() };
        assert_eq!(policy.backoff(1, 1.0), Duration::from_secs(33));
        assert_eq!(policy.backoff(1, -1.0), Duration::from_secs(27));
        let wild = QueuePolicy { backoff_jitter: 5.0, ..QueuePolicy::default() };
        assert_eq!(wild.backoff(1, -1.0), Duration::ZERO);
    }

    #[test]
    fn the_longest_time_of_any_queue_decides_and_that_of_those_without_a_section_too() {
        let with = |completed, cancelled| {
            let policy = QueuePolicy {
                keep_completed_days: completed,
                keep_cancelled_days: cancelled,
                ..QueuePolicy::default()
            };
            QueuePolicies(BTreeMap::from([("outbox".to_owned(), policy)])).longest_completed_days()
        };
        assert_eq!([with(1, 2), with(30, 2), with(1, 20)], [7, 30, 20]);
        assert_eq!(QueuePolicies::default().longest_completed_days(), 7);
    }

    #[test]
    fn a_list_of_waits_holds_instead_and_its_last_for_all_that_follow() {
        let policy =
            QueuePolicy { backoff_waits_ms: vec![60_000, 300_000], backoff_jitter: 0.1, ..QueuePolicy::default() };
        let waits: Vec<u64> = (1..=4).map(|n| policy.backoff(n, 0.0).as_secs()).collect();
        assert_eq!(waits, [60, 300, 300, 300]);
        assert_eq!(policy.backoff(2, -1.0), Duration::from_secs(270));
        assert_eq!(policy.backoff(u32::MAX, 1.0), Duration::from_secs(330));
    }

    #[test]
    fn a_huge_attempt_number_stays_at_the_cap() {
        assert_eq!(QueuePolicy::default().backoff(u32::MAX, 0.0), Duration::from_secs(480));
    }
}
