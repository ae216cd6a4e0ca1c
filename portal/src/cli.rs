//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

const EXAMPLES: &str = "\
Examples:
  make run                                   everything on this machine, with demo data
  DATABASE_URL=postgres://… portal dev       the same on that PostgreSQL
  portal --config my.toml migrate            prepare the database, then …
  portal --config my.toml api                … serve the REST API
  portal --config my.toml worker             … run jobs and publish events
  portal openapi > openapi.json              the API's description, without a server

Settings:
  config/portal.toml lists every setting with its default. A file given with --config changes
  some; a variable PORTAL_<SECTION>__<KEY> changes one and wins, for example
  PORTAL_HTTP__ADDR=0.0.0.0:8080. DATABASE_URL and AMQP_URL set database.url and amqp.url.

Exit codes:
  0 done, or stopped with Ctrl-C or SIGTERM · 1 failed, with one line that says why · 2 wrong usage";

/// The Offgrid Portal: a REST API whose commands commit state, event and job together, and the
/// workers that publish the events.
#[derive(Debug, Parser)]
#[command(name = "portal", version, after_help = EXAMPLES, subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// A TOML file with the settings that differ from the defaults
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Everything in one process, for development: prepares the database, prints addresses and tokens
    ///
    /// Makes the database roles, migrates, loads demo data once, then runs API and workers. Events
    /// go to a bus inside the process, or to RabbitMQ if amqp.url (AMQP_URL) is set, and are printed
    /// as they arrive. database.url (DATABASE_URL) must log in as a superuser, or as a role that may
    /// create roles and owns the database. Listens on loopback only: it signs its own tokens, and
    /// prints them.
    Dev,
    /// Serves the REST API
    ///
    /// Needs auth.issuer, and database.url as portal_api. Never migrates: refuses a schema that is
    /// behind.
    Api,
    /// Runs jobs: publishes committed events to RabbitMQ
    ///
    /// Needs amqp.url, and database.url as portal_worker. Never migrates: refuses a schema that is
    /// behind.
    Worker,
    /// Brings the database's schema up to date, as portal_owner
    ///
    /// Needs database.owner_url. Waits up to 30 s for a database that is starting. Does nothing when
    /// there is nothing to do.
    Migrate,
    /// Loads demo data for the tenants "demo" and "acme", once
    ///
    /// Needs database.url as portal_api.
    Seed,
    /// Prints the OpenAPI description of the REST API
    Openapi {
        /// Print nothing; exit with 1 if this file differs
        #[arg(long, value_name = "FILE")]
        check: Option<PathBuf>,
    },
}
