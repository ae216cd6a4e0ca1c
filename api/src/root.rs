//! `GET /`: what this is, and where everything else is.

use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answer::Found;

/// What this service is.
#[derive(Serialize, ToSchema)]
struct Service {
    #[schema(example = "Offgrid Portal")]
    service: &'static str,
    #[schema(example = "0.1.0")]
    version: &'static str,
    links: Links,
}

/// Where to go on.
#[derive(Serialize, ToSchema)]
struct Links {
    /// Try every endpoint in the browser.
    #[schema(example = "/swagger-ui/")]
    swagger: &'static str,
    /// The description of every endpoint.
    #[schema(example = "/openapi.json")]
    openapi: &'static str,
    #[schema(example = "/health/live")]
    live: &'static str,
    #[schema(example = "/health/ready")]
    ready: &'static str,
}

pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> OpenApiRouter<S> {
    OpenApiRouter::new().routes(routes!(get_service))
}

/// What this service is, and where everything else is
#[utoipa::path(get, path = "/", tag = "service", responses((status = 200, description = "Name, version and links.", body = Service)))]
async fn get_service() -> Found<Service> {
    Found(Service {
        service: "Offgrid Portal",
        version: env!("CARGO_PKG_VERSION"),
        links: Links {
            swagger: "/swagger-ui/",
            openapi: "/openapi.json",
            live: "/health/live",
            ready: "/health/ready",
        },
    })
}
