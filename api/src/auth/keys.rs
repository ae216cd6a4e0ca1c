//! The public keys of an issuer, and which of them may have signed a token.

use std::sync::Arc;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};

use super::verified::Verified;

/// RFC 7518 asks for 2048 bits at least; base64url of 256 bytes has 342 characters.
const RSA_MODULUS_CHARACTERS: usize = 342;

/// The keys of one moment.
pub(super) struct KeySet {
    keys: Vec<Arc<Key>>,
}

/// A key, and the tokens it was found to have signed.
pub(super) struct Key {
    id: Option<String>,
    /// What the key's type and its own `alg` allow. Never a symmetric algorithm.
    algorithms: Vec<Algorithm>,
    pub(super) decoding: DecodingKey,
    pub(super) verified: Verified,
}

impl KeySet {
    /// Takes what can verify signatures and leaves out the rest.
    pub(super) fn new(set: &JwkSet) -> Self {
        Self { keys: set.keys.iter().filter_map(Key::new).map(Arc::new).collect() }
    }

    /// A set without a usable key is no set: it would lock everybody out.
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The key that a token names. A token that names none is fine if only one key can be meant.
    pub(super) fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<Arc<Key>> {
        let fits = |key: &&Arc<Key>| key.algorithms.contains(&algorithm) && (id.is_none() || key.id.as_deref() == id);
        let mut fitting = self.keys.iter().filter(fits);
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Some(key.clone()),
            _ => None,
        }
    }
}

impl Key {
    fn new(jwk: &Jwk) -> Option<Self> {
        let common = &jwk.common;
        let for_signatures = common.public_key_use.as_ref().is_none_or(|u| *u == PublicKeyUse::Signature);
        let verifies = common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify));
        let mut algorithms = of_type(&jwk.algorithm);
        algorithms.retain(|a| common.key_algorithm.is_none_or(|own| own == KeyAlgorithm::from(*a)));
        if !for_signatures || !verifies || algorithms.is_empty() {
            return None;
        }
        let decoding = DecodingKey::from_jwk(jwk).ok()?;
        Some(Self { id: common.key_id.clone(), algorithms, decoding, verified: Verified::default() })
    }
}

/// The algorithm must fit the key's type, or a public key could be taken for a shared secret.
fn of_type(parameters: &AlgorithmParameters) -> Vec<Algorithm> {
    use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    match parameters {
        AlgorithmParameters::RSA(rsa) if rsa.n.len() >= RSA_MODULUS_CHARACTERS => {
            vec![RS256, RS384, RS512, PS256, PS384, PS512]
        }
        AlgorithmParameters::EllipticCurve(ec) => match ec.curve {
            EllipticCurve::P256 => vec![ES256],
            EllipticCurve::P384 => vec![ES384],
            _ => Vec::new(),
        },
        AlgorithmParameters::OctetKeyPair(okp) if okp.curve == EllipticCurve::Ed25519 => vec![EdDSA],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn set(keys: Value) -> KeySet {
        KeySet::new(&serde_json::from_value(json!({ "keys": keys })).unwrap())
    }

    fn ec(id: &str) -> Value {
        json!({"kty": "EC", "crv": "P-256", "kid": id,
               "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})
    }

    #[test]
    fn secrets_and_foreign_keys_are_left_out() {
        let mut encryption = ec("enc");
        encryption["use"] = json!("enc");
        let mut other = ec("other");
        other["alg"] = json!("ES384");
        let keys = set(json!([
            {"kty": "oct", "kid": "secret", "k": "c2VjcmV0"},
            {"kty": "RSA", "kid": "short", "n": "AQAB", "e": "AQAB"},
            {"kty": "new", "kid": "unknown"},
            encryption,
            other
        ]));
        assert!(keys.is_empty());
    }

    #[test]
    fn a_key_fits_its_own_algorithm_only() {
        let keys = set(json!([ec("a")]));
        assert!(keys.find(Some("a"), Algorithm::ES256).is_some());
        for algorithm in [Algorithm::HS256, Algorithm::ES384, Algorithm::RS256] {
            assert!(keys.find(Some("a"), algorithm).is_none(), "{algorithm:?}");
        }
        assert!(keys.find(Some("b"), Algorithm::ES256).is_none());
    }

    #[test]
    fn without_a_key_id_the_key_must_be_the_only_one() {
        assert!(set(json!([ec("a")])).find(None, Algorithm::ES256).is_some());
        assert!(set(json!([ec("a"), ec("b")])).find(None, Algorithm::ES256).is_none());
    }

    /// An issuer may publish anything: what is taken never verifies with a shared secret.
    #[test]
    fn fuzz_key_sets() {
        use Algorithm::{HS256, HS384, HS512};
        fuzz::target(env!("CARGO_MANIFEST_DIR"), "key_sets", |bytes| {
            let Ok(published) = serde_json::from_slice::<JwkSet>(bytes) else { return };
            let set = KeySet::new(&published);
            let ids = set.keys.iter().map(|key| key.id.as_deref()).chain([None, Some("a")]);
            for id in ids.collect::<Vec<_>>() {
                assert!([HS256, HS384, HS512].into_iter().all(|secret| set.find(id, secret).is_none()));
            }
        });
    }
}
