//! How an operation goes about it: in steps, no faster than a rate, and no further than a rule allows.

use crate::kernel::error::FieldError;
use crate::kernel::input;
use crate::messaging::Rate;

/// No operation has more steps than this before the rest.
pub const MOST_STEPS: usize = 20;

/// In which steps, and how fast.
#[derive(Debug, Clone, PartialEq)]
pub struct Gradual {
    /// How many items each step is of. After each, the operation waits for what becomes of them.
    steps: Vec<i32>,
    /// Whether all others follow after the steps; if not, it pauses.
    pub then_rest: bool,
    /// Items per second at most.
    pub rate: Rate,
    /// When it stops by itself.
    pub stop: StopRule,
    /// For how many seconds the outcome of a step is waited for at most.
    wait_seconds: i32,
}

/// When an operation stops by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StopRule {
    /// When more than this share of a step failed again, of what has run.
    share: f64,
    /// Only what failed with the same fingerprint as before counts.
    pub same_fingerprint: bool,
}

impl Default for Gradual {
    /// 1, 10, 100, then the rest, 100 a second, five minutes for each step.
    fn default() -> Self {
        let rate = Rate::default();
        Self { steps: vec![1, 10, 100], then_rest: true, rate, stop: StopRule::default(), wait_seconds: 300 }
    }
}

impl Default for StopRule {
    /// More than a fifth, of the same error.
    fn default() -> Self {
        Self { share: 0.2, same_fingerprint: true }
    }
}

impl Gradual {
    /// All at once, as fast as may be, and whatever fails.
    pub fn at_once() -> Self {
        let stop = StopRule { share: 1.0, same_fingerprint: true };
        Self { steps: Vec::new(), then_rest: true, rate: Rate::MOST, stop, wait_seconds: 300 }
    }

    /// With other steps: up to [`MOST_STEPS`], each of 1 to 100,000 items.
    ///
    /// # Errors
    /// Names the step under `pointer`; codes `too_many_steps`, `step_invalid`.
    pub fn with_steps(self, steps: &[i64], pointer: &str) -> Result<Self, FieldError> {
        if steps.len() > MOST_STEPS {
            let detail = format!("has {} steps; at most {MOST_STEPS} are allowed", steps.len());
            return Err(input::wrong(pointer, "too_many_steps", detail));
        }
        let size = |(index, size): (usize, &i64)| match i32::try_from(*size) {
            Ok(size @ 1..=100_000) => Ok(size),
            _ => {
                let detail = "a step is a number of items from 1 to 100000";
                Err(input::wrong(&format!("{pointer}/{index}"), "step_invalid", detail))
            }
        };
        Ok(Self { steps: steps.iter().enumerate().map(size).collect::<Result<_, _>>()?, ..self })
    }

    /// With another limit of the wait: 1 to 3,600 seconds.
    ///
    /// # Errors
    /// Names `pointer`; code `wait_invalid`.
    pub fn with_wait(self, seconds: i64, pointer: &str) -> Result<Self, FieldError> {
        match i32::try_from(seconds) {
            Ok(wait_seconds @ 1..=3_600) => Ok(Self { wait_seconds, ..self }),
            _ => Err(input::wrong(pointer, "wait_invalid", "must be a number of seconds from 1 to 3600")),
        }
    }

    /// As it is stored.
    pub(in crate::operations::bulk) fn stored(
        steps: Vec<i32>,
        (then_rest, rate, wait_seconds): (bool, i32, i32),
        stop: StopRule,
    ) -> Self {
        Self { steps, then_rest, rate: Rate::stored(rate), stop, wait_seconds }
    }

    /// How many items each step is of.
    pub fn steps(&self) -> &[i32] {
        &self.steps
    }

    /// For how many seconds the outcome of a step is waited for at most.
    pub fn wait_seconds(&self) -> i32 {
        self.wait_seconds
    }
}

impl StopRule {
    /// When more than this share fails: 0 to 1, where 1 never stops.
    ///
    /// # Errors
    /// Names `pointer`; code `share_invalid`.
    pub fn new(share: f64, same_fingerprint: bool, pointer: &str) -> Result<Self, FieldError> {
        if (0.0..=1.0).contains(&share) {
            Ok(Self { share, same_fingerprint })
        } else {
            Err(input::wrong(pointer, "share_invalid", "must be a share from 0 to 1; 0.2 is a fifth, 1 never stops"))
        }
    }

    /// As it is stored.
    pub(in crate::operations::bulk) fn stored(share: f64, same_fingerprint: bool) -> Self {
        Self { share, same_fingerprint }
    }

    /// The share that may fail.
    pub fn share(&self) -> f64 {
        self.share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_have_limits_and_a_wrong_one_is_named() {
        let steps = |steps: &[i64]| Gradual::default().with_steps(steps, "/gradual/steps");
        assert_eq!(steps(&[]).unwrap().steps(), [0; 0]);
        assert_eq!(steps(&[1, 100_000]).unwrap().steps(), [1, 100_000]);
        for bad in [0, -1, 100_001, i64::MAX] {
            let error = steps(&[1, bad]).unwrap_err();
            assert_eq!((error.pointer.as_str(), error.code), ("/gradual/steps/1", "step_invalid"), "{bad}");
        }
        assert_eq!(steps(&[1; MOST_STEPS + 1]).unwrap_err().code, "too_many_steps");
    }

    #[test]
    fn share_and_wait_have_limits() {
        for good in [0.0, 0.2, 1.0] {
            assert!(StopRule::new(good, true, "").is_ok(), "{good}");
        }
        for bad in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert_eq!(StopRule::new(bad, true, "/x").unwrap_err().code, "share_invalid", "{bad}");
        }
        for bad in [0, 3_601, -1, i64::MAX] {
            assert_eq!(Gradual::default().with_wait(bad, "/x").unwrap_err().code, "wait_invalid", "{bad}");
        }
    }
}
