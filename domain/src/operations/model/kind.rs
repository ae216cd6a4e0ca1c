//! What is known of the payload of each kind of job, and of the data of each type of event: enough to
//! check what an operator makes of it.

use schemars::{JsonSchema, Schema, schema_for};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::audit::RebuildDocuments;
use crate::customers::{CustomerChanged, CustomerCreated, CustomerReinstated, CustomerSuspended};
use crate::kernel::decode::{self, Misfit};
use crate::kernel::event::Event;
use crate::kernel::job::Job;
use crate::messaging::{HandleEvent, PublishEvent, ReadMessage, ReplayEvents};
use crate::notifications::SendNotification;
use crate::operations::bulk::RunOperation;
use crate::operations::jobs::CleanUp;
use crate::orders::{OrderCancelled, OrderConfirmed, OrderCreated};
use crate::products::{ProductChanged, ProductCreated};
use crate::stock::{StockAdjusted, StockProcessCompleted, StockProcessFailed, StockReceived};
use crate::webhooks::{
    DeliverWebhook, EndpointChanged, EndpointCreated, EndpointDeleted, EndpointDisabled, EndpointEnabled, SendWebhooks,
};

/// A kind of job.
#[derive(Debug, Clone, Copy)]
pub struct JobKind {
    /// `publish-event.v1`.
    pub name: &'static str,
    /// What of the payload an operator may change, as JSON pointers: these, and what is in them.
    pub editable: &'static [&'static str],
    /// What it has to do with an event.
    pub carries: Carries,
    /// What it is a step of, where that is so: without its step that would wait for ever.
    pub step_of: Option<&'static str>,
    schema: fn() -> Schema,
    check: fn(&Value) -> Result<(), Misfit>,
    read: fn(&[u8]) -> Result<(), Misfit>,
}

/// What a payload has under `/event`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carries {
    /// Nothing.
    NoEvent,
    /// An event as it was committed, which nobody changes: it is corrected by another one.
    Committed,
    /// A consumer group's own copy of an event.
    Received,
}

/// A type of event, in one version of its data.
#[derive(Debug, Clone, Copy)]
pub struct EventKind {
    /// The CloudEvents type.
    pub name: &'static str,
    /// [`Event::DATA_VERSION`].
    pub version: i16,
    schema: fn() -> Schema,
    identify: fn(&Value) -> Result<(Uuid, i64), Misfit>,
    read: fn(&[u8]) -> Result<(), Misfit>,
}

/// The payload of jobs that nothing runs, to try the operators' commands on.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct DemoJob {
    hello: String,
}

impl JobKind {
    /// Those whose payload can be checked.
    pub fn all() -> [Self; 11] {
        let event_data: &[&str] = &["/event/data"];
        [
            Self::of::<PublishEvent>(event_data, Carries::Committed),
            Self::of::<HandleEvent>(event_data, Carries::Received),
            // for whom it is stands in the name of its queue, too
            Self::of::<ReadMessage>(&["/content_type", "/headers", "/body"], Carries::NoEvent),
            Self::of::<SendNotification>(&["/order"], Carries::NoEvent),
            // a delivery says what was committed
            Self::of::<DeliverWebhook>(&[], Carries::NoEvent),
            Self::of::<CleanUp>(&["/keepDays"], Carries::NoEvent),
            Self::of::<RebuildDocuments>(&["/entity"], Carries::NoEvent),
            Self::step::<ReplayEvents>("a replay"),
            Self::step::<RunOperation>("an operation"),
            Self::step::<SendWebhooks>("a recovery or replay of webhooks"),
            Self::named_as::<DemoJob>("demo.v1", &["/hello"], Carries::NoEvent),
        ]
    }

    /// By its name; none of a kind that this release does not know.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|kind| kind.name == name)
    }

    /// The JSON Schema of the payload, made from the type that it is read as.
    pub fn schema(&self) -> Schema {
        (self.schema)()
    }

    /// Whether it is such a payload.
    pub(in crate::operations) fn check(&self, payload: &Value) -> Result<(), Misfit> {
        (self.check)(payload)
    }

    /// Whether the job could run: as its handler reads it, which leaves out what it does not know.
    pub(in crate::operations) fn read(&self, payload: &[u8]) -> Result<(), Misfit> {
        (self.read)(payload)
    }

    /// Whether an operator may change what the pointer points to.
    pub(in crate::operations) fn may_change(&self, pointer: &str) -> bool {
        let within =
            |part: &&str| pointer.strip_prefix(*part).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        self.editable.iter().any(within)
    }

    fn of<J: Job + JsonSchema>(editable: &'static [&'static str], carries: Carries) -> Self {
        Self::named_as::<J>(J::KIND, editable, carries)
    }

    /// A step is right, or it is not that of what it belongs to: nothing of it can be edited.
    fn step<J: Job + JsonSchema>(of: &'static str) -> Self {
        Self { step_of: Some(of), ..Self::of::<J>(&[], Carries::NoEvent) }
    }

    fn named_as<T: Serialize + DeserializeOwned + JsonSchema>(
        name: &'static str,
        editable: &'static [&'static str],
        carries: Carries,
    ) -> Self {
        Self {
            name,
            editable,
            carries,
            step_of: None,
            schema: schema::<T>,
            check: |payload| decode::exactly::<T>(payload).map(drop),
            read: decode::roughly::<T>,
        }
    }
}

impl EventKind {
    /// Those whose data can be checked.
    pub fn all() -> [Self; 18] {
        [
            Self::of::<CustomerChanged>(),
            Self::of::<CustomerCreated>(),
            Self::of::<CustomerReinstated>(),
            Self::of::<CustomerSuspended>(),
            Self::of::<EndpointChanged>(),
            Self::of::<EndpointCreated>(),
            Self::of::<EndpointDeleted>(),
            Self::of::<EndpointDisabled>(),
            Self::of::<EndpointEnabled>(),
            Self::of::<OrderCancelled>(),
            Self::of::<OrderConfirmed>(),
            Self::of::<OrderCreated>(),
            Self::of::<ProductChanged>(),
            Self::of::<ProductCreated>(),
            Self::of::<StockAdjusted>(),
            Self::of::<StockProcessCompleted>(),
            Self::of::<StockProcessFailed>(),
            Self::of::<StockReceived>(),
        ]
    }

    /// By its type and version; none of one that this release does not know.
    pub fn named(name: &str, version: i64) -> Option<Self> {
        Self::all().into_iter().find(|kind| kind.name == name && i64::from(kind.version) == version)
    }

    /// The JSON Schema of the data.
    pub fn schema(&self) -> Schema {
        (self.schema)()
    }

    /// The aggregate that the data are of, and its version, if they are such data.
    pub(in crate::operations) fn identify(&self, data: &Value) -> Result<(Uuid, i64), Misfit> {
        (self.identify)(data)
    }

    /// Whether a handler could read the data.
    pub(in crate::operations) fn read(&self, data: &[u8]) -> Result<(), Misfit> {
        (self.read)(data)
    }

    fn of<E: Event + DeserializeOwned>() -> Self {
        Self {
            name: E::TYPE,
            version: E::DATA_VERSION,
            schema: schema::<E>,
            identify: |data| decode::exactly::<E>(data).map(|event| (event.aggregate_id(), event.sequence())),
            read: decode::roughly::<E>,
        }
    }
}

fn schema<T: JsonSchema>() -> Schema {
    schema_for!(T)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_editable_may_be_changed() {
        let kind = JobKind::named("publish-event.v1").unwrap();
        for pointer in ["/event/data", "/event/data/customer/name"] {
            assert!(kind.may_change(pointer), "{pointer}");
        }
        for pointer in ["", "/event", "/event/id", "/event/data_version", "/event/database"] {
            assert!(!kind.may_change(pointer), "{pointer}");
        }
    }

    #[test]
    fn every_kind_has_a_schema_of_its_payload() {
        for kind in JobKind::all() {
            let schema = serde_json::to_value(kind.schema()).unwrap();
            assert_eq!(schema["type"], "object", "{}", kind.name);
            for part in kind.editable {
                let first = part.split('/').nth(1).unwrap();
                assert!(schema["properties"][first].is_object(), "{}: {part}: {schema}", kind.name);
            }
        }
        for kind in EventKind::all() {
            assert_eq!(serde_json::to_value(kind.schema()).unwrap()["type"], "object", "{}", kind.name);
        }
    }
}
