//! Who asks: bearer tokens of an OpenID Connect issuer.
//!
//! [`access`] gives handlers their caller: it takes the token from the request, [`Authenticator`]
//! checks it against the keys ([`issuer`] fetches them, [`keys`] holds them), [`claims`] reads
//! subject, tenant and roles out of it, [`verified`] remembers that until the token expires, and the
//! role decides whether the route is open.

mod access;
mod claims;
mod issuer;
mod keys;
mod role;
mod settings;
mod verified;

use std::sync::Arc;

pub(crate) use access::{Admin, CustomerTeam, Staff, Viewer};
use axum::http::StatusCode;
use axum::http::header::WWW_AUTHENTICATE;
pub(crate) use claims::Identity;
use issuer::{Issuer, Lookup};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, Header, Validation};
use keys::KeySet;
pub use role::Role;
pub use settings::{Settings, SigningAlgorithm};
use verified::TokenId;

use crate::problem::Problem;

/// Where the keys come from.
enum KeySource {
    /// Fetched from the issuer.
    Issuer(Arc<Issuer>),
    /// Known from the start.
    Fixed(Arc<KeySet>),
}

/// What readiness says about the issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentityProviderState {
    /// Keys are at hand, and the last fetch worked.
    Up,
    /// The last fetch failed; the keys from before still count.
    Stale {
        /// Why, for the log and the operator.
        reason: String,
    },
    /// There were never any keys: every token is answered 503.
    Down {
        /// Why, for the log and the operator.
        reason: String,
    },
    /// Keys are fixed; no issuer is asked.
    NotUsed,
}

/// Checks tokens.
pub struct Authenticator {
    settings: Settings,
    keys: KeySource,
}

impl Authenticator {
    /// Fetches keys from the issuer, now and then again, until dropped. Call it inside of a tokio
    /// runtime; it does not wait, and an issuer that is down does not matter yet.
    pub fn from_issuer(settings: Settings) -> Arc<Self> {
        let keys = KeySource::Issuer(Issuer::start(&settings));
        Arc::new(Self { settings, keys })
    }

    /// Uses these public keys for ever, as `portal dev` does with the key it made.
    pub fn with_keys(settings: Settings, keys: &JwkSet) -> Arc<Self> {
        Arc::new(Self { settings, keys: KeySource::Fixed(Arc::new(KeySet::new(keys))) })
    }

    /// How the issuer is.
    pub fn state(&self) -> IdentityProviderState {
        match &self.keys {
            KeySource::Fixed(_) => IdentityProviderState::NotUsed,
            KeySource::Issuer(issuer) => issuer.state(),
        }
    }

    /// Reads a token.
    ///
    /// # Errors
    /// 401 `token_invalid` or `token_expired`; 503 `identity_provider_unavailable` while there are
    /// no keys to check it with.
    pub(crate) async fn identify(&self, token: &str) -> Result<Identity, Problem> {
        let header = jsonwebtoken::decode_header(token)
            .map_err(|_| invalid("it is not a JWT signed with an asymmetric algorithm"))?;
        let algorithm = self.accepted(&header)?;
        let key = match &self.keys {
            KeySource::Fixed(keys) => keys.find(header.kid.as_deref(), algorithm),
            KeySource::Issuer(issuer) => match issuer.find(header.kid.as_deref(), algorithm).await {
                Lookup::Found(key) => Some(key),
                Lookup::Unknown => None,
                Lookup::NoKeys => return Err(unavailable()),
            },
        };
        let key = key.ok_or_else(|| invalid("it is signed with a key that its issuer does not publish"))?;
        let id = TokenId::of(token);
        if let Some(identity) = key.verified.get(id, jsonwebtoken::get_current_timestamp()) {
            return Ok(identity);
        }
        let decoded = jsonwebtoken::decode(token, &key.decoding, &self.validation(algorithm));
        let claims = decoded.map_err(|e| refused(e.kind()))?.claims;
        let identity = Identity::read(&claims, &self.settings.tenant_claim)?;
        key.verified.put(id, &claims, self.settings.leeway, &identity);
        Ok(identity)
    }

    fn accepted(&self, header: &Header) -> Result<Algorithm, Problem> {
        let known = self.settings.algorithms.iter().map(|a| a.jws()).find(|a| *a == header.alg);
        let algorithm = known.ok_or_else(|| invalid("its signature algorithm is not accepted"))?;
        // RFC 7515: an extension that must be understood, and is not, invalidates the token.
        if header.crit.is_some() {
            return Err(invalid("its header has critical extensions"));
        }
        Ok(algorithm)
    }

    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.leeway = self.settings.leeway.as_secs();
        validation.validate_nbf = true;
        validation.set_issuer(&[&self.settings.issuer]);
        validation.set_audience(&[&self.settings.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation
    }
}

fn refused(kind: &ErrorKind) -> Problem {
    let why = match kind {
        ErrorKind::ExpiredSignature => {
            return unauthorized("token_expired", "invalid_token", "the token has expired; get a new one");
        }
        ErrorKind::ImmatureSignature => "it is not valid yet",
        ErrorKind::InvalidIssuer => "another issuer made it",
        ErrorKind::InvalidAudience => "it is meant for another audience",
        ErrorKind::InvalidSignature => "its signature does not fit",
        ErrorKind::MissingRequiredClaim(_) => "it lacks one of the claims exp, iss, aud, sub",
        _ => "it is malformed",
    };
    invalid(why)
}

/// 401 for a token that is there but does not count.
fn invalid(why: &str) -> Problem {
    unauthorized("token_invalid", "invalid_token", &format!("the token is not accepted: {why}"))
}

/// 401 with the challenge of RFC 6750.
fn unauthorized(code: &'static str, error: &str, detail: &str) -> Problem {
    let challenge = format!("Bearer realm=\"portal\", error=\"{error}\", error_description=\"{detail}\"");
    Problem::new(StatusCode::UNAUTHORIZED, code, detail).with_header(WWW_AUTHENTICATE, &challenge)
}

fn unavailable() -> Problem {
    Problem::unavailable(
        "identity_provider_unavailable",
        "tokens cannot be checked: the identity provider was not reachable since this server started",
        5,
    )
}
