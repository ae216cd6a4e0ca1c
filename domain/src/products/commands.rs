//! What can be done to products: each command loads and locks, asks a rule, saves and emits.

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::kernel::command::Command;
use crate::kernel::error::{Error, Rejection};
use crate::kernel::patch::replace;
use crate::kernel::tx::Tx;

use super::currency::Currency;
use super::events::{ProductChanged, ProductCreated, ProductField};
use super::model::{Amount, Description, NewVariant, Product, ProductName, ProductStatus, Variant};
use super::{rules, store};

/// Creates an active product. Emits [`ProductCreated`].
///
/// Rejected with `variant_limit_reached`, `variant_sku_repeated` (in `errors`) or
/// `variant_sku_taken`.
#[derive(Debug, Clone)]
pub struct CreateProduct {
    /// Its name.
    pub name: ProductName,
    /// May be empty.
    pub description: Description,
    /// At most 100, may be none.
    pub variants: Vec<NewVariant>,
}

/// Changes what is given; the rest stays. Emits [`ProductChanged`] if something has another value
/// than before.
///
/// Rejected with `product_not_found` or `version_conflict`.
#[derive(Debug, Clone)]
pub struct ChangeProduct {
    /// Which product.
    pub id: Uuid,
    /// The version the caller has seen; none if any will do.
    pub expected_version: Option<i64>,
    /// Another name.
    pub name: Option<ProductName>,
    /// Another description.
    pub description: Option<Description>,
    /// Archives it, or makes it active again.
    pub status: Option<ProductStatus>,
}

/// Adds a variant to a product. Emits [`ProductChanged`]. Answers with the whole product.
///
/// Rejected with `product_not_found`, `version_conflict`, `variant_limit_reached` or
/// `variant_sku_taken`.
#[derive(Debug, Clone)]
pub struct AddVariant {
    /// Which product.
    pub product_id: Uuid,
    /// The product's version the caller has seen; none if any will do.
    pub expected_version: Option<i64>,
    /// What to add.
    pub variant: NewVariant,
}

/// Changes what is given of a variant; the rest stays, and its SKU never changes. Emits
/// [`ProductChanged`] if something has another value than before. Answers with the whole product.
///
/// Rejected with `product_not_found`, `version_conflict`, `variant_not_found`, or input errors at
/// `/attributes` if they are too large once merged.
#[derive(Debug, Clone)]
pub struct ChangeVariant {
    /// Which product.
    pub product_id: Uuid,
    /// Which variant of it.
    pub variant_id: Uuid,
    /// The product's version the caller has seen; none if any will do.
    pub expected_version: Option<i64>,
    /// Another price.
    pub amount: Option<Amount>,
    /// Another currency; the amount is not converted.
    pub currency: Option<Currency>,
    /// Merged into the present ones as RFC 7396 says: null removes a member.
    pub attributes: Option<Map<String, Value>>,
}

impl Command for CreateProduct {
    type Output = Product;

    async fn handle(self, tx: &mut Tx) -> Result<Product, Error> {
        self.handle_as(Uuid::now_v7, tx).await
    }
}

impl CreateProduct {
    /// As [`Command::handle`], with given ids: `next_id` gives the product's, then one for each
    /// variant. Demo data has the ids that the API's description uses in its examples.
    ///
    /// # Errors
    /// As [`Command::handle`].
    pub async fn handle_as(self, mut next_id: impl FnMut() -> Uuid + Send, tx: &mut Tx) -> Result<Product, Error> {
        rules::can_start_with(&self.variants)?;
        let id = next_id();
        let mut variants: Vec<Variant> = self.variants.into_iter().map(|new| added(next_id(), new, tx)).collect();
        variants.sort_by(|a, b| a.sku.cmp(&b.sku));
        let product = Product {
            id,
            name: self.name,
            description: self.description,
            status: ProductStatus::Active,
            variants,
            created_at: tx.now(),
            updated_at: tx.now(),
            version: 1,
        };
        store::insert(tx, &product).await?;
        store::insert_variants(tx, product.id, &product.variants).await?;
        tx.emit(&ProductCreated { product: (&product).into() })?;
        Ok(product)
    }
}

impl Command for ChangeProduct {
    type Output = Product;

    async fn handle(self, tx: &mut Tx) -> Result<Product, Error> {
        let mut product = load(tx, self.id, self.expected_version).await?;
        let changed = self.apply(&mut product);
        save(tx, product, changed).await
    }
}

impl ChangeProduct {
    /// Sets what is given; says which fields have another value now.
    fn apply(self, product: &mut Product) -> Vec<ProductField> {
        let mut changed = Vec::new();
        let mut note = |is_new: bool, field| {
            if is_new {
                changed.push(field)
            }
        };
        note(replace(&mut product.name, self.name), ProductField::Name);
        note(replace(&mut product.description, self.description), ProductField::Description);
        note(replace(&mut product.status, self.status), ProductField::Status);
        changed
    }
}

impl Command for AddVariant {
    type Output = Product;

    async fn handle(self, tx: &mut Tx) -> Result<Product, Error> {
        let mut product = load(tx, self.product_id, self.expected_version).await?;
        rules::can_have_one_more(&product)?;
        let variant = added(Uuid::now_v7(), self.variant, tx);
        store::insert_variants(tx, product.id, std::slice::from_ref(&variant)).await?;
        let place = product.variants.partition_point(|other| other.sku < variant.sku);
        product.variants.insert(place, variant);
        save(tx, product, vec![ProductField::Variants]).await
    }
}

impl Command for ChangeVariant {
    type Output = Product;

    async fn handle(self, tx: &mut Tx) -> Result<Product, Error> {
        let mut product = load(tx, self.product_id, self.expected_version).await?;
        let id = self.variant_id;
        let variant = product.variants.iter_mut().find(|v| v.id == id).ok_or_else(rules::variant_not_found)?;
        if !self.apply(variant)? {
            return Ok(product);
        }
        variant.version += 1;
        variant.updated_at = tx.now();
        store::update_variant(tx, variant).await?;
        save(tx, product, vec![ProductField::Variants]).await
    }
}

impl ChangeVariant {
    /// Sets what is given; says whether anything has another value now.
    fn apply(self, variant: &mut Variant) -> Result<bool, Rejection> {
        let merge = |patch| variant.attributes.merged(patch, "/attributes");
        let attributes = self.attributes.map(merge).transpose().map_err(|wrong| Rejection::invalid(vec![wrong]))?;
        Ok([
            replace(&mut variant.price.amount, self.amount),
            replace(&mut variant.price.currency, self.currency),
            replace(&mut variant.attributes, attributes),
        ]
        .contains(&true))
    }
}

/// Locks the product, and with it its variants, until the transaction ends, so that its versions,
/// and with them its events, follow one another.
async fn load(tx: &mut Tx, id: Uuid, expected_version: Option<i64>) -> Result<Product, Error> {
    let product = store::lock(tx, id).await?.ok_or_else(rules::product_not_found)?;
    Rejection::unless_current(product.version, expected_version)?;
    Ok(product)
}

async fn save(tx: &mut Tx, mut product: Product, changed: Vec<ProductField>) -> Result<Product, Error> {
    if changed.is_empty() {
        return Ok(product);
    }
    product.version = tx.next_version::<ProductChanged>(product.id, product.version);
    product.updated_at = tx.now();
    store::update(tx, &product).await?;
    tx.emit_collapsing(ProductChanged { changed, product: (&product).into() })?;
    Ok(product)
}

fn added(id: Uuid, new: NewVariant, tx: &Tx) -> Variant {
    let NewVariant { sku, price, attributes } = new;
    Variant { id, sku, price, attributes, created_at: tx.now(), updated_at: tx.now(), version: 1 }
}
