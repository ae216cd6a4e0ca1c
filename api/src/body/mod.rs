//! JSON bodies: parsed strictly, and everything that is wrong with one is said at once.
//!
//! Bytes become a DTO (serde: the shape), the DTO becomes values the domain accepts ([`Input`]: the
//! contents). When the shape is wrong, [`repair`] finds all that is wrong with it, and the contents
//! are looked at all the same.

mod object;
mod repair;
mod wrong;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method, StatusCode};
use domain::Rejection;
pub(crate) use object::Object;
use serde::de::DeserializeOwned;
pub(crate) use wrong::{Wrong, shape_error};

use crate::problem::Problem;

/// A body as callers write it.
pub(crate) trait Input: DeserializeOwned + Send {
    /// What the domain takes of it.
    type Parsed: Send;

    /// Parses every field, and notes what is wrong with each; none if anything is.
    fn parse(self, wrong: &mut Wrong) -> Option<Self::Parsed>;
}

/// Reads the whole body.
///
/// # Errors
/// 413 `body_too_large`; 400 `body_unreadable` when the client stopped sending.
pub(crate) async fn read(request: Request) -> Result<Bytes, Problem> {
    Bytes::from_request(request, &()).await.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "the body is larger than this server accepts")
        }
        _ => Problem::new(StatusCode::BAD_REQUEST, "body_unreadable", "the body did not arrive completely"),
    })
}

/// Refuses a body that does not say it is JSON.
///
/// # Errors
/// 415 `media_type_unsupported`, naming what is accepted.
pub(crate) fn require_json(method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    let sent = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = sent.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let patch = *method == Method::PATCH;
    if essence == "application/json" || (patch && essence == "application/merge-patch+json") {
        return Ok(());
    }
    let accepted = if patch { "application/merge-patch+json or application/json" } else { "application/json" };
    Err(Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "media_type_unsupported",
        format!("send the body as Content-Type: {accepted}"),
    ))
}

/// Parses a body.
///
/// # Errors
/// 400 `json_malformed` with line and column when it is not JSON; 422 `validation_failed` with one
/// entry per wrong field.
pub(crate) fn parse<I: Input>(bytes: &[u8]) -> Result<I::Parsed, Problem> {
    let mut wrong = Wrong::default();
    let input: Option<Object<I>> = match shape(bytes) {
        Ok(input) => Some(input),
        Err(Shape::Malformed(error)) => return Err(malformed(&error)),
        Err(Shape::Wrong(first)) => {
            let tree = serde_json::from_slice(bytes).map_err(|error| malformed(&error))?;
            let repaired = repair::repair(tree, &mut wrong);
            if wrong.is_empty() {
                wrong.note(first); // a field given twice, which the tree does not show
            }
            repaired
        }
    };
    match input.and_then(|Object(input)| input.parse(&mut wrong)) {
        Some(parsed) if wrong.is_empty() => Ok(parsed),
        _ => Err(Rejection::invalid(wrong.into_errors()).into()),
    }
}

enum Shape {
    Malformed(serde_json::Error),
    Wrong(domain::FieldError),
}

fn shape<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Shape> {
    let mut text = serde_json::Deserializer::from_slice(bytes);
    match serde_path_to_error::deserialize(&mut text) {
        Ok(value) => text.end().map(|()| value).map_err(Shape::Malformed),
        Err(error) if error.inner().is_data() => Err(Shape::Wrong(shape_error(&error))),
        Err(error) => Err(Shape::Malformed(error.into_inner())),
    }
}

fn malformed(error: &serde_json::Error) -> Problem {
    let detail = if error.is_eof() && error.column() == 0 {
        "the body is empty; send a JSON object".to_owned()
    } else {
        format!("the body is not JSON: {error}")
    };
    Problem::new(StatusCode::BAD_REQUEST, "json_malformed", detail)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Person {
        name: String,
        age: u8,
    }

    impl Input for Person {
        type Parsed = (String, u8);

        fn parse(self, wrong: &mut Wrong) -> Option<Self::Parsed> {
            let name = wrong.take(domain::kernel::input::line(&self.name, "/name", 5));
            Some((name?, self.age))
        }
    }

    fn code(body: &str) -> &'static str {
        parse::<Person>(body.as_bytes()).unwrap_err().code()
    }

    #[test]
    fn what_is_right_passes() {
        assert_eq!(parse::<Person>(br#"{"name":" Ada ","age":36}"#).unwrap(), ("Ada".to_owned(), 36));
    }

    #[test]
    fn a_field_given_twice_is_refused() {
        assert_eq!(code(r#"{"name":"a","name":"b","age":1}"#), "validation_failed");
    }

    #[test]
    fn what_is_no_json_is_malformed() {
        for bad in ["", "{", "{} x", "{\"name\":\"a\",\"age\":1} 2", "\u{feff}{}", "{'name':1}"] {
            assert_eq!(code(bad), "json_malformed", "{bad}");
        }
    }

    #[test]
    fn only_an_object_is_a_body() {
        for bad in [r#"["Ada", 36]"#, "5", "null", "\"Ada\""] {
            assert_eq!(code(bad), "validation_failed", "{bad}");
        }
    }

    #[test]
    fn shape_and_contents_are_said_together() {
        let problem = parse::<Person>(br#"{"name":"Grace H","age":"x"}"#).unwrap_err();
        let text = String::from_utf8(problem.body(uuid::Uuid::nil())).unwrap();
        assert!(text.contains("too_long") && text.contains("wrong_type"), "{text}");
    }
}
