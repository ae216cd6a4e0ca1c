//! Fuzz targets: what callers send, and what an issuer publishes. See the crate `fuzz`. Those for
//! bodies stand beside their types; [`body`] is what they have in common.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fuzz::target;
use uuid::Uuid;

use crate::auth::{Authenticator, Settings};
use crate::body::{self, Input};
use crate::ctx::RequestInfo;
use crate::etag::{self, IfMatch, IfNoneMatch};
use crate::problem::Problem;

const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// A body is taken, or refused with a problem that can be sent and names every wrong field.
pub(crate) fn body<I: Input>(bytes: &[u8]) {
    let Err(problem) = body::parse::<I>(bytes) else { return };
    let text = sent(&problem);
    match (problem.status(), problem.code()) {
        (StatusCode::BAD_REQUEST, "json_malformed") => {
            assert!(serde_json::from_slice::<serde_json::Value>(bytes).is_err(), "this is JSON: {text}");
        }
        (StatusCode::UNPROCESSABLE_ENTITY, _) => {
            let errors = text["errors"].as_array().unwrap();
            assert!(!errors.is_empty(), "nothing is named: {text}");
            for error in errors {
                let pointer = error["pointer"].as_str().unwrap();
                assert!(pointer.is_empty() || pointer.starts_with('/'), "{pointer}");
            }
        }
        other => panic!("unexpected {other:?}: {text}"),
    }
}

/// The problem as a caller gets it.
fn sent(problem: &Problem) -> serde_json::Value {
    serde_json::from_slice(&problem.body(Uuid::nil())).unwrap()
}

fn refused(problem: &Problem, name: &str) {
    assert_eq!((problem.status(), problem.code()), (StatusCode::BAD_REQUEST, "header_invalid"));
    assert_eq!(sent(problem)["errors"][0]["pointer"], name);
}

/// Every line is one header's value.
fn headers(name: &'static str, bytes: &[u8]) -> HeaderMap {
    let name = HeaderName::from_static(name);
    let values = bytes.split(|byte| *byte == b'\n').filter_map(|line| HeaderValue::from_bytes(line).ok());
    values.map(|value| (name.clone(), value)).collect()
}

#[test]
fn fuzz_headers() {
    target(HERE, "headers", |bytes| {
        match IfMatch::read(&headers("if-match", bytes)) {
            Ok(tags) => {
                if let Some(version) = tags.version().filter(|version| *version != 0) {
                    let again = headers("if-match", etag::of(version).as_bytes());
                    assert_eq!(IfMatch::read(&again).unwrap().version(), Some(version));
                }
            }
            Err(problem) => refused(&problem, "If-Match"),
        }
        if let Err(problem) = IfNoneMatch::read(&headers("if-none-match", bytes)) {
            refused(&problem, "If-None-Match");
        }
        match RequestInfo::read(Uuid::nil(), &headers("x-correlation-id", bytes)) {
            Ok(info) => assert!(HeaderValue::from_str(info.correlation_id.as_str()).is_ok()),
            Err(problem) => refused(&problem, "X-Correlation-Id"),
        }
        let info = RequestInfo::read(Uuid::nil(), &headers("traceparent", bytes)).unwrap();
        if let Some(trace) = info.traceparent {
            assert!(trace.is_ascii() && (55..=128).contains(&trace.len()), "{trace}");
        }
    });
}

/// Whatever a token says of itself: without the issuer's signature it is worth nothing, and the
/// answer does not repeat it.
#[test]
fn fuzz_tokens() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let authenticator = authenticator();
    target(HERE, "tokens", |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let parts: Vec<String> =
            bytes.splitn(3, |byte| *byte == b'\n').map(|part| URL_SAFE_NO_PAD.encode(part)).collect();
        for token in [text.as_ref(), &parts.join(".")] {
            let problem = runtime.block_on(authenticator.identify(token)).expect_err("nobody signed this");
            assert_eq!(problem.status(), StatusCode::UNAUTHORIZED);
            assert!(["token_invalid", "token_expired"].contains(&problem.code()));
            let answer = sent(&problem).to_string();
            assert!(token.len() < 40 || !answer.contains(token), "{answer}");
        }
    });
}

fn authenticator() -> Arc<Authenticator> {
    let key = serde_json::json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": "a",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]});
    Authenticator::with_keys(Settings::new("http://issuer.test", "portal-api"), &serde_json::from_value(key).unwrap())
}
