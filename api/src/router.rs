//! THE list: one nest per module.

use axum::Extension;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::limits::Gate;
use crate::state::State;
use crate::streams::Streams;
use crate::{
    audit, ctx, customer_groups, customers, health, limits, notifications, openapi, operations, orders, products, root,
    stock, webhooks,
};

/// Every module under `/v1`. Requests to these are limited in number and time.
pub(crate) fn modules() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .nest("/v1/admin", operations::routes())
        .nest("/v1/audit", audit::routes())
        .nest("/v1/customer-groups", customer_groups::routes())
        .nest("/v1/customers", customers::routes())
        .nest("/v1/notifications", notifications::routes())
        .nest("/v1/orders", orders::routes())
        .nest("/v1/products", products::routes())
        .nest("/v1/stock", stock::routes())
        .nest("/v1/webhooks", webhooks::routes())
}

/// What anybody may ask, always.
pub(crate) fn open() -> OpenApiRouter<State> {
    OpenApiRouter::new().merge(root::routes()).nest("/health", health::routes())
}

/// The whole API.
pub fn router(state: State) -> axum::Router {
    with_streams(state, Streams::default())
}

/// The same, with the streams that its server ends when it stops.
pub(crate) fn with_streams(state: State, streams: Streams) -> axum::Router {
    let (modules, _) = modules().split_for_parts();
    let (open, _) = open().split_for_parts();
    let gate = Gate::new(&state.settings);
    modules
        .layer(from_fn_with_state(gate, limits::admit))
        .layer(DefaultBodyLimit::max(state.settings.body_limit))
        .layer(Extension(streams))
        .merge(open)
        .with_state(state)
        .merge(swagger_ui())
        .layer(from_fn(limits::catch_panic))
        .layer(from_fn(ctx::carry))
}

fn swagger_ui() -> SwaggerUi {
    let config = Config::default().display_request_duration(true).validator_url("none");
    SwaggerUi::new("/swagger-ui").url("/openapi.json", openapi::openapi()).config(config)
}
