//! Where an endpoint is.

use url::{Host, Url};

use super::address::is_public;
use super::rules;
use crate::kernel::error::{FieldError, Rejection};
use crate::kernel::input;

/// An absolute URL of http or https, without user, password and fragment, at most 2,000 characters.
///
/// Written as browsers understand it: `http://0x7f.1` is `http://127.0.0.1/`.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::Type)]
#[sqlx(transparent)]
pub struct EndpointUrl(String);

/// What an endpoint may be, as configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Targets {
    /// Only https, and only the public internet.
    #[default]
    Public,
    /// Also http, and also what is inside of our own network.
    Any,
}

impl EndpointUrl {
    /// # Errors
    /// Names `pointer`; codes `required`, `too_long`, `control_character`, `url_malformed`.
    pub fn parse(text: &str, pointer: &str) -> Result<Self, FieldError> {
        let wrong = |detail: &str| input::wrong(pointer, "url_malformed", detail);
        let text = input::line(text, pointer, 2000)?;
        let url = Url::parse(&text).map_err(|_| wrong("must be a URL such as https://example.com/webhooks"))?;
        if !["http", "https"].contains(&url.scheme()) || url.host_str().is_none_or(str::is_empty) {
            return Err(wrong("must begin with https:// and name a host"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("must not hold a user or password; send those as a header"));
        }
        if url.fragment().is_some() {
            return Err(wrong("must not have a fragment: # is never sent"));
        }
        // what it is written as may be longer: é becomes %C3%A9
        input::line(url.as_str(), pointer, 2000).map(Self)
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Says early what would be refused with every attempt. A host's name is looked up only then: it may lead anywhere
    /// by that time.
    pub(super) fn allowed(&self, targets: Targets) -> Result<(), Rejection> {
        let url = Url::parse(&self.0).map_err(|_| rules::url_forbidden("it is no URL"))?;
        match (targets, url.host()) {
            (Targets::Any, _) => Ok(()),
            (Targets::Public, _) if url.scheme() != "https" => Err(rules::url_forbidden("it must begin with https://")),
            (Targets::Public, Some(Host::Ipv4(address))) => public(is_public(address.into())),
            (Targets::Public, Some(Host::Ipv6(address))) => public(is_public(address.into())),
            (Targets::Public, Some(Host::Domain(name))) => public(!is_local(name)),
            (Targets::Public, None) => Err(rules::url_forbidden("it names no host")),
        }
    }
}

fn public(is: bool) -> Result<(), Rejection> {
    if is { Ok(()) } else { Err(rules::url_forbidden("its host must be one of the public internet")) }
}

fn is_local(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_written_as_it_will_be_understood() {
        let parse = |text: &str| EndpointUrl::parse(text, "/url").unwrap().0;
        assert_eq!(parse(" https://Example.com:443/a?b=c "), "https://example.com/a?b=c");
        assert_eq!(parse("http://0x7f.1/"), "http://127.0.0.1/");
        assert_eq!(parse("https://[::FFFF:127.0.0.1]/"), "https://[::ffff:7f00:1]/");
        for bad in [
            "",
            "example.com",
            "/path",
            "ftp://example.com",
            "file:///etc/passwd",
            "https://",
            "https://u:s3cret@example.com",
            "https://u@example.com",
            "https://example.com/#a",
            "https://exa mple.com",
            "javascript:alert(1)",
            &format!("https://example.com/{}", "é".repeat(500)),
        ] {
            let error = EndpointUrl::parse(bad, "/url").unwrap_err();
            assert_eq!(error.pointer, "/url", "{bad}");
            assert!(!error.detail.contains("s3cret"), "{error:?}");
        }
    }

    #[test]
    fn only_what_is_public_is_called_unless_all_may_be() {
        for inside in [
            "http://example.com/",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://[::1]/",
            "https://169.254.169.254/",
            "https://localhost/",
            "https://localhost.:8443/",
            "https://db.localhost/",
            "https://[::ffff:10.0.0.1]/",
        ] {
            let url = EndpointUrl::parse(inside, "/url").unwrap();
            let rejection = url.allowed(Targets::Public).unwrap_err();
            assert_eq!(
                (rejection.code, rejection.fields[0].pointer.as_str()),
                ("webhook_url_forbidden", "/url"),
                "{inside}"
            );
            assert_eq!(url.allowed(Targets::Any), Ok(()), "{inside}");
        }
        for outside in [
            "https://example.com/",
            "https://8.8.8.8/",
            "https://[2606:4700::1111]:8443/",
            "https://localhost.example/",
        ] {
            assert_eq!(EndpointUrl::parse(outside, "").unwrap().allowed(Targets::Public), Ok(()), "{outside}");
        }
    }

    /// What is taken is taken again as it was written, and a refusal names the field.
    #[test]
    fn fuzz_urls() {
        ::fuzz::target(env!("CARGO_MANIFEST_DIR"), "urls", |bytes| {
            match EndpointUrl::parse(&String::from_utf8_lossy(bytes), "/url") {
                Ok(url) => {
                    assert_eq!(EndpointUrl::parse(url.as_str(), "").unwrap(), url);
                    assert!(url.allowed(Targets::Any).is_ok());
                    let _ = url.allowed(Targets::Public);
                }
                Err(error) => assert_eq!(error.pointer, "/url"),
            }
        });
    }
}
