//! An OpenID Connect issuer on a port of its own, which can go down and change its keys.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Json;
use axum::routing::get;
use jsonwebtoken::jwk::JwkSet;
use serde_json::{Value, json};

use crate::tokens::SigningKey;

#[derive(Clone)]
pub(crate) struct TestIssuer {
    /// Where it answers.
    pub(crate) url: String,
    /// What it calls itself.
    name: String,
    shared: Arc<Shared>,
}

struct Shared {
    keys: Mutex<Value>,
    up: AtomicBool,
    fetches: AtomicU32,
}

impl TestIssuer {
    /// It calls itself as it can be reached.
    pub(crate) async fn start(keys: &JwkSet) -> Self {
        Self::named(None, keys).await
    }

    /// It calls itself `name`, if there is one.
    pub(crate) async fn named(name: Option<&str>, keys: &JwkSet) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/realms/portal", listener.local_addr().unwrap());
        let name = name.unwrap_or(&url).to_owned();
        let shared = Arc::new(Shared {
            keys: Mutex::new(serde_json::to_value(keys).unwrap()),
            up: AtomicBool::new(true),
            fetches: AtomicU32::new(0),
        });
        let issuer = Self { url, name, shared };
        let router = Router::new()
            .route("/realms/portal/.well-known/openid-configuration", get(discovery))
            .route("/realms/portal/certs", get(certs))
            .with_state(issuer.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        issuer
    }

    pub(crate) fn publish(&self, keys: &[&SigningKey]) {
        let keys = keys.iter().map(|key| key.jwk()).collect();
        self.publish_raw(serde_json::to_value(JwkSet { keys }).unwrap());
    }

    pub(crate) fn publish_raw(&self, keys: Value) {
        *self.shared.keys.lock().unwrap() = keys;
    }

    pub(crate) fn set_up(&self, up: bool) {
        self.shared.up.store(up, Ordering::SeqCst);
    }

    /// How often the keys were asked for.
    pub(crate) fn fetches(&self) -> u32 {
        self.shared.fetches.load(Ordering::SeqCst)
    }
}

async fn discovery(State(issuer): State<TestIssuer>) -> Result<Json<Value>, StatusCode> {
    issuer.shared.fetches.fetch_add(1, Ordering::SeqCst);
    if !issuer.shared.up.load(Ordering::SeqCst) {
        return Err(StatusCode::BAD_GATEWAY);
    }
    Ok(Json(json!({"issuer": issuer.name, "jwks_uri": format!("{}/certs", issuer.url)})))
}

async fn certs(State(issuer): State<TestIssuer>) -> Json<Value> {
    Json(issuer.shared.keys.lock().unwrap().clone())
}
