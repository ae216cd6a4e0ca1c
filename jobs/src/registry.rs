//! THE lists: one line per job kind, one per subscription.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::customers::{CustomerChanged, CustomerCreated, CustomerReinstated, CustomerSuspended};
use domain::kernel::event::Event as _;
use domain::messaging::PublishEvent;
use domain::products::{ProductChanged, ProductCreated};

use crate::bus::{Bus, ContentMode, Embedded, Subscription};
use crate::messaging;
use crate::runtime::Kinds;

/// Every kind of job and the function that runs it.
pub fn kinds(bus: Arc<dyn Bus>) -> Kinds {
    Kinds::default().job(move |job: PublishEvent, context| messaging::publish_event(bus.clone(), job, context))
}

/// The queues that jobs wait in.
pub fn queues() -> BTreeSet<&'static str> {
    kinds(Arc::new(Embedded::new(ContentMode::Structured))).queues()
}

/// Every queue that the worker declares on the broker, and the event types it receives.
pub fn subscriptions() -> Vec<Subscription> {
    vec![
        Subscription::to(CustomerCreated::TYPE),
        Subscription::to(CustomerChanged::TYPE),
        Subscription::to(CustomerSuspended::TYPE),
        Subscription::to(CustomerReinstated::TYPE),
        Subscription::to(ProductCreated::TYPE),
        Subscription::to(ProductChanged::TYPE),
    ]
}
