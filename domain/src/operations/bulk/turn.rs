//! Where an operation stands in the middle of its work, and what comes next. Nothing here but arithmetic.

use serde_json::Value;
use uuid::Uuid;

use super::model::Action;

/// Items per turn at most.
const BATCH: i32 = 500;
/// Before so many items of a step have run, the share of those that failed says little while it is under way.
const ENOUGH: i32 = 20;

/// Whose turn it is: an operation that works.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Turn {
    pub(super) id: Uuid,
    pub(super) action: Action,
    pub(super) patch: Option<Value>,
    pub(super) reason: String,
    pub(super) created_by: String,
    pub(super) steps: Vec<i32>,
    pub(super) then_rest: bool,
    pub(super) rate: i32,
    pub(super) stop_share: f64,
    pub(super) stop_same: bool,
    pub(super) wait_seconds: i32,
    pub(super) total: i32,
    pub(super) position: i32,
    pub(super) done: i32,
    pub(super) skipped: i32,
    pub(super) succeeded: i32,
    pub(super) failed: i32,
    pub(super) failed_alike: i32,
    pub(super) cancelled: i32,
    pub(super) step: i32,
    pub(super) step_from: i32,
    pub(super) step_done: i32,
    pub(super) step_succeeded: i32,
    pub(super) step_failed: i32,
    pub(super) step_alike: i32,
    pub(super) step_cancelled: i32,
    pub(super) looked_to: i32,
    /// For how many seconds nothing has been left but to wait.
    pub(super) waited: Option<f64>,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// The action, on so many items.
    Act(i32),
    /// To wait for what becomes of those that were handed over.
    Wait,
    /// The step after this one.
    Step,
    /// It stops by itself.
    Stop(Why),
    /// It pauses: the steps that were asked for are over.
    Pause,
    /// Nothing.
    Complete,
}

/// Why an operation stops by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// Too large a share of the step failed again.
    FailedAgain,
    /// Nothing of the step has run in time.
    NothingRan,
}

impl Turn {
    pub(super) fn next(&self) -> Next {
        let left = self.total - self.position;
        if left > 0 && self.ran() >= ENOUGH && self.is_over_the_share() {
            return Next::Stop(Why::FailedAgain);
        }
        let limit = left.min(self.room()).min(BATCH).min(self.rate);
        if limit > 0 {
            return Next::Act(limit);
        }
        let patient = self.waited.is_none_or(|seconds| seconds < f64::from(self.wait_seconds));
        if self.open() > 0 && patient {
            return Next::Wait;
        }
        match () {
            () if left == 0 => Next::Complete,
            () if self.is_over_the_share() => Next::Stop(Why::FailedAgain),
            () if self.open() > 0 && self.ran() == 0 => Next::Stop(Why::NothingRan),
            () if self.size_of(self.step + 1) == 0 => Next::Pause,
            () => Next::Step,
        }
    }

    /// How many items of this step have ended, well or not.
    pub(super) fn ran(&self) -> i32 {
        self.step_succeeded + self.step_failed
    }

    /// How many of these count for the rule.
    pub(super) fn counted(&self) -> i32 {
        if self.stop_same { self.step_alike } else { self.step_failed }
    }

    /// Of how many items nobody knows what became of them.
    pub(super) fn unknown(&self) -> i32 {
        if self.action.runs_jobs() { self.done - self.succeeded - self.failed - self.cancelled } else { 0 }
    }

    /// A step begins where the operation stands.
    pub(super) fn begin(&mut self, step: i32) {
        *self = Self {
            step,
            step_from: self.position,
            step_done: 0,
            step_succeeded: 0,
            step_failed: 0,
            step_alike: 0,
            step_cancelled: 0,
            waited: None,
            ..self.clone()
        };
    }

    /// After it stopped by itself, it would go on with another step: what failed counts once.
    pub(super) fn stop(&mut self) {
        let is_over = self.room() == 0;
        self.begin(if is_over { self.step + 1 } else { self.step });
    }

    /// How many items of this step are still to come; those that are skipped are none of it.
    fn room(&self) -> i32 {
        self.size_of(self.step) - self.step_done
    }

    /// How many items of this step have not ended.
    fn open(&self) -> i32 {
        if self.action.runs_jobs() { self.step_done - self.ran() - self.step_cancelled } else { 0 }
    }

    fn size_of(&self, step: i32) -> i32 {
        let rest = if self.then_rest { i32::MAX } else { 0 };
        usize::try_from(step).ok().and_then(|index| self.steps.get(index)).copied().unwrap_or(rest)
    }

    fn is_over_the_share(&self) -> bool {
        self.ran() > 0 && f64::from(self.counted()) > self.stop_share * f64::from(self.ran())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1, 10, 100, the rest of 1,000, and not more than a fifth may fail.
    fn turn() -> Turn {
        Turn {
            id: Uuid::nil(),
            action: Action::Retry,
            patch: None,
            reason: String::new(),
            created_by: String::new(),
            steps: vec![1, 10, 100],
            then_rest: true,
            rate: 10_000,
            stop_share: 0.2,
            stop_same: true,
            wait_seconds: 300,
            total: 1_000,
            position: 0,
            done: 0,
            skipped: 0,
            succeeded: 0,
            failed: 0,
            failed_alike: 0,
            cancelled: 0,
            step: 0,
            step_from: 0,
            step_done: 0,
            step_succeeded: 0,
            step_failed: 0,
            step_alike: 0,
            step_cancelled: 0,
            looked_to: 0,
            waited: None,
        }
    }

    /// In the second step, with all of it handed over.
    fn second() -> Turn {
        Turn { position: 11, done: 11, step: 1, step_from: 1, step_done: 10, ..turn() }
    }

    #[test]
    fn a_step_is_handed_over_and_waited_for() {
        assert_eq!(turn().next(), Next::Act(1));
        let handed_over = Turn { position: 1, done: 1, step_done: 1, ..turn() };
        assert_eq!(handed_over.next(), Next::Wait);
        assert_eq!(Turn { step_succeeded: 1, ..handed_over }.next(), Next::Step);
        let mut next = second();
        next.begin(2);
        assert_eq!((next.step, next.step_from, next.step_done, next.next()), (2, 11, 0, Next::Act(100)));
        next.begin(3);
        assert_eq!(next.next(), Next::Act(500), "the rest, in turns");
        assert_eq!(Turn { rate: 7, ..next }.next(), Next::Act(7), "within a second");
    }

    #[test]
    fn what_is_skipped_is_no_part_of_a_step() {
        let skipped = Turn { position: 1, skipped: 1, ..turn() };
        assert_eq!(skipped.next(), Next::Act(1));
    }

    #[test]
    fn it_stops_when_more_than_the_share_failed_again() {
        let fifth = Turn { step_succeeded: 8, step_failed: 2, step_alike: 2, ..second() };
        assert_eq!(fifth.next(), Next::Step, "a fifth is allowed");
        let more = Turn { step_succeeded: 7, step_failed: 3, step_alike: 3, ..second() };
        assert_eq!(more.next(), Next::Stop(Why::FailedAgain));
        let other = Turn { step_alike: 2, ..more.clone() };
        assert_eq!(other.next(), Next::Step, "one failed with another error");
        assert_eq!(Turn { stop_same: false, ..other }.next(), Next::Stop(Why::FailedAgain));
        assert_eq!(Turn { stop_share: 1.0, ..more.clone() }.next(), Next::Step, "1 never stops");
        let last = Turn { total: 11, ..more };
        assert_eq!(last.next(), Next::Complete, "nothing is left to be spared");
    }

    #[test]
    fn a_large_step_stops_before_its_end() {
        let rest = Turn { position: 600, done: 600, step: 3, step_from: 111, step_done: 489, ..turn() };
        let few = Turn { step_failed: 19, step_alike: 19, ..rest.clone() };
        assert_eq!(few.next(), Next::Act(400));
        let enough = Turn { step_failed: 20, step_alike: 20, ..rest };
        assert_eq!(enough.next(), Next::Stop(Why::FailedAgain));
    }

    #[test]
    fn it_waits_for_a_limited_time_and_goes_on_when_something_ran() {
        let waiting = Turn { step_succeeded: 9, waited: Some(299.0), ..second() };
        assert_eq!(waiting.next(), Next::Wait);
        assert_eq!(Turn { waited: Some(300.0), ..waiting.clone() }.next(), Next::Step);
        let nothing = Turn { step_succeeded: 0, waited: Some(300.0), ..waiting };
        assert_eq!(nothing.next(), Next::Stop(Why::NothingRan));
        assert_eq!(Turn { step_cancelled: 10, ..second() }.next(), Next::Step, "what was cancelled is over");
    }

    #[test]
    fn after_its_steps_it_pauses_unless_the_rest_is_wanted() {
        let through = Turn { step: 2, step_done: 100, step_succeeded: 100, position: 111, then_rest: false, ..turn() };
        assert_eq!(through.next(), Next::Pause);
        assert_eq!(Turn { then_rest: true, ..through }.next(), Next::Step);
    }

    #[test]
    fn an_action_that_runs_nothing_waits_for_nothing() {
        let done =
            Turn { action: Action::Discard, steps: vec![], position: 1_000, done: 1_000, step_done: 1_000, ..turn() };
        assert_eq!(done.next(), Next::Complete);
        assert_eq!(done.unknown(), 0);
        assert_eq!(Turn { total: 0, ..turn() }.next(), Next::Complete, "nor does one on nothing");
    }

    #[test]
    fn what_failed_counts_once() {
        let mut stopped = Turn { step_failed: 3, step_succeeded: 7, step_alike: 3, ..second() };
        stopped.stop();
        assert_eq!((stopped.step, stopped.next()), (2, Next::Act(100)));
        let mut halfway = Turn { step: 3, step_from: 111, position: 611, step_done: 500, step_failed: 500, ..turn() };
        halfway.stop();
        assert_eq!((halfway.step, halfway.step_from, halfway.next()), (3, 611, Next::Act(389)));
    }
}
