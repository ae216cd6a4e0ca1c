//! What the API measures of itself, and the endpoint that collectors read. Each metric is described in
//! `docs/metrics.md`.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use futures::future::BoxFuture;
use prometheus::core::Collector;
use prometheus::{HistogramOpts, HistogramVec, TEXT_FORMAT};

/// From a cached read to the longest that a request may take.
const BUCKETS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];

static REQUESTS: LazyLock<HistogramVec> = LazyLock::new(|| {
    let help = "Time from a request's headers to its answer's.";
    let options = HistogramOpts::new("portal_http_request_duration_seconds", help).buckets(BUCKETS.to_vec());
    HistogramVec::new(options, &["method", "route", "status"]).expect("the name and the labels are well-formed")
});

/// Gives the metrics of this moment, in the Prometheus text format.
pub type Scrape = Arc<dyn Fn() -> BoxFuture<'static, String> + Send + Sync>;

/// What this crate measures.
pub fn collectors() -> Vec<Box<dyn Collector>> {
    vec![Box::new(REQUESTS.clone())]
}

/// `GET /metrics` alone, without a token: it has a port of its own.
pub fn router(scrape: Scrape) -> Router {
    Router::new().route("/metrics", get(metrics)).with_state(scrape)
}

async fn metrics(State(scrape): State<Scrape>) -> impl IntoResponse {
    ([(CONTENT_TYPE, TEXT_FORMAT)], scrape().await)
}

/// A request was answered. `route` is the template, of which there are as many as operations; `-` when there is none.
pub(crate) fn answered(method: &Method, route: &str, status: StatusCode, took: Duration) {
    let class = match status.as_u16() {
        ..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        500.. => "5xx",
    };
    REQUESTS.with_label_values(&[known(method), route, class]).observe(took.as_secs_f64());
}

/// Callers may invent methods: each would be a metric of its own.
fn known(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invented_methods_are_one() {
        assert_eq!(known(&Method::PATCH), "PATCH");
        assert_eq!(known(&"BREW".parse().unwrap()), "other");
    }

    #[test]
    fn statuses_are_counted_by_class() {
        for (status, class) in [(204, "2xx"), (404, "4xx"), (499, "4xx"), (503, "5xx")] {
            let counted = || REQUESTS.with_label_values(&["GET", "/test", class]).get_sample_count();
            let before = counted();
            answered(&Method::GET, "/test", StatusCode::from_u16(status).unwrap(), Duration::from_millis(3));
            assert_eq!(counted(), before + 1, "{status}");
        }
    }
}
