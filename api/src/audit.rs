//! `/v1/audit`: what happened to a tenant's entities, and what they look like now or looked like then.

mod documents;
mod events;
mod input;
mod output;

use utoipa_axum::router::OpenApiRouter;

use crate::state::State;

/// What `/v1/audit` has.
pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .nest("/documents", documents::routes())
        .nest("/events", events::routes())
        .nest("/streams", events::stream_routes())
}
