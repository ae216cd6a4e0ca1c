//! `portal event`: publishes test events, and shows events as they pass.

use std::io;
use std::path::PathBuf;

use domain::kernel::event::Draft;
use domain::messaging::PublishTestEvent;
use domain::{CorrelationId, Ctx, Error, Scope};
use jobs::bus::console::{self, ConsoleError, Printer, Style};
use jobs::reactions::DraftError;
use jobs::registry;
use uuid::Uuid;

use crate::cli::{Publish, Tail};
use crate::config::{self, Config};
use crate::database::{self, Login, Role};
use crate::failure::Failure;
use crate::{input, shutdown, worker};

/// What events and queries of this program are caused by.
const CAUSE: &str = "portal event";

/// Puts a test event into the outbox, and says where to look for it.
pub(crate) async fn publish(config: &Config, event: &Publish) -> Result<(), Failure> {
    let draft = draft(event)?;
    let ctx = Ctx {
        scope: Scope::Tenant(event.tenant.clone()),
        actor: event.actor.clone(),
        roles: Vec::new(),
        correlation_id: event.correlation_id.clone().unwrap_or_else(CorrelationId::generate),
        causation_id: CAUSE.to_owned(),
        traceparent: None,
    };
    let login = Login::user(config, "portal_api", "a test event is written into the outbox as portal_api")?;
    let pool = database::pool(&config.database, login, Role::Api).await?;
    database::ensure_current(&pool).await?;
    let db = database::db(pool.clone(), config);
    let subject = format!("{}/{}", draft.module, draft.aggregate_id);
    let id = domain::run(&db, &ctx, PublishTestEvent { draft }).await.map_err(Failure::domain("publishing"))?;
    database::close(pool).await;
    println!("event {id} about {subject} is in the outbox, with the correlation id {}", ctx.correlation_id);
    Ok(())
}

fn draft(event: &Publish) -> Result<Draft, Failure> {
    let reactions = registry::reactions();
    // before standard input is waited for
    reactions.ensure_type(&event.event_type)?;
    let draft = reactions.draft(&event.event_type, &input::text(&event.data)?)?;
    if event.fresh { Ok(fresh(&draft, |data| reactions.draft(&event.event_type, data))?) } else { Ok(draft) }
}

/// The same about something new.
fn fresh(draft: &Draft, read: impl FnOnce(&str) -> Result<Draft, DraftError>) -> Result<Draft, DraftError> {
    let (old, new) = (draft.aggregate_id.to_string(), Uuid::now_v7().to_string());
    read(&draft.data.get().replace(&old, &new))
}

/// Shows events until a signal, or until nobody reads them.
pub(crate) async fn tail(config: &Config, tail: &Tail) -> Result<(), Failure> {
    let reactions = registry::reactions();
    for name in &tail.types {
        reactions.ensure_type(name)?;
    }
    let style = if tail.json { Style::Json } else { Style::of(&io::stdout(), std::env::var_os("NO_COLOR").as_deref()) };
    let printer = Printer::new(io::stdout(), style);
    let stop = shutdown::on_signal()?;
    if !config.amqp.url.is_empty() {
        return ended(console::run_rabbitmq(worker::bus_settings(config)?, &tail.types, printer, stop).await);
    }
    let login = Login::user(config, "portal_api", "without amqp.url events are read from the database, as portal_api")?;
    let pool = database::pool(&config.database, login, Role::Api).await?;
    database::ensure_current(&pool).await?;
    let db = database::db(pool.clone(), config);
    let ctx = everyone().map_err(Failure::domain("reading events"))?;
    let shown = console::run_log(&db, &ctx, &tail.types, printer, stop).await;
    database::close(pool).await;
    ended(shown)
}

/// Events of every tenant.
fn everyone() -> Result<Ctx, Error> {
    Ok(Ctx {
        scope: Scope::Installation,
        actor: "portal-event".parse().map_err(|error| Error::Internal(format!("{error}")))?,
        roles: Vec::new(),
        correlation_id: CorrelationId::generate(),
        causation_id: CAUSE.to_owned(),
        traceparent: None,
    })
}

fn ended(shown: Result<(), ConsoleError>) -> Result<(), Failure> {
    match shown {
        Ok(()) => Ok(()),
        // `portal event tail | head`
        Err(ConsoleError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(ConsoleError::Write(source)) => Err(Failure::File { path: PathBuf::from("standard output"), source }),
        Err(ConsoleError::Settings(error)) => Err(config::Error::from_bus(error.key, error.problem).into()),
    }
}
