//! What the API says when it refuses.

use std::fmt;

use reqwest::StatusCode;
use serde::Deserialize;

use super::table;

/// An answer that is an error: RFC 9457 as the API writes it.
#[derive(Debug, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Problem {
    status: u16,
    code: String,
    detail: String,
    request_id: Option<String>,
    #[serde(default)]
    errors: Vec<WrongInput>,
}

/// A parameter or field that is wrong.
#[derive(Debug, Deserialize)]
struct WrongInput {
    pointer: String,
    code: String,
    detail: String,
}

impl Problem {
    /// From the body of an answer; one that the API did not write has a code of ours.
    pub(super) fn read(status: StatusCode, body: &str) -> Self {
        serde_json::from_str(body).unwrap_or_else(|_| Self {
            status: status.as_u16(),
            code: "unexpected_answer".to_owned(),
            detail: format!("it answers {status}, and not as the portal's API does: is --server right?"),
            request_id: None,
            errors: Vec::new(),
        })
    }

    /// Whether it is not about what was asked.
    pub(super) fn is_of_the_server(&self) -> bool {
        self.status >= 500
    }
}

/// In one line, which ends with what the server's log has more under.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = format!("{}: {}", self.code, self.detail);
        for wrong in &self.errors {
            text.push_str(&format!("; {}: {} ({})", wrong.pointer, wrong.detail, wrong.code));
        }
        text.push_str(&format!(" [{}", self.status));
        if let Some(id) = &self.request_id {
            text.push_str(&format!(", request {id}"));
        }
        write!(f, "{}]", table::clean(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_the_api_says_stands_in_one_line() {
        let body = r#"{"type": "urn:x", "title": "T", "status": 422, "code": "validation_failed", "detail": "not\nvalid",
            "requestId": "r-1", "errors": [{"pointer": "/reason", "code": "too_long", "detail": "at most 500"}]}"#;
        let problem = Problem::read(StatusCode::UNPROCESSABLE_ENTITY, body);
        assert_eq!(
            problem.to_string(),
            r"validation_failed: not\nvalid; /reason: at most 500 (too_long) [422, request r-1]"
        );
        let foreign = Problem::read(StatusCode::BAD_GATEWAY, "<html>").to_string();
        assert_eq!(
            foreign,
            "unexpected_answer: it answers 502 Bad Gateway, and not as the portal's API does: is --server right? [502]"
        );
    }

    #[test]
    fn fuzz_problems() {
        ::fuzz::target(env!("CARGO_MANIFEST_DIR"), "problems", |bytes| {
            let shown = Problem::read(StatusCode::BAD_REQUEST, &String::from_utf8_lossy(bytes)).to_string();
            assert!(!shown.chars().any(char::is_control), "{shown:?}");
        });
    }
}
