//! Arguments of the job that sends a delivery.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::kernel::inbox::ReceivedEvent;
use crate::kernel::job::Job;

/// The CloudEvents type of what is sent to try an endpoint.
pub const TEST_TYPE: &str = "com.offgrid.portal.webhooks.endpoint-tested";

/// Send one event to one endpoint. Waits apart from the handlers of the consumer group `webhooks`: an endpoint that
/// is slow keeps no event from being heard.
///
/// Carries the whole event: what is sent is the same with every attempt.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct DeliverWebhook {
    /// Which.
    pub delivery: Uuid,
    /// To which.
    pub endpoint: Uuid,
    /// What it says.
    pub event: ReceivedEvent,
}

impl Job for DeliverWebhook {
    const KIND: &'static str = "deliver-webhook.v1";
    const QUEUE: &'static str = "deliveries";
}

/// One step of sending many.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct SendWebhooks {
    /// Which bulk.
    pub bulk: Uuid,
    /// The first is 0.
    pub step: i64,
}

impl Job for SendWebhooks {
    const KIND: &'static str = "send-webhooks.v1";
    const QUEUE: &'static str = "replays";
}
