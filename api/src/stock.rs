//! `/v1/stock`: how many pieces the tenant has of each SKU.

mod dto;

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::Response;
use domain::Db;
use domain::products::Sku;
use domain::stock::{AdjustStock, GetStock, ReceiveStock, StockItem};
use dto::{ListParameters, StockAdjustment, StockBody, StockReceipt};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answer::{self, Found};
use crate::auth::{Staff, Viewer};
use crate::change::Change;
use crate::etag::IfNoneMatch;
use crate::list::List;
use crate::parameters::{self, Path, Query};
use crate::problem::Problem;
use crate::state;

/// What `/v1/stock` has.
pub(crate) fn routes() -> OpenApiRouter<state::State> {
    OpenApiRouter::new()
        .routes(routes!(list_stock))
        .routes(routes!(get_stock))
        .routes(routes!(receive_stock))
        .routes(routes!(adjust_stock))
}

/// The SKU in a path. A slash in it arrives as `%2F`.
struct Which(Sku);

impl<S: Send + Sync> FromRequestParts<S> for Which {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(text) = Path::<String>::from_request_parts(parts, state).await?;
        Sku::parse(&text, "sku").map(Self).map_err(parameters::path_invalid)
    }
}

/// List the stock
///
/// Ordered by SKU. What was never received is not in it.
#[utoipa::path(get, path = "", tag = "stock", params(ListParameters),
    security(("bearer" = ["portal-viewer"])),
    responses((status = 200, description = "A page of the stock.", body = List<StockBody>)))]
async fn list_stock(
    Viewer(ctx): Viewer,
    State(db): State<Db>,
    Query(parameters): Query<ListParameters>,
) -> Result<Found<List<StockBody>>, Problem> {
    let page = domain::fetch(&db, &ctx, parameters.query()?).await?;
    Ok(Found(List::from(page)))
}

/// Read the stock of a SKU
#[utoipa::path(get, path = "/{sku}", tag = "stock",
    params(("sku" = String, Path, description = "The SKU; a slash in it is written `%2F`.", min_length = 1, max_length = 64,
        pattern = "^[A-Za-z0-9._/-]+$")),
    security(("bearer" = ["portal-viewer"])),
    responses(
        (status = 200, description = "What there is of it.", body = StockBody),
        (status = 304, description = "It is still the version that `If-None-Match` names."),
        (status = 404, description = "`stock_not_found`: nothing of this SKU was ever received."),
    ))]
async fn get_stock(
    Viewer(ctx): Viewer,
    State(db): State<Db>,
    Which(sku): Which,
    known: IfNoneMatch,
) -> Result<Response, Problem> {
    let item = domain::fetch(&db, &ctx, GetStock { sku }).await?;
    Ok(known.answer(item.version, StockBody::from(item)))
}

/// Receive pieces of a SKU
///
/// Adds them to what is on hand. Emits `stock-received`.
#[utoipa::path(post, path = "/{sku}/receive", tag = "stock",
    params(("sku" = String, Path, description = "The SKU of a variant; a slash in it is written `%2F`.", min_length = 1,
        max_length = 64, pattern = "^[A-Za-z0-9._/-]+$")),
    request_body = StockReceipt,
    security(("bearer" = ["portal-staff"])),
    responses(
        (status = 200, description = "What there is of it now.", body = StockBody),
        (status = 404, description = "`stock_sku_unknown`: no variant has the SKU."),
        (status = 412, description = "`version_conflict`: it is not the version that `If-Match` names."),
    ))]
async fn receive_stock(
    Staff(ctx): Staff,
    State(db): State<Db>,
    Which(sku): Which,
    Change { asked: quantity, once }: Change<StockReceipt>,
) -> Result<Response, Problem> {
    let command = ReceiveStock { sku, expected_version: once.expected_version(), quantity };
    once.run(&db, &ctx, command, changed).await
}

/// Correct the stock of a SKU
///
/// Up or down, but never below what orders have reserved. Emits `stock-adjusted`, with the reason.
#[utoipa::path(post, path = "/{sku}/adjust", tag = "stock",
    params(("sku" = String, Path, description = "The SKU of a variant; a slash in it is written `%2F`.", min_length = 1,
        max_length = 64, pattern = "^[A-Za-z0-9._/-]+$")),
    request_body = StockAdjustment,
    security(("bearer" = ["portal-staff"])),
    responses(
        (status = 200, description = "What there is of it now.", body = StockBody),
        (status = 404, description = "`stock_sku_unknown`: no variant has the SKU."),
        (status = 409, description = "`stock_insufficient`: fewer pieces are available than are to be taken."),
        (status = 412, description = "`version_conflict`: it is not the version that `If-Match` names."),
    ))]
async fn adjust_stock(
    Staff(ctx): Staff,
    State(db): State<Db>,
    Which(sku): Which,
    Change { asked: (by, reason), once }: Change<StockAdjustment>,
) -> Result<Response, Problem> {
    let command = AdjustStock { sku, expected_version: once.expected_version(), by, reason };
    once.run(&db, &ctx, command, changed).await
}

fn changed(item: StockItem) -> domain::Answer {
    answer::changed(item.version, &StockBody::from(item))
}
