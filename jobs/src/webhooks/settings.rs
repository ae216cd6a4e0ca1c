//! What configuration says about webhooks: `[webhooks]` in `config/portal.toml`.

use std::time::Duration;

use domain::webhooks::Targets;

/// Settings of webhooks.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What an endpoint may be.
    pub targets: Targets,
    /// It must have answered by then.
    pub timeout: Duration,
    /// So many redirects are followed.
    pub max_redirects: u32,
    /// So much of an answer's body is read.
    pub response_bytes: usize,
    /// Deliveries to one endpoint under way at once.
    pub max_in_flight: usize,
    /// So many attempts in a row without an answer, and an endpoint is left alone …
    pub breaker_failures: u32,
    /// … for so long.
    pub breaker_pause: Duration,
    /// The longest `Retry-After` that is honoured.
    pub retry_after_max: Duration,
    /// An endpoint that took nothing for so long is disabled.
    pub disable_after: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            targets: Targets::Public,
            timeout: Duration::from_secs(15),
            max_redirects: 0,
            response_bytes: 4096,
            max_in_flight: 4,
            breaker_failures: 5,
            breaker_pause: Duration::from_secs(60),
            retry_after_max: Duration::from_secs(86_400),
            disable_after: Duration::from_secs(5 * 86_400),
        }
    }
}
