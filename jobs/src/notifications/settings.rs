//! What configuration says about notifications: `[notifications]` in `config/portal.toml`.

use std::fmt;
use std::time::Duration;

/// Settings of notifications.
#[derive(Clone)]
pub struct Settings {
    /// Where customers are asked for, with `{id}` and perhaps `{tenant}`; none: our own database.
    pub customer_source_url: Option<String>,
    /// It must have answered by then.
    pub customer_timeout: Duration,
    /// An answer that is longer is none.
    pub customer_max_bytes: usize,
    /// The attempt at a notification that does without the source when it fails.
    pub customer_attempts: u32,
    /// So many failures in a row, and a host is left alone …
    pub breaker_failures: u32,
    /// … for so long.
    pub breaker_pause: Duration,
    /// The mail server; none: what would be sent is logged.
    pub smtp_url: Option<String>,
    /// It must have taken a mail by then.
    pub smtp_timeout: Duration,
    /// Whom mails are from.
    pub from: String,
}

/// A setting that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct SettingsError {
    /// Its name in `[notifications]`.
    pub key: &'static str,
    /// What would be right. Never repeats a URL: it may hold a password.
    pub problem: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            customer_source_url: None,
            customer_timeout: Duration::from_secs(3),
            customer_max_bytes: 65_536,
            customer_attempts: 2,
            breaker_failures: 5,
            breaker_pause: Duration::from_secs(30),
            smtp_url: None,
            smtp_timeout: Duration::from_secs(20),
            from: "portal@offgrid.example".to_owned(),
        }
    }
}

impl fmt::Debug for Settings {
    /// Without the URLs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("customer_source", &self.customer_source_url.is_some())
            .field("customer_timeout", &self.customer_timeout)
            .field("customer_max_bytes", &self.customer_max_bytes)
            .field("customer_attempts", &self.customer_attempts)
            .field("breaker_failures", &self.breaker_failures)
            .field("breaker_pause", &self.breaker_pause)
            .field("smtp", &self.smtp_url.is_some())
            .field("smtp_timeout", &self.smtp_timeout)
            .field("from", &self.from)
            .finish()
    }
}
