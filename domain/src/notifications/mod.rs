//! Notifications: what customers are told about their orders.
//!
//! Of every order and event that is told there is one notification, whose id follows from the two. It is
//! `queued` until a worker has `sent` it, or `logged` it where no mail server is configured, or has given it
//! up (`failed`: its job is a dead letter, and sends it after all when it is put back).
//!
//! Its text is a template, by event, channel and language. The program has one for each event in English,
//! version 1; a tenant may have others. Each edit is a new version, and the old ones stay. A template names
//! only what there is ([`Facts`]), and is refused when it does not; see `rules` for what else it may not.
//!
//! | code | kind | when |
//! |---|---|---|
//! | `notification_not_found` | not found | no such notification in this tenant |
//! | `notification_template_not_found` | not found | neither the tenant nor the program has a template, or such a version of it |
//! | `template_invalid` | invalid, in `errors`: `/subject`, `/body` | it does not compile, names what there is not, or does what it may not |
//! | `version_conflict` | precondition failed | the caller's expected version is not the present one |

mod allowed;
mod commands;
mod defaults;
mod facts;
mod jobs;
mod model;
mod queries;
mod render;
mod rules;
mod store;

pub use commands::{
    Delivery, FailNotification, FinishNotification, NoteFailure, Outgoing, PreviewTemplate, QueueNotification,
    SaveTemplate, StartNotification,
};
pub use facts::Facts;
pub use jobs::SendNotification;
pub use model::{
    Channel, Contact, Draft, Language, Notification, NotificationEvent, NotificationStatus, Template, TemplateKey,
};
pub use queries::{GetNotification, GetTemplate, ListNotifications, ListTemplates};
pub use render::{Rendered, TemplateError};
