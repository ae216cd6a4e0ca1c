//! Admits requests: so many at once, so long each, and a panic stays inside of its request.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use tokio::sync::Semaphore;

use crate::problem::Problem;
use crate::settings::Settings;

/// What [`admit`] goes by; one per router.
#[derive(Clone)]
pub(crate) struct Gate {
    free: Arc<Semaphore>,
    timeout: Duration,
}

impl Gate {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { free: Arc::new(Semaphore::new(settings.max_in_flight)), timeout: settings.request_timeout }
    }
}

/// Refuses at once what is too much, so that callers hear it before they give up, and ends what
/// takes too long. Dropping the handler drops its transaction, which rolls it back.
pub(crate) async fn admit(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let Ok(_permit) = gate.free.try_acquire() else {
        return Problem::unavailable("too_many_requests", "too many requests are in progress; try again shortly", 1)
            .into_response();
    };
    match tokio::time::timeout(gate.timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            tracing::warn!(timeout_ms = gate.timeout.as_millis(), "a request took too long");
            Problem::unavailable(
                "request_timeout",
                "the request took too long and was given up; repeat it with the same Idempotency-Key",
                1,
            )
            .into_response()
        }
    }
}

/// A panic is a fault of one request, not the end of its connection.
pub(crate) async fn catch_panic(request: Request, next: Next) -> Response {
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(panic) => {
            let message = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
            tracing::error!(message, "a handler panicked");
            Problem::internal().into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request as HttpRequest;
    use axum::middleware::from_fn;
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_fault_of_one_request() {
        async fn panics() {
            panic!("the secret of the vault");
        }
        let router =
            axum::Router::new().route("/", get(panics)).layer(from_fn(catch_panic)).layer(from_fn(crate::ctx::carry));
        let response = router.oneshot(HttpRequest::get("/").body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), 500);
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        let text = String::from_utf8_lossy(&body);
        assert!(text.contains("internal_error") && !text.contains("secret"), "{text}");
    }
}
