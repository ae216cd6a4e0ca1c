//! The OpenAPI 3.1 description. Handlers describe what is particular to them; what all have in
//! common (who may, what can go wrong with any request) is added here, so that it cannot be forgotten.

mod operation;
mod problems;

use utoipa::OpenApi as _;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::schema::{ArrayItems, Components, Schema};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{OpenApi, Ref, RefOr, ServerBuilder};

use crate::problem::{FieldProblem, ProblemBody};
use crate::router;

/// Text at the top of the description.
const ABOUT: &str = "Customers, products, stock and orders of a tenant, what happened to them, and the operation of the
installation.

**To try it**: `make run` prints a token for each role; press *Authorize* and paste one.

**Errors** are all `application/problem+json` (RFC 9457); programs decide on `code`, which is stable.

**Versions**: a resource has an `ETag`; send it as `If-Match` with a change to be sure that nobody changed it meanwhile.

**Repeating**: send an `Idempotency-Key` with a `POST`; the same key and body have one effect and get the same answer for 24 hours.

**Tracing**: send `X-Correlation-Id` to find everything a request caused; every answer has one, and an `X-Request-Id`.";

/// The description of the whole API, as served at `/openapi.json`.
pub fn openapi() -> OpenApi {
    let mut routes = OpenApi::default();
    routes.merge(router::modules().into_openapi());
    routes.merge(router::open().into_openapi());
    let mut openapi = Head::openapi();
    openapi.merge(routes);
    openapi.info.description = Some(ABOUT.into());
    openapi.servers = Some(vec![ServerBuilder::new().url("/").build()]);
    for (path, item) in &mut openapi.paths.paths {
        for (method, operation) in operations(item) {
            problems::add(path, method, operation);
            operation::add_headers(path, method, operation);
            operation::add_examples(path, method, operation);
        }
    }
    let components = openapi.components.get_or_insert_default();
    components.add_security_scheme("bearer", bearer());
    components.responses.extend(problems::shared());
    name_list_items(components);
    openapi
}

/// utoipa writes the type argument of `List<T>` out; a reference is shorter, and lets generated
/// clients have one type for it.
fn name_list_items(components: &mut Components) {
    let known: Vec<String> = components.schemas.keys().cloned().collect();
    for (name, schema) in &mut components.schemas {
        let item = name.strip_prefix("List_").filter(|item| known.iter().any(|name| name == item));
        if let (Some(item), RefOr::T(Schema::Object(list))) = (item, schema)
            && let Some(RefOr::T(Schema::Array(data))) = list.properties.get_mut("data")
        {
            data.items = ArrayItems::RefOrSchema(Box::new(Ref::from_schema_name(item).into()));
        }
    }
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Offgrid Portal"),
    tags(
        (name = "service", description = "What this is"),
        (name = "health", description = "Whether it works"),
        (name = "customers", description = "Customers of the tenant"),
        (name = "customer groups", description = "Groups that customers belong to"),
        (name = "products", description = "Products of the tenant, and their variants"),
        (name = "orders", description = "Orders of the tenant's customers"),
        (name = "stock", description = "How many pieces the tenant has of each SKU"),
        (name = "notifications", description = "What customers are told about their orders, and the templates of it"),
        (name = "webhooks", description = "Where the tenant's own programs are told of events, and what became of it"),
        (name = "audit", description = "What happened to the tenant's entities, and what they look like now or looked like then"),
        (name = "queues", description = "Where jobs wait, of every tenant"),
        (name = "jobs", description = "What happens later, of every tenant, wherever it stands"),
        (name = "dead letters", description = "Jobs that were given up and wait for a decision"),
        (name = "operations", description = "One action on many dead letters: previewed, done bit by bit, stopped by itself"),
        (name = "replays", description = "Stored events handed to a consumer group again"),
        (name = "schedules", description = "Jobs that start when they are due"),
        (name = "timeline", description = "What happened from a command to the last consumer, and what comes next"),
        (name = "operators' audit", description = "What operators did, to what, and why"),
        (name = "workers", description = "The processes that run jobs"),
    ),
    components(schemas(ProblemBody, FieldProblem)),
)]
struct Head;

fn bearer() -> SecurityScheme {
    let text = "A token of the identity provider, with the tenant in a claim and one of the roles portal-viewer, \
                portal-customer-team, portal-staff, portal-admin; each may do what those before it may. An operation's \
                `security` names the least role that may call it.";
    let http = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").description(Some(text));
    SecurityScheme::Http(http.build())
}

/// An item's operations with their methods.
fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let all = [
        ("get", &mut item.get),
        ("put", &mut item.put),
        ("post", &mut item.post),
        ("patch", &mut item.patch),
        ("delete", &mut item.delete),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}
