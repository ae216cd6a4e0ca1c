//! From messages to jobs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use cloudevents::AttributesReader as _;
use domain::kernel::inbox::{self, ReceivedEvent};
use domain::messaging::HandleEvent;
use domain::{CorrelationId, Db, Error, TenantId};

use super::Arrival;
use super::unreadable::{self, Unreadable};
use crate::bus::cloudevent::{self, Received};
use crate::reactions::Reactions;

/// Puts what arrives into the database. Cheap to clone.
#[derive(Clone)]
pub struct Intake {
    db: Db,
    reactions: Arc<Reactions>,
}

impl Intake {
    /// Over a database connected as `portal_worker`.
    pub fn new(db: Db, reactions: Arc<Reactions>) -> Self {
        Self { db, reactions }
    }

    pub(crate) fn reactions(&self) -> &Reactions {
        &self.reactions
    }

    /// # Errors
    /// When the database is away.
    pub(crate) async fn reach_database(&self) -> Result<(), Error> {
        self.db.ask(async |conn| Ok(sqlx::query("select 1").execute(conn).await.map(drop)?)).await
    }

    /// Makes a job of every message that is a new event to its group, and a dead letter of every
    /// message that is none. When this returns, all of them may be acknowledged.
    ///
    /// # Errors
    /// When the database is away, or refuses the batch: nothing may be acknowledged.
    pub async fn take(&self, arrivals: &[Arrival]) -> Result<(), Error> {
        let (mut events, mut unreadable) = (Vec::new(), Vec::new());
        for arrival in arrivals {
            match self.read_safely(arrival) {
                Ok(event) => events.push(event),
                Err(why) => unreadable.push((arrival, why)),
            }
        }
        // Two statements: the first can be repeated, and after the second nothing is.
        inbox::receive(&self.db, &events).await?;
        unreadable::bury(&self.db, &unreadable).await?;
        domain::fail_point!("fail-point:received");
        Ok(())
    }

    /// As [`read`](Self::read). Whatever a message makes it do, it is read once: it would come back for ever.
    fn read_safely(&self, arrival: &Arrival) -> Result<HandleEvent, Unreadable> {
        catch_unwind(AssertUnwindSafe(|| self.read(arrival)))
            .unwrap_or_else(|_| Err(Unreadable::new("undecodable", "reading it panicked; the log says where".into())))
    }

    /// Reads one message.
    ///
    /// # Errors
    /// Why it is no event that its group can handle.
    pub(crate) fn read(&self, arrival: &Arrival) -> Result<HandleEvent, Unreadable> {
        if let Some(why) = &arrival.given_up {
            return Err(Unreadable::new("given_up_by_broker", why.clone()));
        }
        let received = cloudevent::decode(&arrival.properties, &arrival.body)
            .map_err(|error| Unreadable::new("undecodable", error.to_string()))?;
        let event = event(received)?;
        let (group, versions) = (&arrival.consumer, self.reactions.versions(&arrival.consumer, &event.event_type));
        if versions.is_empty() {
            let message = format!("group {group} has no handler for {}", event.event_type);
            return Err(Unreadable::new("unknown_event_type", message));
        }
        if !versions.contains(&event.data_version) {
            let (event_type, version) = (&event.event_type, event.data_version);
            let message = format!("group {group} reads {event_type} in version {versions:?}, not in {version}");
            return Err(Unreadable::new("unknown_event_version", message));
        }
        Ok(HandleEvent { consumer: arrival.consumer.clone(), event })
    }
}

/// What we need of a CloudEvent to keep our promises: whose it is, what it belongs to, and in which
/// place.
fn event(received: Received) -> Result<ReceivedEvent, Unreadable> {
    let missing = |name: &str| Unreadable::new("undecodable", format!("the attribute {name} is missing"));
    let wrong = |name: &str, why: &str| Unreadable::new("undecodable", format!("the attribute {name} is wrong: {why}"));
    let attributes = &received.attributes;
    let text = |name: &'static str| received.extension(name).ok_or_else(|| missing(name));
    let tenant: Result<TenantId, _> = text("tenantid")?.parse();
    let correlation = match received.extension("correlationid") {
        Some(id) => id.parse().map_err(|e: domain::kernel::ctx::Malformed| wrong("correlationid", e.0))?,
        None => CorrelationId::generate(),
    };
    let sequence = text("sequence")?;
    let data_version = cloudevent::data_version(attributes).map_err(|schema| {
        Unreadable::new("unknown_event_version", format!("the attribute dataschema is none of ours: {schema}"))
    })?;
    let event = ReceivedEvent {
        id: attributes.id().to_owned(),
        source: attributes.source().to_string(),
        event_type: attributes.ty().to_owned(),
        subject: attributes.subject().ok_or_else(|| missing("subject"))?.to_owned(),
        time: *attributes.time().ok_or_else(|| missing("time"))?,
        sequence: sequence.parse().map_err(|_| wrong("sequence", "expected a number"))?,
        tenant_id: tenant.map_err(|e| wrong("tenantid", e.0))?,
        correlation_id: correlation,
        traceparent: received.extension("traceparent"),
        data_version,
        data: received.data.ok_or_else(|| missing("data"))?,
        replay_id: None,
        replay_force: false,
    };
    storable(&event).map_err(|name| wrong(name, "expected 1 to 255 characters, and no NUL"))?;
    Ok(event)
}

/// What PostgreSQL cannot hold, or no index: it would fail the whole batch, again and again.
fn storable(event: &ReceivedEvent) -> Result<(), &'static str> {
    let texts =
        [("id", &event.id), ("source", &event.source), ("type", &event.event_type), ("subject", &event.subject)];
    let bad = |text: &str| text.is_empty() || text.len() > 255 || text.contains('\0');
    match texts.iter().find(|(_, text)| bad(text)) {
        Some((name, _)) => Err(name),
        None if event.traceparent.as_deref().is_some_and(bad) => Err("traceparent"),
        None => Ok(()),
    }
}
