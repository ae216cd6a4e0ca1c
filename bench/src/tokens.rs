//! An OpenID Connect issuer of the run's own: a key made at the start, its public half on a port of
//! its own, and the tokens it signs (ES256).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use crate::Result;

/// No run takes longer.
const VALIDITY: Duration = Duration::from_secs(4 * 60 * 60);
const KEY_ID: &str = "bench";
/// The tenant whose customers are measured.
pub(crate) const TENANT: &str = "bench";

pub(crate) struct Issuer {
    /// As it stands in the tokens.
    pub(crate) url: String,
    key: EncodingKey,
    server: AbortHandle,
}

impl Issuer {
    pub(crate) async fn start() -> Result<Self> {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
            .map_err(|_| "no key could be made")?;
        let key = EncodingKey::from_ec_der(pkcs8.as_ref());
        let mut public = Jwk::from_encoding_key(&key, Algorithm::ES256)?;
        public.common.key_id = Some(KEY_ID.into());
        let keys = serde_json::to_value(JwkSet { keys: vec![public] })?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/realms/bench", listener.local_addr()?);
        let discovery = json!({"issuer": url, "jwks_uri": format!("{url}/certs")});
        let server = tokio::spawn(serve(listener, discovery, keys)).abort_handle();
        Ok(Self { url, key, server })
    }

    /// For somebody with this role in [`TENANT`].
    pub(crate) fn token(&self, role: &str) -> Result<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let claims = json!({
            "iss": self.url, "aud": ["account", "portal-api"], "sub": format!("{role}@bench"),
            "iat": now.as_secs(), "exp": (now + VALIDITY).as_secs(),
            "realm_access": {"roles": [role, "offline_access"]}, "tenant": TENANT,
            "preferred_username": "ada", "typ": "Bearer", "azp": "portal-web",
        });
        let header = Header { kid: Some(KEY_ID.into()), ..Header::new(Algorithm::ES256) };
        Ok(jsonwebtoken::encode(&header, &claims, &self.key)?)
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, discovery: Value, keys: Value) {
    while let Ok((stream, _)) = listener.accept().await {
        // the API asks again if one answer fails
        let _ = answer(stream, &discovery, &keys).await;
    }
}

/// One request per connection.
async fn answer(mut stream: TcpStream, discovery: &Value, keys: &Value) -> std::io::Result<()> {
    let mut request = vec![0; 4096];
    let read = stream.read(&mut request).await?;
    let path = String::from_utf8_lossy(&request[..read]);
    let body = if path.starts_with("GET /realms/bench/certs ") { keys } else { discovery }.to_string();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).await?;
    stream.shutdown().await
}
