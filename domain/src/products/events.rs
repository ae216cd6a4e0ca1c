//! What happened to products. Each event carries the whole product with all its variants as it is
//! afterwards, so that a reader looks nothing up; its `version` is the event's sequence.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::kernel::event::{CollapsingEvent, Event, fields_together};

use super::model::{Product, ProductStatus, Variant};

/// A product was created.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProductCreated {
    /// As it is now.
    pub product: ProductSnapshot,
}

/// A product was changed, or a variant of it was added or changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProductChanged {
    /// The fields that have another value now; at least one.
    pub changed: Vec<ProductField>,
    /// As it is now.
    pub product: ProductSnapshot,
}

/// A field that can be among `changed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ProductField {
    /// `name`
    Name,
    /// `description`
    Description,
    /// `status`
    Status,
    /// `variants`
    Variants,
}

/// A product right after an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProductSnapshot {
    /// Never changes.
    pub id: Uuid,
    /// 1–200 characters.
    pub name: String,
    /// At most 10,000 characters, may be empty.
    pub description: String,
    /// `active` or `archived`.
    pub status: ProductStatus,
    /// All of them, at most 100, ordered by SKU.
    pub variants: Vec<VariantSnapshot>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed: by this event.
    pub updated_at: DateTime<Utc>,
    /// 1 when created, one more with every event.
    pub version: i64,
}

/// A variant right after an event of its product.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VariantSnapshot {
    /// Never changes.
    pub id: Uuid,
    /// Never changes.
    pub sku: String,
    /// In minor units of the currency: 1999 EUR is € 19.99.
    pub price_amount: i64,
    /// ISO 4217.
    pub currency: String,
    /// An object of at most 16 KB.
    pub attributes: Map<String, Value>,
    /// When it was added.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// 1 when added, one more with every change of this variant.
    pub version: i64,
}

impl From<&Product> for ProductSnapshot {
    fn from(product: &Product) -> Self {
        Self {
            id: product.id,
            name: product.name.as_str().to_owned(),
            description: product.description.as_str().to_owned(),
            status: product.status,
            variants: product.variants.iter().map(VariantSnapshot::from).collect(),
            created_at: product.created_at,
            updated_at: product.updated_at,
            version: product.version,
        }
    }
}

impl From<&Variant> for VariantSnapshot {
    fn from(variant: &Variant) -> Self {
        Self {
            id: variant.id,
            sku: variant.sku.as_str().to_owned(),
            price_amount: variant.price.amount.minor_units(),
            currency: variant.price.currency.as_str().to_owned(),
            attributes: variant.attributes.as_object().clone(),
            created_at: variant.created_at,
            updated_at: variant.updated_at,
            version: variant.version,
        }
    }
}

impl CollapsingEvent for ProductChanged {
    fn collapse(self, later: Self) -> Self {
        Self { changed: fields_together(self.changed, later.changed), product: later.product }
    }
}

/// Type and aggregate of each event.
macro_rules! event {
    ($($event:ident = $name:literal),* $(,)?) => {$(
        impl Event for $event {
            const MODULE: &'static str = "products";
            const TYPE: &'static str = concat!("com.offgrid.portal.products.", $name);

            fn aggregate_id(&self) -> Uuid {
                self.product.id
            }

            fn sequence(&self) -> i64 {
                self.product.version
            }
        }
    )*};
}
event!(ProductCreated = "product-created", ProductChanged = "product-changed");

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::currency::Currency;
    use super::super::model::{Amount, Attributes, Description, Price, ProductName, Sku};
    use super::*;

    fn product() -> Product {
        let at: DateTime<Utc> = "2026-03-01T09:30:00.123456Z".parse().unwrap();
        let attributes = json!({"colour": "green", "persons": 2}).as_object().unwrap().clone();
        let variant = Variant {
            id: "01980000-0000-7000-8000-000000000004".parse().unwrap(),
            sku: Sku::parse("TENT-2P/GREEN", "").unwrap(),
            price: Price { amount: Amount::new(19_900, "").unwrap(), currency: Currency::parse("EUR", "").unwrap() },
            attributes: Attributes::new(attributes, "").unwrap(),
            created_at: at,
            updated_at: at,
            version: 1,
        };
        Product {
            id: "01980000-0000-7000-8000-000000000003".parse().unwrap(),
            name: ProductName::parse("Tent", "").unwrap(),
            description: Description::parse("For two.\nWaterproof.", "").unwrap(),
            status: ProductStatus::Active,
            variants: vec![variant],
            created_at: at,
            updated_at: at,
            version: 2,
        }
    }

    /// The wire format is a contract: its schema and an example of each event are pinned.
    fn pin<E: Event>(example: &E) {
        let name = E::TYPE.rsplit('.').next().unwrap();
        assert_eq!(example.aggregate_id(), product().id);
        assert_eq!(example.sequence(), 2);
        insta::assert_json_snapshot!(format!("{name}-example"), example);
        insta::assert_json_snapshot!(format!("{name}-schema"), schemars::schema_for!(E));
    }

    #[test]
    fn created() {
        pin(&ProductCreated { product: (&product()).into() });
    }

    #[test]
    fn changed() {
        pin(&ProductChanged {
            changed: vec![ProductField::Description, ProductField::Variants],
            product: (&product()).into(),
        });
    }
}
