//! A measured value, and what it has to reach.

use serde_json::{Value, json};

use crate::statistics::median;

/// One line of the table.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    /// Which variant of its part: `20,000 jobs`. The same in every run: the baseline knows it by this.
    pub(crate) variant: String,
    /// Of every run, in order.
    pub(crate) runs: Vec<f64>,
    /// `/s`, `ms`, `MB`, `×`.
    pub(crate) unit: &'static str,
    /// Floors, and values that only explain others, have none.
    pub(crate) reach: Option<Reach>,
}

/// What a value is compared with, and how it must compare.
#[derive(Debug, Clone)]
pub(crate) struct Reach {
    direction: Direction,
    /// The ratio that is asked for.
    times: f64,
    /// What the value is divided by for the ratio, in the value's unit.
    base: f64,
    /// `≥ 0.6 × F1`.
    words: String,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Direction {
    AtLeast,
    AtMost,
}

impl Reach {
    /// The value must be at least `times` the base, which is called `name`.
    pub(crate) fn at_least(times: f64, name: &str, base: f64) -> Self {
        Self { direction: Direction::AtLeast, times, base, words: format!("≥ {times} × {name}") }
    }

    /// The value must be at most `times` the base, which is called `name`.
    pub(crate) fn at_most(times: f64, name: &str, base: f64) -> Self {
        Self { direction: Direction::AtMost, times, base, words: format!("≤ {times} × {name}") }
    }

    /// The value must not exceed a fixed limit; the ratio is the share of it that is used.
    pub(crate) fn limit(limit: f64, unit: &str) -> Self {
        Self { direction: Direction::AtMost, times: 1.0, base: limit, words: format!("≤ {limit} {unit}") }
    }

    /// For the table.
    pub(crate) fn words(&self) -> &str {
        &self.words
    }

    /// How much better than asked for: below 1 it is not reached.
    fn margin(&self, value: f64) -> f64 {
        let ratio = value / self.base;
        match self.direction {
            Direction::AtLeast => ratio / self.times,
            Direction::AtMost => self.times / ratio,
        }
    }

    /// How much worse `now` is than `before`, both ratios: 0.15 is 15 %; negative when it is better.
    fn worsening(&self, before: f64, now: f64) -> f64 {
        match self.direction {
            Direction::AtLeast => 1.0 - now / before,
            Direction::AtMost => now / before - 1.0,
        }
    }
}

impl Measured {
    /// The runs of a floor, or of something that has nothing to reach.
    pub(crate) fn new(variant: impl Into<String>, unit: &'static str, runs: Vec<f64>) -> Self {
        Self { variant: variant.into(), runs, unit, reach: None }
    }

    /// The same, with something to reach.
    #[must_use]
    pub(crate) fn reach(self, reach: Reach) -> Self {
        Self { reach: Some(reach), ..self }
    }

    /// The median of the runs.
    pub(crate) fn value(&self) -> f64 {
        median(&self.runs)
    }

    /// Value over what it is compared with.
    pub(crate) fn ratio(&self) -> Option<f64> {
        self.reach.as_ref().map(|reach| self.value() / reach.base)
    }

    /// How much better than asked for; `None` when nothing is asked for.
    pub(crate) fn margin(&self) -> Option<f64> {
        self.reach.as_ref().map(|reach| reach.margin(self.value()))
    }

    /// Whether it reaches what is asked for; a value that is not a number does not.
    pub(crate) fn ok(&self) -> Option<bool> {
        self.margin().map(|margin| margin >= 1.0)
    }

    /// How much worse its ratio is than `before`; 0.15 is 15 %.
    pub(crate) fn worsening(&self, before: f64) -> Option<f64> {
        Some(self.reach.as_ref()?.worsening(before, self.ratio()?))
    }

    /// `{value, unit, ratio, reach, ok, runs}`; the three in the middle are null when nothing is
    /// asked for.
    pub(crate) fn json(&self) -> Value {
        json!({
            "value": self.value(),
            "unit": self.unit,
            "ratio": self.ratio(),
            "reach": self.reach.as_ref().map(Reach::words),
            "ok": self.ok(),
            "runs": self.runs,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(runs: &[f64]) -> Measured {
        Measured::new("20,000 jobs", "/s", runs.to_vec()).reach(Reach::at_least(0.6, "F1", 1000.0))
    }

    #[test]
    fn a_rate_is_compared_with_its_floor() {
        let good = rate(&[900.0, 700.0, 100.0]);
        assert_eq!((good.value(), good.ratio(), good.ok()), (700.0, Some(0.7), Some(true)));
        assert_eq!(rate(&[599.0]).ok(), Some(false));
        assert_eq!(rate(&[]).ok(), Some(false));
    }

    #[test]
    fn a_limit_is_not_exceeded() {
        let latency = |ms| Measured::new("p99", "ms", vec![ms]).reach(Reach::limit(15.0, "ms"));
        assert_eq!(latency(15.0).ok(), Some(true));
        assert_eq!(latency(15.1).ok(), Some(false));
        assert_eq!(latency(7.5).ratio(), Some(0.5));
    }

    #[test]
    fn worse_is_lower_for_a_rate_and_higher_for_a_limit() {
        assert!((rate(&[800.0]).worsening(1.0).unwrap() - 0.2).abs() < 1e-9);
        let memory = Measured::new("full speed", "MB", vec![30.0]).reach(Reach::limit(40.0, "MB"));
        assert!((memory.worsening(0.5).unwrap() - 0.5).abs() < 1e-9);
        assert!(Measured::new("x", "ms", vec![1.0]).worsening(1.0).is_none());
    }
}
