//! Configuration. `config/portal.toml` is compiled in; it is the list of all settings, their types
//! and their defaults. A file, DATABASE_URL and AMQP_URL, and `PORTAL_…` variables go on top
//! ([`layers`]); numbers are compared with their ranges ([`ranges`]); the result becomes the types
//! in [`sections`]. Every complaint names the setting as the user wrote it ([`error`]).

mod error;
mod layers;
mod ranges;
mod secret;
mod sections;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::Path;

use domain::kernel::policy::QueuePolicies;
use serde::Deserialize;

pub(crate) use error::Error;
pub(crate) use secret::SecretUrl;
pub(crate) use sections::{Amqp, Auth, Database, Http, Log, LogFormat, Metrics, Notifications, Webhooks, Worker};

use layers::Layers;

/// All settings. See `config/portal.toml` for what each means.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) http: Http,
    pub(crate) database: Database,
    pub(crate) auth: Auth,
    pub(crate) amqp: Amqp,
    pub(crate) worker: Worker,
    pub(crate) notifications: Notifications,
    pub(crate) webhooks: Webhooks,
    pub(crate) queues: QueuePolicies,
    pub(crate) metrics: Metrics,
    pub(crate) log: Log,
}

impl Config {
    /// Defaults, then `file`, then `environment`: names and values as `std::env::vars_os` gives them.
    ///
    /// # Errors
    /// The first setting that is unknown or wrong.
    pub(crate) fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, Error> {
        let mut layers = Layers::defaults()?;
        if let Some(path) = file {
            layers.add_file(path)?;
        }
        layers.add_environment(environment)?;
        ranges::check(&layers)?;
        let config: Self = layers.decode()?;
        config.check().map_err(|(key, problem)| layers.wrong(key, problem))?;
        Ok(config)
    }

    /// What types and ranges do not say; the key that is wrong, and why.
    fn check(&self) -> Result<(), (&'static str, String)> {
        self.database.check()?;
        self.auth.check()?;
        self.amqp.check()?;
        self.worker.check()?;
        self.notifications.check(&self.queues.of("mail"))?;
        self.webhooks.check(&self.queues.of("deliveries"))?;
        self.log.check()
    }
}
