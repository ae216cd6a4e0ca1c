//! Sends a delivery over HTTP, and reads the beginning of the answer.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use chrono::Utc;
use domain::webhooks::{DeliverWebhook, Outgoing};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url};
use tokio::time::Instant;

use super::gates::Gates;
use super::guard::{Forbidden, Guard, Lookup, system_lookup};
use super::settings::Settings;
use super::{body, retry_after, sign};
use crate::causes::with_causes;
use crate::runtime::JobError;

/// A connection that is not there by then will not be.
const CONNECT: Duration = Duration::from_secs(10);
const USER_AGENT: &str = concat!("offgrid-portal/", env!("CARGO_PKG_VERSION"));

/// Sends webhooks as configured.
pub struct Sender {
    settings: Settings,
    guard: Arc<Guard>,
    /// Made when it is first needed: most processes never do.
    client: OnceLock<Result<Client, String>>,
    gates: Gates,
}

/// What became of an attempt.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    /// Of the answer; none if there was none.
    pub(super) status: Option<u16>,
    /// The beginning of the answer's body.
    pub(super) response: String,
    /// Class and message, if it was not taken.
    pub(super) failure: Option<(&'static str, String)>,
    /// How long the endpoint wants to be left alone.
    pub(super) retry_after: Option<Duration>,
}

/// What is sent to each place that a delivery is sent to.
struct Request {
    body: Vec<u8>,
    /// Ours.
    headers: HeaderMap,
    /// The endpoint's; only it gets them.
    own: HeaderMap,
}

impl Default for Sender {
    fn default() -> Self {
        Self::new(Settings::default())
    }
}

impl Sender {
    /// Connects to nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self::with_lookup(settings, system_lookup())
    }

    /// The same with another way to look up names.
    pub fn with_lookup(settings: Settings, lookup: Lookup) -> Self {
        let guard = Arc::new(Guard::new(settings.targets, lookup));
        Self { gates: Gates::new(&settings), guard, client: OnceLock::new(), settings }
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(super) fn gates(&self) -> &Gates {
        &self.gates
    }

    /// Sends it; that the endpoint does not take it is no error.
    ///
    /// # Errors
    /// When it cannot be sent by anybody.
    pub(super) async fn send(&self, job: &DeliverWebhook, outgoing: &Outgoing) -> Result<Sent, JobError> {
        let internal = |message: String| JobError::Transient { class: "internal", message };
        let client = self.client.get_or_init(|| self.build()).as_ref().map_err(|error| internal(error.clone()))?;
        let request = Request::new(job, outgoing).map_err(internal)?;
        let until = Instant::now() + self.settings.timeout;
        let answer = tokio::time::timeout_at(until, self.follow(client, &outgoing.url, &request)).await;
        Ok(match answer {
            Ok(Ok(response)) => self.answered(response, until).await,
            Ok(Err((class, message))) => Sent::without_answer(class, message),
            Err(_) => Sent::without_answer("timeout", format!("it did not answer within {:?}", self.settings.timeout)),
        })
    }

    fn build(&self) -> Result<Client, String> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .user_agent(USER_AGENT)
            .redirect(reqwest::redirect::Policy::none())
            // what is configured for the process would look up names itself
            .no_proxy()
            .dns_resolver(self.guard.clone())
            .connect_timeout(CONNECT.min(self.settings.timeout));
        client.build().map_err(|error| with_causes(&error))
    }

    /// The first answer that does not send us elsewhere; where we are sent to is checked like the first place.
    async fn follow(&self, client: &Client, url: &str, request: &Request) -> Result<Response, (&'static str, String)> {
        let forbidden = |error: Forbidden| ("address_forbidden", error.to_string());
        let mut url: Url = url.parse().map_err(|error| ("url_malformed", format!("it is no URL: {error}")))?;
        let origin = url.origin();
        let mut left = self.settings.max_redirects;
        loop {
            self.guard.check(&url).map_err(forbidden)?;
            let call = client.post(url.clone()).headers(request.headers.clone()).body(request.body.clone());
            let call = if url.origin() == origin { call.headers(request.own.clone()) } else { call };
            let response = call.send().await.map_err(unanswered)?;
            match elsewhere(&response, &url) {
                Some(next) if left > 0 => url = next,
                _ => return Ok(response),
            }
            left -= 1;
        }
    }

    async fn answered(&self, mut response: Response, until: Instant) -> Sent {
        let status = response.status();
        let said = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let longest = self.settings.retry_after_max;
        let retry_after = said.and_then(|value| retry_after::parse(value, SystemTime::now(), longest));
        let mut bytes = Vec::new();
        // the status has decided: an answer that does not end changes nothing any more
        while bytes.len() < self.settings.response_bytes {
            match tokio::time::timeout_at(until, response.chunk()).await {
                Ok(Ok(Some(chunk))) => bytes.extend_from_slice(&chunk),
                _ => break,
            }
        }
        bytes.truncate(self.settings.response_bytes);
        Sent {
            status: Some(status.as_u16()),
            response: storable(&bytes),
            failure: refusal(status).map(|class| (class, format!("it answered {status}"))),
            retry_after,
        }
    }
}

impl Sent {
    fn without_answer(class: &'static str, message: String) -> Self {
        Self { status: None, response: String::new(), failure: Some((class, message)), retry_after: None }
    }
}

impl Request {
    fn new(job: &DeliverWebhook, outgoing: &Outgoing) -> Result<Self, String> {
        let body = body::of(&job.event).map_err(|error| error.to_string())?;
        let (id, timestamp) = (job.delivery.to_string(), Utc::now().timestamp());
        let keys = outgoing.secrets.iter().map(|secret| secret.bytes());
        let signature = sign::signature(keys, &id, timestamp, &body);
        let value = |text: &str| HeaderValue::from_str(text).map_err(|error| error.to_string());
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(body::CONTENT_TYPE));
        headers.insert(HeaderName::from_static("webhook-id"), value(&id)?);
        headers.insert(HeaderName::from_static("webhook-timestamp"), value(&timestamp.to_string())?);
        headers.insert(HeaderName::from_static("webhook-signature"), value(&signature)?);
        let mut own = HeaderMap::new();
        for header in &outgoing.headers {
            let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|error| error.to_string())?;
            // never shown by whatever logs requests
            let mut value = value(&header.value)?;
            value.set_sensitive(true);
            if !headers.contains_key(&name) {
                own.insert(name, value);
            }
        }
        Ok(Self { body, headers, own })
    }
}

/// Where to send the same again; not where another method would have to be used.
fn elsewhere(response: &Response, from: &Url) -> Option<Url> {
    if ![StatusCode::TEMPORARY_REDIRECT, StatusCode::PERMANENT_REDIRECT].contains(&response.status()) {
        return None;
    }
    from.join(response.headers().get(LOCATION)?.to_str().ok()?).ok()
}

/// What sort of "no" a status is.
fn refusal(status: StatusCode) -> Option<&'static str> {
    match status.as_u16() {
        200..=299 => None,
        300..=399 => Some("http_3xx"),
        410 => Some("gone"),
        400..=499 => Some("http_4xx"),
        500..=599 => Some("http_5xx"),
        _ => Some("http_other"),
    }
}

/// Never repeats the URL: it may hold a token.
fn unanswered(error: reqwest::Error) -> (&'static str, String) {
    let error = error.without_url();
    let mut causes = std::iter::successors(std::error::Error::source(&error), |cause| cause.source());
    if let Some(forbidden) = causes.find_map(|cause| cause.downcast_ref::<Forbidden>()) {
        return ("address_forbidden", forbidden.to_string());
    }
    let class = if error.is_timeout() {
        "timeout"
    } else if error.is_connect() {
        "unreachable"
    } else {
        "broken_off"
    };
    (class, with_causes(&error))
}

/// PostgreSQL takes no text with NUL.
fn storable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\0', "\u{fffd}")
}
