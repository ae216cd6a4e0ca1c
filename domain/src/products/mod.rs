//! Products and their variants.
//!
//! A product with its variants is one aggregate: every change, also of a variant, locks the
//! product's row, raises its version by one and emits one event with that version as sequence and
//! the whole product with all variants as it is afterwards. A change that changes nothing emits
//! nothing and keeps the version. A variant's own version says when that variant changed.
//!
//! | code | kind | when |
//! |---|---|---|
//! | `product_not_found` | not found | no such product in this tenant |
//! | `variant_not_found` | not found | no such variant of this product |
//! | `variant_sku_taken` | conflict | another variant of the tenant has the SKU |
//! | `variant_sku_repeated` | invalid, `/variants/n/sku` | two variants of one request have the same SKU |
//! | `variant_limit_reached` | conflict, or invalid at `/variants` | a product would have more than [`MAX_VARIANTS`] |
//! | `version_conflict` | precondition failed | the caller's expected version is not the product's present one |

mod commands;
mod currency;
mod events;
mod model;
mod queries;
mod rules;
mod store;

pub use commands::{AddVariant, ChangeProduct, ChangeVariant, CreateProduct};
pub use currency::Currency;
pub use events::{ProductChanged, ProductCreated, ProductField, ProductSnapshot, VariantSnapshot};
pub use model::{
    Amount, Attributes, Description, NewVariant, Price, Product, ProductName, ProductStatus, Sku, Variant,
};
pub use queries::{FindOffers, GetProduct, ListProducts, ListVariants, Offer, ProductSummary};
pub use rules::MAX_VARIANTS;
