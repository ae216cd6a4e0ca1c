//! `Retry-After`: seconds, or a date.

use std::time::{Duration, SystemTime};

/// How long to wait, at most `longest`; none if it cannot be read. A date that has passed is no wait.
pub(super) fn parse(value: &str, now: SystemTime, longest: Duration) -> Option<Duration> {
    let value = value.trim();
    let wait = if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        // more digits than fit are more than anybody waits
        Duration::from_secs(value.parse().unwrap_or(u64::MAX))
    } else {
        httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or_default()
    };
    Some(wait.min(longest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: Duration = Duration::from_secs(86_400);

    fn parsed(value: &str) -> Option<u64> {
        let now = httpdate::parse_http_date("Sun, 01 Mar 2026 09:30:00 GMT").unwrap();
        parse(value, now, LONGEST).map(|wait| wait.as_secs())
    }

    #[test]
    fn seconds_and_dates_are_understood_within_bounds() {
        assert_eq!(parsed("0"), Some(0));
        assert_eq!(parsed(" 120 "), Some(120));
        assert_eq!(parsed("Sun, 01 Mar 2026 09:31:30 GMT"), Some(90));
        assert_eq!(parsed("Sunday, 01-Mar-26 09:31:30 GMT"), Some(90));
        assert_eq!(parsed("Sun, 01 Mar 2026 09:00:00 GMT"), Some(0));
        for long in ["86401", "99999999999999999999999999", "Mon, 01 Mar 2027 09:30:00 GMT"] {
            assert_eq!(parsed(long), Some(86_400), "{long}");
        }
        for bad in ["", "-1", "1.5", "soon", "+5", "1 2", "2026-03-01T09:30:00Z"] {
            assert_eq!(parsed(bad), None, "{bad}");
        }
    }

    /// Whatever an endpoint says, the wait has its bounds.
    #[test]
    fn fuzz_retry_after() {
        let now = SystemTime::now();
        ::fuzz::target(env!("CARGO_MANIFEST_DIR"), "retry_after", |bytes| {
            let value = String::from_utf8_lossy(bytes);
            if let Some(wait) = parse(&value, now, LONGEST) {
                assert!(wait <= LONGEST, "{value}: {wait:?}");
            }
        });
    }
}
