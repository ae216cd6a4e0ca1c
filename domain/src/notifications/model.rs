//! What a notification and a template are, and the types their fields are parsed into.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::customers::{Customer, Email, Name};
use crate::kernel::error::FieldError;
use crate::kernel::input;

/// What a customer was told, or is about to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Never changes; see [`Notification::id_of`].
    pub id: Uuid,
    /// About which order.
    pub order_id: Uuid,
    /// Who is told.
    pub customer_id: Uuid,
    /// What happened.
    pub event: NotificationEvent,
    /// How it is told.
    pub channel: Channel,
    /// Where it stands.
    pub status: NotificationStatus,
    /// How often sending it was begun.
    pub attempts: i32,
    /// The address it went to; none until it was sent.
    pub recipient: Option<String>,
    /// The template's; none until it was sent.
    pub language: Option<Language>,
    /// The template's; none until it was sent.
    pub template_version: Option<i64>,
    /// As it was sent.
    pub subject: Option<String>,
    /// Whether the customer's data came from the fallback, because its source did not answer.
    pub used_fallback: bool,
    /// Of the last attempt that failed.
    pub error: Option<String>,
    /// When the event was heard of.
    pub created_at: DateTime<Utc>,
    /// When it was sent, logged, or given up.
    pub finished_at: Option<DateTime<Utc>>,
}

/// What customers are told about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "kebab-case")]
#[sqlx(type_name = "text", rename_all = "kebab-case")]
pub enum NotificationEvent {
    /// Stock has reserved all of it.
    OrderConfirmed,
    /// It was cancelled, by whomever.
    OrderCancelled,
}

/// How customers are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "kebab-case")]
#[sqlx(type_name = "text", rename_all = "kebab-case")]
pub enum Channel {
    /// A mail.
    Email,
}

/// Where a notification stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "kebab-case")]
pub enum NotificationStatus {
    /// A job is there to send it.
    Queued,
    /// The mail server has it.
    Sent,
    /// It stands in the log, because no mail server is configured.
    Logged,
    /// It was given up.
    Failed,
}

/// A language as in BCP 47: `en`, `pt-BR`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, sqlx::Type)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct Language(String);

/// Of which a template is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateKey {
    /// What it tells about.
    pub event: NotificationEvent,
    /// How.
    pub channel: Channel,
    /// In which language.
    pub language: Language,
}

/// A version of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Of which.
    pub key: TemplateKey,
    /// 1 for the first, one more with every edit.
    pub version: i64,
    /// Its text.
    pub draft: Draft,
    /// When and by whom it was written; none for the program's own.
    pub written: Option<(DateTime<Utc>, String)>,
}

/// The text of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Becomes one line.
    pub subject: String,
    /// Becomes plain text.
    pub body: String,
}

/// Whom a notification goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// The customer's.
    pub name: Name,
    /// The customer's.
    pub email: Email,
    /// English if nobody says.
    pub language: Language,
}

impl Notification {
    /// The id of the notification about an order and event. It also names the mail, so that one that is
    /// sent twice is seen to be the same.
    pub fn id_of(order_id: Uuid, event: NotificationEvent) -> Uuid {
        let digest = Sha256::new().chain_update(order_id.as_bytes()).chain_update(event.as_str()).finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }
}

impl NotificationEvent {
    /// All there are.
    pub const ALL: [Self; 2] = [Self::OrderConfirmed, Self::OrderCancelled];

    /// # Errors
    /// Names `pointer`; code `unknown_event`.
    pub fn parse(text: &str, pointer: &str) -> Result<Self, FieldError> {
        let found = Self::ALL.into_iter().find(|event| event.as_str() == text);
        found.ok_or_else(|| input::wrong(pointer, "unknown_event", "must be order-confirmed or order-cancelled"))
    }

    /// As it is written and stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OrderConfirmed => "order-confirmed",
            Self::OrderCancelled => "order-cancelled",
        }
    }
}

impl Channel {
    /// # Errors
    /// Names `pointer`; code `unknown_channel`.
    pub fn parse(text: &str, pointer: &str) -> Result<Self, FieldError> {
        match text {
            "email" => Ok(Self::Email),
            _ => Err(input::wrong(pointer, "unknown_channel", "must be email")),
        }
    }

    /// As it is written and stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
        }
    }
}

impl NotificationStatus {
    /// # Errors
    /// Names `pointer`; code `unknown_status`.
    pub fn parse(text: &str, pointer: &str) -> Result<Self, FieldError> {
        let all = [Self::Queued, Self::Sent, Self::Logged, Self::Failed];
        let found = all.into_iter().find(|status| status.as_str() == text);
        found.ok_or_else(|| input::wrong(pointer, "unknown_status", "must be queued, sent, logged or failed"))
    }

    /// As it is written and stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Logged => "logged",
            Self::Failed => "failed",
        }
    }
}

impl Language {
    /// # Errors
    /// Names `pointer`; code `language_malformed`.
    pub fn parse(text: &str, pointer: &str) -> Result<Self, FieldError> {
        let (primary, region) = text.split_once('-').map_or((text, None), |(primary, region)| (primary, Some(region)));
        let right = (2..=3).contains(&primary.len())
            && primary.bytes().all(|b| b.is_ascii_lowercase())
            && region.is_none_or(|region| region.len() == 2 && region.bytes().all(|b| b.is_ascii_uppercase()));
        match right {
            true => Ok(Self(text.to_owned())),
            false => Err(input::wrong(pointer, "language_malformed", "must be a language such as en or pt-BR")),
        }
    }

    /// The language of whom nobody knows more.
    pub fn english() -> Self {
        Self("en".to_owned())
    }

    /// Without the region.
    pub fn primary(&self) -> Self {
        Self(self.0.split('-').next().unwrap_or_default().to_owned())
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Draft {
    /// The longest subject and body.
    pub const LONGEST: (usize, usize) = (500, 10_000);
}

impl From<Customer> for Contact {
    fn from(customer: Customer) -> Self {
        Self { name: customer.name, email: customer.email, language: Language::english() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_two_or_three_letters_and_perhaps_a_region() {
        for good in ["en", "pt-BR", "gsw"] {
            assert_eq!(Language::parse(good, "").unwrap().as_str(), good);
        }
        for bad in ["", "e", "EN", "en-", "en-us", "en_US", "english", "pt-BR-x", "é"] {
            assert_eq!(Language::parse(bad, "/language").unwrap_err().code, "language_malformed", "{bad}");
        }
        assert_eq!(Language::parse("pt-BR", "").unwrap().primary().as_str(), "pt");
    }

    #[test]
    fn an_order_and_an_event_make_one_id() {
        let order = Uuid::from_u128(1);
        let confirmed = Notification::id_of(order, NotificationEvent::OrderConfirmed);
        assert_eq!(confirmed, Notification::id_of(order, NotificationEvent::OrderConfirmed));
        assert_ne!(confirmed, Notification::id_of(order, NotificationEvent::OrderCancelled));
        assert_ne!(confirmed, Notification::id_of(Uuid::from_u128(2), NotificationEvent::OrderConfirmed));
    }

    #[test]
    fn words_are_read_as_they_are_written() {
        for event in [NotificationEvent::OrderConfirmed, NotificationEvent::OrderCancelled] {
            assert_eq!(NotificationEvent::parse(event.as_str(), "").unwrap(), event);
        }
        use NotificationStatus::{Failed, Logged, Queued, Sent};
        for status in [Queued, Sent, Logged, Failed] {
            assert_eq!(NotificationStatus::parse(status.as_str(), "").unwrap(), status);
        }
        assert_eq!(Channel::parse("email", "").unwrap(), Channel::Email);
        assert_eq!(Channel::parse("sms", "/channel").unwrap_err().code, "unknown_channel");
        assert_eq!(NotificationEvent::parse("order-created", "/event").unwrap_err().code, "unknown_event");
        assert_eq!(NotificationStatus::parse("gone", "status").unwrap_err().code, "unknown_status");
    }
}
