//! Headers and examples that follow from what an operation says of itself: 412 means that it minds
//! `If-Match`, 428 that it insists on it, 304 that it minds `If-None-Match`. Jobs have no versions.

use serde_json::json;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Header, RefOr, Required};

use crate::examples;

/// Adds request and answer headers.
pub(super) fn add_headers(path: &str, method: &str, operation: &mut Operation) {
    let has = |status: &str| operation.responses.responses.contains_key(status);
    let versioned = has("412") || has("304") || (has("201") && !starts_a_job(path));
    let parameters = request_headers(path, method, operation);
    operation.parameters.get_or_insert_default().extend(parameters.into_iter().map(RefOr::T));
    for (status, response) in &mut operation.responses.responses {
        if let (true, RefOr::T(response)) = (status.starts_with('2'), response) {
            if versioned && status != "204" {
                response.headers.insert("ETag".into(), answer_header("The version, in quotes."));
            }
            if status == "201" {
                response.headers.insert("Location".into(), answer_header("Where the new resource is."));
            }
        }
    }
}

fn starts_a_job(path: &str) -> bool {
    path == "/v1/admin/jobs" || path == "/v1/admin/schedules/{id}/run"
}

fn request_headers(path: &str, method: &str, operation: &Operation) -> Vec<Parameter> {
    let has = |status: &str| operation.responses.responses.contains_key(status);
    let secured = operation.security.is_some();
    let headers = [
        (has("412"), IF_MATCH),
        (has("304"), IF_NONE_MATCH),
        (secured && method == "post", IDEMPOTENCY_KEY),
        (secured && !path.starts_with("/v1/admin"), TENANT),
        (true, CORRELATION_ID),
    ];
    let parameter = |header: RequestHeader| {
        let required = header.name == IF_MATCH.name && has("428");
        header.parameter(if required { Required::True } else { Required::False })
    };
    headers.into_iter().filter(|(applies, _)| *applies).map(|(_, header)| parameter(header)).collect()
}

/// A request header as the description shows it.
struct RequestHeader {
    name: &'static str,
    text: &'static str,
    pattern: &'static str,
}

const TAGS: &str = r#"^(\*|(W/)?"[^"]*"( *, *(W/)?"[^"]*")*)$"#;
const IF_MATCH: RequestHeader = RequestHeader {
    name: "If-Match",
    text: "The `ETag` of the version to change; another version is 412.",
    pattern: TAGS,
};
const IF_NONE_MATCH: RequestHeader = RequestHeader {
    name: "If-None-Match",
    text: "The `ETag` of the version at hand; the same version is 304.",
    pattern: TAGS,
};
const IDEMPOTENCY_KEY: RequestHeader = RequestHeader {
    name: "Idempotency-Key",
    text: "Makes the request repeatable, for 24 hours. A repetition gets the same answer, with `Idempotency-Replayed: \
           true`; another body under the same key is 422 `idempotency_key_reused`.",
    pattern: "^[ -~]{1,255}$",
};
const TENANT: RequestHeader = RequestHeader {
    name: "X-Tenant",
    text: "The tenant to work on; only `portal-admin` may choose another than its own.",
    pattern: "^[a-z0-9][a-z0-9-]{0,62}$",
};
const CORRELATION_ID: RequestHeader = RequestHeader {
    name: "X-Correlation-Id",
    text: "Names everything that belongs together; made if not sent.",
    pattern: "^[!-~]{1,128}$",
};

impl RequestHeader {
    fn parameter(&self, required: Required) -> Parameter {
        let schema = ObjectBuilder::new().schema_type(Type::String).pattern(Some(self.pattern)).build();
        let parameter = ParameterBuilder::new().name(self.name).parameter_in(ParameterIn::Header);
        parameter.required(required).description(Some(self.text)).schema(Some(schema)).build()
    }
}

fn answer_header(text: &str) -> RefOr<Header> {
    let schema = ObjectBuilder::new().schema_type(Type::String).build();
    HeaderBuilder::new().schema(Some(schema)).description(Some(text)).build().into()
}

/// Gives ids in the path the examples that `make run` seeds.
pub(super) fn add_examples(path: &str, method: &str, operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter
            && let Some(id) = examples::of_parameter(method, path, &parameter.name)
        {
            *parameter = ParameterBuilder::from(parameter.clone()).example(Some(json!(id))).build();
        }
    }
}
