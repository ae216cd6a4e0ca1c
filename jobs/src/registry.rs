//! THE lists: one line per job kind, one per reaction to an event.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::customers::{CustomerChanged, CustomerCreated, CustomerReinstated, CustomerSuspended};
use domain::kernel::event::CollapsingEvent;
use domain::messaging::{DEFAULT_GROUP, HandleEvent, PublishEvent, ReadMessage, ReplayEvents};
use domain::notifications::SendNotification;
use domain::operations::bulk::RunOperation;
use domain::orders::{OrderCancelled, OrderConfirmed, OrderCreated};
use domain::products::{ProductChanged, ProductCreated};
use domain::stock::{StockAdjusted, StockProcessCompleted, StockProcessFailed, StockReceived};
use domain::webhooks::{
    DeliverWebhook, EndpointChanged, EndpointCreated, EndpointDeleted, EndpointDisabled, EndpointEnabled, SendWebhooks,
};

use futures::FutureExt as _;

use crate::audit;
use crate::bus::{Bus, ContentMode, Embedded};
use crate::reactions::Reactions;
use crate::runtime::Kinds;
use crate::{messaging, notifications, operations, orders, stock, webhooks};

/// Every kind of job and the function that runs it.
pub fn kinds(
    bus: Arc<dyn Bus>,
    collapse: Arc<BTreeSet<String>>,
    reactions: Arc<Reactions>,
    sender: Arc<notifications::Sender>,
    hooks: Arc<webhooks::Sender>,
) -> Kinds {
    let groups = reactions.groups();
    let (handle, exhausted, read, replay) = (reactions.clone(), reactions.clone(), reactions.clone(), reactions);
    Kinds::default()
        .job(move |job: PublishEvent, context| messaging::publish_event(bus.clone(), collapse.clone(), job, context))
        .job(move |job: HandleEvent, context| handle.clone().handle(job, context))
        .on_exhausted::<HandleEvent, _>(move |failed, tx| exhausted.clone().exhausted(failed, tx).boxed())
        .also_in::<HandleEvent>(&groups)
        .job(move |job: ReadMessage, context| messaging::read_message(read.clone(), job, context))
        .also_in::<ReadMessage>(&groups)
        .job(move |job: SendNotification, context| notifications::send(sender.clone(), job, context))
        .on_exhausted::<SendNotification, _>(|failed, tx| notifications::give_up(failed, tx).boxed())
        .job(move |job: DeliverWebhook, context| webhooks::deliver(hooks.clone(), job, context))
        .on_exhausted::<DeliverWebhook, _>(|failed, tx| webhooks::give_up(failed, tx).boxed())
        .job(webhooks::send_many)
        .on_exhausted::<SendWebhooks, _>(|failed, tx| webhooks::fail_many(failed, tx).boxed())
        .job(move |job: ReplayEvents, context| messaging::replay_events(replay.clone(), job, context))
        .on_exhausted::<ReplayEvents, _>(|failed, tx| messaging::suspend_replay(failed, tx).boxed())
        .job(operations::run_operation)
        .on_exhausted::<RunOperation, _>(|failed, tx| operations::suspend_operation(failed, tx).boxed())
        .job(operations::clean_up)
        .job(audit::rebuild_documents)
}

/// Every consumer group, the event types it reacts to, and the function that does. Each line is a
/// queue on the broker.
pub fn reactions() -> Reactions {
    Reactions::default()
        .on::<CustomerCreated, _>(DEFAULT_GROUP, audit::keep_document)
        .on::<CustomerChanged, _>(DEFAULT_GROUP, audit::keep_document)
        .on::<CustomerSuspended, _>(DEFAULT_GROUP, audit::keep_document)
        .on::<CustomerReinstated, _>(DEFAULT_GROUP, audit::keep_document)
        .on::<ProductCreated, _>(DEFAULT_GROUP, audit::keep_document)
        .on::<ProductChanged, _>(DEFAULT_GROUP, audit::keep_document)
        .on::<StockReceived, _>(DEFAULT_GROUP, audit::keep_document)
        .on::<StockAdjusted, _>(DEFAULT_GROUP, audit::keep_document)
        .on::<StockProcessCompleted, _>(DEFAULT_GROUP, audit::keep_document)
        .on::<StockProcessFailed, _>(DEFAULT_GROUP, audit::keep_document)
        .on::<OrderCreated, _>(DEFAULT_GROUP, audit::keep_document)
        .on::<OrderConfirmed, _>(DEFAULT_GROUP, audit::keep_document)
        .on::<OrderCancelled, _>(DEFAULT_GROUP, audit::keep_document)
        .on::<OrderCreated, _>("stock", stock::reserve)
        .on_exhausted::<OrderCreated, _>("stock", stock::give_up)
        .on::<OrderConfirmed, _>("stock", stock::deduct)
        .on::<OrderCancelled, _>("stock", stock::release)
        .on::<StockProcessCompleted, _>("orders", orders::confirm)
        .on::<StockProcessFailed, _>("orders", orders::refuse)
        .on::<OrderConfirmed, _>("notifications", notifications::confirmed)
        .on::<OrderCancelled, _>("notifications", notifications::cancelled)
        .on::<EndpointCreated, _>(DEFAULT_GROUP, audit::keep_document)
        .on::<EndpointChanged, _>(DEFAULT_GROUP, audit::keep_document)
        .on::<EndpointDisabled, _>(DEFAULT_GROUP, audit::keep_document)
        .on::<EndpointEnabled, _>(DEFAULT_GROUP, audit::keep_document)
        .on::<EndpointDeleted, _>(DEFAULT_GROUP, audit::keep_document)
        // last: every type of the lines above
        .on_every("webhooks", webhooks::fan_out)
}

/// The event types that may be collapsed in the outbox, where an installation wants it: those that only say what
/// their aggregate is like now.
pub fn collapsible() -> BTreeSet<&'static str> {
    fn of<E: CollapsingEvent>() -> &'static str {
        E::TYPE
    }
    BTreeSet::from([of::<CustomerChanged>(), of::<ProductChanged>()])
}

/// The queues that jobs wait in.
pub fn queues() -> BTreeSet<&'static str> {
    let bus = Arc::new(Embedded::new(ContentMode::Structured));
    kinds(bus, Arc::default(), Arc::new(reactions()), Arc::default(), Arc::default()).queues()
}
