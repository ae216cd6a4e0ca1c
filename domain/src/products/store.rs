//! SQL that writes or locks products, and the shapes of their rows.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use sqlx::types::Json;
use uuid::Uuid;

use crate::kernel::error::{Error, on_constraint};
use crate::kernel::tx::Tx;

use super::currency::Currency;
use super::model::{Amount, Attributes, Description, Price, Product, ProductName, ProductStatus, Sku, Variant};
use super::{queries, rules};

/// A row of `products.products`.
pub(super) struct ProductRow {
    pub(super) id: Uuid,
    pub(super) name: ProductName,
    pub(super) description: Description,
    pub(super) status: String,
    pub(super) created_at: DateTime<Utc>,
    pub(super) updated_at: DateTime<Utc>,
    pub(super) version: i64,
}

/// A row of `products.variants`.
pub(super) struct VariantRow {
    pub(super) id: Uuid,
    pub(super) sku: Sku,
    pub(super) price_amount: Amount,
    pub(super) currency: Currency,
    pub(super) attributes: Json<Map<String, Value>>,
    pub(super) created_at: DateTime<Utc>,
    pub(super) updated_at: DateTime<Utc>,
    pub(super) version: i64,
}

impl ProductRow {
    pub(super) fn with(self, variants: Vec<Variant>) -> Product {
        Product {
            id: self.id,
            name: self.name,
            description: self.description,
            status: ProductStatus::stored(&self.status),
            variants,
            created_at: self.created_at,
            updated_at: self.updated_at,
            version: self.version,
        }
    }
}

impl From<VariantRow> for Variant {
    fn from(row: VariantRow) -> Self {
        Self {
            id: row.id,
            sku: row.sku,
            price: Price { amount: row.price_amount, currency: row.currency },
            attributes: Attributes::stored(row.attributes.0),
            created_at: row.created_at,
            updated_at: row.updated_at,
            version: row.version,
        }
    }
}

/// Reads a product with its variants and keeps others from changing any of them until the
/// transaction ends: all commands lock the product first.
pub(super) async fn lock(tx: &mut Tx, id: Uuid) -> Result<Option<Product>, Error> {
    let row = sqlx::query_as!(
        ProductRow,
        r#"select id, name as "name: ProductName", description as "description: Description", status, created_at, updated_at,
                  version
           from products.products where id = $1 for no key update"#,
        id
    )
    .fetch_optional(tx.conn())
    .await?;
    match row {
        None => Ok(None),
        Some(row) => Ok(Some(row.with(queries::variants(tx, id).await?))),
    }
}

pub(super) async fn insert(tx: &mut Tx, product: &Product) -> Result<(), Error> {
    let tenant = tx.tenant()?;
    sqlx::query!(
        "insert into products.products (id, tenant_id, name, description, status, created_at, updated_at, version)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        product.id,
        tenant.as_str(),
        product.name.as_str(),
        product.description.as_str(),
        product.status.as_str(),
        product.created_at,
        product.updated_at,
        product.version
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes every field of the product's own row that can change.
pub(super) async fn update(tx: &mut Tx, product: &Product) -> Result<(), Error> {
    sqlx::query!(
        "update products.products set name = $2, description = $3, status = $4, updated_at = $5, version = $6
         where id = $1",
        product.id,
        product.name.as_str(),
        product.description.as_str(),
        product.status.as_str(),
        product.updated_at,
        product.version
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Inserts variants that were just made, with one statement.
pub(super) async fn insert_variants(tx: &mut Tx, product_id: Uuid, variants: &[Variant]) -> Result<(), Error> {
    let tenant = tx.tenant()?;
    let now = tx.now();
    let ids: Vec<Uuid> = variants.iter().map(|v| v.id).collect();
    let skus: Vec<String> = variants.iter().map(|v| v.sku.as_str().to_owned()).collect();
    let amounts: Vec<i64> = variants.iter().map(|v| v.price.amount.minor_units()).collect();
    let currencies: Vec<String> = variants.iter().map(|v| v.price.currency.as_str().to_owned()).collect();
    let attributes: Vec<Value> = variants.iter().map(|v| Value::Object(v.attributes.as_object().clone())).collect();
    sqlx::query!(
        "insert into products.variants
             (id, sku, price_amount, currency, attributes, tenant_id, product_id, created_at, updated_at, version)
         select new.id, new.sku, new.price_amount, new.currency, new.attributes, $6, $7, $8, $8, 1
         from unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::jsonb[])
              as new(id, sku, price_amount, currency, attributes)",
        &ids,
        &skus,
        &amounts,
        &currencies,
        &attributes,
        tenant.as_str(),
        product_id,
        now
    )
    .execute(tx.conn())
    .await
    .map_err(|e| on_constraint(e, "variants_sku_key", rules::sku_taken))?;
    Ok(())
}

/// Writes every field that can change.
pub(super) async fn update_variant(tx: &mut Tx, variant: &Variant) -> Result<(), Error> {
    sqlx::query!(
        "update products.variants set price_amount = $2, currency = $3, attributes = $4, updated_at = $5, version = $6
         where id = $1",
        variant.id,
        variant.price.amount.minor_units(),
        variant.price.currency.as_str(),
        Json(variant.attributes.as_object()) as _,
        variant.updated_at,
        variant.version
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
