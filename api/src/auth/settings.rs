//! What configuration decides about tokens.

use std::time::Duration;

use jsonwebtoken::Algorithm;

/// What a token must be. `portal` fills it from configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The issuer's URL, exactly as it stands in `iss`; discovery appends
    /// `/.well-known/openid-configuration`.
    pub issuer: String,
    /// Where the discovery document is instead, in a network in which the issuer has another name.
    pub discovery_url: Option<String>,
    /// What must be (among) the token's `aud`.
    pub audience: String,
    /// The claim with the caller's tenant. Default `tenant`.
    pub tenant_claim: String,
    /// The keys are fetched again this often. Default 5 min.
    pub refresh_interval: Duration,
    /// An unknown key id fetches the keys at most this often. Default 10 s.
    pub refetch_cooldown: Duration,
    /// Fetching the keys fails after this long. Default 3 s.
    pub fetch_timeout: Duration,
    /// Signature algorithms that are accepted.
    pub algorithms: Vec<SigningAlgorithm>,
    /// Clocks may differ by this much. Default 30 s.
    pub leeway: Duration,
}

impl Settings {
    /// The defaults for an issuer and audience.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            discovery_url: None,
            audience: audience.into(),
            tenant_claim: "tenant".into(),
            refresh_interval: Duration::from_secs(300),
            refetch_cooldown: Duration::from_secs(10),
            fetch_timeout: Duration::from_secs(3),
            algorithms: SigningAlgorithm::ALL.to_vec(),
            leeway: Duration::from_secs(30),
        }
    }
}

/// The asymmetric algorithms. There is no way to configure another: whoever can read a shared
/// secret's key set could sign tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "their names are RFC 7518's")]
pub enum SigningAlgorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

impl SigningAlgorithm {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 9] = [
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::EdDSA,
    ];

    /// By its name in RFC 7518; none for a symmetric or unknown one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| format!("{algorithm:?}") == name)
    }

    pub(super) fn jws(self) -> Algorithm {
        match self {
            Self::RS256 => Algorithm::RS256,
            Self::RS384 => Algorithm::RS384,
            Self::RS512 => Algorithm::RS512,
            Self::PS256 => Algorithm::PS256,
            Self::PS384 => Algorithm::PS384,
            Self::PS512 => Algorithm::PS512,
            Self::ES256 => Algorithm::ES256,
            Self::ES384 => Algorithm::ES384,
            Self::EdDSA => Algorithm::EdDSA,
        }
    }
}
