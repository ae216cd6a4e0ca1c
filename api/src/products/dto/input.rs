//! As callers write them.

use domain::Rejection;
use domain::kernel::page::SearchText;
use domain::products::{
    Amount, Attributes, CreateProduct, Currency, Description, ListProducts, NewVariant, Price, ProductName,
    ProductStatus, Sku,
};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::output::ProductState;
use crate::body::{Input, Object, Wrong};
use crate::list::{self, SortOrder};
use crate::patch;
use crate::problem::Problem;

/// A product to create.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "Camping stove", "description": "Burns gas.",
    "variants": [{"sku": "STOVE-1", "price": {"amount": 4950, "currency": "EUR"}, "attributes": {"burners": 1}}]
}))]
pub(in super::super) struct NewProduct {
    /// One line.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// May have several lines.
    #[serde(default)]
    #[schema(max_length = 10000)]
    description: String,
    /// May be added later, too.
    #[serde(default)]
    #[schema(value_type = Vec<NewVariantBody>, required = false, max_items = 100)]
    variants: Vec<Object<NewVariantBody>>,
}

/// A variant to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewVariant, example = json!({
    "sku": "TENT-4P/SAND", "price": {"amount": 34900, "currency": "EUR"}, "attributes": {"persons": 4, "colour": "sand"}
}))]
pub(in super::super) struct NewVariantBody {
    /// Letters, digits, `.`, `_`, `-` and `/`; not that of another variant of the tenant.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9._/-]+$")]
    sku: String,
    #[schema(value_type = NewPrice)]
    price: Object<NewPrice>,
    /// A JSON object of at most 16 KB.
    #[serde(default)]
    #[schema(value_type = Object, required = false)]
    attributes: Map<String, Value>,
}

/// What is to be paid for it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPrice {
    /// In minor units of the currency: 19900 EUR is € 199.00.
    #[schema(minimum = 0)]
    amount: i64,
    /// ISO 4217, in capitals.
    #[schema(min_length = 3, max_length = 3, pattern = "^[A-Z]{3}$")]
    currency: String,
}

/// What to change of a product; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"description": "For three seasons, with room for two."}))]
pub(in super::super) struct ProductPatch {
    /// Another name; cannot be removed.
    #[serde(default, deserialize_with = "patch::required")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 200)]
    name: Option<String>,
    /// Another description; null empties it.
    #[serde(default, deserialize_with = "patch::nullable")]
    #[schema(value_type = Option<String>, max_length = 10000)]
    description: Option<Option<String>>,
    /// Archive it, or make it active again.
    #[serde(default, deserialize_with = "patch::required")]
    #[schema(value_type = ProductState, required = false)]
    status: Option<String>,
}

/// What to change of a variant; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"price": {"amount": 18900}, "attributes": {"colour": "moss"}}))]
pub(in super::super) struct VariantPatch {
    /// Another price.
    #[serde(default, deserialize_with = "patch::required")]
    #[schema(value_type = PricePatch, required = false)]
    price: Option<Object<PricePatch>>,
    /// Merged into the present ones: null removes a member.
    #[serde(default, deserialize_with = "patch::required")]
    #[schema(value_type = Object, required = false)]
    attributes: Option<Map<String, Value>>,
}

/// What to change of a price; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PricePatch {
    /// In minor units of the currency.
    #[serde(default, deserialize_with = "patch::required")]
    #[schema(value_type = i64, required = false, minimum = 0)]
    amount: Option<i64>,
    /// ISO 4217, in capitals; the amount is not converted.
    #[serde(default, deserialize_with = "patch::required")]
    #[schema(value_type = String, required = false, min_length = 3, max_length = 3, pattern = "^[A-Z]{3}$")]
    currency: Option<String>,
}

impl Input for NewProduct {
    type Parsed = CreateProduct;

    fn parse(self, wrong: &mut Wrong) -> Option<CreateProduct> {
        let name = wrong.take(ProductName::parse(&self.name, "/name"));
        let description = wrong.take(Description::parse(&self.description, "/description"));
        // all of them are looked at before the first wrong one ends it
        let variants: Vec<_> = self
            .variants
            .into_iter()
            .enumerate()
            .map(|(at, v)| v.0.parse_at(&format!("/variants/{at}"), wrong))
            .collect();
        let variants: Option<Vec<_>> = variants.into_iter().collect();
        Some(CreateProduct { name: name?, description: description?, variants: variants? })
    }
}

impl NewVariantBody {
    fn parse_at(self, at: &str, wrong: &mut Wrong) -> Option<NewVariant> {
        let Object(price) = self.price;
        let sku = wrong.take(Sku::parse(&self.sku, &format!("{at}/sku")));
        let amount = wrong.take(Amount::new(price.amount, &format!("{at}/price/amount")));
        let currency = wrong.take(Currency::parse(&price.currency, &format!("{at}/price/currency")));
        let attributes = wrong.take(Attributes::new(self.attributes, &format!("{at}/attributes")));
        let price = Price { amount: amount?, currency: currency? };
        Some(NewVariant { sku: sku?, price, attributes: attributes? })
    }
}

impl Input for NewVariantBody {
    type Parsed = NewVariant;

    fn parse(self, wrong: &mut Wrong) -> Option<NewVariant> {
        self.parse_at("", wrong)
    }
}

impl Input for ProductPatch {
    type Parsed = (Option<ProductName>, Option<Description>, Option<ProductStatus>);

    fn parse(self, wrong: &mut Wrong) -> Option<Self::Parsed> {
        let description = self.description.map(Option::unwrap_or_default);
        let name = wrong.take_optional(self.name.map(|name| ProductName::parse(&name, "/name")));
        let description = wrong.take_optional(description.map(|text| Description::parse(&text, "/description")));
        let status = wrong.take_optional(self.status.map(|status| ProductStatus::parse(&status, "/status")));
        Some((name?, description?, status?))
    }
}

impl Input for VariantPatch {
    type Parsed = (Option<Amount>, Option<Currency>, Option<Map<String, Value>>);

    fn parse(self, wrong: &mut Wrong) -> Option<Self::Parsed> {
        let (amount, currency) = self.price.map_or((None, None), |Object(price)| (price.amount, price.currency));
        let amount = wrong.take_optional(amount.map(|amount| Amount::new(amount, "/price/amount")));
        let currency = wrong.take_optional(currency.map(|code| Currency::parse(&code, "/price/currency")));
        Some((amount?, currency?, self.attributes))
    }
}

/// Filters, order and page of a list of products.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in super::super) struct ListParameters {
    /// Only products with this status.
    #[param(value_type = Option<ProductState>, inline)]
    status: Option<String>,
    /// Only products with this in name or a SKU, ignoring case.
    #[param(min_length = 1, max_length = 100)]
    text: Option<String>,
    /// `-` is descending; the default is `-created_at`.
    #[param(value_type = Option<SortOrder>, inline)]
    sort: Option<String>,
    /// `next` of the page before.
    #[param(min_length = 1)]
    cursor: Option<String>,
    /// Products per page.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 200, default = 50)]
    limit: Option<String>,
}

impl ListParameters {
    /// # Errors
    /// 422 with one entry per wrong parameter.
    pub(in super::super) fn query(self) -> Result<ListProducts, Problem> {
        let mut wrong = Wrong::default();
        let status = wrong.take_optional(self.status.map(|status| ProductStatus::parse(&status, "status")));
        let text = wrong.take_optional(self.text.map(|text| SearchText::parse(&text, "text")));
        let page = list::listing(self.sort.as_deref(), self.cursor.as_deref(), self.limit.as_deref(), &mut wrong);
        match (status, text, page) {
            (Some(status), Some(text), Some(page)) => Ok(ListProducts { status, text, page }),
            _ => Err(Rejection::invalid(wrong.into_errors()).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz;

    #[test]
    fn fuzz_product_bodies() {
        ::fuzz::target(env!("CARGO_MANIFEST_DIR"), "product_bodies", |bytes| {
            fuzz::body::<NewProduct>(bytes);
            fuzz::body::<NewVariantBody>(bytes);
            fuzz::body::<ProductPatch>(bytes);
            fuzz::body::<VariantPatch>(bytes);
        });
    }
}
