//! What the workers measure of themselves. Each metric is described in `docs/metrics.md`.
//!
//! On the way of every job there is one look-up per metric and batch, and atomic counters. The library tells labels
//! apart by their values written one behind the other, so the queue stands last: what comes before it ends in
//! one way only.

use std::sync::LazyLock;
use std::time::Duration;

use prometheus::core::Collector;
use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts};

use crate::bus::PublishError;

/// From a handler that finds its event handled to one that waits for a server.
const RUN: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0, 60.0];
/// From an idle worker to a queue that is hours behind.
const WAIT: [f64; 13] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0, 3600.0];

static METRICS: LazyLock<Metrics> = LazyLock::new(|| Metrics::new().expect("the names and the labels are well-formed"));

struct Metrics {
    attempts: IntCounterVec,
    failures: IntCounterVec,
    runs: HistogramVec,
    waits: HistogramVec,
    publishes: HistogramVec,
}

/// An attempt that was written down.
pub(crate) struct Attempt<'a> {
    pub(crate) kind: &'a str,
    /// `succeeded`, or the outcome in the job's history.
    pub(crate) outcome: &'static str,
    /// The error's, if it is a failure.
    pub(crate) class: Option<&'static str>,
    /// From due to begun; not known of what was not claimed from the queue.
    pub(crate) waited: Option<Duration>,
    pub(crate) ran: Duration,
}

/// What attempts of one kind and outcome are counted by.
struct Alike<'a> {
    kind: &'a str,
    outcome: &'static str,
    attempts: IntCounter,
    wait: Histogram,
    run: Histogram,
}

/// What this crate measures.
pub fn collectors() -> Vec<Box<dyn Collector>> {
    let metrics = &*METRICS;
    vec![
        Box::new(metrics.attempts.clone()),
        Box::new(metrics.failures.clone()),
        Box::new(metrics.runs.clone()),
        Box::new(metrics.waits.clone()),
        Box::new(metrics.publishes.clone()),
    ]
}

/// Attempts of a queue ended. Those that are alike mostly come together: they are looked up once.
pub(crate) fn ended<'a>(queue: &str, attempts: impl IntoIterator<Item = Attempt<'a>>) {
    let mut alike: Option<Alike<'a>> = None;
    for attempt in attempts {
        drop(alike.take_if(|before| (before.kind, before.outcome) != (attempt.kind, attempt.outcome)));
        let alike = alike.get_or_insert_with(|| Alike::new(queue, attempt.kind, attempt.outcome));
        alike.attempts.inc();
        alike.run.observe(attempt.ran.as_secs_f64());
        if let Some(waited) = attempt.waited {
            alike.wait.observe(waited.as_secs_f64());
        }
        if let Some(class) = attempt.class {
            METRICS.failures.with_label_values(&[class, queue]).inc();
        }
    }
}

/// The broker answered, or nobody did.
pub(crate) fn published(result: &Result<(), PublishError>, took: Duration) {
    let outcome = match result {
        Ok(()) => "confirmed",
        Err(PublishError::Unavailable(_)) => "unavailable",
        Err(PublishError::Nacked(_)) => "nacked",
        Err(PublishError::Unroutable(_)) => "unroutable",
        Err(PublishError::Invalid(_)) => "invalid",
    };
    METRICS.publishes.with_label_values(&[outcome]).observe(took.as_secs_f64());
}

impl<'a> Alike<'a> {
    fn new(queue: &str, kind: &'a str, outcome: &'static str) -> Self {
        Self {
            kind,
            outcome,
            attempts: METRICS.attempts.with_label_values(&[outcome, queue]),
            wait: METRICS.waits.with_label_values(&[kind, queue]),
            run: METRICS.runs.with_label_values(&[kind, queue]),
        }
    }
}

impl Metrics {
    fn new() -> prometheus::Result<Self> {
        let counter = |name, help, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels);
        let histogram = |name, help, buckets: [f64; 13], labels: &[&str]| {
            HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels)
        };
        Ok(Self {
            attempts: counter(
                "portal_job_attempts_total",
                "Attempts of jobs that ended in this process.",
                &["outcome", "queue"],
            )?,
            failures: counter(
                "portal_job_failures_total",
                "Attempts that failed in this process, by the class of their error.",
                &["class", "queue"],
            )?,
            runs: histogram(
                "portal_job_run_duration_seconds",
                "Time that an attempt took in this process.",
                RUN,
                &["kind", "queue"],
            )?,
            waits: histogram(
                "portal_job_wait_duration_seconds",
                "Time from a job being due to the begin of its attempt in this process.",
                WAIT,
                &["kind", "queue"],
            )?,
            publishes: histogram(
                "portal_event_publish_duration_seconds",
                "Time from handing an event to the bus to the broker's answer.",
                RUN,
                &["outcome"],
            )?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_counted_by_outcome_class_and_kind() {
        let attempt = |kind, outcome, class| Attempt {
            kind,
            outcome,
            class,
            waited: (outcome == "succeeded").then_some(Duration::from_secs(3)),
            ran: Duration::from_millis(2),
        };
        let attempts = [
            attempt("a.v1", "succeeded", None),
            attempt("b.v1", "failed", Some("timeout")),
            attempt("a.v1", "succeeded", None),
        ];
        ended("metrics-test", attempts);
        let counted = |outcome| METRICS.attempts.with_label_values(&[outcome, "metrics-test"]).get();
        assert_eq!([counted("succeeded"), counted("failed"), counted("dead")], [2, 1, 0]);
        assert_eq!(METRICS.failures.with_label_values(&["timeout", "metrics-test"]).get(), 1);
        let runs = |kind| METRICS.runs.with_label_values(&[kind, "metrics-test"]).get_sample_count();
        assert_eq!([runs("a.v1"), runs("b.v1")], [2, 1]);
        let waits = |kind| METRICS.waits.with_label_values(&[kind, "metrics-test"]);
        assert_eq!((waits("a.v1").get_sample_count(), waits("a.v1").get_sample_sum()), (2, 6.0));
        assert_eq!(waits("b.v1").get_sample_count(), 0);
    }
}
