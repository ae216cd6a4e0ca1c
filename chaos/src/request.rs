//! The commands that clients issue.

use std::time::Duration;

use fastrand::Rng;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, IF_MATCH};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::Result;
use crate::history::Outcome;
use crate::issuer::Issuer;

/// A client gives a request up after this long.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is asked; the comment says what is normally answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    /// 201
    Create,
    /// 200; 409 if it is suspended
    Suspend(Uuid),
    /// 200; 409 if it is active
    Reinstate(Uuid),
    /// 200; carries no idempotency key
    Rename(Uuid),
    /// 422: no reason
    Senseless(Uuid),
    /// 404
    Unknown,
    /// 412
    Outdated(Uuid),
    /// 403: only a viewer's token
    Forbidden(Uuid),
}

impl Ask {
    /// Mostly what can be done to a customer that is `suspended` or not, as far as one knows.
    pub(crate) fn choose(rng: &mut Rng, customer: Uuid, suspended: bool) -> Self {
        match rng.u32(0..100) {
            0..3 => Self::Create,
            3..4 => Self::Senseless(customer),
            4..5 => Self::Unknown,
            5..6 => Self::Outdated(customer),
            6..7 => Self::Forbidden(customer),
            7..17 => Self::Rename(customer),
            17..22 if suspended => Self::Suspend(customer),
            17..22 => Self::Reinstate(customer),
            _ if suspended => Self::Reinstate(customer),
            _ => Self::Suspend(customer),
        }
    }

    /// Whether it can be sent again without harm.
    pub(crate) fn has_key(self) -> bool {
        !matches!(self, Self::Rename(_))
    }

    fn route(self) -> (Method, String) {
        let of = |id: Uuid, action: &str| format!("/v1/customers/{id}{action}");
        match self {
            Self::Create => (Method::POST, "/v1/customers".to_owned()),
            Self::Suspend(id) | Self::Senseless(id) | Self::Outdated(id) | Self::Forbidden(id) => {
                (Method::POST, of(id, "/suspend"))
            }
            Self::Reinstate(id) => (Method::POST, of(id, "/reinstate")),
            Self::Rename(id) => (Method::PATCH, of(id, "")),
            Self::Unknown => (Method::POST, of(Uuid::nil(), "/suspend")),
        }
    }

    /// The command's id makes values unique.
    fn body(self, id: &str) -> Value {
        match self {
            Self::Create => json!({"name": format!("Customer {id}"), "email": format!("{id}@example.com")}),
            Self::Rename(_) => json!({"name": format!("Renamed by {id}")}),
            Self::Reinstate(_) => json!({}),
            Self::Senseless(_) => json!({"reason": ""}),
            Self::Suspend(_) | Self::Unknown | Self::Outdated(_) | Self::Forbidden(_) => {
                json!({"reason": format!("because of {id}")})
            }
        }
    }
}

/// How one request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The server said yes or no.
    Final(Outcome),
    /// It was never sent: nobody listened.
    Unsent,
    /// Anything may have happened.
    Lost,
}

/// Sends requests to one API.
pub(crate) struct Sender {
    http: reqwest::Client,
    api: String,
    team: String,
    viewer: String,
}

impl Sender {
    pub(crate) fn new(api: &str, issuer: &Issuer) -> Result<Self> {
        Ok(Self {
            http: reqwest::Client::builder().timeout(PATIENCE).no_proxy().build()?,
            api: format!("http://{api}"),
            team: format!("Bearer {}", issuer.token("portal-customer-team")?),
            viewer: format!("Bearer {}", issuer.token("portal-viewer")?),
        })
    }

    /// Whether the API serves requests.
    pub(crate) async fn is_ready(&self) -> bool {
        let ready = self.http.get(format!("{}/health/ready", self.api)).send().await;
        ready.is_ok_and(|response| response.status().is_success())
    }

    /// Sends a command once.
    pub(crate) async fn send(&self, ask: Ask, id: &str) -> Answer {
        let response = match self.request(ask, id).send().await {
            Ok(response) => response,
            Err(error) if error.is_connect() => return Answer::Unsent,
            Err(_) => return Answer::Lost,
        };
        let status = response.status();
        if status.is_client_error() {
            return Answer::Final(Outcome::Refused { status: status.as_u16() });
        }
        let Ok(body) = response.json::<Value>().await else { return Answer::Lost };
        let (aggregate, version) = (body["id"].as_str().and_then(|id| id.parse().ok()), body["version"].as_i64());
        match (status.is_success(), aggregate, version) {
            (true, Some(aggregate), Some(version)) => Answer::Final(Outcome::Acknowledged { aggregate, version }),
            _ => Answer::Lost,
        }
    }

    fn request(&self, ask: Ask, id: &str) -> RequestBuilder {
        let (method, path) = ask.route();
        let token = if matches!(ask, Ask::Forbidden(_)) { &self.viewer } else { &self.team };
        let request = self.http.request(method, format!("{}{path}", self.api));
        let request = request.header(AUTHORIZATION, token).header(CONTENT_TYPE, "application/json");
        let request = request.header("X-Correlation-Id", id).body(ask.body(id).to_string());
        let request = if ask.has_key() { request.header("Idempotency-Key", id) } else { request };
        if matches!(ask, Ask::Outdated(_)) { request.header(IF_MATCH, "\"0\"") } else { request }
    }
}
