//! What configuration says about the broker.

use std::fmt;
use std::time::Duration;

use lapin::types::ShortString;
use lapin::uri::AMQPUri;

use super::cloudevent::ContentMode;

/// How to reach RabbitMQ and what to tell it.
#[derive(Clone)]
pub struct Settings {
    /// `amqp://user:password@host:5672/vhost`, or `amqps://` with TLS. Without a vhost: `/`.
    /// `?heartbeat=SECONDS` replaces the usual 5: a connection that is silent for twice as long is lost.
    pub url: String,
    /// The topic exchange events are published to; also the prefix of the dead-letter names.
    pub exchange: String,
    /// How an event becomes a message.
    pub content_mode: ContentMode,
    /// A broker that has not confirmed an event for this long is given up, and connected to anew.
    pub confirm_timeout: Duration,
    /// Longest wait between two attempts to connect.
    pub reconnect_max: Duration,
    /// Deliveries of one message to consumers before it is dead-lettered. Part of the queues'
    /// declaration: a queue that exists must be deleted before it can change.
    pub delivery_limit: u32,
    /// Certificates (PEM) to trust for `amqps://`, beside the well-known ones.
    pub ca_certificates: Option<String>,
}

/// A setting that cannot work; names it and says what would.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct SettingsError {
    /// The field of [`Settings`], or `subscriptions`.
    pub key: &'static str,
    /// What is wrong and what would be right. Holds no password.
    pub problem: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            url: "amqp://guest:guest@localhost:5672".to_owned(),
            exchange: "offgrid.portal".to_owned(),
            content_mode: ContentMode::Structured,
            confirm_timeout: Duration::from_secs(30),
            reconnect_max: Duration::from_secs(5),
            delivery_limit: 20,
            ca_certificates: None,
        }
    }
}

impl Settings {
    /// The URL taken apart.
    ///
    /// # Errors
    /// When it is not an AMQP URL, or a number here cannot work.
    pub(super) fn uri(&self) -> Result<AMQPUri, SettingsError> {
        // The parser's own message may quote the URL, password included.
        let example = "expected amqp://user:password@host:5672/vhost, special characters percent-encoded";
        let bad_url = || SettingsError { key: "url", problem: example.to_owned() };
        // The parser would take an IPv6 address for localhost.
        if self.url.contains("//[") || self.url.contains("@[") {
            return Err(SettingsError {
                key: "url",
                problem: "write a host name in place of the IPv6 address".to_owned(),
            });
        }
        // A password with one of these signs in it ends there: the rest, up to the @, would be taken
        // for a virtual host, and shown.
        let (scheme, rest) = self.url.split_once("://").ok_or_else(bad_url)?;
        if !["amqp", "amqps"].contains(&scheme) {
            return Err(bad_url());
        }
        if rest.split_once(['/', '?', '#']).is_some_and(|(_, after)| after.contains('@')) {
            return Err(bad_url());
        }
        let mut uri: AMQPUri = self.url.parse().map_err(|_| bad_url())?;
        if uri.authority.host.is_empty() || ShortString::try_new(uri.vhost.as_str()).is_err() {
            return Err(bad_url());
        }
        if uri.vhost.is_empty() {
            uri.vhost = "/".to_owned();
        }
        uri.query.heartbeat.get_or_insert(5);
        Ok(uri)
    }

    /// Checks what the type does not.
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        let problem = |key, problem: &str| Err(SettingsError { key, problem: problem.to_owned() });
        if !(1..=200).contains(&self.exchange.len()) {
            return problem("exchange", "expected 1 to 200 characters, for example offgrid.portal");
        }
        if self.confirm_timeout.is_zero() {
            return problem("confirm_timeout", "must be longer than zero, for example 30 s");
        }
        if self.reconnect_max.is_zero() {
            return problem("reconnect_max", "must be longer than zero, for example 5 s");
        }
        if self.delivery_limit == 0 || i32::try_from(self.delivery_limit).is_err() {
            return problem("delivery_limit", "must be at least 1, for example 20");
        }
        Ok(())
    }
}

/// `host:port`, and `/vhost` unless it is the usual one: what may be logged of a URL.
pub(super) fn address(uri: &AMQPUri) -> String {
    let (host, port) = (&uri.authority.host, uri.authority.port);
    match uri.vhost.as_str() {
        "/" => format!("{host}:{port}"),
        vhost => format!("{host}:{port}/{vhost}"),
    }
}

// Settings get logged and printed in errors: not the password.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("url", &self.uri().map_or_else(|_| "malformed".to_owned(), |uri| address(&uri)))
            .field("exchange", &self.exchange)
            .field("content_mode", &self.content_mode)
            .field("confirm_timeout", &self.confirm_timeout)
            .field("reconnect_max", &self.reconnect_max)
            .field("delivery_limit", &self.delivery_limit)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_url(url: &str) -> Settings {
        Settings { url: url.to_owned(), ..Settings::default() }
    }

    #[test]
    fn an_empty_vhost_means_the_usual_one() {
        for url in ["amqp://u:p@h", "amqp://u:p@h/", "amqp://u:p@h/%2f"] {
            assert_eq!(with_url(url).uri().unwrap().vhost, "/", "{url}");
        }
        let uri = with_url("amqps://u:p%40@h/shop?heartbeat=3").uri().unwrap();
        assert_eq!(address(&uri), "h:5671/shop");
        assert_eq!(uri.authority.userinfo.password, "p@");
        assert_eq!(uri.query.heartbeat, Some(3));
    }

    #[test]
    fn no_message_contains_the_password() {
        for url in [
            "amqp:secret",
            "http://u:secret@h",
            "amqp://u:secret@h:port",
            "secret",
            "amqp://u:secret@[::1]",
            "amqp://u:1/secret@h",
            "amqp:/h:5672://u:secret@h",
        ] {
            let settings = with_url(url);
            let error = settings.uri().unwrap_err();
            assert!(!format!("{error} {error:?} {settings:?}").contains("secret"), "{error} {settings:?}");
            assert_eq!(error.key, "url");
        }
        assert!(!format!("{:?}", with_url("amqp://u:secret@h")).contains("secret"));
    }

    #[test]
    fn a_zero_is_refused_by_name() {
        let zero = Settings { delivery_limit: 0, ..Settings::default() };
        assert_eq!(zero.check().unwrap_err().key, "delivery_limit");
        let zero = Settings { confirm_timeout: Duration::ZERO, ..Settings::default() };
        assert_eq!(zero.check().unwrap_err().key, "confirm_timeout");
        assert_eq!(Settings::default().check(), Ok(()));
    }

    /// Lines: scheme, user, the rest of the password, the rest of the URL. Nothing that is logged shows
    /// the password, however wrong the URL is.
    #[test]
    fn fuzz_amqp_urls() {
        const SECRET: &str = "Xk9hushQ";
        fuzz::target(env!("CARGO_MANIFEST_DIR"), "amqp_urls", |bytes| {
            let text = String::from_utf8_lossy(bytes);
            let mut lines = text.splitn(4, '\n');
            let mut line = || lines.next().unwrap_or_default();
            let url = format!("{}://{}:{SECRET}{}@{}", line(), line(), line(), line());
            let settings = Settings { url, ..Settings::default() };
            let shown = match settings.uri() {
                Ok(uri) => {
                    assert!(!uri.authority.host.is_empty() && !uri.vhost.is_empty());
                    String::new()
                }
                Err(error) => {
                    assert_eq!(error.key, "url");
                    format!("{error} {error:?}")
                }
            };
            let shown = format!("{shown} {settings:?}");
            assert!(!shown.contains(SECRET), "{shown}");
        });
    }
}
