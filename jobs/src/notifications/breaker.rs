//! A circuit breaker in front of one host: after some failures in a row it is left alone for a while, then
//! one call tries whether it is back.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Guards the calls to a host.
pub(super) struct Breaker {
    failures: u32,
    pause: Duration,
    state: Mutex<State>,
}

enum State {
    /// Calls go through; so many have failed since the last that did not.
    Closed(u32),
    /// None does, until then.
    Open(Instant),
    /// One does.
    Trying,
}

/// A call under way. One that is dropped without a word has failed: it was given up.
#[must_use]
pub(super) struct Call<'b> {
    breaker: &'b Breaker,
    worked: bool,
}

impl Breaker {
    pub(super) fn new(failures: u32, pause: Duration) -> Self {
        Self { failures, pause, state: Mutex::new(State::Closed(0)) }
    }

    /// How long the host is still to be left alone; none if a call may be tried.
    pub(super) fn closed_for(&self) -> Option<Duration> {
        match *self.state() {
            State::Closed(_) => None,
            State::Open(until) => Some(until.saturating_duration_since(Instant::now())).filter(|wait| !wait.is_zero()),
            State::Trying => Some(Duration::from_secs(1).min(self.pause)),
        }
    }

    /// Begins a call; none if the host is to be left alone.
    pub(super) fn call(&self) -> Option<Call<'_>> {
        let mut state = self.state();
        match *state {
            State::Closed(_) => {}
            State::Open(until) if Instant::now() >= until => *state = State::Trying,
            State::Open(_) | State::Trying => return None,
        }
        Some(Call { breaker: self, worked: false })
    }

    fn ended(&self, worked: bool) {
        let mut state = self.state();
        *state = match (&*state, worked) {
            (_, true) => State::Closed(0),
            (State::Closed(failed), false) if failed + 1 < self.failures => State::Closed(failed + 1),
            (State::Open(until), false) => State::Open(*until),
            (State::Closed(_) | State::Trying, false) => State::Open(Instant::now() + self.pause),
        };
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Call<'_> {
    /// The host answered, whatever it said.
    pub(super) fn answered(mut self) {
        self.worked = true;
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.breaker.ended(self.worked);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    fn fail(breaker: &Breaker) {
        drop(breaker.call().unwrap());
    }

    #[test]
    fn failures_in_a_row_open_it_and_others_do_not() {
        let breaker = Breaker::new(2, LONG);
        fail(&breaker);
        breaker.call().unwrap().answered();
        fail(&breaker);
        assert!(breaker.closed_for().is_none());
        fail(&breaker);
        assert!(breaker.call().is_none());
        assert!(breaker.closed_for().unwrap() > LONG / 2);
    }

    #[test]
    fn after_the_pause_one_call_decides() {
        let breaker = Breaker::new(1, Duration::ZERO);
        fail(&breaker);
        let trial = breaker.call().unwrap();
        assert!(breaker.call().is_none(), "one at a time");
        drop(trial);
        let trial = breaker.call().unwrap();
        trial.answered();
        let both = (breaker.call(), breaker.call());
        assert!(both.0.is_some() && both.1.is_some());
    }

    #[test]
    fn a_call_from_before_does_not_lengthen_the_pause() {
        let breaker = Breaker::new(1, Duration::ZERO);
        let (first, second) = (breaker.call().unwrap(), breaker.call().unwrap());
        drop(first);
        let State::Open(until) = *breaker.state() else { panic!("open") };
        drop(second);
        assert!(matches!(*breaker.state(), State::Open(at) if at == until));
    }
}
