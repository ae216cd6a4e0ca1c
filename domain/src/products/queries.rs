//! Reads products and variants, always of the transaction's tenant.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::kernel::command::Query;
use crate::kernel::error::Error;
use crate::kernel::page::{Listing, Page, SearchText};
use crate::kernel::tx::Tx;

use super::currency::Currency;
use super::model::{Amount, Description, Price, Product, ProductName, ProductStatus, Sku, Variant};
use super::rules;
use super::store::{ProductRow, VariantRow};

/// One product with its variants. Rejected with `product_not_found`.
#[derive(Debug, Clone, Copy)]
pub struct GetProduct {
    /// Which.
    pub id: Uuid,
}

/// A page of products for which every given filter holds, without their variants.
#[derive(Debug, Clone, Default)]
pub struct ListProducts {
    /// Only those.
    pub status: Option<ProductStatus>,
    /// Only those with this in their name or in the SKU of a variant.
    pub text: Option<SearchText>,
    /// Order, start and size.
    pub page: Listing,
}

/// All variants of a product, ordered by SKU; at most 100. Rejected with `product_not_found`.
#[derive(Debug, Clone, Copy)]
pub struct ListVariants {
    /// Of which product.
    pub product_id: Uuid,
}

/// What the catalogue has under these SKUs, for the other modules; unknown ones are left out.
#[derive(Debug, Clone)]
pub struct FindOffers {
    /// Which.
    pub skus: Vec<Sku>,
}

/// What can be ordered, or could before its product was archived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Of the variant.
    pub sku: Sku,
    /// Of the product.
    pub name: ProductName,
    /// Whether the product is sold.
    pub status: ProductStatus,
    /// Of one piece.
    pub price: Price,
}

/// A product without its variants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductSummary {
    /// Never changes.
    pub id: Uuid,
    /// As a person writes it.
    pub name: ProductName,
    /// May be empty.
    pub description: Description,
    /// Whether it is sold.
    pub status: ProductStatus,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it, or one of its variants, was last changed.
    pub updated_at: DateTime<Utc>,
    /// 1 when created, one more with every change.
    pub version: i64,
}

impl From<ProductRow> for ProductSummary {
    fn from(row: ProductRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            description: row.description,
            status: ProductStatus::stored(&row.status),
            created_at: row.created_at,
            updated_at: row.updated_at,
            version: row.version,
        }
    }
}

impl Query for GetProduct {
    type Output = Product;

    async fn fetch(self, tx: &mut Tx) -> Result<Product, Error> {
        let row = sqlx::query_as!(
            ProductRow,
            r#"select id, name as "name: ProductName", description as "description: Description", status, created_at,
                      updated_at, version
               from products.products where id = $1"#,
            self.id
        )
        .fetch_optional(tx.conn())
        .await?
        .ok_or_else(rules::product_not_found)?;
        Ok(row.with(variants(tx, self.id).await?))
    }
}

impl Query for ListProducts {
    type Output = Page<ProductSummary>;

    async fn fetch(self, tx: &mut Tx) -> Result<Page<ProductSummary>, Error> {
        let Listing { sort, after, size } = &self.page;
        let rows = sqlx::query_file_as!(
            ProductRow,
            "src/products/list.sql",
            self.status.map(ProductStatus::as_str),
            self.text.as_ref().map(SearchText::as_str),
            sort.as_str(),
            after.id,
            after.created_at,
            after.name.as_deref(),
            size.rows_to_fetch()
        )
        .fetch_all(tx.conn())
        .await?;
        let products = rows.into_iter().map(ProductSummary::from).collect();
        Ok(self.page.page(products, |p: &ProductSummary| (p.created_at, p.name.as_str(), p.id)))
    }
}

impl Query for ListVariants {
    type Output = Vec<Variant>;

    async fn fetch(self, tx: &mut Tx) -> Result<Vec<Variant>, Error> {
        sqlx::query_scalar!("select id from products.products where id = $1", self.product_id)
            .fetch_optional(tx.conn())
            .await?
            .ok_or_else(rules::product_not_found)?;
        variants(tx, self.product_id).await
    }
}

impl Query for FindOffers {
    type Output = Vec<Offer>;

    async fn fetch(self, tx: &mut Tx) -> Result<Vec<Offer>, Error> {
        let skus: Vec<String> = self.skus.iter().map(|sku| sku.as_str().to_owned()).collect();
        let rows = sqlx::query!(
            r#"select v.sku as "sku: Sku", p.name as "name: ProductName", p.status, v.price_amount as "amount: Amount",
                      v.currency as "currency: Currency"
               from products.variants v join products.products p on p.id = v.product_id
               where v.sku = any($1)"#,
            &skus
        )
        .fetch_all(tx.conn())
        .await?;
        let offers = rows.into_iter().map(|row| Offer {
            sku: row.sku,
            name: row.name,
            status: ProductStatus::stored(&row.status),
            price: Price { amount: row.amount, currency: row.currency },
        });
        Ok(offers.collect())
    }
}

/// In the order of [`Sku`](super::Sku), whatever the database's collation.
pub(super) async fn variants(tx: &mut Tx, product_id: Uuid) -> Result<Vec<Variant>, Error> {
    let rows = sqlx::query_as!(
        VariantRow,
        r#"select id, sku as "sku: _", price_amount as "price_amount: _", currency as "currency: _",
                  attributes as "attributes: _", created_at, updated_at, version
           from products.variants where product_id = $1 order by sku collate "C""#,
        product_id
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(Variant::from).collect())
}
