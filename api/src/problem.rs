//! The one shape of every error: RFC 9457 `application/problem+json`.
//!
//! A handler returns a [`Problem`]; [`render`] writes it on the way out, where the request's id is
//! known. It also turns every other error answer (an unknown route, a wrong method) into a problem.
//! A fault shows nothing of its cause, only the request's id, under which the log has the rest.

use axum::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::{Error, FieldError, Rejection, RejectionKind};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// The media type of every error.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// An error on its way to the caller.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    errors: Vec<FieldError>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// What the caller sees of an error.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// Identifies the kind of problem: `urn:offgrid:portal:problem:` and the code.
    #[schema(example = "urn:offgrid:portal:problem:customer_not_found")]
    pub r#type: String,
    /// The code in words; the same for every occurrence.
    #[schema(example = "Customer not found")]
    pub title: String,
    /// The HTTP status.
    #[schema(example = 404)]
    pub status: u16,
    /// What happened this time, and what to do.
    pub detail: String,
    /// Stable, for programs to decide on.
    #[schema(example = "customer_not_found")]
    pub code: String,
    /// The request this answers; the log has more under it.
    pub request_id: String,
    /// The input that is wrong, if the problem is about input.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub errors: Vec<FieldProblem>,
}

/// One wrong input.
#[derive(Debug, Serialize, ToSchema)]
pub struct FieldProblem {
    /// A JSON pointer into the body (`/email`), or the name of a parameter or header.
    #[schema(example = "/email")]
    pub pointer: String,
    /// Stable, for programs to decide on.
    #[schema(example = "email_malformed")]
    pub code: String,
    /// What is wrong and what would be right.
    pub detail: String,
}

impl Problem {
    /// A problem with a stable `snake_case` code and a sentence for a person.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), errors: Vec::new(), headers: Vec::new() }
    }

    /// A fault: says nothing about itself. Log its cause first.
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal_error",
            "something went wrong on our side; tell support the request id",
        )
    }

    /// Something the request needs is away for the moment: 503 with `Retry-After`.
    pub fn unavailable(code: &'static str, detail: impl Into<String>, retry_after_seconds: u32) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail)
            .with_header(RETRY_AFTER, &retry_after_seconds.to_string())
    }

    /// Names the wrong input.
    #[must_use]
    pub fn with_fields(mut self, errors: Vec<FieldError>) -> Self {
        self.errors = errors;
        self
    }

    /// Sends a header along; one whose value cannot stand in a header is left out.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The body, as sent.
    pub(crate) fn body(&self, request_id: Uuid) -> Vec<u8> {
        let body = ProblemBody {
            r#type: type_of(self.code),
            title: title(self.code),
            status: self.status.as_u16(),
            detail: self.detail.clone(),
            code: self.code.to_owned(),
            request_id: request_id.to_string(),
            errors: self.errors.iter().map(FieldProblem::from).collect(),
        };
        crate::answer::json(&body)
    }
}

/// A URN: it identifies the kind of problem, and there is no page behind it.
pub(crate) fn type_of(code: &str) -> String {
    format!("urn:offgrid:portal:problem:{code}")
}

/// `Customer not found` for `customer_not_found`.
pub(crate) fn title(code: &str) -> String {
    let mut words = code.replace('_', " ");
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}

impl From<&FieldError> for FieldProblem {
    fn from(field: &FieldError) -> Self {
        Self { pointer: field.pointer.clone(), code: field.code.to_owned(), detail: field.detail.clone() }
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        let status = match rejection.kind {
            RejectionKind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            RejectionKind::NotFound => StatusCode::NOT_FOUND,
            RejectionKind::Conflict => StatusCode::CONFLICT,
            RejectionKind::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
        };
        Self::new(status, rejection.code, rejection.detail).with_fields(rejection.fields)
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Rejected(rejection) => rejection.into(),
            fault if fault.is_unavailable() => {
                tracing::warn!(%fault, "the database is not available");
                Self::unavailable("database_unavailable", "the database is not available; try again shortly", 2)
            }
            fault => {
                tracing::error!(%fault, "a request failed");
                Self::internal()
            }
        }
    }
}

impl IntoResponse for Problem {
    /// Leaves the body to [`render`].
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.headers_mut().extend(self.headers.clone());
        response.extensions_mut().insert(self);
        response
    }
}

/// Writes the body of an error, and gives its code for the log.
pub(crate) fn render(response: Response, request_id: Uuid) -> (Response, Option<&'static str>) {
    let (mut parts, body) = response.into_parts();
    let problem = match parts.extensions.remove::<Problem>() {
        Some(problem) => problem,
        None if is_foreign(&parts) => foreign(parts.status),
        None => return (Response::from_parts(parts, body), None),
    };
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    parts.headers.remove(axum::http::header::CONTENT_LENGTH);
    (Response::from_parts(parts, problem.body(request_id).into()), Some(problem.code))
}

/// An error that is not a problem yet: the router's own, or one of the Swagger UI's.
fn is_foreign(parts: &axum::http::response::Parts) -> bool {
    let error = parts.status.is_client_error() || parts.status.is_server_error();
    error && parts.headers.get(CONTENT_TYPE).is_none_or(|kind| kind != MEDIA_TYPE)
}

fn foreign(status: StatusCode) -> Problem {
    match status {
        StatusCode::NOT_FOUND => {
            Problem::new(status, "route_not_found", "there is nothing at this path; /swagger-ui lists what there is")
        }
        StatusCode::METHOD_NOT_ALLOWED => Problem::new(
            status,
            "method_not_allowed",
            "this path exists, but not with this method; see the header Allow",
        ),
        status if status.is_client_error() => Problem::new(status, "request_invalid", "the request is not valid"),
        _ => Problem::internal(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_the_code_in_words() {
        assert_eq!(title("customer_not_found"), "Customer not found");
        assert_eq!(title(""), "");
    }

    #[test]
    fn a_fault_shows_nothing_of_its_cause() {
        let problem = Problem::from(Error::Internal("column secret does not exist".into()));
        assert_eq!(problem.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!String::from_utf8(problem.body(Uuid::nil())).unwrap().contains("secret"));
    }
}
