//! Products and variants as callers see and write them.

mod input;
mod output;

pub(super) use input::{ListParameters, NewProduct, NewVariantBody, ProductPatch, VariantPatch};
pub(super) use output::{ProductBody, ProductSummaryBody, VariantBody};
