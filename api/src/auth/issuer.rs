//! Fetches an issuer's public keys: at the start, every now and then, and when a token names a key
//! that is not known. Keys once fetched stay until newer ones come, so an outage of the issuer
//! locks nobody out.

use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

use jsonwebtoken::Algorithm;
use jsonwebtoken::jwk::JwkSet;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::keys::{Key, KeySet};
use super::{IdentityProviderState, Settings};

/// After a failed fetch the next comes this soon, so that a start beside a slow issuer recovers fast.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// An issuer and its keys.
pub(super) struct Issuer {
    name: String,
    discovery_url: String,
    client: reqwest::Client,
    fetch_timeout: Duration,
    refresh_interval: Duration,
    cooldown: Duration,
    known: RwLock<Known>,
    /// Held while fetching: everybody who needs the same keys waits for one fetch. Remembers when
    /// an unknown key id last caused one.
    fetching: Mutex<Option<Instant>>,
}

#[derive(Default)]
struct Known {
    keys: Option<Arc<KeySet>>,
    failure: Option<String>,
}

/// The result of looking for a key.
pub(super) enum Lookup {
    /// Here it is.
    Found(Arc<Key>),
    /// The issuer does not publish it.
    Unknown,
    /// There were never any keys.
    NoKeys,
}

#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("{0} cannot be fetched: {1}")]
    Http(String, #[source] reqwest::Error),
    #[error("the discovery document names the issuer {found}, not {expected}")]
    OtherIssuer { expected: String, found: String },
    #[error("the key set at {0} has no key that can verify signatures")]
    NoUsableKey(String),
    #[error("it did not answer within {0:?}")]
    TooSlow(Duration),
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

impl Issuer {
    /// Starts fetching, until dropped.
    pub(super) fn start(settings: &Settings) -> Arc<Self> {
        let issuer = Arc::new(Self {
            name: settings.issuer.clone(),
            discovery_url: settings.discovery_url.clone().unwrap_or_else(|| {
                format!("{}/.well-known/openid-configuration", settings.issuer.trim_end_matches('/'))
            }),
            client: client(),
            fetch_timeout: settings.fetch_timeout,
            refresh_interval: settings.refresh_interval,
            cooldown: settings.refetch_cooldown,
            known: RwLock::default(),
            fetching: Mutex::default(),
        });
        tokio::spawn(refresh_until_dropped(Arc::downgrade(&issuer)));
        issuer
    }

    /// Looks a key up, asking the issuer again if it is not known.
    pub(super) async fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Lookup {
        if let Some(key) = self.find_known(id, algorithm) {
            return Lookup::Found(key);
        }
        let mut last = self.fetching.lock().await;
        if let Some(key) = self.find_known(id, algorithm) {
            return Lookup::Found(key); // somebody else's fetch brought it
        }
        // Anybody can invent key ids; the issuer must not be asked for each of them.
        if last.is_none_or(|at| at.elapsed() >= self.cooldown) {
            *last = Some(Instant::now());
            self.fetch().await;
        }
        drop(last);
        match self.find_known(id, algorithm) {
            Some(key) => Lookup::Found(key),
            None if self.keys().is_some() => Lookup::Unknown,
            None => Lookup::NoKeys,
        }
    }

    pub(super) fn state(&self) -> IdentityProviderState {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        match (&known.keys, &known.failure) {
            (Some(_), None) => IdentityProviderState::Up,
            (Some(_), Some(reason)) => IdentityProviderState::Stale { reason: reason.clone() },
            (None, Some(reason)) => IdentityProviderState::Down { reason: reason.clone() },
            (None, None) => IdentityProviderState::Down { reason: "its keys were not fetched yet".into() },
        }
    }

    fn keys(&self) -> Option<Arc<KeySet>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).keys.clone()
    }

    fn find_known(&self, id: Option<&str>, algorithm: Algorithm) -> Option<Arc<Key>> {
        self.keys().and_then(|keys| keys.find(id, algorithm))
    }

    /// Fetches and keeps; says whether it worked.
    async fn fetch(&self) -> bool {
        // Requests wait for this, so it must end.
        let fetched = tokio::time::timeout(self.fetch_timeout, self.fetch_keys()).await;
        let result = fetched.unwrap_or(Err(FetchError::TooSlow(self.fetch_timeout)));
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(keys) => {
                *known = Known { keys: Some(Arc::new(keys)), failure: None };
                true
            }
            Err(error) => {
                let error = with_causes(&error);
                tracing::warn!(error, has_keys = known.keys.is_some(), "the issuer's keys cannot be fetched");
                known.failure = Some(error);
                false
            }
        }
    }

    async fn fetch_keys(&self) -> Result<KeySet, FetchError> {
        let discovery: Discovery = self.get(self.discovery_url.clone()).await?;
        if discovery.issuer != self.name {
            return Err(FetchError::OtherIssuer { expected: self.name.clone(), found: discovery.issuer });
        }
        let keys = KeySet::new(&self.get::<JwkSet>(discovery.jwks_uri.clone()).await?);
        if keys.is_empty() { Err(FetchError::NoUsableKey(discovery.jwks_uri)) } else { Ok(keys) }
    }

    async fn get<T: DeserializeOwned>(&self, url: String) -> Result<T, FetchError> {
        let fetched = async { self.client.get(&url).send().await?.error_for_status()?.json().await };
        fetched.await.map_err(|error| FetchError::Http(url, error.without_url()))
    }
}

async fn refresh_until_dropped(issuer: Weak<Issuer>) {
    loop {
        let Some(issuer) = issuer.upgrade() else { return };
        let fetching = issuer.fetching.lock().await;
        let worked = issuer.fetch().await;
        drop(fetching);
        let wait = if worked { issuer.refresh_interval } else { issuer.refresh_interval.min(RETRY_INTERVAL) };
        drop(issuer);
        tokio::time::sleep(wait).await;
    }
}

/// A client that trusts what the system trusts.
fn client() -> reqwest::Client {
    // Several crates bring a provider each; whoever comes first decides, and all of them do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().build().unwrap_or_else(|error| {
        tracing::warn!(%error, "no CA certificates: https issuers will fail; install ca-certificates or set SSL_CERT_FILE");
        reqwest::Client::builder().tls_certs_only([]).build().unwrap_or_default()
    })
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| {
        let cause = cause.to_string();
        if text.contains(&cause) { text } else { format!("{text}: {cause}") }
    })
}
