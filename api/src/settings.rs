//! What configuration decides about the API. `portal` fills it; nothing here reads the environment.

use std::time::Duration;

use domain::webhooks::Targets;

/// Limits of the HTTP server. The token settings are [`crate::auth::Settings`].
#[derive(Debug, Clone)]
pub struct Settings {
    /// Bytes a request's body may have; more is 413. Default 1 MiB.
    pub body_limit: usize,
    /// A request that takes longer is answered 503, and its transaction rolled back. Default 30 s.
    pub request_timeout: Duration,
    /// Requests under `/v1` in progress at once; more are answered 503 at once. Default 512.
    pub max_in_flight: usize,
    /// A client must have sent its headers by then, or the connection is closed. Default 10 s.
    pub header_read_timeout: Duration,
    /// At shutdown, requests in progress get this long to finish. Default 8 s.
    pub drain_timeout: Duration,
    /// How long a readiness check waits for the database. Default 2 s.
    pub readiness_timeout: Duration,
    /// What a webhook endpoint may be. Default: the public internet.
    pub webhook_targets: Targets,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            body_limit: 1024 * 1024,
            request_timeout: Duration::from_secs(30),
            max_in_flight: 512,
            header_read_timeout: Duration::from_secs(10),
            drain_timeout: Duration::from_secs(8),
            readiness_timeout: Duration::from_secs(2),
            webhook_targets: Targets::Public,
        }
    }
}
