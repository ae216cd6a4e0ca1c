//! Webhooks: a tenant's own programs are told of its events over HTTP.
//!
//! An endpoint is an aggregate as a customer is: every change of it is an event (`com.offgrid.portal.webhooks.…`), by
//! which one can learn that the program disabled it. Of every event and every enabled endpoint that wants its type
//! there is one delivery, whose id follows from the two: whatever is received or tried twice, it is the same one to
//! the receiver, by its `webhook-id`. It is `pending` until the endpoint `succeeded` in taking it, or it has `failed`:
//! then its job is a dead letter. Sending it anew is a new job under the same id.
//!
//! Everything here needs `portal-staff`, reading too: a URL may hold a token. Secrets and the values of headers are
//! shown to nobody; the API's database role cannot even read them. A new secret is shown once, in the answer that
//! made it, and kept out of what an `Idempotency-Key` replays.
//!
//! An endpoint that is deleted stays as a row, without secrets and headers, for the sake of its deliveries.
//!
//! | code | kind | when |
//! |---|---|---|
//! | `webhook_endpoint_not_found` | not found | no such endpoint in this tenant, or it was deleted |
//! | `webhook_url_forbidden` | invalid, `/url` | it is not https, or names an address that is not public |
//! | `webhook_endpoints_too_many` | conflict | the tenant has 50 already |
//! | `webhook_secrets_too_many` | conflict | five secrets of the endpoint are valid already |
//! | `webhook_endpoint_disabled` | conflict | sending something to a disabled endpoint |
//! | `webhook_delivery_not_found` | not found | no such delivery in this tenant |
//! | `webhook_delivery_pending` | conflict | sending what is being sent anyway |
//! | `webhook_delivery_unrepeatable` | conflict | sending a test anew, or an event that is not in the log |
//! | `webhook_bulk_not_found` | not found | no such recovery or replay in this tenant |
//! | `webhook_bulk_ended` | conflict | cancelling one that has ended |
//! | `version_conflict` | precondition failed | the caller's expected version is not the present one |

mod address;
mod bulk;
mod commands;
mod deliveries;
mod events;
mod headers;
mod jobs;
mod model;
mod pattern;
mod queries;
mod rules;
mod secret;
mod store;
mod url;

pub use address::is_public;
pub use bulk::{Bulk, BulkKind, BulkState, BulkStep, CancelBulk, FailBulk, GetBulk, StartBulk};
pub use commands::{
    ChangeEndpoint, CreateEndpoint, DeleteEndpoint, DisableEndpoint, EnableEndpoint, EndpointChanges, EndpointDetails,
    RotateSecret,
};
pub use deliveries::{
    Attempted, FanOut, FinishAttempt, GiveUpDelivery, Outgoing, ResendDelivery, StartDelivery, Started, TestEndpoint,
    Verdict,
};
pub use events::{
    EndpointChanged, EndpointCreated, EndpointDeleted, EndpointDisabled, EndpointEnabled, EndpointField,
    EndpointSnapshot,
};
pub use headers::{Header, Headers};
pub use jobs::{DeliverWebhook, SendWebhooks, TEST_TYPE};
pub use model::{
    Attempt, Delivery, DeliveryStatus, Description, DisableReason, Disabled, Endpoint, EndpointState, Overlap,
    RateLimit,
};
pub use pattern::{EventPattern, EventPatterns};
pub use queries::{GetDelivery, GetEndpoint, ListDeliveries, ListEndpoints};
pub use secret::SigningSecret;
pub use url::{EndpointUrl, Targets};
