//! Where everything is: ports, addresses, directories.

use std::path::PathBuf;

use crate::options::Options;

/// The password of the database roles of a run.
pub(crate) const PASSWORD: &str = "portal-chaos";

/// Derived from the options once.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    pub(crate) scripts: PathBuf,
    pub(crate) roles: PathBuf,
    pub(crate) portal: PathBuf,
    pub(crate) work: PathBuf,
    pub(crate) postgres: PathBuf,
    pub(crate) rabbitmq: PathBuf,
    pub(crate) port: u16,
    pub(crate) amqp_port: u16,
}

impl Places {
    pub(crate) fn new(options: &Options) -> std::io::Result<Self> {
        std::fs::create_dir_all(&options.work)?;
        let root = options.root.canonicalize()?;
        let work = options.work.canonicalize()?;
        Ok(Self {
            scripts: root.join("scripts"),
            roles: root.join("deploy/postgres/roles.sql"),
            portal: options.portal.canonicalize()?,
            rabbitmq: work.join("rabbitmq"),
            work,
            postgres: options.postgres.clone(),
            port: options.port,
            amqp_port: options.amqp_port,
        })
    }

    pub(crate) fn database_port(&self) -> u16 {
        self.port
    }

    /// In front of the database, for the programs under test.
    pub(crate) fn database_proxy(&self) -> u16 {
        self.port + 1
    }

    /// In front of the broker, for the programs under test.
    pub(crate) fn broker_proxy(&self) -> u16 {
        self.port + 2
    }

    pub(crate) fn api(&self) -> String {
        format!("127.0.0.1:{}", self.port + 3)
    }

    pub(crate) fn issuer(&self) -> u16 {
        self.port + 4
    }

    /// For `role`, through the given port.
    pub(crate) fn database_url(&self, role: &str, port: u16) -> String {
        format!("postgres://{role}:{PASSWORD}@127.0.0.1:{port}/portal")
    }

    pub(crate) fn amqp_url(&self, port: u16) -> String {
        format!("amqp://guest:guest@127.0.0.1:{port}")
    }
}
