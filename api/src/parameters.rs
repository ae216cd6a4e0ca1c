//! Path and query parameters, with problems that name the parameter.
//!
//! A query is a struct of optional text with `deny_unknown_fields`, whose values the module parses
//! with a [`Wrong`](crate::body::Wrong), so that all wrong ones are named at once.

use std::error::Error;
use std::str::FromStr;

use axum::extract::path::ErrorKind;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{self, FromRequestParts};
use axum::http::StatusCode;
use axum::http::request::Parts;
use chrono::{DateTime, Utc};
use domain::kernel::ctx::Malformed;
use domain::kernel::input;
use domain::{FieldError, Rejection};
use serde::de::DeserializeOwned;
use serde::de::value::Error as ValueError;
use uuid::Uuid;

use crate::body::{self, Wrong};
use crate::problem::Problem;

/// The ids in a path: `Path<Uuid>`, or a tuple of them.
pub(crate) struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let parsed = extract::Path::from_request_parts(parts, state).await;
        parsed.map(|extract::Path(value)| Self(value)).map_err(|rejection| bad_path(&rejection))
    }
}

fn bad_path(rejection: &PathRejection) -> Problem {
    let name = match rejection {
        PathRejection::FailedToDeserializePathParams(inner) => match inner.kind() {
            ErrorKind::DeserializeError { key, .. }
            | ErrorKind::ParseErrorAtKey { key, .. }
            | ErrorKind::InvalidUtf8InPathParam { key } => key.as_str(),
            _ => "path",
        },
        _ => "path",
    };
    path_invalid(not_a_uuid(name, "path_invalid"))
}

/// 400: a part of the path is not what it should be.
pub(crate) fn path_invalid(wrong: FieldError) -> Problem {
    let wrong = FieldError { code: "path_invalid", ..wrong };
    Problem::new(StatusCode::BAD_REQUEST, "path_invalid", wrong.detail.clone()).with_fields(vec![wrong])
}

/// A UUID from a query.
///
/// # Errors
/// Names the parameter; code `wrong_type`.
pub(crate) fn uuid(text: &str, parameter: &str) -> Result<Uuid, FieldError> {
    text.parse().map_err(|_| not_a_uuid(parameter, "wrong_type"))
}

/// A time.
///
/// # Errors
/// Names `pointer`; code `wrong_type`.
pub(crate) fn instant(text: &str, pointer: &str) -> Result<DateTime<Utc>, FieldError> {
    let parsed = DateTime::parse_from_rfc3339(text).map(|at| at.to_utc());
    parsed.map_err(|_| input::wrong(pointer, "wrong_type", "must be a time such as 2026-01-31T08:00:00Z"))
}

/// A tenant, an actor, a correlation id.
///
/// # Errors
/// Names `pointer` and says what is allowed; code `malformed`.
pub(crate) fn parsed<T: FromStr<Err = Malformed>>(text: &str, pointer: &str) -> Result<T, FieldError> {
    text.parse().map_err(|malformed: Malformed| input::wrong(pointer, "malformed", malformed.to_string()))
}

/// The value of a parameter if it was given; one that is wrong is noted.
pub(crate) fn given<T>(
    text: Option<String>,
    parameter: &str,
    parse: impl FnOnce(&str, &str) -> Result<T, FieldError>,
    wrong: &mut Wrong,
) -> Option<T> {
    text.and_then(|text| wrong.take(parse(&text, parameter)))
}

fn not_a_uuid(parameter: &str, code: &'static str) -> FieldError {
    let detail = format!("{parameter} is not a UUID such as 01941f29-7c00-7000-8000-000000000001");
    FieldError { pointer: parameter.to_owned(), code, detail }
}

/// Query parameters. Unknown ones are refused: a filter that is misspelt must not silently select
/// everything.
pub(crate) struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let parsed = extract::Query::try_from_uri(&parts.uri);
        parsed.map(|extract::Query(value)| Self(value)).map_err(|rejection| bad_query(&rejection))
    }
}

fn bad_query(rejection: &QueryRejection) -> Problem {
    let mut causes = std::iter::successors(rejection.source(), |cause| (*cause).source());
    let found = causes.find_map(|cause| cause.downcast_ref::<serde_path_to_error::Error<ValueError>>());
    let field = found.map_or_else(
        || FieldError { pointer: "/query".into(), code: "wrong_type", detail: rejection.body_text() },
        body::shape_error,
    );
    // A parameter is named, not pointed to.
    let pointer = field.pointer.trim_start_matches('/').to_owned();
    let code = if field.code == "unknown_field" { "unknown_parameter" } else { field.code };
    Rejection::invalid(vec![FieldError { pointer, code, ..field }]).into()
}
