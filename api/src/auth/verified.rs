//! Tokens that were checked before. Checking a signature costs more than everything else the API
//! does for a request, and callers send the same token again until it expires.
//!
//! Each key remembers its own tokens: a key that its issuer no longer publishes is dropped, and what
//! it signed with it. Issuer and audience stand in the token, which is known by the digest of every
//! byte of it; time passes, so each use looks at the clock.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::claims::Identity;

/// More than this are not remembered at once.
const MOST: usize = 10_000;

/// A token, without keeping it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TokenId([u8; 32]);

impl TokenId {
    pub(super) fn of(token: &str) -> Self {
        Self(Sha256::digest(token).into())
    }
}

/// Whom the tokens of one key stand for.
#[derive(Default)]
pub(super) struct Verified(Mutex<HashMap<TokenId, Entry>>);

struct Entry {
    identity: Identity,
    /// In seconds since 1970, leeway included.
    not_before: u64,
    expires: u64,
}

impl Verified {
    /// Whom the token stands for, if that is known and the token is valid at `now`.
    pub(super) fn get(&self, token: TokenId, now: u64) -> Option<Identity> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.get(&token)?;
        (entry.not_before <= now && now <= entry.expires).then(|| entry.identity.clone())
    }

    /// Remembers a token that counted just now. One whose times are not whole seconds is checked anew
    /// each time.
    pub(super) fn put(&self, token: TokenId, claims: &Map<String, Value>, leeway: Duration, identity: &Identity) {
        let Some(expires) = claims.get("exp").and_then(Value::as_u64) else { return };
        let Some(not_before) = claims.get("nbf").map_or(Some(0), Value::as_u64) else { return };
        let entry = Entry {
            identity: identity.clone(),
            not_before: not_before.saturating_sub(leeway.as_secs()),
            expires: expires.saturating_add(leeway.as_secs()),
        };
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= MOST {
            entries.clear(); // whoever is still there comes back at the price of one check
        }
        entries.insert(token, entry);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const LEEWAY: Duration = Duration::from_secs(30);

    fn remember(verified: &Verified, token: &str, claims: &Value) {
        let mut claims = claims.as_object().unwrap().clone();
        claims.insert("sub".into(), json!("ada"));
        let identity = Identity::read(&claims, "tenant").unwrap();
        verified.put(TokenId::of(token), &claims, LEEWAY, &identity);
    }

    #[test]
    fn a_token_counts_between_its_times_only() {
        let verified = Verified::default();
        remember(&verified, "a", &json!({"nbf": 1000, "exp": 2000}));
        let known = |now| verified.get(TokenId::of("a"), now).is_some();
        assert!(known(970) && known(1500) && known(2030));
        assert!(!known(969) && !known(2031));
    }

    #[test]
    fn another_token_is_not_known() {
        let verified = Verified::default();
        remember(&verified, "a", &json!({"exp": 2000}));
        assert_eq!(verified.get(TokenId::of("a"), 0).unwrap().actor.as_str(), "ada");
        assert!(verified.get(TokenId::of("b"), 0).is_none());
    }

    #[test]
    fn times_that_are_not_understood_are_not_remembered() {
        let verified = Verified::default();
        for odd in [json!({}), json!({"exp": 2000.5}), json!({"exp": "2000"}), json!({"exp": 2000, "nbf": null})] {
            remember(&verified, "a", &odd);
            assert!(verified.get(TokenId::of("a"), 1000).is_none(), "{odd}");
        }
    }

    #[test]
    fn there_are_never_more_than_fit() {
        let verified = Verified::default();
        for n in 0..=MOST {
            remember(&verified, &n.to_string(), &json!({"exp": 2000}));
        }
        assert!(verified.0.lock().unwrap().len() <= MOST);
        assert!(verified.get(TokenId::of(&MOST.to_string()), 0).is_some(), "the newest is there");
    }
}
