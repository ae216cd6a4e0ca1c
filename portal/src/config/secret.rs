//! URLs with passwords: usable, but never shown.

use std::fmt;

use serde::Deserialize;

/// A URL that may carry a password. `Debug` and `Display` hide it; [`expose`](Self::expose) does not.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct SecretUrl(String);

impl SecretUrl {
    /// The URL itself: to connect with, never to print.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// Whether none is configured.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[cfg(test)]
    pub(crate) fn new(url: &str) -> Self {
        Self(url.to_owned())
    }
}

impl fmt::Display for SecretUrl {
    /// Scheme, user, host and path. A query is hidden, as it may hold a password too, and so is
    /// everything of a text that could be read in more than one way.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("(none)");
        }
        let Some((scheme, rest)) = self.0.split_once("://") else {
            return f.write_str("(hidden)");
        };
        let (login, rest) = rest.rsplit_once('@').unwrap_or(("", rest));
        if login.contains(['/', '?', '#']) {
            return write!(f, "{scheme}://(hidden)");
        }
        let address = rest.split(['?', '#']).next().unwrap_or_default();
        match login.split_once(':') {
            Some((user, _)) => write!(f, "{scheme}://{user}:***@{address}"),
            None if login.is_empty() => write!(f, "{scheme}://{address}"),
            None => write!(f, "{scheme}://{login}@{address}"),
        }
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        let shown = |url: &str| format!("{0} {0:?}", SecretUrl::new(url));
        for url in [
            "postgres://portal_api:s3cret@db:5432/portal",
            "postgres://portal_api:s3cret?with#odd/signs@db:5432/portal",
            "postgres://portal_api:more@s3cret@db/portal",
            "postgres://portal_api@db/portal?password=s3cret",
            "postgres://db/portal?user=a@b&password=s3cret",
            "s3cret",
            "postgres:s3cret",
        ] {
            assert!(!shown(url).contains("s3cret"), "{url}: {}", shown(url));
        }
        assert_eq!(
            shown("amqp://guest:guest@mq:5672/%2f"),
            "amqp://guest:***@mq:5672/%2f amqp://guest:***@mq:5672/%2f"
        );
        assert_eq!(shown(""), "(none) (none)");
    }
}
