//! `/v1/products`: the products of the tenant, and their variants.

mod dto;

use axum::extract::State;
use axum::response::Response;
use domain::Db;
use domain::products::{AddVariant, ChangeProduct, ChangeVariant, GetProduct, ListVariants, Product};
use dto::{
    ListParameters, NewProduct, NewVariantBody, ProductBody, ProductPatch, ProductSummaryBody, VariantBody,
    VariantPatch,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::answer::{self, Found};
use crate::auth::{Staff, Viewer};
use crate::change::Change;
use crate::etag::IfNoneMatch;
use crate::list::List;
use crate::parameters::{Path, Query};
use crate::problem::Problem;
use crate::state;

/// What `/v1/products` has.
pub(crate) fn routes() -> OpenApiRouter<state::State> {
    OpenApiRouter::new()
        .routes(routes!(list_products, create_product))
        .routes(routes!(get_product, change_product))
        .routes(routes!(list_variants, add_variant))
        .routes(routes!(change_variant))
}

/// Create a product
///
/// It is active. Emits `product-created`.
#[utoipa::path(post, path = "", tag = "products", request_body = NewProduct,
    security(("bearer" = ["portal-staff"])),
    responses(
        (status = 201, description = "The new product, with its variants.", body = ProductBody),
        (status = 409, description = "`variant_sku_taken`: another variant of the tenant has the SKU."),
        (status = 422, description = "`variant_limit_reached`"),
    ))]
async fn create_product(
    Staff(ctx): Staff,
    State(db): State<Db>,
    Change { asked, once }: Change<NewProduct>,
) -> Result<Response, Problem> {
    let created = |product: Product| {
        answer::created(format!("/v1/products/{}", product.id), product.version, &ProductBody::from(product))
    };
    once.run(&db, &ctx, asked, created).await
}

/// Read a product
///
/// With its variants.
#[utoipa::path(get, path = "/{id}", tag = "products", params(("id" = Uuid, Path, description = "The product's id.")),
    security(("bearer" = ["portal-viewer"])),
    responses(
        (status = 200, description = "The product.", body = ProductBody),
        (status = 304, description = "It is still the version that `If-None-Match` names."),
        (status = 404, description = "`product_not_found`"),
    ))]
async fn get_product(
    Viewer(ctx): Viewer,
    State(db): State<Db>,
    Path(id): Path<Uuid>,
    known: IfNoneMatch,
) -> Result<Response, Problem> {
    let product = domain::fetch(&db, &ctx, GetProduct { id }).await?;
    Ok(known.answer(product.version, ProductBody::from(product)))
}

/// List products
///
/// Those for which every given filter holds, newest first unless `sort` says otherwise; without
/// their variants.
#[utoipa::path(get, path = "", tag = "products", params(ListParameters),
    security(("bearer" = ["portal-viewer"])),
    responses((status = 200, description = "A page of products.", body = List<ProductSummaryBody>)))]
async fn list_products(
    Viewer(ctx): Viewer,
    State(db): State<Db>,
    Query(parameters): Query<ListParameters>,
) -> Result<Found<List<ProductSummaryBody>>, Problem> {
    let page = domain::fetch(&db, &ctx, parameters.query()?).await?;
    Ok(Found(List::from(page)))
}

/// Change a product
///
/// A JSON merge patch: a field that is left out stays, `description: null` empties it. Emits
/// `product-changed` if something has another value than before.
#[utoipa::path(patch, path = "/{id}", tag = "products", params(("id" = Uuid, Path, description = "The product's id.")),
    request_body(content((ProductPatch = "application/merge-patch+json"), (ProductPatch = "application/json"))),
    security(("bearer" = ["portal-staff"])),
    responses(
        (status = 200, description = "The product as it is now.", body = ProductBody),
        (status = 404, description = "`product_not_found`"),
        (status = 412, description = "`version_conflict`: it is not the version that `If-Match` names."),
    ))]
async fn change_product(
    Staff(ctx): Staff,
    State(db): State<Db>,
    Path(id): Path<Uuid>,
    Change { asked, once }: Change<ProductPatch>,
) -> Result<Response, Problem> {
    let (name, description, status) = asked;
    let command = ChangeProduct { id, expected_version: once.expected_version(), name, description, status };
    once.run(&db, &ctx, command, changed).await
}

/// List the variants of a product
///
/// All of them, at most 100, ordered by SKU; `next` is always null.
#[utoipa::path(get, path = "/{id}/variants", tag = "products",
    params(("id" = Uuid, Path, description = "The product's id.")),
    security(("bearer" = ["portal-viewer"])),
    responses(
        (status = 200, description = "The variants.", body = List<VariantBody>),
        (status = 404, description = "`product_not_found`"),
    ))]
async fn list_variants(
    Viewer(ctx): Viewer,
    State(db): State<Db>,
    Path(product_id): Path<Uuid>,
) -> Result<Found<List<VariantBody>>, Problem> {
    let variants = domain::fetch(&db, &ctx, ListVariants { product_id }).await?;
    Ok(Found(List { data: variants.into_iter().map(VariantBody::from).collect(), next: None }))
}

/// Add a variant to a product
///
/// `If-Match` is about the product's version. Emits `product-changed`.
#[utoipa::path(post, path = "/{id}/variants", tag = "products",
    params(("id" = Uuid, Path, description = "The product's id.")), request_body = NewVariantBody,
    security(("bearer" = ["portal-staff"])),
    responses(
        (status = 201, description = "The product as it is now. `Location` is the list of its variants.", body = ProductBody),
        (status = 404, description = "`product_not_found`"),
        (status = 409, description = "`variant_sku_taken` or `variant_limit_reached`"),
        (status = 412, description = "`version_conflict`: it is not the version that `If-Match` names."),
    ))]
async fn add_variant(
    Staff(ctx): Staff,
    State(db): State<Db>,
    Path(product_id): Path<Uuid>,
    Change { asked: variant, once }: Change<NewVariantBody>,
) -> Result<Response, Problem> {
    let command = AddVariant { product_id, expected_version: once.expected_version(), variant };
    let created = |product: Product| {
        answer::created(format!("/v1/products/{product_id}/variants"), product.version, &ProductBody::from(product))
    };
    once.run(&db, &ctx, command, created).await
}

/// Change a variant
///
/// A JSON merge patch, also inside of `attributes`; the SKU never changes. `If-Match` is about the
/// product's version. Emits `product-changed` if something has another value than before.
#[utoipa::path(patch, path = "/{id}/variants/{variantId}", tag = "products",
    params(
        ("id" = Uuid, Path, description = "The product's id."),
        ("variantId" = Uuid, Path, description = "The variant's id."),
    ),
    request_body(content((VariantPatch = "application/merge-patch+json"), (VariantPatch = "application/json"))),
    security(("bearer" = ["portal-staff"])),
    responses(
        (status = 200, description = "The product as it is now.", body = ProductBody),
        (status = 404, description = "`product_not_found` or `variant_not_found`"),
        (status = 412, description = "`version_conflict`: it is not the version that `If-Match` names."),
    ))]
async fn change_variant(
    Staff(ctx): Staff,
    State(db): State<Db>,
    Path((product_id, variant_id)): Path<(Uuid, Uuid)>,
    Change { asked, once }: Change<VariantPatch>,
) -> Result<Response, Problem> {
    let expected_version = once.expected_version();
    let (amount, currency, attributes) = asked;
    let command = ChangeVariant { product_id, variant_id, expected_version, amount, currency, attributes };
    once.run(&db, &ctx, command, changed).await
}

fn changed(product: Product) -> domain::Answer {
    answer::changed(product.version, &ProductBody::from(product))
}
