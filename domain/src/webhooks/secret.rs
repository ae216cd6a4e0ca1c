//! What an endpoint's deliveries are signed with.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::kernel::error::Error;

/// 32 random bytes; of other programs 24 to 64.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(Vec<u8>);

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("whsec_…")
    }
}

impl SigningSecret {
    /// A new one.
    ///
    /// # Errors
    /// [`Error::Internal`] when the operating system has no random numbers.
    pub fn generate() -> Result<Self, Error> {
        let mut bytes = vec![0; 32];
        getrandom::fill(&mut bytes).map_err(|error| Error::Internal(format!("no random numbers: {error}")))?;
        Ok(Self(bytes))
    }

    pub(super) fn stored(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// What the signature is computed with.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// As the receiver's library takes it: `whsec_` and base64. To be shown once, to whom it was made for.
    pub fn reveal(&self) -> String {
        format!("whsec_{}", STANDARD.encode(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_random_and_not_shown_by_accident() {
        let (one, other) = (SigningSecret::generate().unwrap(), SigningSecret::generate().unwrap());
        assert_ne!(one, other);
        assert_eq!((one.bytes().len(), format!("{one:?}").as_str()), (32, "whsec_…"));
        let text = one.reveal();
        assert_eq!(STANDARD.decode(text.strip_prefix("whsec_").unwrap()).unwrap(), one.bytes());
    }
}
