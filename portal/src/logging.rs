//! Where log records go: standard error, as text or JSON.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// From now on, log as configured.
pub(crate) fn start(log: &Log) {
    // Checked when the configuration was loaded.
    let filter = EnvFilter::try_new(&log.filter).unwrap_or_default();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    match log.format {
        LogFormat::Json => builder.json().flatten_event(true).init(),
        // On a terminal the library decides: it knows NO_COLOR.
        LogFormat::Text if stderr().is_terminal() => builder.init(),
        LogFormat::Text => builder.with_ansi(false).init(),
    }
}
