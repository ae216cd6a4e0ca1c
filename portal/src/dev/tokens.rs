//! Tokens of an issuer that exists only while this process does. The key is made at start, kept in
//! memory, and gone afterwards.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use api::auth::{Role, Settings};
use api::examples::TENANT;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::json;

use crate::config::Auth;
use crate::failure::Failure;

/// A working day, with some reserve.
pub(super) const VALIDITY: Duration = Duration::from_secs(12 * 60 * 60);
/// Not a URL: nobody can be asked for it.
const ISSUER: &str = "urn:offgrid:portal:dev";
const KEY_ID: &str = "portal-dev";

/// Signs tokens, and knows how to check them.
pub(super) struct Issuer {
    key: EncodingKey,
    public: JwkSet,
    settings: Settings,
}

impl Issuer {
    /// With a new key. Audience and tenant claim are the configured ones.
    pub(super) fn new(auth: &Auth) -> Result<Self, Failure> {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
            .map_err(Failure::system("making a key for tokens"))?;
        let key = EncodingKey::from_ec_der(pkcs8.as_ref());
        let mut public =
            Jwk::from_encoding_key(&key, Algorithm::ES256).map_err(Failure::system("making a key for tokens"))?;
        public.common.key_id = Some(KEY_ID.into());
        let settings =
            Settings { tenant_claim: auth.tenant_claim.clone(), ..Settings::new(ISSUER, auth.audience.clone()) };
        Ok(Self { key, public: JwkSet { keys: vec![public] }, settings })
    }

    /// What the API must expect of a token.
    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What it checks signatures with.
    pub(super) fn public_keys(&self) -> &JwkSet {
        &self.public
    }

    /// A token for somebody with this role in the tenant that has the demo data.
    pub(super) fn token(&self, role: Role) -> Result<String, Failure> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let claims = json!({
            "iss": self.settings.issuer,
            "aud": self.settings.audience,
            "sub": role.name().replace("portal-", "dev-"),
            "iat": now.as_secs(),
            "exp": (now + VALIDITY).as_secs(),
            "realm_access": { "roles": [role.name()] },
            &self.settings.tenant_claim: TENANT,
        });
        let header = Header { kid: Some(KEY_ID.into()), ..Header::new(Algorithm::ES256) };
        jsonwebtoken::encode(&header, &claims, &self.key).map_err(Failure::system("signing a token"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_key_has_no_private_part() {
        let auth = crate::config::Config::load(None, []).unwrap().auth;
        let issuer = Issuer::new(&auth).unwrap();
        let mut key = serde_json::to_value(&issuer.public_keys().keys[0]).unwrap();
        let members = key.as_object_mut().unwrap();
        assert!(members.remove("x").is_some() && members.remove("y").is_some());
        assert_eq!(key, json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "portal-dev"}));
    }
}
