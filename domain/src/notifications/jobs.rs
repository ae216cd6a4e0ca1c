//! Arguments of the job that sends a notification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::kernel::job::Job;
use crate::orders::OrderSnapshot;

/// Send one notification, with what its event said about the order.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct SendNotification {
    /// Which.
    pub id: Uuid,
    /// As it was right after the event.
    pub order: OrderSnapshot,
}

impl Job for SendNotification {
    const KIND: &'static str = "send-notification.v1";
    // not that of the group which reacts to orders: a mail server that hangs must not keep events from being heard
    const QUEUE: &'static str = "mail";
}
