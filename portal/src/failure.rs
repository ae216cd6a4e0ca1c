//! Why the program gives up: one line that says what, and what to do about it.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use jobs::reactions::DraftError;

use crate::admin::Problem;
use crate::config;

/// Printed as `portal: …`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A setting is missing, unknown or wrong.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// The database does not answer, or does not let us in.
    #[error("{key} {url}: {problem}; {advice}")]
    Database {
        /// The setting with the URL.
        key: &'static str,
        /// Without its password.
        url: String,
        /// What the driver or the server says.
        problem: String,
        /// What to do.
        advice: String,
    },
    /// There is no such event type, or its data are not what it says.
    #[error(transparent)]
    Event(#[from] DraftError),
    /// A process that was asked cannot do its work.
    #[error("{url}: {problem}")]
    Unhealthy {
        /// What was asked.
        url: String,
        /// What it said, or why it said nothing.
        problem: String,
    },
    /// A server refuses what `portal admin` asks of it.
    #[error(transparent)]
    Refused(#[from] Problem),
    /// It does not answer, or is no portal.
    #[error("{server}: {problem}")]
    Unreachable {
        /// Its address.
        server: String,
        /// Why.
        problem: String,
    },
    /// An option, or what it names, is not what it should be; clap cannot tell.
    #[error("{option}: {problem}")]
    Usage {
        /// Which.
        option: &'static str,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// The database answers, but what was asked of it failed.
    #[error("{doing}: {source}")]
    Domain {
        /// "loading the demo data".
        doing: &'static str,
        /// Why.
        source: domain::Error,
    },
    /// The schema lacks migrations.
    #[error("the database's schema is behind by {0} migrations: run `portal migrate` with this version first")]
    SchemaBehind(usize),
    /// The address is taken, or not ours.
    #[error("cannot listen on {addr}: {source}; choose another with {variable}, for example {variable}=127.0.0.1:{}", .addr.port().saturating_add(1))]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// The variable that sets it.
        variable: &'static str,
        /// Why.
        source: io::Error,
    },
    /// `portal dev` prints tokens that open everything.
    #[error("`portal dev` signs its own tokens and listens on loopback only, not on {0}: set PORTAL_HTTP__ADDR=127.0.0.1:{port}, or use `portal api`", port = .0.port())]
    NotLoopback(SocketAddr),
    /// The committed file differs from the code.
    #[error("{}: stale: run `make openapi`", .0.display())]
    StaleOpenApi(PathBuf),
    /// A file cannot be read, or standard output not written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something that cannot be configured away: signals, threads, keys.
    #[error("{doing}: {problem}")]
    System {
        /// "listening for signals".
        doing: &'static str,
        /// Why.
        problem: String,
    },
    /// A clean stop took too long.
    #[error("did not stop within {} s; unfinished jobs are rescued by other workers", .0.as_secs())]
    Unfinished(Duration),
}

impl Failure {
    /// What the process ends with.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage { .. } => ExitCode::from(2),
            Self::Unreachable { .. } => ExitCode::from(3),
            _ => ExitCode::FAILURE,
        }
    }

    /// For `map_err` on what the domain does.
    pub(crate) fn domain(doing: &'static str) -> impl FnOnce(domain::Error) -> Self {
        move |source| Self::Domain { doing, source }
    }

    /// For `map_err` on what the operating system or a library does.
    pub(crate) fn system<E: std::fmt::Display>(doing: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self::System { doing, problem: error.to_string() }
    }
}
