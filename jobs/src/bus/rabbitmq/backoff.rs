//! How long to wait before the next attempt to connect.

use std::time::Duration;

/// Doubles from a quarter second to a limit; each wait is shortened by up to half at random, so
/// that many processes do not return at the same moment.
#[derive(Debug)]
pub(in crate::bus) struct Backoff {
    max: Duration,
    next: Duration,
    last: Duration,
}

const FIRST: Duration = Duration::from_millis(250);

impl Backoff {
    pub(in crate::bus) fn new(max: Duration) -> Self {
        Self { max, next: FIRST.min(max), last: Duration::ZERO }
    }

    /// The wait before the next attempt.
    pub(in crate::bus) fn next(&mut self) -> Duration {
        self.last = self.next.mul_f64(1.0 - random() / 2.0);
        self.next = (self.next * 2).min(self.max);
        self.last
    }

    /// A connection lasted this long. One that ends sooner than the wait before it took is no
    /// success: its broker refuses us right after the connect, and must not be asked faster.
    pub(in crate::bus) fn survived(&mut self, up: Duration) {
        if up > self.last {
            *self = Self::new(self.max);
        }
    }
}

/// A number in 0.0 ..= 1.0, from the random half of a UUIDv7.
fn random() -> f64 {
    let bits = u32::try_from(uuid::Uuid::now_v7().as_u128() & u128::from(u32::MAX)).unwrap_or_default();
    f64::from(bits) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_limit_and_spread_downwards() {
        let mut backoff = Backoff::new(Duration::from_secs(2));
        for full in [250, 500, 1000, 2000, 2000, 2000] {
            let wait = backoff.next();
            assert!(
                wait <= Duration::from_millis(full) && wait >= Duration::from_millis(full / 2),
                "{wait:?} of {full}"
            );
        }
    }

    #[test]
    fn only_a_connection_that_lasted_starts_over() {
        let mut backoff = Backoff::new(Duration::from_secs(60));
        for _ in 0..6 {
            backoff.next();
        }
        backoff.survived(Duration::from_millis(10));
        assert!(backoff.next() > Duration::from_secs(7));
        backoff.survived(Duration::from_secs(3600));
        assert!(backoff.next() <= FIRST);
    }

    #[test]
    fn a_short_limit_is_kept_from_the_start() {
        assert!(Backoff::new(Duration::from_millis(10)).next() <= Duration::from_millis(10));
    }
}
