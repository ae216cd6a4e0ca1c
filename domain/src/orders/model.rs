//! What an order is, and the types its fields are parsed into.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::kernel::error::FieldError;
use crate::kernel::input;
pub use crate::kernel::reason::Reason;
use crate::products::{Amount, Currency, ProductName, Sku};
use crate::stock::{LineReason, Quantity};

/// What a customer wants, at what price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Never changes.
    pub id: Uuid,
    /// Whose.
    pub customer_id: Uuid,
    /// Of all its amounts.
    pub currency: Currency,
    /// The sum of its lines.
    pub total: Amount,
    /// As ordered; at least one.
    pub lines: Vec<OrderLine>,
    /// When stock had reserved all of it; stays if it is cancelled afterwards.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// None unless it is cancelled.
    pub cancellation: Option<Cancellation>,
    /// When it was placed.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// 1 when placed, one more with every change; the sequence of its last event.
    pub version: i64,
}

/// A line of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderLine {
    /// Of a variant; once in an order.
    pub sku: Sku,
    /// The product's name when it was ordered.
    pub name: ProductName,
    /// Pieces.
    pub quantity: Quantity,
    /// Of one piece, when it was ordered.
    pub price: Amount,
    /// Of all pieces.
    pub total: Amount,
}

/// A line of an order that does not exist yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLine {
    /// Of a variant.
    pub sku: Sku,
    /// Pieces.
    pub quantity: Quantity,
}

/// Why and when an order was cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancellation {
    /// Who or what did.
    pub cause: CancelCause,
    /// As given by who cancelled it, or in words what stock said.
    pub reason: Reason,
    /// What stock said against its lines; empty if it was not because of stock.
    pub lines: Vec<RefusedLine>,
    /// When.
    pub at: DateTime<Utc>,
}

/// A line that stock could not reserve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefusedLine {
    /// Of what.
    pub sku: String,
    /// Why.
    pub reason: LineReason,
    /// How many pieces could have been promised; null unless there were too few.
    pub available: Option<i64>,
}

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OrderStatus {
    /// Stock has not answered yet.
    Pending,
    /// Stock has reserved all of it.
    Confirmed,
    /// It holds nothing.
    Cancelled,
}

/// What made an order end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum CancelCause {
    /// Somebody asked for it.
    Requested,
    /// There was too little of something.
    InsufficientStock,
    /// Stock could not be asked, also not when it was tried again.
    ProcessingFailed,
}

impl Order {
    /// Follows from what happened to it.
    pub fn status(&self) -> OrderStatus {
        match (&self.cancellation, self.confirmed_at) {
            (Some(_), _) => OrderStatus::Cancelled,
            (None, Some(_)) => OrderStatus::Confirmed,
            (None, None) => OrderStatus::Pending,
        }
    }
}

impl OrderStatus {
    /// Reads `pending`, `confirmed` or `cancelled`.
    ///
    /// # Errors
    /// Names `pointer`; code `unknown_status`.
    pub fn parse(text: &str, pointer: &str) -> Result<Self, FieldError> {
        [Self::Pending, Self::Confirmed, Self::Cancelled]
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| input::wrong(pointer, "unknown_status", "must be pending, confirmed or cancelled"))
    }

    /// As it is written in JSON and stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Confirmed => "confirmed",
            Self::Cancelled => "cancelled",
        }
    }
}
