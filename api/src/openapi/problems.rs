//! The problems that any operation of its kind can answer with. What a handler says of its own
//! problems (`` (status = 409, description = "`code`: when") ``) is kept, and gets its body here.

use std::collections::BTreeMap;

use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::{Ref, RefOr, Response};

use crate::problem::{self, ProblemBody};

/// Problems that mean the same everywhere: status, name, codes.
const SHARED: [(&str, &str, &str); 6] = [
    ("401", "Unauthorized", "`token_missing`, `token_invalid` or `token_expired`"),
    ("403", "Forbidden", "`role_missing`, `tenant_missing` or `tenant_not_allowed`"),
    ("413", "TooLarge", "`body_too_large`"),
    ("415", "UnsupportedMediaType", "`media_type_unsupported`"),
    ("500", "InternalError", "`internal_error`"),
    (
        "503",
        "Unavailable",
        "`database_unavailable`, `identity_provider_unavailable`, `too_many_requests` or `request_timeout`; see `Retry-After`",
    ),
];

/// The shared ones, as components.
pub(super) fn shared() -> BTreeMap<String, RefOr<Response>> {
    let described = |(status, name, codes): &(&str, &str, &str)| {
        let mut response = Response::new(*codes);
        add_body(status, &mut response);
        ((*name).to_owned(), response.into())
    };
    SHARED.iter().map(described).collect()
}

/// Adds them to an operation.
pub(super) fn add(path: &str, method: &str, operation: &mut Operation) {
    let particular = particular(path, method, operation);
    let shared = SHARED.iter().filter(|(status, ..)| applies(status, method, operation)).collect::<Vec<_>>();
    let responses = &mut operation.responses.responses;
    for (status, text) in particular {
        let response = responses.entry(status.to_owned()).or_insert_with(|| Response::new("").into());
        if let RefOr::T(response) = response {
            response.description = format!("{} {text}", response.description).trim().to_owned();
        }
    }
    for (status, response) in responses.iter_mut() {
        if let (true, RefOr::T(response)) = (status.starts_with(['4', '5']), response) {
            add_body(status, response);
        }
    }
    for (status, name, _) in shared {
        responses.entry((*status).to_owned()).or_insert_with(|| Ref::from_response_name(*name).into());
    }
}

fn applies(status: &str, method: &str, operation: &Operation) -> bool {
    match status {
        "401" | "403" | "503" => operation.security.is_some(),
        // an action that needs no body takes an empty object, too
        "413" | "415" => operation.request_body.is_some() || method == "post",
        _ => true,
    }
}

/// Problems with input, whose meaning depends on what the operation takes.
fn particular(path: &str, method: &str, operation: &Operation) -> Vec<(&'static str, &'static str)> {
    let mut problems = vec![("400", "`header_invalid`: a header is malformed.")];
    if path.contains('{') && !path.starts_with("/v1/admin") {
        let wrong = if path.contains("{sku}") {
            "`path_invalid`: this is no SKU."
        } else if path.contains("{language}") {
            "`path_invalid`: this is no event, no channel or no language."
        } else {
            "`path_invalid`: an id is not a UUID."
        };
        problems.push(("400", wrong));
    }
    if operation.request_body.is_some() {
        problems.push(("400", "`json_malformed`: the body is not JSON."));
        problems.push(("422", "`validation_failed`: `errors` says which fields are wrong."));
    }
    if operation.parameters.iter().flatten().any(is_query) {
        problems.push(("422", "`validation_failed`: `errors` says which parameters are wrong."));
    }
    if method == "post" {
        problems.push(("422", "`idempotency_key_reused` or `idempotency_key_invalid`"));
    }
    problems
}

fn is_query(parameter: &RefOr<Parameter>) -> bool {
    matches!(parameter, RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Query)
}

/// The body, with the first code that the description names as example.
fn add_body(status: &str, response: &mut Response) {
    let code = response.description.split('`').nth(1).unwrap_or("internal_error");
    let mut example = json!({
        "type": problem::type_of(code),
        "title": problem::title(code),
        "status": status.parse::<u16>().unwrap_or_default(),
        "detail": "what happened, and what to do",
        "code": code,
        "requestId": "01941f29-7c00-7000-8000-0000000000ff",
    });
    if code == "validation_failed" {
        example["errors"] =
            json!([{"pointer": "/name", "code": "required", "detail": "must not be blank; give 1 to 200 characters"}]);
    }
    let schema = Ref::from_schema_name(ProblemBody::name());
    let content = ContentBuilder::new().schema(Some(schema)).example(Some(example)).build();
    response.content.insert(problem::MEDIA_TYPE.into(), content.into());
}
