//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use domain::{Actor, CorrelationId, TenantId};

use crate::admin::Admin;

const EXAMPLES: &str = "\
Examples:
  make run                                   everything on this machine, with demo data
  DATABASE_URL=postgres://… portal dev       the same on that PostgreSQL
  portal --config my.toml migrate            prepare the database, then …
  portal --config my.toml api                … serve the REST API
  portal --config my.toml worker             … run jobs and publish events
  portal event tail                          shows the events that pass, until Ctrl-C
  portal admin dead-letters groups           what fails, how often, since when, on a server
  portal health                              whether the API on this machine can do its work
  portal openapi > openapi.json              the API's description, without a server

Settings:
  config/portal.toml lists every setting with its default. A file given with --config changes
  some; a variable PORTAL_<SECTION>__<KEY> changes one and wins, for example
  PORTAL_HTTP__ADDR=0.0.0.0:8080. DATABASE_URL and AMQP_URL set database.url and amqp.url.

Exit codes:
  0 done, or stopped with Ctrl-C or SIGTERM · 1 failed, with one line that says why · 2 wrong usage
  Of portal worker --once also: 3 there was no job to run · 4 the job is not done: it will be tried
  again, or is a dead letter
  Of portal admin also: 3 the server cannot be reached · 4 what was watched did not complete";

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
    Worker {
        /// Serve only these queues, instead of worker.queues: outbox,stock
        #[arg(long, visible_alias = "queue", value_name = "QUEUES", value_delimiter = ',')]
        queues: Vec<String>,
        /// Run one job of the first of these queues that has one, then exit: 0 it is done, 3 there was
        /// none, 4 it is not done
        #[arg(long, requires = "queues")]
        once: bool,
    },
    /// Brings the database's schema up to date, as portal_owner
    ///
    /// Needs database.owner_url. Waits up to 30 s for a database that is starting. Does nothing when
    /// there is nothing to do.
    Migrate,
    /// Loads demo data for the tenants "demo" and "acme", once
    ///
    /// Needs database.url as portal_api.
    Seed,
    /// Publishes test events, and shows events as they pass
    Event {
        #[command(subcommand)]
        command: EventCommand,
    },
    /// Understands, fixes and undoes failures, on any server, over its admin API
    ///
    /// Needs a token of somebody who is portal-admin. Reads no configuration.
    Admin(Box<Admin>),
    /// Asks a running process whether it can do its work
    ///
    /// Prints what it looked at. Exits with 1 if it cannot, or does not answer: a health check for
    /// containers that have no other program.
    Health {
        /// What to ask; by default the API of this configuration
        #[arg(long, value_name = "URL")]
        url: Option<String>,
    },
    /// Prints the OpenAPI description of the REST API
    Openapi {
        /// Print nothing; exit with 1 if this file differs
        #[arg(long, value_name = "FILE")]
        check: Option<PathBuf>,
    },
}

const PUBLISH_EXAMPLES: &str = r#"Examples:
  portal event publish --type com.offgrid.portal.stock.stock-received --data @received.json
  portal event publish --type com.offgrid.portal.stock.stock-received --fresh --data '{
      "quantity": 5,
      "stock": {"id": "01941f29-7c00-7000-8000-00000000f001", "sku": "TEST-1", "onHand": 5, "reserved": 0,
                "available": 5, "createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-01T00:00:00Z",
                "version": 1, "sequence": 1}}'
  jq … | portal event publish --type com.offgrid.portal.orders.order-created --tenant acme --data -

What happens with it: portal event tail, and GET /v1/admin/timeline?event=ID"#;

const TAIL_EXAMPLES: &str = "\
Examples:
  portal event tail
  portal event tail --type com.offgrid.portal.orders.order-created,com.offgrid.portal.orders.order-confirmed
  portal event tail --json | jq .data";

/// What to do with events.
#[derive(Debug, Subcommand)]
pub(crate) enum EventCommand {
    /// Puts a test event into the outbox, from where a worker publishes it like any other
    ///
    /// It has all the effects of a real event, and stays in the event log: publish it for a tenant that
    /// is there for tests. It must be about something that has no events yet (--fresh gives it a new
    /// id), because in the history of a real customer or order it would be a lie.
    ///
    /// Needs database.url as portal_api.
    #[command(after_help = PUBLISH_EXAMPLES)]
    Publish(Publish),
    /// Shows events as they are published, until Ctrl-C
    ///
    /// With amqp.url from RabbitMQ, over a queue of its own that takes nothing away from anybody;
    /// without it from the database, which needs database.url as portal_api. Events of every tenant.
    #[command(after_help = TAIL_EXAMPLES)]
    Tail(Tail),
}

/// A test event.
#[derive(Debug, Args)]
pub(crate) struct Publish {
    /// CloudEvents type: com.offgrid.portal.orders.order-created
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) event_type: String,
    /// Its data: JSON, @FILE, or - for standard input
    #[arg(long, value_name = "JSON")]
    pub(crate) data: String,
    /// Give what it is about a new id, wherever the old one stands in the data
    #[arg(long)]
    pub(crate) fresh: bool,
    /// Whose it is
    #[arg(long, default_value = "demo")]
    pub(crate) tenant: TenantId,
    /// Who it is said to be caused by, in the event log
    #[arg(long, default_value = "portal-event")]
    pub(crate) actor: Actor,
    /// To find everything again that it leads to; by default a new one
    #[arg(long, value_name = "ID")]
    pub(crate) correlation_id: Option<CorrelationId>,
}

/// Which events, and how.
#[derive(Debug, Args)]
pub(crate) struct Tail {
    /// Only of these types
    #[arg(long = "type", value_name = "TYPES", value_delimiter = ',')]
    pub(crate) types: Vec<String>,
    /// As CloudEvents in JSON, one per line
    #[arg(long)]
    pub(crate) json: bool,
}
