//! What products may be: pure decisions, one sentence each.
//!
//! An archived product is not sold, but its data may still be changed: name, description, variants.

use std::collections::BTreeSet;

use crate::kernel::error::{FieldError, Rejection};
use crate::kernel::input;

use super::model::{NewVariant, Product};

/// Variants of one product at most: its events carry all of them.
pub const MAX_VARIANTS: usize = 100;

/// A new product starts with at most [`MAX_VARIANTS`], no two of them with the same SKU.
pub(super) fn can_start_with(variants: &[NewVariant]) -> Result<(), Rejection> {
    if variants.len() > MAX_VARIANTS {
        let detail = format!("has {} variants; a product can have at most {MAX_VARIANTS}", variants.len());
        return Err(Rejection::invalid_field("variant_limit_reached", "/variants", detail));
    }
    let mut seen = BTreeSet::new();
    let repeated: Vec<FieldError> = variants
        .iter()
        .enumerate()
        .filter(|(_, variant)| !seen.insert(&variant.sku))
        .map(|(at, _)| {
            let pointer = format!("/variants/{at}/sku");
            input::wrong(&pointer, "variant_sku_repeated", "an earlier variant of this product has this SKU")
        })
        .collect();
    if repeated.is_empty() { Ok(()) } else { Err(Rejection::invalid(repeated)) }
}

/// A product has at most [`MAX_VARIANTS`].
pub(super) fn can_have_one_more(product: &Product) -> Result<(), Rejection> {
    if product.variants.len() < MAX_VARIANTS {
        return Ok(());
    }
    Err(Rejection::conflict(
        "variant_limit_reached",
        format!("this product has {MAX_VARIANTS} variants; more are not possible"),
    ))
}

/// What a reader asks for must exist in its tenant.
pub(super) fn product_not_found() -> Rejection {
    Rejection::not_found("product_not_found", "there is no product with this id")
}

/// A variant belongs to its product.
pub(super) fn variant_not_found() -> Rejection {
    Rejection::not_found("variant_not_found", "this product has no variant with this id")
}

/// Two variants of a tenant never share a SKU.
pub(super) fn sku_taken() -> Rejection {
    Rejection::conflict("variant_sku_taken", "another variant has this SKU; choose another one")
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use uuid::Uuid;

    use super::super::currency::Currency;
    use super::super::model::{Amount, Attributes, Description, Price, ProductName, ProductStatus, Sku, Variant};
    use super::*;

    fn new_variant(sku: &str) -> NewVariant {
        let price = Price { amount: Amount::new(1999, "").unwrap(), currency: Currency::parse("EUR", "").unwrap() };
        NewVariant { sku: Sku::parse(sku, "").unwrap(), price, attributes: Attributes::default() }
    }

    fn product(variants: usize) -> Product {
        let at = DateTime::<Utc>::UNIX_EPOCH;
        let variant = |n: usize| {
            let NewVariant { sku, price, attributes } = new_variant(&n.to_string());
            Variant { id: Uuid::nil(), sku, price, attributes, created_at: at, updated_at: at, version: 1 }
        };
        Product {
            id: Uuid::nil(),
            name: ProductName::parse("Tent", "").unwrap(),
            description: Description::default(),
            status: ProductStatus::Active,
            variants: (0..variants).map(variant).collect(),
            created_at: at,
            updated_at: at,
            version: 1,
        }
    }

    #[test]
    fn a_sku_is_used_once_in_a_new_product() {
        let rejection = can_start_with(&["A", "B", "A", "B"].map(new_variant)).unwrap_err();
        assert_eq!(rejection.code, "validation_failed");
        let pointers: Vec<_> = rejection.fields.iter().map(|f| (f.pointer.as_str(), f.code)).collect();
        assert_eq!(
            pointers,
            [("/variants/2/sku", "variant_sku_repeated"), ("/variants/3/sku", "variant_sku_repeated")]
        );
        assert!(can_start_with(&["A", "a", "B"].map(new_variant)).is_ok());
    }

    #[test]
    fn a_new_product_has_a_hundred_variants_at_most() {
        let variants: Vec<_> = (0..=MAX_VARIANTS).map(|n| new_variant(&n.to_string())).collect();
        assert!(can_start_with(&variants[..MAX_VARIANTS]).is_ok());
        assert_eq!(can_start_with(&variants).unwrap_err().code, "variant_limit_reached");
    }

    #[test]
    fn no_variant_is_added_to_a_hundred() {
        assert!(can_have_one_more(&product(MAX_VARIANTS - 1)).is_ok());
        assert_eq!(can_have_one_more(&product(MAX_VARIANTS)).unwrap_err().code, "variant_limit_reached");
    }
}
