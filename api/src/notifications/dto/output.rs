//! As callers see them.

use chrono::{DateTime, Utc};
use domain::notifications::{Notification, NotificationEvent, NotificationStatus, Rendered, Template};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// What a customer was told about an order, or is about to be.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Notification)]
pub(in super::super) struct NotificationBody {
    /// Follows from order and event. The mail's `Message-ID` begins with it.
    #[schema(example = "74d9d70e-31eb-8482-9f39-375e2d5548c6")]
    id: Uuid,
    #[schema(example = "01941f29-7c00-7000-8000-000000000501")]
    order_id: Uuid,
    #[schema(example = "01941f29-7c00-7000-8000-000000000003")]
    customer_id: Uuid,
    event: Event,
    #[schema(example = "email")]
    channel: &'static str,
    status: State,
    /// How often sending it was begun.
    #[schema(example = 1, minimum = 0)]
    attempts: i32,
    /// The address; null until it was sent.
    #[schema(required = true, example = "murray@example.com")]
    recipient: Option<String>,
    /// The template's; null until it was sent.
    #[schema(required = true, example = "en")]
    language: Option<String>,
    /// The template's; null until it was sent.
    #[schema(required = true, example = 1)]
    template_version: Option<i64>,
    /// As it was sent; null until then.
    #[schema(required = true)]
    subject: Option<String>,
    /// Whether the customer's data came from the fallback, because its source did not answer.
    used_fallback: bool,
    /// Of the last attempt that failed; null if none did, or it was sent after all.
    #[schema(required = true)]
    error: Option<String>,
    created_at: DateTime<Utc>,
    /// When it was sent, logged, or given up.
    #[schema(required = true)]
    finished_at: Option<DateTime<Utc>>,
}

/// What happened to the order.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = NotificationEvent)]
pub(super) enum Event {
    OrderConfirmed,
    OrderCancelled,
}

/// Where a notification stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = NotificationStatus)]
pub(super) enum State {
    /// It is about to be sent.
    Queued,
    /// The mail server has it.
    Sent,
    /// It stands in the log, because no mail server is configured.
    Logged,
    /// It was given up; its job is a dead letter.
    Failed,
}

/// A version of a template.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = NotificationTemplate)]
pub(in super::super) struct TemplateBody {
    event: Event,
    #[schema(example = "email")]
    channel: &'static str,
    #[schema(example = "en")]
    language: String,
    /// 1 for the first, one more with every edit. In quotes it is the `ETag`.
    #[schema(example = 1)]
    version: i64,
    /// Whether it is the program's own.
    built_in: bool,
    #[schema(example = "Your order {{ order.id }} is confirmed")]
    subject: String,
    #[schema(example = "Dear {{ customer.name }}, …")]
    body: String,
    /// Null if it is the program's own.
    #[schema(required = true)]
    created_at: Option<DateTime<Utc>>,
    /// Null if it is the program's own.
    #[schema(required = true)]
    created_by: Option<String>,
}

/// Every template.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NotificationTemplateList)]
pub(in super::super) struct TemplateList {
    data: Vec<TemplateSummary>,
}

/// A template in its present version, without its text.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = NotificationTemplateSummary)]
struct TemplateSummary {
    event: Event,
    #[schema(example = "email")]
    channel: &'static str,
    #[schema(example = "en")]
    language: String,
    #[schema(example = 1)]
    version: i64,
    /// Whether it is the program's own.
    built_in: bool,
    #[schema(example = "Your order {{ order.id }} is confirmed")]
    subject: String,
    /// Null if it is the program's own.
    #[schema(required = true)]
    created_at: Option<DateTime<Utc>>,
    /// Null if it is the program's own.
    #[schema(required = true)]
    created_by: Option<String>,
}

impl From<Vec<Template>> for TemplateList {
    fn from(templates: Vec<Template>) -> Self {
        Self { data: templates.into_iter().map(TemplateSummary::from).collect() }
    }
}

impl From<Template> for TemplateSummary {
    fn from(template: Template) -> Self {
        let TemplateBody { event, channel, language, version, built_in, subject, created_at, created_by, .. } =
            template.into();
        Self { event, channel, language, version, built_in, subject, created_at, created_by }
    }
}

/// What a template becomes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NotificationPreview)]
pub(in super::super) struct PreviewBody {
    #[schema(example = "Your order 01941f29-7c00-7000-8000-000000000501 is confirmed")]
    subject: String,
    #[schema(example = "Dear Ada Lovelace, …")]
    body: String,
}

impl From<Notification> for NotificationBody {
    fn from(notification: Notification) -> Self {
        Self {
            id: notification.id,
            order_id: notification.order_id,
            customer_id: notification.customer_id,
            event: notification.event.into(),
            channel: notification.channel.as_str(),
            status: match notification.status {
                NotificationStatus::Queued => State::Queued,
                NotificationStatus::Sent => State::Sent,
                NotificationStatus::Logged => State::Logged,
                NotificationStatus::Failed => State::Failed,
            },
            attempts: notification.attempts,
            recipient: notification.recipient,
            language: notification.language.map(|language| language.as_str().to_owned()),
            template_version: notification.template_version,
            subject: notification.subject,
            used_fallback: notification.used_fallback,
            error: notification.error,
            created_at: notification.created_at,
            finished_at: notification.finished_at,
        }
    }
}

impl From<NotificationEvent> for Event {
    fn from(event: NotificationEvent) -> Self {
        match event {
            NotificationEvent::OrderConfirmed => Self::OrderConfirmed,
            NotificationEvent::OrderCancelled => Self::OrderCancelled,
        }
    }
}

impl From<Template> for TemplateBody {
    fn from(template: Template) -> Self {
        let (created_at, created_by) = template.written.unzip();
        Self {
            event: template.key.event.into(),
            channel: template.key.channel.as_str(),
            language: template.key.language.as_str().to_owned(),
            version: template.version,
            built_in: created_by.is_none(),
            subject: template.draft.subject,
            body: template.draft.body,
            created_at,
            created_by,
        }
    }
}

impl From<Rendered> for PreviewBody {
    fn from(rendered: Rendered) -> Self {
        Self { subject: rendered.subject, body: rendered.body }
    }
}
