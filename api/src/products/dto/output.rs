//! As callers see them.

use chrono::{DateTime, Utc};
use domain::products::{Product, ProductStatus, ProductSummary, Variant};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

/// A product of the tenant, with its variants.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Product)]
pub(in super::super) struct ProductBody {
    #[serde(flatten)]
    summary: ProductSummaryBody,
    /// Ordered by SKU.
    variants: Vec<VariantBody>,
}

/// A product of the tenant.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ProductSummary)]
pub(in super::super) struct ProductSummaryBody {
    /// Never changes.
    #[schema(example = "01941f29-7c00-7000-8000-000000000201")]
    id: Uuid,
    #[schema(example = "Trail tent")]
    name: String,
    /// May be empty, and have several lines.
    #[schema(example = "For three seasons.")]
    description: String,
    status: ProductState,
    created_at: DateTime<Utc>,
    /// When it, or one of its variants, was last changed.
    updated_at: DateTime<Utc>,
    /// 1 when created, one more with every change, also of a variant. In quotes it is the `ETag`.
    #[schema(example = 1)]
    version: i64,
}

/// Whether a product is sold.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ProductStatus)]
pub(super) enum ProductState {
    Active,
    Archived,
}

/// What can be ordered of a product.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Variant)]
pub(in super::super) struct VariantBody {
    /// Never changes.
    #[schema(example = "01941f29-7c00-7000-8000-000000000301")]
    id: Uuid,
    /// Unique within the tenant; never changes.
    #[schema(example = "TENT-2P/GREEN")]
    sku: String,
    price: PriceBody,
    /// Whatever the tenant wants to say about it.
    #[schema(value_type = Object, example = json!({"persons": 2, "colour": "green"}))]
    attributes: Map<String, Value>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    /// 1 when added, one more with every change of this variant.
    #[schema(example = 1)]
    version: i64,
}

/// What is paid for it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Price)]
struct PriceBody {
    /// In minor units of the currency: 19900 EUR is € 199.00.
    #[schema(example = 19900, minimum = 0)]
    amount: i64,
    /// ISO 4217.
    #[schema(example = "EUR")]
    currency: String,
}

impl From<ProductStatus> for ProductState {
    fn from(status: ProductStatus) -> Self {
        match status {
            ProductStatus::Active => Self::Active,
            ProductStatus::Archived => Self::Archived,
        }
    }
}

impl From<ProductSummary> for ProductSummaryBody {
    fn from(product: ProductSummary) -> Self {
        Self {
            id: product.id,
            name: product.name.as_str().to_owned(),
            description: product.description.as_str().to_owned(),
            status: product.status.into(),
            created_at: product.created_at,
            updated_at: product.updated_at,
            version: product.version,
        }
    }
}

impl From<Product> for ProductBody {
    fn from(product: Product) -> Self {
        let summary = ProductSummaryBody {
            id: product.id,
            name: product.name.as_str().to_owned(),
            description: product.description.as_str().to_owned(),
            status: product.status.into(),
            created_at: product.created_at,
            updated_at: product.updated_at,
            version: product.version,
        };
        Self { summary, variants: product.variants.into_iter().map(VariantBody::from).collect() }
    }
}

impl From<Variant> for VariantBody {
    fn from(variant: Variant) -> Self {
        Self {
            id: variant.id,
            sku: variant.sku.as_str().to_owned(),
            price: PriceBody {
                amount: variant.price.amount.minor_units(),
                currency: variant.price.currency.as_str().to_owned(),
            },
            attributes: variant.attributes.as_object().clone(),
            created_at: variant.created_at,
            updated_at: variant.updated_at,
            version: variant.version,
        }
    }
}
