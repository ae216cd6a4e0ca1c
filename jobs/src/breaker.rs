//! A circuit breaker in front of one host: after some failures in a row it is left alone for a while, then
//! one call tries whether it is back.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// Guards the calls to a host.
pub(crate) struct Breaker {
    failures: u32,
    pause: Duration,
    state: Mutex<State>,
    /// Whether there is any use in trying: not while it is open, nor while the one call tries.
    up: watch::Sender<bool>,
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
pub(crate) struct Call<'b> {
    breaker: &'b Breaker,
    /// Whether it is the one that tries whether the host is back.
    trial: bool,
    worked: bool,
}

impl Breaker {
    pub(crate) fn new(failures: u32, pause: Duration) -> Self {
        Self { failures, pause, state: Mutex::new(State::Closed(0)), up: watch::channel(true).0 }
    }

    /// How long the host is still to be left alone; none if a call may be tried.
    pub(crate) fn open_for(&self) -> Option<Duration> {
        match *self.state() {
            State::Closed(_) => None,
            State::Open(until) => Some(until.saturating_duration_since(Instant::now())).filter(|wait| !wait.is_zero()),
            State::Trying => Some(self.pause),
        }
    }

    /// False while there is no use in trying.
    pub(crate) fn up(&self) -> watch::Receiver<bool> {
        self.up.subscribe()
    }

    /// Begins a call; none if the host is to be left alone.
    pub(crate) fn call(&self) -> Option<Call<'_>> {
        let mut state = self.state();
        let trial = match *state {
            State::Closed(_) => false,
            State::Open(until) if Instant::now() >= until => {
                *state = State::Trying;
                self.up.send_replace(false);
                true
            }
            State::Open(_) | State::Trying => return None,
        };
        Some(Call { breaker: self, trial, worked: false })
    }

    fn ended(&self, worked: bool) {
        let mut state = self.state();
        *state = match (&*state, worked) {
            (_, true) => State::Closed(0),
            (State::Closed(failed), false) if failed + 1 < self.failures => State::Closed(failed + 1),
            (State::Open(until), false) => State::Open(*until),
            (State::Closed(_) | State::Trying, false) => State::Open(Instant::now() + self.pause),
        };
        match *state {
            State::Open(until) => self.up_at(until),
            _ => drop(self.up.send_replace(true)),
        }
    }

    /// Down until then: the next call is a trial.
    fn up_at(&self, until: Instant) {
        let up = self.up.clone();
        up.send_replace(false);
        tokio::spawn(async move {
            tokio::time::sleep_until(until.into()).await;
            up.send_replace(true);
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Call<'_> {
    /// Whether it only tries if the host is back.
    pub(crate) fn is_trial(&self) -> bool {
        self.trial
    }

    /// The host answered, whatever it said.
    pub(crate) fn answered(mut self) {
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

    #[tokio::test]
    async fn failures_in_a_row_open_it_and_others_do_not() {
        let breaker = Breaker::new(2, LONG);
        fail(&breaker);
        breaker.call().unwrap().answered();
        fail(&breaker);
        assert!(breaker.open_for().is_none());
        fail(&breaker);
        assert!(breaker.call().is_none());
        assert!(breaker.open_for().unwrap() > LONG / 2);
        assert!(!*breaker.up().borrow());
    }

    #[tokio::test]
    async fn after_the_pause_one_call_decides() {
        let breaker = Breaker::new(1, Duration::ZERO);
        fail(&breaker);
        let trial = breaker.call().unwrap();
        assert!(trial.is_trial() && !*breaker.up().borrow());
        assert!(breaker.call().is_none(), "one at a time");
        drop(trial);
        let mut up = breaker.up();
        up.wait_for(|up| *up).await.unwrap();
        let trial = breaker.call().unwrap();
        trial.answered();
        assert!(*breaker.up().borrow());
        let both = (breaker.call(), breaker.call());
        assert!(both.0.is_some() && both.1.is_some());
    }

    #[tokio::test]
    async fn a_call_from_before_does_not_lengthen_the_pause() {
        let breaker = Breaker::new(1, Duration::ZERO);
        let (first, second) = (breaker.call().unwrap(), breaker.call().unwrap());
        drop(first);
        let State::Open(until) = *breaker.state() else { panic!("open") };
        drop(second);
        assert!(matches!(*breaker.state(), State::Open(at) if at == until));
    }
}
