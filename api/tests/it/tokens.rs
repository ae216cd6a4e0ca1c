//! Signing keys made for one test, and the tokens they sign.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "http://issuer.test/realms/portal";
pub(crate) const AUDIENCE: &str = "portal-api";

/// An ES256 key with its id.
#[derive(Clone)]
pub(crate) struct SigningKey {
    pub(crate) id: String,
    private: EncodingKey,
    public: Jwk,
}

impl SigningKey {
    pub(crate) fn generate() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        Self::with_id(format!("key-{}", COUNT.fetch_add(1, Ordering::Relaxed)))
    }

    pub(crate) fn with_id(id: String) -> Self {
        let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        let private = EncodingKey::from_ec_der(der.as_ref());
        let mut public = Jwk::from_encoding_key(&private, Algorithm::ES256).unwrap();
        public.common.key_id = Some(id.clone());
        Self { id, private, public }
    }

    pub(crate) fn jwk(&self) -> Jwk {
        self.public.clone()
    }

    pub(crate) fn set(&self) -> JwkSet {
        JwkSet { keys: vec![self.jwk()] }
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        let header = Header { kid: Some(self.id.clone()), ..Header::new(Algorithm::ES256) };
        self.sign_as(&header, claims)
    }

    pub(crate) fn sign_as(&self, header: &Header, claims: &Value) -> String {
        jsonwebtoken::encode(header, claims, &self.private).unwrap()
    }
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// What Keycloak would write for a user of `tenant` with `role`.
pub(crate) fn claims(issuer: &str, role: &str, tenant: &str) -> Value {
    json!({
        "iss": issuer, "aud": ["account", AUDIENCE], "sub": format!("{role}@{tenant}"), "exp": now() + 300,
        "realm_access": {"roles": [role, "offline_access"]}, "tenant": tenant,
        "preferred_username": "ada", "typ": "Bearer", "azp": "portal-web"
    })
}
