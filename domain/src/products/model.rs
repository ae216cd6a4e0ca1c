//! What a product is, and the types its fields are parsed into.
//!
//! Each `parse` takes the JSON pointer of the field it reads (`/variants/0/sku`), so that a caller
//! can collect what is wrong with all fields of a body before refusing it.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::kernel::error::FieldError;
use crate::kernel::{input, patch};

use super::currency::Currency;

/// Something a tenant sells, with its variants.
#[derive(Debug, Clone, PartialEq)]
pub struct Product {
    /// Never changes.
    pub id: Uuid,
    /// As a person writes it.
    pub name: ProductName,
    /// May be empty.
    pub description: Description,
    /// Whether it is sold.
    pub status: ProductStatus,
    /// Ordered by SKU.
    pub variants: Vec<Variant>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it, or one of its variants, was last changed.
    pub updated_at: DateTime<Utc>,
    /// 1 when created, one more with every change; the sequence of its last event.
    pub version: i64,
}

/// What can be ordered of a product.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// Never changes.
    pub id: Uuid,
    /// Unique within the tenant; never changes.
    pub sku: Sku,
    /// Of one piece.
    pub price: Price,
    /// Whatever the tenant wants to say about it.
    pub attributes: Attributes,
    /// When it was added.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// 1 when added, one more with every change of this variant.
    pub version: i64,
}

/// A variant that does not exist yet.
#[derive(Debug, Clone, PartialEq)]
pub struct NewVariant {
    /// Not that of another variant of the tenant.
    pub sku: Sku,
    /// Of one piece.
    pub price: Price,
    /// May be empty.
    pub attributes: Attributes,
}

/// What is paid for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    /// In minor units: 1999 EUR is € 19.99.
    pub amount: Amount,
    /// Of what.
    pub currency: Currency,
}

/// A number of a currency's minor units, 0 or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, sqlx::Type)]
#[sqlx(transparent)]
pub struct Amount(i64);

/// Whether a product is sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProductStatus {
    /// Sold.
    Active,
    /// Not sold any more; it can be made active again.
    Archived,
}

/// A product's name: one line of 1–200 characters.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::Type)]
#[sqlx(transparent)]
pub struct ProductName(String);

/// A product's description: at most 10,000 characters, any number of lines, may be empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, sqlx::Type)]
#[sqlx(transparent)]
pub struct Description(String);

/// A stock keeping unit: 1–64 characters of `A-Z`, `a-z`, `0-9`, `.`, `_`, `-` and `/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::Type)]
#[sqlx(transparent)]
pub struct Sku(String);

/// A JSON object of at most 16 KB (16,384 bytes, written without spaces).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Attributes(Map<String, Value>);

impl Amount {
    /// # Errors
    /// Names `pointer`; code `amount_negative`.
    pub fn new(minor_units: i64, pointer: &str) -> Result<Self, FieldError> {
        if minor_units < 0 {
            return Err(input::wrong(pointer, "amount_negative", "must be 0 or more, in minor units of the currency"));
        }
        Ok(Self(minor_units))
    }

    /// The number itself.
    pub fn minor_units(self) -> i64 {
        self.0
    }
}

impl ProductStatus {
    /// Reads `active` or `archived`.
    ///
    /// # Errors
    /// Names `pointer`; code `unknown_status`.
    pub fn parse(text: &str, pointer: &str) -> Result<Self, FieldError> {
        match text {
            "active" => Ok(Self::Active),
            "archived" => Ok(Self::Archived),
            _ => Err(input::wrong(pointer, "unknown_status", "must be active or archived")),
        }
    }

    /// Reads what was stored: the constraint `products_status_known` allows no third value.
    pub(super) fn stored(text: &str) -> Self {
        if text == "archived" { Self::Archived } else { Self::Active }
    }

    /// As it is written in JSON and stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Archived => "archived",
        }
    }
}

impl ProductName {
    /// # Errors
    /// Names `pointer`; codes `required`, `too_long`, `control_character`.
    pub fn parse(text: &str, pointer: &str) -> Result<Self, FieldError> {
        input::line(text, pointer, 200).map(Self)
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Description {
    /// # Errors
    /// Names `pointer`; codes `too_long`, `control_character`.
    pub fn parse(text: &str, pointer: &str) -> Result<Self, FieldError> {
        input::lines(text, pointer, 10_000).map(Self)
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Sku {
    /// # Errors
    /// Names `pointer`; codes as [`ProductName::parse`], and `sku_malformed`.
    pub fn parse(text: &str, pointer: &str) -> Result<Self, FieldError> {
        let text = input::line(text, pointer, 64)?;
        if !text.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c)) {
            let detail = "must consist of letters, digits, dot, underscore, hyphen and slash, such as TENT-2P/GREEN";
            return Err(input::wrong(pointer, "sku_malformed", detail));
        }
        Ok(Self(text))
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Attributes {
    /// The largest size in bytes.
    pub const MAX_BYTES: usize = 16 * 1024;

    /// # Errors
    /// Names `pointer`; codes `attributes_too_large`, and `control_character` for NUL anywhere,
    /// which PostgreSQL cannot store.
    pub fn new(object: Map<String, Value>, pointer: &str) -> Result<Self, FieldError> {
        let json = serde_json::to_string(&object).unwrap_or_default();
        if json.len() > Self::MAX_BYTES {
            let detail = format!("has {} bytes as JSON; at most {} are allowed", json.len(), Self::MAX_BYTES);
            return Err(input::wrong(pointer, "attributes_too_large", detail));
        }
        if object.iter().any(|(name, value)| name.contains('\0') || has_nul(value)) {
            return Err(input::wrong(pointer, "control_character", "must not contain the character U+0000"));
        }
        Ok(Self(object))
    }

    /// These attributes with `members` merged into them as RFC 7396 says: null removes a member.
    ///
    /// # Errors
    /// As [`Attributes::new`], for the result.
    pub fn merged(&self, members: Map<String, Value>, pointer: &str) -> Result<Self, FieldError> {
        let mut object = self.0.clone();
        patch::merge(&mut object, members);
        Self::new(object, pointer)
    }

    /// Attributes that were checked when they were stored.
    pub(super) fn stored(object: Map<String, Value>) -> Self {
        Self(object)
    }

    /// The object itself.
    pub fn as_object(&self) -> &Map<String, Value> {
        &self.0
    }
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(has_nul),
        Value::Object(object) => object.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn attributes(value: Value) -> Result<Attributes, FieldError> {
        Attributes::new(value.as_object().unwrap().clone(), "/attributes")
    }

    #[test]
    fn attributes_hold_16_kb_and_no_byte_more() {
        let empty = json!({"a": ""}).to_string().len();
        let fill = |bytes: usize| json!({"a": "x".repeat(bytes - empty)});
        assert!(attributes(fill(16_384)).is_ok());
        assert_eq!(attributes(fill(16_385)).unwrap_err().code, "attributes_too_large");
    }

    #[test]
    fn attributes_never_hold_nul() {
        for bad in [json!({"a": "\0"}), json!({"\0": 1}), json!({"a": [{"b": ["\0"]}]}), json!({"a": {"\0": 1}})] {
            assert_eq!(attributes(bad.clone()).unwrap_err().code, "control_character", "{bad}");
        }
        assert!(attributes(json!({"a": [{"b": ["\\u0000", null, 1.5]}]})).is_ok());
    }

    #[test]
    fn attributes_are_checked_again_once_merged() {
        let members = |value: Value| value.as_object().unwrap().clone();
        let before = attributes(json!({"colour": "red", "old": 1})).unwrap();
        let after = before.merged(members(json!({"colour": "green", "old": null})), "/attributes").unwrap();
        assert_eq!(after, attributes(json!({"colour": "green"})).unwrap());
        let large = members(json!({"big": "x".repeat(Attributes::MAX_BYTES)}));
        assert_eq!(before.merged(large, "/attributes").unwrap_err().code, "attributes_too_large");
    }

    #[test]
    fn an_amount_is_never_negative() {
        assert_eq!(Amount::new(0, "/price/amount").unwrap().minor_units(), 0);
        let error = Amount::new(-1, "/price/amount").unwrap_err();
        assert_eq!((error.pointer.as_str(), error.code), ("/price/amount", "amount_negative"));
    }

    #[test]
    fn a_sku_is_something_to_print_on_a_label() {
        assert_eq!(Sku::parse(" TENT-2P/green_1.5 ", "/sku").unwrap().as_str(), "TENT-2P/green_1.5");
        for bad in ["TENT 2P", "ZELT-Ü", "a,b"] {
            assert_eq!(Sku::parse(bad, "/sku").unwrap_err().code, "sku_malformed", "{bad}");
        }
    }
}
