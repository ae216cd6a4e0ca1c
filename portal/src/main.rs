//! The Offgrid Portal binary: reads the command line and the configuration, and puts `api`, `jobs`
//! and `domain` together. Each command is a module with a function `run`.

mod admin;
mod api;
mod cli;
mod config;
mod database;
mod dev;
mod event;
mod failure;
#[cfg(test)]
mod fuzz;
mod health;
mod input;
mod logging;
mod metrics;
mod migrate;
mod openapi;
mod seed;
mod shutdown;
mod worker;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tikv_jemallocator::Jemalloc;

use cli::{Cli, Command, EventCommand};
use config::Config;
use failure::Failure;
use jobs::runtime::Once;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// A look-up or file access that hangs in a thread must not keep the process.
const LEFTOVERS: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("portal: {}", failure.to_string().replace('\n', " "));
            failure.exit_code()
        }
    }
}

fn run(cli: &Cli) -> Result<ExitCode, Failure> {
    // the first two have nothing to do with an installation on this machine, and with its configuration
    match &cli.command {
        Command::Openapi { check } => openapi::run(check.as_deref()).map(|()| ExitCode::SUCCESS),
        Command::Admin(command) => on_threads(admin::run(command)),
        command => {
            let config = Config::load(cli.config.as_deref(), std::env::vars_os())?;
            logging::start(&config.log);
            match command {
                Command::Worker { queues, once: true } => on_threads(worker::once(&config, queues)).map(exit_code),
                other => on_threads(configured(other, &config)).map(|()| ExitCode::SUCCESS),
            }
        }
    }
}

fn on_threads<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::system("starting threads"))?;
    let result = runtime.block_on(work);
    runtime.shutdown_timeout(LEFTOVERS);
    result
}

/// How `portal worker --once` tells whoever starts it whether there is more to do.
fn exit_code(once: Once) -> ExitCode {
    match once {
        Once::Done => ExitCode::SUCCESS,
        Once::Nothing => ExitCode::from(3),
        Once::NotDone => ExitCode::from(4),
    }
}

async fn configured(command: &Command, config: &Config) -> Result<(), Failure> {
    match command {
        Command::Admin(command) => admin::run(command).await.map(drop),
        Command::Api => api::run(config).await,
        Command::Dev => dev::run(config).await,
        Command::Migrate => migrate::run(config).await,
        Command::Seed => seed::run(config).await,
        Command::Worker { queues, .. } => worker::run(config, queues).await,
        Command::Event { command: EventCommand::Publish(event) } => event::publish(config, event).await,
        Command::Event { command: EventCommand::Tail(tail) } => event::tail(config, tail).await,
        Command::Health { url } => health::run(config, url.as_deref()).await,
        Command::Openapi { check } => openapi::run(check.as_deref()),
    }
}
