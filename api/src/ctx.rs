//! The outermost layer: gives every request its ids and, on the way back, writes its problem, its
//! headers, and one line in the log.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::header::{CACHE_CONTROL, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::{Actor, CorrelationId, TenantId};
use tracing::Instrument;
use uuid::Uuid;

use crate::headers;
use crate::metrics;
use crate::problem::{self, Problem};

/// The header that names one request, in the answer.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The header that names everything that belongs together, in request and answer.
pub const X_CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");

/// What is known about a request from its start; an extension of the request.
#[derive(Debug, Clone)]
pub struct RequestInfo {
    /// One per request, made here.
    pub id: Uuid,
    /// The caller's, or made here.
    pub correlation_id: CorrelationId,
    /// The caller's, if it is valid.
    pub traceparent: Option<String>,
    caller: Arc<Caller>,
}

/// Who asks, once that is known; for the log. A request has one caller, so each is set once.
#[derive(Debug, Default)]
struct Caller {
    actor: OnceLock<Actor>,
    tenant: OnceLock<TenantId>,
}

impl RequestInfo {
    pub(crate) fn read(id: Uuid, headers: &HeaderMap) -> Result<Self, Problem> {
        let correlation_id = match headers::single(headers, "X-Correlation-Id")? {
            Some(text) => text.parse().map_err(|e| headers::invalid("X-Correlation-Id", format!("{e}")))?,
            None => CorrelationId::generate(),
        };
        // A broken trace context is dropped, not refused: the W3C says to start a new trace.
        let traceparent = headers::single(headers, "traceparent").ok().flatten();
        let traceparent = traceparent.filter(|text| is_traceparent(text)).map(str::to_owned);
        Ok(Self { id, correlation_id, traceparent, caller: Arc::default() })
    }

    /// Remembers who asks, for the log.
    pub(crate) fn set_actor(&self, actor: &Actor) {
        let _ = self.caller.actor.set(actor.clone());
    }

    /// Remembers for which tenant, for the log.
    pub(crate) fn set_tenant(&self, tenant: &TenantId) {
        let _ = self.caller.tenant.set(tenant.clone());
    }
}

/// The layer itself.
pub(crate) async fn carry(mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = Uuid::now_v7();
    let line = Line::start(id, &request);
    let info = RequestInfo::read(id, request.headers());
    let response = match &info {
        Ok(info) => {
            request.extensions_mut().insert(info.clone());
            let span = tracing::info_span!("request", id = %id, correlation_id = %info.correlation_id);
            next.run(request).instrument(span).await
        }
        Err(problem) => problem.clone().into_response(),
    };
    let (mut response, code) = problem::render(response, id);
    add_headers(response.headers_mut(), id, info.as_ref().ok().map(|info| &info.correlation_id));
    line.log(started, &response, code, info.as_ref().ok());
    response
}

fn add_headers(headers: &mut HeaderMap, id: Uuid, correlation_id: Option<&CorrelationId>) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Answers are for one caller at one moment; the Swagger UI's files say otherwise themselves.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::try_from(id.to_string()) {
        headers.insert(X_REQUEST_ID, id);
    }
    if let Some(Ok(id)) = correlation_id.map(|id| HeaderValue::from_str(id.as_str())) {
        headers.insert(X_CORRELATION_ID, id);
    }
}

/// The one line a request leaves in the log: no token, no body, no query.
struct Line {
    id: Uuid,
    method: Method,
    path: Option<MatchedPath>,
}

impl Line {
    fn start(id: Uuid, request: &Request) -> Self {
        Self { id, method: request.method().clone(), path: request.extensions().get::<MatchedPath>().cloned() }
    }

    fn log(self, started: Instant, response: &Response, code: Option<&str>, info: Option<&RequestInfo>) {
        let caller = info.map(|info| info.caller.as_ref());
        let path = self.path.as_ref().map_or("-", MatchedPath::as_str);
        metrics::answered(&self.method, path, response.status(), started.elapsed());
        if path.starts_with("/health/") && response.status().is_success() {
            return; // asked every few seconds, and says nothing
        }
        tracing::info!(
            request_id = %self.id,
            correlation_id = info.map(|info| info.correlation_id.as_str()),
            method = %self.method,
            path,
            status = response.status().as_u16(),
            ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            code,
            tenant = caller.and_then(|caller| caller.tenant.get()).map(TenantId::as_str),
            actor = caller.and_then(|caller| caller.actor.get()).map(Actor::as_str),
            "request"
        );
    }
}

/// Whether the text is a W3C `traceparent`: `00-{32 hex}-{16 hex}-{2 hex}`, ids not all zero.
fn is_traceparent(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let hex = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let nonzero = |part: &str| part.bytes().any(|b| b != b'0');
    match parts.as_slice() {
        // A later version may append parts; version 00 may not, and ff is forbidden.
        [version, trace, parent, flags, more @ ..] => {
            hex(version, 2)
                && *version != "ff"
                && (more.is_empty() || *version != "00")
                && text.len() <= 128
                && hex(trace, 32)
                && nonzero(trace)
                && hex(parent, 16)
                && nonzero(parent)
                && hex(flags, 2)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_checked() {
        assert!(is_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
        assert!(is_traceparent("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what"));
        for bad in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        ] {
            assert!(!is_traceparent(bad), "{bad}");
        }
    }
}
