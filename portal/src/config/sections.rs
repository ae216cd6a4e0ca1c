//! The sections as types. What each key means stands in `config/portal.toml`; without exception a
//! key there is a field here. The last part of each turns it into what `api` and `jobs` take.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use api::auth::SigningAlgorithm;
use domain::kernel::policy::QueuePolicy;
use domain::webhooks::Targets;
use jobs::bus::ContentMode;
use jobs::{notifications, webhooks};
use serde::de::IntoDeserializer;
use serde::{Deserialize, Deserializer};
use sqlx::postgres::PgConnectOptions;
use tracing_subscriber::EnvFilter;

use super::SecretUrl;
use super::error::Error;

/// The key that is wrong, and why.
type Checked = Result<(), (&'static str, String)>;

/// `[http]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Http {
    #[serde(deserialize_with = "address")]
    pub(crate) addr: SocketAddr,
    pub(crate) body_limit_bytes: usize,
    pub(crate) request_timeout_ms: u64,
    pub(crate) header_read_timeout_ms: u64,
    pub(crate) max_concurrent_requests: usize,
    pub(crate) readiness_timeout_ms: u64,
    pub(crate) shutdown_timeout_ms: u64,
}

/// `[database]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Database {
    pub(crate) url: SecretUrl,
    pub(crate) owner_url: SecretUrl,
    pub(crate) max_connections: u32,
    pub(crate) acquire_timeout_ms: u64,
    pub(crate) statement_timeout_ms: u64,
    pub(crate) lock_timeout_ms: u64,
    pub(crate) answer_timeout_ms: u64,
}

/// `[auth]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Auth {
    pub(crate) issuer: String,
    pub(crate) discovery_url: String,
    pub(crate) audience: String,
    pub(crate) tenant_claim: String,
    pub(crate) algorithms: Vec<String>,
    pub(crate) leeway_ms: u64,
    pub(crate) refresh_interval_ms: u64,
    pub(crate) refetch_cooldown_ms: u64,
    pub(crate) fetch_timeout_ms: u64,
}

/// `[amqp]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Amqp {
    pub(crate) url: SecretUrl,
    pub(crate) exchange: String,
    pub(crate) content_mode: ContentMode,
    pub(crate) confirm_timeout_ms: u64,
    pub(crate) reconnect_max_ms: u64,
    pub(crate) delivery_limit: u32,
    pub(crate) prefetch: u16,
    pub(crate) receive_batch: usize,
    pub(crate) ca_file: String,
}

/// `[worker]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Worker {
    #[serde(deserialize_with = "optional_address")]
    pub(crate) health_addr: Option<SocketAddr>,
    pub(crate) queues: Vec<String>,
    pub(crate) collapse: Vec<String>,
    pub(crate) poll_ms: u64,
    pub(crate) heartbeat_ms: u64,
    pub(crate) dead_after_ms: u64,
    pub(crate) observe_ms: u64,
    pub(crate) shutdown_timeout_ms: u64,
}

/// `[notifications]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Notifications {
    pub(crate) customer_source_url: SecretUrl,
    pub(crate) customer_timeout_ms: u64,
    pub(crate) customer_max_bytes: usize,
    pub(crate) customer_attempts: u32,
    pub(crate) breaker_failures: u32,
    pub(crate) breaker_pause_ms: u64,
    pub(crate) smtp_url: SecretUrl,
    pub(crate) smtp_timeout_ms: u64,
    pub(crate) from: String,
}

/// `[metrics]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Metrics {
    #[serde(deserialize_with = "optional_address")]
    pub(crate) api_addr: Option<SocketAddr>,
    #[serde(deserialize_with = "optional_address")]
    pub(crate) worker_addr: Option<SocketAddr>,
    pub(crate) interval_ms: u64,
    pub(crate) tenants: u16,
}

/// `[webhooks]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Webhooks {
    pub(crate) allow_private_addresses: bool,
    pub(crate) timeout_ms: u64,
    pub(crate) max_redirects: u32,
    pub(crate) response_bytes: usize,
    pub(crate) max_in_flight: usize,
    pub(crate) breaker_failures: u32,
    pub(crate) breaker_pause_ms: u64,
    pub(crate) retry_after_max_ms: u64,
    pub(crate) disable_after_ms: u64,
}

/// `[log]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Log {
    pub(crate) format: LogFormat,
    pub(crate) filter: String,
}

/// How log records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

impl Http {
    /// What the API takes of it.
    pub(crate) fn settings(&self) -> api::Settings {
        api::Settings {
            body_limit: self.body_limit_bytes,
            request_timeout: Duration::from_millis(self.request_timeout_ms),
            max_in_flight: self.max_concurrent_requests,
            header_read_timeout: Duration::from_millis(self.header_read_timeout_ms),
            drain_timeout: Duration::from_millis(self.shutdown_timeout_ms),
            readiness_timeout: Duration::from_millis(self.readiness_timeout_ms),
            ..api::Settings::default()
        }
    }
}

impl Database {
    pub(super) fn check(&self) -> Checked {
        check_postgres("database.url", &self.url)?;
        check_postgres("database.owner_url", &self.owner_url)?;
        ensure("database.answer_timeout_ms", self.answer_timeout_ms > self.statement_timeout_ms, || {
            format!("must be more than {}, database.statement_timeout_ms", self.statement_timeout_ms)
        })
    }

    /// How long an answer is waited for.
    pub(crate) fn answer_limit(&self) -> Duration {
        Duration::from_millis(self.answer_timeout_ms)
    }
}

impl Auth {
    pub(super) fn check(&self) -> Checked {
        for (key, url) in [("auth.issuer", &self.issuer), ("auth.discovery_url", &self.discovery_url)] {
            let web = ["https://", "http://"].iter().any(|s| url.strip_prefix(s).is_some_and(|rest| !rest.is_empty()));
            ensure(key, url.is_empty() || web, || "expected a URL that begins with https:// or http://".into())?;
        }
        ensure("auth.audience", !self.audience.is_empty(), || "must not be empty".into())?;
        ensure("auth.tenant_claim", !self.tenant_claim.is_empty(), || "must not be empty".into())?;
        ensure("auth.algorithms", !self.algorithms.is_empty(), || "must not be empty".into())?;
        let unknown = self.algorithms.iter().find(|name| SigningAlgorithm::from_name(name).is_none());
        match unknown {
            Some(name) => Err(("auth.algorithms", format!("\"{name}\" is not an asymmetric signature algorithm"))),
            None => Ok(()),
        }
    }

    /// What the API takes of it.
    ///
    /// # Errors
    /// Without an issuer.
    pub(crate) fn settings(&self) -> Result<api::auth::Settings, Error> {
        if self.issuer.is_empty() {
            return Err(Error::missing("auth.issuer", "the API accepts no token without an issuer"));
        }
        Ok(api::auth::Settings {
            issuer: self.issuer.clone(),
            discovery_url: (!self.discovery_url.is_empty()).then(|| self.discovery_url.clone()),
            audience: self.audience.clone(),
            tenant_claim: self.tenant_claim.clone(),
            refresh_interval: Duration::from_millis(self.refresh_interval_ms),
            refetch_cooldown: Duration::from_millis(self.refetch_cooldown_ms),
            fetch_timeout: Duration::from_millis(self.fetch_timeout_ms),
            algorithms: self.algorithms.iter().filter_map(|name| SigningAlgorithm::from_name(name)).collect(),
            leeway: Duration::from_millis(self.leeway_ms),
        })
    }
}

impl Amqp {
    pub(super) fn check(&self) -> Checked {
        let url = self.url.expose();
        let rest = ["amqp://", "amqps://"].iter().find_map(|scheme| url.strip_prefix(scheme));
        ensure("amqp.url", url.is_empty() || rest.is_some_and(|rest| !rest.is_empty()), || {
            "expected a URL that begins with amqp:// or amqps://".into()
        })?;
        let named = (1..=200).contains(&self.exchange.len()) && !self.exchange.starts_with("amq.");
        ensure("amqp.exchange", named, || "expected 1 to 200 characters that do not begin with amq.".into())
    }
}

impl Worker {
    pub(super) fn check(&self) -> Checked {
        ensure("worker.dead_after_ms", self.dead_after_ms >= 3 * self.heartbeat_ms, || {
            format!("must be at least {}, three times worker.heartbeat_ms", 3 * self.heartbeat_ms)
        })
    }

    /// What the job runtime takes of it.
    pub(crate) fn settings(&self) -> jobs::runtime::Settings {
        jobs::runtime::Settings {
            queues: self.queues.clone(),
            poll: Duration::from_millis(self.poll_ms),
            heartbeat: Duration::from_millis(self.heartbeat_ms),
            dead_after: Duration::from_millis(self.dead_after_ms),
            observe: Duration::from_millis(self.observe_ms),
            shutdown_timeout: Duration::from_millis(self.shutdown_timeout_ms),
        }
    }
}

impl Notifications {
    pub(super) fn check(&self, queue: &QueuePolicy) -> Checked {
        let most = queue.max_attempts;
        ensure("notifications.customer_attempts", self.customer_attempts <= most, || {
            format!("must be at most {most}, queues.mail.max_attempts")
        })?;
        self.sender().map(drop).map_err(|error| {
            let key = match error.key {
                "customer_source_url" => "notifications.customer_source_url",
                "smtp_url" => "notifications.smtp_url",
                _ => "notifications.from",
            };
            (key, error.problem)
        })
    }

    /// What sends notifications.
    pub(crate) fn sender(&self) -> Result<notifications::Sender, notifications::SettingsError> {
        notifications::Sender::new(&self.settings())
    }

    /// What that takes of it.
    pub(crate) fn settings(&self) -> notifications::Settings {
        let url = |url: &SecretUrl| (!url.is_empty()).then(|| url.expose().to_owned());
        notifications::Settings {
            customer_source_url: url(&self.customer_source_url),
            customer_timeout: Duration::from_millis(self.customer_timeout_ms),
            customer_max_bytes: self.customer_max_bytes,
            customer_attempts: self.customer_attempts,
            breaker_failures: self.breaker_failures,
            breaker_pause: Duration::from_millis(self.breaker_pause_ms),
            smtp_url: url(&self.smtp_url),
            smtp_timeout: Duration::from_millis(self.smtp_timeout_ms),
            from: self.from.clone(),
        }
    }
}

impl Webhooks {
    pub(super) fn check(&self, queue: &QueuePolicy) -> Checked {
        let limit = queue.timeout_ms;
        // an attempt that the queue gives up leaves no trace with the delivery
        ensure("webhooks.timeout_ms", self.timeout_ms + 5000 <= limit, || {
            format!("must be at least 5000 less than {limit}, queues.deliveries.timeout_ms")
        })
    }

    /// What an endpoint may be.
    pub(crate) fn targets(&self) -> Targets {
        if self.allow_private_addresses { Targets::Any } else { Targets::Public }
    }

    /// What the workers take of it.
    pub(crate) fn settings(&self) -> webhooks::Settings {
        webhooks::Settings {
            targets: self.targets(),
            timeout: Duration::from_millis(self.timeout_ms),
            max_redirects: self.max_redirects,
            response_bytes: self.response_bytes,
            max_in_flight: self.max_in_flight,
            breaker_failures: self.breaker_failures,
            breaker_pause: Duration::from_millis(self.breaker_pause_ms),
            retry_after_max: Duration::from_millis(self.retry_after_max_ms),
            disable_after: Duration::from_millis(self.disable_after_ms),
        }
    }
}

impl Log {
    pub(super) fn check(&self) -> Checked {
        EnvFilter::try_new(&self.filter).map(drop).map_err(|error| ("log.filter", error.to_string()))
    }
}

fn ensure(key: &'static str, holds: bool, problem: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err((key, problem())) }
}

/// Never repeats the URL: it may hold a password.
fn check_postgres(key: &'static str, url: &SecretUrl) -> Checked {
    let url = url.expose();
    if url.is_empty() {
        return Ok(());
    }
    let scheme = ["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme));
    ensure(key, scheme, || "expected a URL that begins with postgres://".into())?;
    // nor the driver's message, which quotes parts of it
    let problem = "cannot be read as a URL; special characters in user and password are percent-encoded";
    PgConnectOptions::from_str(url).map(drop).map_err(|_| (key, problem.into()))
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| serde::de::Error::custom(format!("expected an IP address and a port, got \"{text}\"")))
}

fn optional_address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() { Ok(None) } else { address(text.into_deserializer()).map(Some) }
}
