//! In whose turn: what keeps an endpoint that is slow, away, or at its limit from costing others anything.
//!
//! Each worker process has a gate per endpoint. At most a few deliveries are under way to it; a job that finds no
//! place waits for one only as long as the endpoint is quick, else it goes back to the queue for as long as the line
//! in front of it will take. The same holds at a rate limit. Attempts without an answer open a circuit ([`Breaker`]):
//! then all go back, and one at a time tries. None of this uses an attempt.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::webhooks::RateLimit;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use super::settings::Settings;
use crate::breaker::{Breaker, Call};
use crate::runtime::JobError;

/// Who has to wait longer than this for a place goes back to the queue, and so do those after it …
const PATIENCE: Duration = Duration::from_millis(500);
/// … for so long.
const SLOW: Duration = Duration::from_secs(10);
/// Nobody is sent away for less: jobs that are due later are looked for once a second.
const SHORTEST: Duration = Duration::from_secs(1);
/// However many wait, the last of them looks again by then …
const LONGEST: Duration = Duration::from_secs(600);
/// … or, as long as nobody answers, by then.
const LONGEST_AWAY: Duration = Duration::from_secs(3600);

/// The gates of all endpoints.
pub(super) struct Gates {
    places: usize,
    breaker: (u32, Duration),
    of: Mutex<HashMap<Uuid, Arc<Gate>>>,
}

struct Gate {
    places: Arc<Semaphore>,
    most: u32,
    breaker: Breaker,
    state: Mutex<State>,
}

/// What a gate knows.
struct State {
    /// Nobody waits here before then.
    slow_until: Option<Instant>,
    /// How long a delivery takes, about.
    takes: Duration,
    /// When the last of those who were sent away is due.
    line: Instant,
    /// Deliveries that the rate limit allows now, and when that was.
    allowance: (f64, Instant),
}

/// The right to send one delivery.
pub(super) struct Pass {
    gate: Arc<Gate>,
    _place: OwnedSemaphorePermit,
}

impl Gates {
    pub(super) fn new(settings: &Settings) -> Self {
        let breaker = (settings.breaker_failures, settings.breaker_pause);
        Self { places: settings.max_in_flight.max(1), breaker, of: Mutex::default() }
    }

    /// Waits a moment for a place.
    ///
    /// # Errors
    /// Asks to come back when it is likely to be one's turn.
    pub(super) async fn enter(&self, endpoint: Uuid) -> Result<Pass, JobError> {
        let gate = self.gate(endpoint);
        gate.ensure_closed()?;
        let places = gate.places.clone();
        let place = if gate.is_slow() {
            places.try_acquire_owned().ok()
        } else {
            tokio::time::timeout(PATIENCE, places.acquire_owned()).await.ok().and_then(Result::ok)
        };
        match place {
            Some(place) => Ok(Pass { gate, _place: place }),
            None => Err(gate.crowded()),
        }
    }

    fn gate(&self, endpoint: Uuid) -> Arc<Gate> {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let gate = of.entry(endpoint).or_insert_with(|| Arc::new(Gate::new(self.places, self.breaker)));
        gate.clone()
    }
}

impl Gate {
    fn new(places: usize, (failures, pause): (u32, Duration)) -> Self {
        let now = Instant::now();
        Self {
            places: Arc::new(Semaphore::new(places)),
            most: u32::try_from(places).unwrap_or(u32::MAX),
            breaker: Breaker::new(failures, pause),
            state: Mutex::new(State { slow_until: None, takes: SHORTEST, line: now, allowance: (0.0, now - SHORTEST) }),
        }
    }

    fn ensure_closed(&self) -> Result<(), JobError> {
        match self.breaker.open_for() {
            None => Ok(()),
            Some(wait) => {
                let line = self.state().line_up(Instant::now(), SHORTEST, LONGEST_AWAY);
                Err(JobError::Snooze(wait.max(line)))
            }
        }
    }

    fn is_slow(&self) -> bool {
        self.state().slow_until.is_some_and(|until| Instant::now() < until)
    }

    /// There is no place.
    fn crowded(&self) -> JobError {
        let (mut state, now) = (self.state(), Instant::now());
        if state.slow_until.is_none_or(|until| until <= now) {
            state.slow_until = Some(now + SLOW);
        }
        let step = state.takes / self.most;
        JobError::Snooze(state.line_up(now, step, LONGEST))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// How long the line is with one more in it, who takes `step`.
    fn line_up(&mut self, now: Instant, step: Duration, longest: Duration) -> Duration {
        self.line = (self.line.max(now) + step).min(now + longest);
        (self.line - now).max(SHORTEST)
    }

    /// Takes one of the deliveries that the limit allows; a second's worth of them can be saved up.
    fn allow(&mut self, now: Instant, rate: f64) -> bool {
        let (saved, then) = self.allowance;
        let allowed = (saved + now.saturating_duration_since(then).as_secs_f64() * rate).min(rate.max(1.0));
        let enough = allowed >= 1.0;
        self.allowance = (if enough { allowed - 1.0 } else { allowed }, now);
        enough
    }
}

impl Pass {
    /// Whether the rate limit allows it now.
    ///
    /// # Errors
    /// Asks to come back when it is likely to.
    pub(super) fn turn(&self, limit: Option<RateLimit>) -> Result<(), JobError> {
        let Some(limit) = limit else { return Ok(()) };
        let (mut state, now, rate) = (self.gate.state(), Instant::now(), f64::from(limit.get()));
        if state.allow(now, rate) {
            return Ok(());
        }
        Err(JobError::Snooze(state.line_up(now, Duration::from_secs_f64(1.0 / rate), LONGEST)))
    }

    /// Begins the call.
    ///
    /// # Errors
    /// Asks to come back when the endpoint is left alone meanwhile.
    pub(super) fn call(&self) -> Result<Call<'_>, JobError> {
        self.gate.breaker.call().ok_or_else(|| JobError::Snooze(self.gate.breaker.open_for().unwrap_or(SHORTEST)))
    }

    /// How long a delivery took: the line in front of the gate is as long as what is in it.
    pub(super) fn took(&self, time: Duration) {
        let mut state = self.gate.state();
        state.takes = (state.takes * 3 + time) / 4;
        if time < PATIENCE {
            state.slow_until = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gates(settings: Settings) -> Gates {
        Gates::new(&settings)
    }

    fn snoozed<T>(result: Result<T, JobError>) -> Duration {
        match result {
            Err(JobError::Snooze(wait)) => wait,
            Err(error) => panic!("{error:?}"),
            Ok(_) => panic!("it was let in"),
        }
    }

    #[tokio::test]
    async fn who_finds_no_place_goes_back_and_those_after_it_at_once() {
        let gates = gates(Settings { max_in_flight: 2, ..Settings::default() });
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let held = (gates.enter(one).await.unwrap(), gates.enter(one).await.unwrap());
        let begun = Instant::now();
        assert!(snoozed(gates.enter(one).await) >= SHORTEST);
        assert!(begun.elapsed() >= PATIENCE);
        let waits: Vec<Duration> =
            futures::future::join_all((0..20).map(|_| gates.enter(one))).await.into_iter().map(snoozed).collect();
        assert!(waits.is_sorted() && waits[19] > waits[0] + Duration::from_secs(8), "a line: {waits:?}");
        assert!(gates.enter(other).await.is_ok(), "nobody else notices");
        drop(held);
        assert!(gates.enter(one).await.is_ok());
    }

    #[tokio::test]
    async fn while_nobody_answers_all_go_back_and_one_at_a_time_tries() {
        let gates =
            gates(Settings { breaker_failures: 2, breaker_pause: Duration::from_secs(60), ..Settings::default() });
        let endpoint = Uuid::from_u128(1);
        for _ in 0..2 {
            let pass = gates.enter(endpoint).await.unwrap();
            drop(pass.call().unwrap());
        }
        assert!(snoozed(gates.enter(endpoint).await) > Duration::from_secs(50));
        let last = (0..100).map(|_| snoozed(gates.gate(endpoint).ensure_closed())).last().unwrap();
        assert!(last > Duration::from_secs(90), "not all at once: {last:?}");
        assert!(gates.enter(Uuid::from_u128(2)).await.is_ok());
    }

    #[test]
    fn a_rate_limit_allows_a_seconds_worth_at_once_and_then_its_rate() {
        let now = Instant::now();
        let mut state = State { slow_until: None, takes: SHORTEST, line: now, allowance: (0.0, now - SHORTEST) };
        let mut allowed = |at: Duration| (0..10).filter(|_| state.allow(now + at, 4.0)).count();
        assert_eq!(allowed(Duration::ZERO), 4);
        assert_eq!(allowed(Duration::from_millis(500)), 2);
        assert_eq!(allowed(Duration::from_secs(60)), 4);
    }

    #[tokio::test]
    async fn who_is_over_the_limit_lines_up() {
        let gates = gates(Settings::default());
        let pass = gates.enter(Uuid::from_u128(1)).await.unwrap();
        let limit = Some(RateLimit::new(2, "").unwrap());
        assert_eq!((pass.turn(limit), pass.turn(limit)), (Ok(()), Ok(())));
        let waits: Vec<Duration> = (0..10).map(|_| snoozed(pass.turn(limit))).collect();
        assert!(waits.is_sorted() && waits[9] > Duration::from_secs(4), "{waits:?}");
        assert_eq!(pass.turn(None), Ok(()));
    }
}
