//! What a run is measured on: machine, versions and settings, for the header of the table.

use std::fs;

use sqlx::{Connection as _, PgConnection};

use crate::Result;

/// Settings of PostgreSQL that decide what a commit costs.
const SETTINGS: [&str; 7] = [
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "wal_level",
    "shared_buffers",
    "max_wal_size",
    "checkpoint_timeout",
];

/// Names and values.
///
/// # Errors
/// Also when PostgreSQL would not survive a crash: its figures would be worth nothing.
pub(crate) async fn gather(postgres: &str, rabbitmq: &str) -> Result<Vec<(&'static str, String)>> {
    let mut connection = PgConnection::connect(postgres).await?;
    let version: String = sqlx::query_scalar("show server_version").fetch_one(&mut connection).await?;
    let mut settings = Vec::new();
    for name in SETTINGS {
        let value: String =
            sqlx::query_scalar("select current_setting($1)").bind(name).fetch_one(&mut connection).await?;
        if value == "off" {
            return Err(format!("PostgreSQL runs with {name} = off: this is not how data is kept").into());
        }
        settings.push(format!("{name} {value}"));
    }
    connection.close().await?;
    let cores = std::thread::available_parallelism()?;
    Ok(vec![
        ("machine", format!("{cores} cores, {}, {}", processor(), memory())),
        ("load", format!("{} (1, 5, 15 minutes before; a quiet machine has 0)", load())),
        ("PostgreSQL", format!("{version}: {}", settings.join(", "))),
        ("RabbitMQ", rabbitmq.to_owned()),
        ("time", chrono::Utc::now().format("%Y-%m-%d %H:%M UTC").to_string()),
    ])
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or("unknown processor", |(_, model)| model).to_owned()
}

fn memory() -> String {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kilobytes = text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB"));
    let kilobytes: f64 = kilobytes.and_then(|kb| kb.parse().ok()).unwrap_or_default();
    format!("{:.0} GB", kilobytes / 1e6)
}

fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}
