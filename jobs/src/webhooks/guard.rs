//! Where a webhook may go: not into our own network, unless that is configured.
//!
//! A name is looked up once for a connection, and the connection goes to one of the addresses that were looked at
//! here: a name that leads elsewhere with the next look (DNS rebinding) is looked at again. Addresses in URLs are not
//! looked up; they are checked with the URL, as is every place that a redirect leads to.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use domain::webhooks::{Targets, is_public};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// The addresses of a name.
pub type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// As the operating system knows them.
pub fn system_lookup() -> Lookup {
    Arc::new(|name| async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) }.boxed())
}

/// Somebody wants us to go where we do not go.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Forbidden {
    #[error("{0} is not called: only https:// is")]
    Scheme(String),
    #[error("{0} is not called: it is no address of the public internet")]
    Address(String),
    #[error("{0} is not called: none of its addresses is one of the public internet")]
    Name(String),
    #[error("the URL names no host")]
    NoHost,
}

/// Looks names up, and lets only addresses through that may be called.
pub(super) struct Guard {
    targets: Targets,
    lookup: Lookup,
}

impl Guard {
    pub(super) fn new(targets: Targets, lookup: Lookup) -> Self {
        Self { targets, lookup }
    }

    /// Whether a URL may be called, as far as itself says.
    pub(super) fn check(&self, url: &Url) -> Result<(), Forbidden> {
        let host = url.host_str().ok_or(Forbidden::NoHost)?;
        if self.targets == Targets::Any {
            return Ok(());
        }
        if url.scheme() != "https" {
            return Err(Forbidden::Scheme(format!("{}://{host}", url.scheme())));
        }
        match host.trim_matches(['[', ']']).parse() {
            Ok(address) if !is_public(address) => Err(Forbidden::Address(host.to_owned())),
            _ => Ok(()),
        }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let (targets, name) = (self.targets, name.as_str().to_owned());
        let found = (self.lookup)(name.clone());
        Box::pin(async move {
            let found = found.await?;
            let allowed = found.into_iter().filter(|at| targets == Targets::Any || is_public(at.ip()));
            let allowed: Vec<SocketAddr> = allowed.collect();
            if allowed.is_empty() {
                return Err(Forbidden::Name(name).into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Answers with these, one after another.
    fn answers(all: &[&[&str]]) -> Lookup {
        let answers =
            all.iter().rev().map(|one| one.iter().map(|at| SocketAddr::new(at.parse().unwrap(), 0)).collect());
        let answers: Mutex<Vec<Vec<SocketAddr>>> = Mutex::new(answers.collect());
        Arc::new(move |_| std::future::ready(Ok(answers.lock().unwrap().pop().unwrap())).boxed())
    }

    async fn resolve(guard: &Guard) -> Result<Vec<String>, String> {
        let found = guard.resolve("rebound.example".parse().unwrap()).await;
        found.map(|found| found.map(|at| at.ip().to_string()).collect()).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_not_followed_also_when_it_did_not_before() {
        let lookup =
            answers(&[&["8.8.8.8"], &["127.0.0.1"], &["10.0.0.1", "1.1.1.1", "::1"], &["::ffff:10.0.0.1"], &[]]);
        let guard = Guard::new(Targets::Public, lookup);
        assert_eq!(resolve(&guard).await.unwrap(), ["8.8.8.8"]);
        let refused = resolve(&guard).await.unwrap_err();
        assert_eq!(refused, "rebound.example is not called: none of its addresses is one of the public internet");
        assert_eq!(resolve(&guard).await.unwrap(), ["1.1.1.1"], "only what may be called is left");
        assert!(resolve(&guard).await.is_err());
        assert!(resolve(&guard).await.is_err());
    }

    #[tokio::test]
    async fn all_of_them_are_if_that_is_configured() {
        let guard = Guard::new(Targets::Any, answers(&[&["127.0.0.1", "8.8.8.8"]]));
        assert_eq!(resolve(&guard).await.unwrap(), ["127.0.0.1", "8.8.8.8"]);
        assert_eq!(guard.check(&"http://127.0.0.1:1/".parse().unwrap()), Ok(()));
    }

    #[test]
    fn an_address_in_a_url_is_not_looked_up_and_checked_nevertheless() {
        let guard = Guard::new(Targets::Public, answers(&[]));
        let check = |url: &str| guard.check(&url.parse().unwrap());
        for inside in ["https://127.0.0.1/", "https://0x7f000001/", "https://[::1]:8443/", "https://[::ffff:10.0.0.1]/"]
        {
            assert!(matches!(check(inside), Err(Forbidden::Address(_))), "{inside}");
        }
        assert!(matches!(check("http://example.com/"), Err(Forbidden::Scheme(_))));
        assert_eq!(check("https://example.com/"), Ok(()));
        assert_eq!(check("https://8.8.8.8/"), Ok(()));
    }
}
