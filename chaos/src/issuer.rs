//! An OpenID Connect issuer that exists for one run.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::response::Json;
use axum::routing::get;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::json;
use tokio::net::TcpListener;

use crate::Result;

/// Whose data the run works on.
pub(crate) const TENANT: &str = "chaos";
const KEY_ID: &str = "chaos";
const VALIDITY: Duration = Duration::from_secs(24 * 60 * 60);

/// Signs tokens; its server publishes the key.
pub(crate) struct Issuer {
    pub(crate) url: String,
    key: EncodingKey,
}

impl Issuer {
    /// Makes a key and serves it, as long as the runtime lives.
    pub(crate) async fn start(port: u16) -> Result<Self> {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
            .map_err(|_| "no key for tokens")?;
        let key = EncodingKey::from_ec_der(pkcs8.as_ref());
        let mut public = Jwk::from_encoding_key(&key, Algorithm::ES256)?;
        public.common.key_id = Some(KEY_ID.to_owned());
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let url = format!("http://127.0.0.1:{port}");
        let discovery = json!({"issuer": url, "jwks_uri": format!("{url}/keys")});
        let keys = serde_json::to_value(JwkSet { keys: vec![public] })?;
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(async move || Json(discovery.clone())))
            .route("/keys", get(async move || Json(keys.clone())));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { url, key })
    }

    /// For somebody with this role.
    pub(crate) fn token(&self, role: &str) -> Result<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let claims = json!({
            "iss": self.url, "aud": "portal-api", "sub": format!("chaos-{role}"), "tenant": TENANT,
            "iat": now.as_secs(), "exp": (now + VALIDITY).as_secs(), "realm_access": {"roles": [role]},
        });
        let header = Header { kid: Some(KEY_ID.to_owned()), ..Header::new(Algorithm::ES256) };
        Ok(jsonwebtoken::encode(&header, &claims, &self.key)?)
    }
}
