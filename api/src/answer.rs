//! What handlers answer with, in the form that `Idempotency-Key` can store and replay.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use domain::Answer;
use domain::kernel::idempotency::Header;
use serde::Serialize;
use uuid::Uuid;

use crate::etag;
use crate::problem::{self, Problem};

/// The JSON text of a DTO.
pub(crate) fn json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_else(|error| {
        // A DTO has neither maps with other keys than text nor writers that fail.
        tracing::error!(%error, "an answer does not serialize");
        Vec::new()
    })
}

/// 201 with `Location` and `ETag`.
pub(crate) fn created<T: Serialize>(location: String, version: i64, body: &T) -> Answer {
    let headers = vec![Header("location".into(), location), Header("etag".into(), etag::of(version))];
    with_body(201, headers, body)
}

/// 201 with `Location`, of what has no versions.
pub(crate) fn placed<T: Serialize>(location: String, body: &T) -> Answer {
    with_body(201, vec![Header("location".into(), location)], body)
}

/// 200 with the `ETag` of the version after the change.
pub(crate) fn changed<T: Serialize>(version: i64, body: &T) -> Answer {
    with_body(200, vec![Header("etag".into(), etag::of(version))], body)
}

/// 204.
pub(crate) fn gone() -> Answer {
    Answer { status: 204, headers: Vec::new(), body: Vec::new() }
}

/// Any status, without further headers.
pub(crate) fn done<T: Serialize>(status: u16, body: &T) -> Answer {
    with_body(status, Vec::new(), body)
}

/// 204: there is nothing more to say.
pub(crate) fn nothing() -> Answer {
    Answer { status: 204, headers: Vec::new(), body: Vec::new() }
}

/// Puts something into an answer that was given without it, in the place of null: nobody keeps it.
pub(crate) fn shown(mut answer: Answer, member: &str, value: &str) -> Answer {
    // a text that says the same has its quotes escaped
    let (without, with) = (format!("\"{member}\":null"), format!("\"{member}\":{}", serde_json::Value::from(value)));
    if let (200..=299, Ok(body)) = (answer.status, std::str::from_utf8(&answer.body)) {
        answer.body = body.replacen(&without, &with, 1).into_bytes();
    }
    answer
}

fn with_body<T: Serialize>(status: u16, mut headers: Vec<Header>, body: &T) -> Answer {
    headers.push(Header("content-type".into(), "application/json".into()));
    Answer { status, headers, body: json(body) }
}

/// A problem as an answer, so that it can be replayed.
pub(crate) fn rejected(problem: &Problem, request_id: Uuid) -> Answer {
    Answer {
        status: problem.status().as_u16(),
        headers: vec![Header("content-type".into(), problem::MEDIA_TYPE.into())],
        body: problem.body(request_id),
    }
}

/// The answer as a response.
pub(crate) fn response(answer: Answer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = axum::http::StatusCode::from_u16(answer.status).unwrap_or_default();
    for Header(name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// 200 with JSON, for reading.
pub(crate) struct Found<T>(pub T);

impl<T: Serialize> IntoResponse for Found<T> {
    fn into_response(self) -> Response {
        ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], json(&self.0)).into_response()
    }
}
