//! Consumer groups and their handlers: what happens on an event.
//!
//! A handler is a function `(event, &mut Tx)`. Its writes, the events it emits, the jobs it enqueues
//! and the mark in the inbox commit together. It runs as a job in the queue of its group: retries,
//! history, dead letters and the order per aggregate are those of any job.

mod draft;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::kernel::event::{Draft, Event};
use domain::kernel::inbox::{self, ReceivedEvent};
use domain::messaging::HandleEvent;
use domain::{Command, Ctx, Error, Scope, Tx};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde::de::DeserializeOwned;

use crate::bus::Subscription;
use crate::runtime::{Exhausted, JobContext, JobError, JobResult};
pub use draft::DraftError;

/// An `async fn(event, &mut Tx) -> Result<(), Error>`.
///
/// A rejection makes a dead letter at once: the business would say no again. Any other error is
/// tried again.
pub trait Handler<'a, E>: Send + Sync {
    /// What it returns.
    type Future: Future<Output = Result<(), Error>> + Send + 'a;

    /// Reacts to the event.
    fn call(&self, event: E, tx: &'a mut Tx) -> Self::Future;
}

impl<'a, E, F, R> Handler<'a, E> for F
where
    F: Fn(E, &'a mut Tx) -> R + Send + Sync,
    R: Future<Output = Result<(), Error>> + Send + 'a,
{
    type Future = R;

    fn call(&self, event: E, tx: &'a mut Tx) -> R {
        self(event, tx)
    }
}

/// An `async fn(event, last_error, &mut Tx) -> Result<(), Error>`, for an event that its handler could
/// not handle.
pub trait FailureHandler<'a, E>: Send + Sync {
    /// What it returns.
    type Future: Future<Output = Result<(), Error>> + Send + 'a;

    /// Reacts to the event having become a dead letter, in the transaction that makes it one.
    fn call(&self, event: E, error: JobError, tx: &'a mut Tx) -> Self::Future;
}

impl<'a, E, F, R> FailureHandler<'a, E> for F
where
    F: Fn(E, JobError, &'a mut Tx) -> R + Send + Sync,
    R: Future<Output = Result<(), Error>> + Send + 'a,
{
    type Future = R;

    fn call(&self, event: E, error: JobError, tx: &'a mut Tx) -> R {
        self(event, error, tx)
    }
}

type Run = Arc<dyn Fn(HandleEvent, JobContext) -> BoxFuture<'static, JobResult> + Send + Sync>;
type OnExhausted =
    Arc<dyn for<'a> Fn(HandleEvent, JobError, &'a mut Tx) -> BoxFuture<'a, Result<(), Error>> + Send + Sync>;

#[derive(Clone)]
struct Reaction {
    run: Run,
    on_exhausted: Option<OnExhausted>,
    read: fn(&str) -> Result<Draft, DraftError>,
}

/// Every handler of this program, by consumer group, event type and version of the type's data; and the groups that
/// have one queue for all types.
#[derive(Clone, Default)]
pub struct Reactions(BTreeMap<(&'static str, &'static str, i16), Reaction>, BTreeSet<&'static str>);

impl Reactions {
    /// Lets a consumer group react to an event type. A group has one handler per type and version: what is
    /// to fail and be tried again apart is a group of its own. Events of a version before stay in queues
    /// and in the log: its handler stays until there are none.
    ///
    /// # Panics
    /// When the group reacts to this version of the type already: the line would replace the other.
    #[must_use]
    pub fn on<E, H>(mut self, group: &'static str, handler: H) -> Self
    where
        E: Event + DeserializeOwned + Send + 'static,
        H: for<'a> Handler<'a, E> + 'static,
    {
        let handler = Arc::new(handler);
        let run: Run = Arc::new(move |arrival, context| run(handler.clone(), arrival, context).boxed());
        let reaction = Reaction { run, on_exhausted: None, read: draft::read::<E> };
        let before = self.0.insert((group, E::TYPE, E::DATA_VERSION), reaction);
        assert!(before.is_none(), "{group} has two handlers for {}", E::TYPE);
        self
    }

    /// Lets a consumer group react to every type and version that a line before this one names, with the event as it
    /// arrived: its data may be anything. They share one queue on the broker.
    ///
    /// # Panics
    /// When the group reacts to one of them already.
    #[must_use]
    pub fn on_every<H>(mut self, group: &'static str, handler: H) -> Self
    where
        H: for<'a> Handler<'a, ReceivedEvent> + 'static,
    {
        let handler = Arc::new(handler);
        let run: Run = Arc::new(move |arrival, context| run_arrived(handler.clone(), arrival, context).boxed());
        let known: Vec<_> = self.0.iter().map(|((_, name, version), one)| ((*name, *version), one.read)).collect();
        assert!(self.0.keys().all(|(other, ..)| *other != group), "{group} has other handlers");
        for ((name, version), read) in known {
            self.0.insert((group, name, version), Reaction { run: run.clone(), on_exhausted: None, read });
        }
        self.1.insert(group);
        self
    }

    /// Lets the group react when it could not handle an event of this type.
    ///
    /// # Panics
    /// When the group has no handler for it.
    #[must_use]
    pub fn on_exhausted<E, H>(mut self, group: &'static str, hook: H) -> Self
    where
        E: Event + DeserializeOwned + Send + 'static,
        H: for<'a> FailureHandler<'a, E> + 'static,
    {
        let hook = Arc::new(hook);
        let on_exhausted: OnExhausted = Arc::new(move |arrival, error, tx| {
            let hook = hook.clone();
            async move {
                // what does not decode says nothing that could be reacted to
                let Ok(event) = serde_json::from_str::<E>(arrival.event.data.get()) else { return Ok(()) };
                hook.call(event, error, tx).await
            }
            .boxed()
        });
        match self.0.get_mut(&(group, E::TYPE, E::DATA_VERSION)) {
            Some(reaction) => reaction.on_exhausted = Some(on_exhausted),
            None => panic!("{group} has no handler for {}", E::TYPE),
        }
        self
    }

    /// The versions of the type that the group has a handler for.
    pub fn versions(&self, group: &str, event_type: &str) -> BTreeSet<i16> {
        let of_type = self.0.keys().filter(|(g, t, _)| *g == group && *t == event_type);
        of_type.map(|(_, _, version)| *version).collect()
    }

    /// The consumer groups; each is also the queue of its handler jobs.
    pub fn groups(&self) -> BTreeSet<&'static str> {
        self.0.keys().map(|(group, _, _)| *group).collect()
    }

    /// The groups that react to this type.
    pub(crate) fn groups_of(&self, event_type: &str) -> BTreeSet<&'static str> {
        self.0.keys().filter(|(_, t, _)| *t == event_type).map(|(group, _, _)| *group).collect()
    }

    /// The types that a group reacts to.
    pub(crate) fn types_of(&self, group: &str) -> Vec<String> {
        let types: BTreeSet<_> = self.0.keys().filter(|(g, _, _)| *g == group).map(|(_, t, _)| *t).collect();
        types.into_iter().map(str::to_owned).collect()
    }

    /// An event of this type, in the newest version, from JSON.
    ///
    /// # Errors
    /// See [`DraftError`].
    pub fn draft(&self, event_type: &str, json: &str) -> Result<Draft, DraftError> {
        (self.of_type(event_type)?.read)(json)
    }

    /// Whether there is such a type.
    ///
    /// # Errors
    /// [`DraftError::UnknownType`].
    pub fn ensure_type(&self, event_type: &str) -> Result<(), DraftError> {
        self.of_type(event_type).map(drop)
    }

    fn of_type(&self, event_type: &str) -> Result<&Reaction, DraftError> {
        let of_type = self.0.iter().filter(|((_, name, _), _)| *name == event_type);
        let newest = of_type.max_by_key(|((_, _, version), _)| *version).map(|(_, reaction)| reaction);
        newest.ok_or_else(|| {
            let types: BTreeSet<&str> = self.0.keys().map(|(_, event_type, _)| *event_type).collect();
            let known = types.into_iter().collect::<Vec<_>>().join(", ");
            DraftError::UnknownType { name: event_type.to_owned(), known }
        })
    }

    /// The queue of every group and type, on the broker.
    pub fn subscriptions(&self) -> Vec<Subscription> {
        let queues: BTreeSet<_> = self.0.keys().map(|(group, event_type, _)| (*group, *event_type)).collect();
        let (shared, own): (Vec<_>, Vec<_>) = queues.into_iter().partition(|(group, _)| self.1.contains(group));
        let own = own.into_iter().map(|(group, event_type)| Subscription::of(group, event_type));
        own.chain(self.1.iter().map(|group| {
            let types = shared.iter().filter(|(of, _)| of == group).map(|(_, event_type)| (*event_type).to_owned());
            Subscription::of_all(group, types.collect())
        }))
        .collect()
    }

    fn find(&self, arrival: &HandleEvent) -> Option<&Reaction> {
        let (group, event) = (arrival.consumer.as_str(), &arrival.event);
        let wanted = (group, event.event_type.as_str(), event.data_version);
        self.0.iter().find(|((g, t, version), _)| (*g, *t, *version) == wanted).map(|(_, reaction)| reaction)
    }

    /// Runs the handler of an event that arrived.
    pub(crate) async fn handle(self: Arc<Self>, arrival: HandleEvent, context: JobContext) -> JobResult {
        let Some(reaction) = self.find(&arrival) else {
            // another release, which runs beside this one, may know it
            let (group, event) = (&arrival.consumer, &arrival.event);
            let message =
                format!("group {group} has no handler for {} in version {}", event.event_type, event.data_version);
            return Err(JobError::Transient { class: "unknown_event_type", message });
        };
        (reaction.run)(arrival, context).await
    }

    /// Lets the group react to an event that became a dead letter.
    pub(crate) async fn exhausted(self: Arc<Self>, exhausted: Exhausted, tx: &mut Tx) -> Result<(), Error> {
        let Ok(arrival) = serde_json::from_slice::<HandleEvent>(&exhausted.payload) else { return Ok(()) };
        match self.find(&arrival).and_then(|r| r.on_exhausted.clone()) {
            Some(hook) => hook(arrival, exhausted.error, tx).await,
            None => Ok(()),
        }
    }
}

async fn run<E, H>(handler: Arc<H>, arrival: HandleEvent, context: JobContext) -> JobResult
where
    E: Event + DeserializeOwned + Send + 'static,
    H: for<'a> Handler<'a, E> + 'static,
{
    let event = serde_json::from_str(arrival.event.data.get()).map_err(|error| {
        JobError::Undecodable(format!("the data of {} does not decode: {error}", arrival.event.event_type))
    })?;
    effect(&*handler, event, &arrival, &context).await
}

/// With the event as it arrived.
async fn run_arrived<H>(handler: Arc<H>, arrival: HandleEvent, context: JobContext) -> JobResult
where
    H: for<'a> Handler<'a, ReceivedEvent> + 'static,
{
    effect(&*handler, arrival.event.clone(), &arrival, &context).await
}

async fn effect<E, H>(handler: &H, event: E, arrival: &HandleEvent, context: &JobContext) -> JobResult
where
    E: Send,
    H: for<'a> Handler<'a, E>,
{
    let ctx = ctx_of(arrival)?;
    let effect = Effect { arrival, job_id: &context.id, event, handler };
    domain::run(&context.db, &ctx, effect).await?;
    domain::fail_point!("fail-point:handled", returns Err(Error::Internal("it is said to fail".into()).into()));
    Ok(())
}

/// The circumstances of a handler: the tenant of its event, which is also what caused it.
fn ctx_of(arrival: &HandleEvent) -> Result<Ctx, JobError> {
    let event = &arrival.event;
    Ok(Ctx {
        scope: Scope::Tenant(event.tenant_id.clone()),
        actor: format!("consumer:{}", arrival.consumer)
            .parse()
            .map_err(|error: domain::kernel::ctx::Malformed| JobError::Undecodable(error.to_string()))?,
        roles: Vec::new(),
        correlation_id: event.correlation_id.clone(),
        causation_id: event.id.clone(),
        traceparent: event.traceparent.clone(),
    })
}

/// The command that is run for an event: the handler, and the mark that keeps it from running twice.
struct Effect<'h, E, H> {
    arrival: &'h HandleEvent,
    job_id: &'h str,
    event: E,
    handler: &'h H,
}

impl<E, H> Command for Effect<'_, E, H>
where
    E: Send,
    H: for<'a> Handler<'a, E>,
{
    type Output = ();

    async fn handle(self, tx: &mut Tx) -> Result<(), Error> {
        if inbox::claim_effect(tx, self.arrival, self.job_id).await? {
            self.handler.call(self.event, tx).await?;
            domain::fail_point!("fail-point:handling", returns Err(Error::Internal("it is said to fail".into())));
        }
        Ok(())
    }
}
