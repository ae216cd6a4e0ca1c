//! The API as a test sees it: requests in, answers out.

use std::sync::Arc;
use std::time::Duration;

use api::auth::{Authenticator, Settings as AuthSettings};
use api::health::BrokerState;
use api::{Settings, State};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use domain::kernel::policy::QueuePolicies;
use domain::kernel::schema;
use domain::{Ctx, Db, Scope};
use serde_json::Value;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::sync::watch;
use tower::ServiceExt;

use crate::tokens::{AUDIENCE, ISSUER, SigningKey, claims};

pub(crate) const VIEWER: &str = "portal-viewer";
pub(crate) const CUSTOMER_TEAM: &str = "portal-customer-team";
pub(crate) const STAFF: &str = "portal-staff";
pub(crate) const ADMIN: &str = "portal-admin";

/// An operator, for commands that are run without a request.
pub(crate) fn admin_ctx() -> Ctx {
    Ctx {
        scope: Scope::Installation,
        actor: "root".parse().unwrap(),
        roles: Vec::new(),
        correlation_id: "test".parse().unwrap(),
        causation_id: "test".into(),
        traceparent: None,
    }
}

pub(crate) struct App {
    router: Router,
    /// To serve it over a socket.
    pub(crate) state: State,
    key: SigningKey,
    issuer: String,
    /// Connected as the owner, to look behind the API.
    pub(crate) owner: PgPool,
    pub(crate) broker: watch::Sender<BrokerState>,
}

impl App {
    /// With tokens of a fixed key and the default limits.
    pub(crate) async fn new(owner: PgPool) -> Self {
        Self::with_settings(owner, Settings::default()).await
    }

    pub(crate) async fn with_settings(owner: PgPool, settings: Settings) -> Self {
        let key = SigningKey::generate();
        let auth = Authenticator::with_keys(AuthSettings::new(ISSUER, AUDIENCE), &key.set());
        Self::with_auth(owner, settings, auth, key, ISSUER).await
    }

    pub(crate) async fn with_auth(
        owner: PgPool,
        settings: Settings,
        auth: Arc<Authenticator>,
        key: SigningKey,
        issuer: &str,
    ) -> Self {
        schema::migrate(&owner).await.unwrap();
        let options = (*owner.connect_options()).clone().username("portal_api").password("portal-test");
        let pool = PgPoolOptions::new().max_connections(8).connect_with(options).await.unwrap();
        let (broker, receiver) = watch::channel(BrokerState::Embedded);
        let state = State { db: Db::new(pool, QueuePolicies::default()), auth, broker: receiver, settings };
        Self { router: api::router(state.clone()), state, key, issuer: issuer.to_owned(), owner, broker }
    }

    /// A token of a user of `tenant` with `role`.
    pub(crate) fn token(&self, role: &str, tenant: &str) -> String {
        self.key.sign(&claims(&self.issuer, role, tenant))
    }

    pub(crate) fn router(&self) -> Router {
        self.router.clone()
    }

    pub(crate) fn call(&self, method: &str, path: &str) -> Call<'_> {
        let method: Method = method.to_uppercase().parse().unwrap();
        Call { app: self, method, path: path.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn get(&self, path: &str) -> Call<'_> {
        self.call("get", path)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Call<'_> {
        self.call("post", path).json(body)
    }

    pub(crate) fn patch(&self, path: &str, body: &Value) -> Call<'_> {
        self.call("patch", path).json(body)
    }

    /// Creates a customer of `demo`.
    pub(crate) async fn customer(&self, email: &str) -> Answer {
        let body = serde_json::json!({"name": "Ada", "email": email});
        let answer = self.post("/v1/customers", &body).role(CUSTOMER_TEAM).send().await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer
    }

    /// Counts rows as the owner, whom row-level security does not stop.
    pub(crate) async fn count(&self, from: &'static str) -> i64 {
        sqlx::query_scalar(sqlx::AssertSqlSafe(format!("select count(*) from {from}")))
            .fetch_one(&self.owner)
            .await
            .unwrap()
    }
}

/// A request being put together.
#[must_use]
pub(crate) struct Call<'a> {
    app: &'a App,
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Call<'_> {
    /// As a user of the tenant `demo`.
    pub(crate) fn role(self, role: &str) -> Self {
        self.user(role, "demo")
    }

    pub(crate) fn user(self, role: &str, tenant: &str) -> Self {
        let token = self.app.token(role, tenant);
        self.token(&token)
    }

    pub(crate) fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.raw(&body.to_string()).header("content-type", "application/json")
    }

    pub(crate) fn raw(mut self, body: &str) -> Self {
        self.body = body.as_bytes().to_vec();
        self
    }

    pub(crate) async fn send(self) -> Answer {
        let mut request = Request::builder().method(self.method).uri(self.path);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        let request = request.body(Body::from(self.body)).unwrap();
        let sent = self.app.router().oneshot(request);
        let response = tokio::time::timeout(Duration::from_secs(30), sent).await.unwrap().unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer { status: parts.status, headers: parts.headers, json, text }
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) json: Value,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The problem's code; empty if it is none.
    pub(crate) fn code(&self) -> &str {
        if self.header("content-type") == "application/problem+json" { self.json["code"].as_str().unwrap() } else { "" }
    }

    /// Status and code, for short assertions.
    pub(crate) fn outcome(&self) -> (u16, &str) {
        (self.status.as_u16(), self.code())
    }

    pub(crate) fn id(&self) -> &str {
        self.json["id"].as_str().unwrap()
    }

    /// `pointer code` of each wrong field, sorted.
    pub(crate) fn errors(&self) -> Vec<String> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let errors = self.json["errors"].as_array().cloned().unwrap_or_default();
        let mut errors: Vec<_> =
            errors.iter().map(|e| format!("{} {}", text(&e["pointer"]), text(&e["code"]))).collect();
        errors.sort();
        errors
    }
}
