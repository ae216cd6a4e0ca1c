//! Requests to the API, each sent until it is answered.

use std::time::Duration;

use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::Value;
use tokio::time::sleep;

use crate::Result;
use crate::world::World;

/// A request is given up after this long, and sent again …
const PATIENCE: Duration = Duration::from_secs(10);
/// … so many times.
const TRIES: usize = 30;

/// The API, for staff and for an operator.
pub(crate) struct Shop {
    http: reqwest::Client,
    api: String,
    staff: String,
    operator: String,
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Who {
    Staff,
    Operator,
}

/// Status and body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Shop {
    pub(crate) fn new(world: &World) -> Result<Self> {
        Ok(Self {
            http: reqwest::Client::builder().timeout(PATIENCE).no_proxy().build()?,
            api: format!("http://{}", world.places.api()),
            staff: format!("Bearer {}", world.issuer.token("portal-staff")?),
            operator: format!("Bearer {}", world.issuer.token("portal-admin")?),
        })
    }

    /// Posts until there is an answer, always under the same idempotency key, which is also the correlation id.
    pub(crate) async fn post(&self, who: Who, path: &str, body: &Value, id: &str) -> Result<Answer> {
        self.ask(who, Method::POST, path, body, id).await
    }

    /// The same for a change that must be accepted.
    pub(crate) async fn done(&self, method: Method, path: &str, body: &Value, id: &str) -> Result<Value> {
        let answer = self.ask(Who::Staff, method, path, body, id).await?;
        if (200..300).contains(&answer.status) {
            return Ok(answer.body);
        }
        Err(format!("{path} was answered {}: {}", answer.status, answer.body).into())
    }

    async fn ask(&self, who: Who, method: Method, path: &str, body: &Value, id: &str) -> Result<Answer> {
        let token = match who {
            Who::Staff => &self.staff,
            Who::Operator => &self.operator,
        };
        let mut last = String::new();
        for _ in 0..TRIES {
            let request = self.http.request(method.clone(), format!("{}{path}", self.api));
            let request = request.header(AUTHORIZATION, token).header(CONTENT_TYPE, "application/json");
            let request = request.header("X-Correlation-Id", id).body(body.to_string());
            let request = if method == Method::POST { request.header("Idempotency-Key", id) } else { request };
            match request.send().await {
                Ok(response) if !response.status().is_server_error() => {
                    let status = response.status().as_u16();
                    match response.json().await {
                        Ok(body) => return Ok(Answer { status, body }),
                        Err(error) => last = error.to_string(),
                    }
                }
                Ok(response) => last = response.status().to_string(),
                Err(error) => last = error.to_string(),
            }
            sleep(Duration::from_millis(200)).await;
        }
        Err(format!("{method} {path} was not answered: {last}").into())
    }
}
