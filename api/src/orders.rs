//! `/v1/orders`: the orders of the tenant's customers.

mod dto;

use axum::extract::State;
use axum::response::Response;
use domain::Db;
use domain::orders::{CancelOrder, GetOrder, Order};
use dto::{CancelReason, ListParameters, NewOrder, OrderBody, OrderSummaryBody};
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

/// What `/v1/orders` has.
pub(crate) fn routes() -> OpenApiRouter<state::State> {
    OpenApiRouter::new()
        .routes(routes!(list_orders, place_order))
        .routes(routes!(get_order))
        .routes(routes!(cancel_order))
}

/// Place an order
///
/// At the catalogue's prices. It is pending until stock has answered: then it is confirmed, or cancelled
/// with what stock said. Emits `order-created`.
#[utoipa::path(post, path = "", tag = "orders", request_body = NewOrder,
    security(("bearer" = ["portal-staff"])),
    responses(
        (status = 201, description = "The new order.", body = OrderBody),
        (status = 422, description = "`order_empty`, `order_line_limit_reached` or `order_total_too_large`. In `errors`: \
            `order_customer_unknown`, `order_customer_suspended`, `order_sku_unknown`, `order_sku_repeated`, \
            `order_product_archived`, `order_currency_mixed`."),
    ))]
async fn place_order(
    Staff(ctx): Staff,
    State(db): State<Db>,
    Change { asked, once }: Change<NewOrder>,
) -> Result<Response, Problem> {
    let created =
        |order: Order| answer::created(format!("/v1/orders/{}", order.id), order.version, &OrderBody::from(order));
    once.run(&db, &ctx, asked, created).await
}

/// Read an order
///
/// With its lines.
#[utoipa::path(get, path = "/{id}", tag = "orders", params(("id" = Uuid, Path, description = "The order's id.")),
    security(("bearer" = ["portal-viewer"])),
    responses(
        (status = 200, description = "The order.", body = OrderBody),
        (status = 304, description = "It is still the version that `If-None-Match` names."),
        (status = 404, description = "`order_not_found`"),
    ))]
async fn get_order(
    Viewer(ctx): Viewer,
    State(db): State<Db>,
    Path(id): Path<Uuid>,
    known: IfNoneMatch,
) -> Result<Response, Problem> {
    let order = domain::fetch(&db, &ctx, GetOrder { id }).await?;
    Ok(known.answer(order.version, OrderBody::from(order)))
}

/// List orders
///
/// Those for which every given filter holds, newest first unless `sort` says otherwise; without their
/// lines.
#[utoipa::path(get, path = "", tag = "orders", params(ListParameters),
    security(("bearer" = ["portal-viewer"])),
    responses((status = 200, description = "A page of orders.", body = List<OrderSummaryBody>)))]
async fn list_orders(
    Viewer(ctx): Viewer,
    State(db): State<Db>,
    Query(parameters): Query<ListParameters>,
) -> Result<Found<List<OrderSummaryBody>>, Problem> {
    let page = domain::fetch(&db, &ctx, parameters.query()?).await?;
    Ok(Found(List::from(page)))
}

/// Cancel an order
///
/// While it is pending or confirmed; stock takes back what it holds. Emits `order-cancelled`, with the
/// reason.
#[utoipa::path(post, path = "/{id}/cancel", tag = "orders",
    params(("id" = Uuid, Path, description = "The order's id.")), request_body = CancelReason,
    security(("bearer" = ["portal-staff"])),
    responses(
        (status = 200, description = "The order as it is now.", body = OrderBody),
        (status = 404, description = "`order_not_found`"),
        (status = 409, description = "`order_already_cancelled`"),
        (status = 412, description = "`version_conflict`: it is not the version that `If-Match` names."),
    ))]
async fn cancel_order(
    Staff(ctx): Staff,
    State(db): State<Db>,
    Path(id): Path<Uuid>,
    Change { asked: reason, once }: Change<CancelReason>,
) -> Result<Response, Problem> {
    let command = CancelOrder { id, expected_version: once.expected_version(), reason };
    let changed = |order: Order| answer::changed(order.version, &OrderBody::from(order));
    once.run(&db, &ctx, command, changed).await
}
