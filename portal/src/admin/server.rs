//! Asks the admin API.
//!
//! A request that is not answered, or only by a proxy or a server that has no time, is repeated a few times. A change
//! bears an `Idempotency-Key`, the same each time, so that it happens once however often it is sent.

use std::path::Path;
use std::time::Duration;

use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MATCH, RETRY_AFTER,
};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Method, Response, StatusCode, Url};
use serde_json::Value;
use uuid::Uuid;

use super::problem::Problem;
use crate::failure::Failure;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Before each repetition.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(1)];
/// No server is waited for longer than this, whatever its `Retry-After` says.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const CONNECT: Duration = Duration::from_secs(5);
/// More than the API takes for a request by default.
const ANSWER: Duration = Duration::from_secs(60);

/// Names and values of a query.
pub(super) type Pairs = Vec<(&'static str, String)>;

/// A server's admin API.
pub(super) struct Server {
    http: Client,
    base: Url,
}

/// What it answered.
#[derive(Debug)]
pub(super) struct Answer {
    /// As it came.
    pub(super) text: String,
    pub(super) body: Value,
    pub(super) etag: Option<String>,
}

struct Call {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Option<String>,
}

/// An answer that may be an error.
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

/// `--server`.
pub(super) fn address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("{error}; for example https://portal.example.com"))?;
    let web = matches!(url.scheme(), "http" | "https") && url.has_host();
    if !web || url.query().is_some() || url.fragment().is_some() {
        return Err("expected an address such as https://portal.example.com".into());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("expected no user and no password in it: a token says who you are".into());
    }
    Ok(url)
}

impl Server {
    pub(super) fn new(base: &Url, token: HeaderValue, ca_file: Option<&Path>) -> Result<Self, Failure> {
        // Several crates bring a provider each; whoever comes first decides, and all of them do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = Client::builder()
            .user_agent(concat!("portal-admin/", env!("CARGO_PKG_VERSION")))
            .default_headers(HeaderMap::from_iter([(AUTHORIZATION, token)]))
            .connect_timeout(CONNECT)
            // the API sends nobody elsewhere, and a token is for whom it was given
            .redirect(Policy::none());
        let builder = match (base.scheme(), ca_file) {
            ("https", Some(path)) => builder.tls_certs_merge(certificates(path)?),
            ("https", None) => builder,
            // nobody has to be trusted, so nothing is looked for on this machine
            _ => builder.tls_certs_only([]),
        };
        let http = builder.build().map_err(Failure::system("preparing requests"))?;
        Ok(Self { http, base: base.clone() })
    }

    pub(super) async fn get(&self, path: &[&str], query: &Pairs) -> Result<Answer, Failure> {
        let mut url = self.url(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.ask(&Call { method: Method::GET, url, headers: HeaderMap::new(), body: None }).await
    }

    /// Asks something that does not fit a query.
    pub(super) async fn query(&self, path: &[&str], body: &Value) -> Result<Answer, Failure> {
        self.ask(&self.with_body(Method::POST, path, body)).await
    }

    /// Changes something, once.
    pub(super) async fn post(&self, path: &[&str], body: &Value) -> Result<Answer, Failure> {
        self.post_if(path, body, None).await
    }

    /// The same, of what still is as it was read.
    pub(super) async fn post_if(
        &self,
        path: &[&str],
        body: &Value,
        if_match: Option<HeaderValue>,
    ) -> Result<Answer, Failure> {
        let mut call = self.with_body(Method::POST, path, body);
        let key = HeaderValue::try_from(Uuid::now_v7().to_string()).map_err(Failure::system("preparing a request"))?;
        call.headers.insert(IDEMPOTENCY_KEY, key);
        if let Some(tag) = if_match {
            call.headers.insert(IF_MATCH, tag);
        }
        self.ask(&call).await
    }

    /// Changes something to a state that it may have already.
    pub(super) async fn patch(&self, path: &[&str], body: &Value) -> Result<Answer, Failure> {
        self.ask(&self.with_body(Method::PATCH, path, body)).await
    }

    /// Opens a stream of server-sent events; none if that cannot be had now.
    pub(super) async fn stream(&self, path: &[&str]) -> Option<Response> {
        let request = self.http.get(self.url(path)).header(ACCEPT, "text/event-stream");
        let opened = tokio::time::timeout(CONNECT * 2, request.send()).await.ok()?.ok()?;
        let kind = opened.headers().get(CONTENT_TYPE)?.to_str().ok()?;
        (opened.status() == StatusCode::OK && kind.starts_with("text/event-stream")).then_some(opened)
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        // which every address with a host has
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["v1", "admin"]).extend(path);
        }
        url
    }

    fn with_body(&self, method: Method, path: &[&str], body: &Value) -> Call {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        Call { method, url: self.url(path), headers, body: Some(body.to_string()) }
    }

    /// Asks until there is an answer, or it has been asked often enough.
    async fn ask(&self, call: &Call) -> Result<Answer, Failure> {
        let mut pauses = PAUSES.into_iter();
        // whether it may have happened, although nobody said so
        let mut sent = false;
        loop {
            let reply = self.once(call).await;
            sent |= reply.as_ref().is_err_and(|error| !error.is_connect());
            let again = match &reply {
                Ok(reply) => reply.retry_after(),
                Err(_) => Some(Duration::ZERO),
            };
            match (again, pauses.next()) {
                (Some(wait), Some(pause)) => tokio::time::sleep(wait.max(pause)).await,
                _ => return self.answer(reply.map_err(|error| self.unreachable(error, sent && call.changes()))?),
            }
        }
    }

    async fn once(&self, call: &Call) -> reqwest::Result<Reply> {
        let mut request = self.http.request(call.method.clone(), call.url.clone()).timeout(ANSWER);
        if let Some(body) = &call.body {
            request = request.body(body.clone());
        }
        let response = request.headers(call.headers.clone()).send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Reply { status, headers, text: response.text().await? })
    }

    fn answer(&self, reply: Reply) -> Result<Answer, Failure> {
        if !reply.status.is_success() {
            return Err(Problem::read(reply.status, &reply.text).into());
        }
        let body = serde_json::from_str(&reply.text).map_err(|_| self.is_something_else())?;
        let etag = reply.headers.get(ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        Ok(Answer { text: reply.text, body, etag })
    }

    fn unreachable(&self, error: reqwest::Error, may_have_happened: bool) -> Failure {
        let mut problem = crate::health::with_causes(&error.without_url());
        if may_have_happened {
            problem.push_str("; it may have happened all the same: see `portal admin audit` before you repeat it");
        }
        Failure::Unreachable { server: self.base.to_string(), problem }
    }

    fn is_something_else(&self) -> Failure {
        let problem = "what it answers is no JSON: is that the portal's API?".to_owned();
        Failure::Unreachable { server: self.base.to_string(), problem }
    }
}

impl Call {
    fn changes(&self) -> bool {
        self.method == Method::PATCH || self.headers.contains_key(IDEMPOTENCY_KEY)
    }
}

impl Reply {
    /// When to ask again, if that may help.
    fn retry_after(&self) -> Option<Duration> {
        let away = [StatusCode::BAD_GATEWAY, StatusCode::SERVICE_UNAVAILABLE, StatusCode::GATEWAY_TIMEOUT];
        let seconds = || self.headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok();
        away.contains(&self.status).then(|| Duration::from_secs(seconds().unwrap_or_default()).min(LONGEST_PAUSE))
    }
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, Failure> {
    let pem = std::fs::read(path).map_err(|source| Failure::File { path: path.to_owned(), source })?;
    let wrong = |problem: String| Failure::Usage { option: "--ca-file", problem };
    let found = Certificate::from_pem_bundle(&pem).map_err(|error| wrong(error.to_string()))?;
    if found.is_empty() {
        return Err(wrong("there is no certificate in it; expected PEM".to_owned()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_no_secrets() {
        for wrong in ["localhost:8080", "ftp://x", "http://", "https://x/?a=b", "https://ada:s3cret@x"] {
            let problem = address(wrong).unwrap_err();
            assert!(!problem.contains("s3cret"), "{problem}");
        }
        assert!(address("https://[::1]:8443/portal/").is_ok());
    }

    #[test]
    fn what_is_asked_for_is_one_segment_below_the_address() {
        let url = |base: &str| {
            let server = Server::new(&address(base).unwrap(), HeaderValue::from_static("x"), None).unwrap();
            server.url(&["jobs", "a/b?c"]).to_string()
        };
        assert_eq!(url("http://x"), "http://x/v1/admin/jobs/a%2Fb%3Fc");
        assert_eq!(url("http://x/portal/"), "http://x/portal/v1/admin/jobs/a%2Fb%3Fc");
    }
}
