//! Asks another system for a customer's name, address and language, over HTTP.

use domain::TenantId;
use domain::customers::{Email, Name};
use domain::notifications::{Contact, Language};
use reqwest::{Client, StatusCode, Url};
use serde::Deserialize;
use uuid::Uuid;

use super::settings::{Settings, SettingsError};
use crate::breaker::Breaker;
use crate::causes::with_causes;

/// The other system.
pub(super) struct CustomerSource {
    /// With `{id}` and perhaps `{tenant}`.
    url: String,
    client: Client,
    max_bytes: usize,
    breaker: Breaker,
}

/// Why there is no customer.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoCustomer {
    #[error("the customer source does not know the customer")]
    Unknown,
    #[error("the customer source failed often, and is left alone for a while")]
    LeftAlone,
    #[error("the customer source: {0}")]
    Failed(String),
}

/// As it answers. What else it says is not looked at.
#[derive(Deserialize)]
struct Answer {
    name: String,
    email: String,
    #[serde(default)]
    language: Option<String>,
}

impl CustomerSource {
    /// None if none is configured.
    pub(super) fn new(settings: &Settings) -> Result<Option<Self>, SettingsError> {
        let Some(url) = &settings.customer_source_url else { return Ok(None) };
        let example = "expected a URL with {id}, such as https://crm.example.com/v1/customers/{id}";
        let wrong = || SettingsError { key: "customer_source_url", problem: example.to_owned() };
        let tried = Url::parse(&filled(url, "tenant", Uuid::nil())).map_err(|_| wrong())?;
        if !url.contains("{id}") || !["http", "https"].contains(&tried.scheme()) {
            return Err(wrong());
        }
        // Several crates bring a provider each; whoever comes first decides, and all of them do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().timeout(settings.customer_timeout).redirect(reqwest::redirect::Policy::none());
        let problem = |error: reqwest::Error| SettingsError { key: "customer_source_url", problem: error.to_string() };
        Ok(Some(Self {
            url: url.clone(),
            client: client.build().map_err(problem)?,
            max_bytes: settings.customer_max_bytes,
            breaker: Breaker::new(settings.breaker_failures, settings.breaker_pause),
        }))
    }

    /// The customer as the source knows it. A call that is given up counts as failed.
    pub(super) async fn fetch(&self, tenant: &TenantId, id: Uuid) -> Result<Contact, NoCustomer> {
        let call = self.breaker.call().ok_or(NoCustomer::LeftAlone)?;
        let answer = self.ask(tenant, id).await;
        if matches!(answer, Ok(_) | Err(NoCustomer::Unknown)) {
            call.answered();
        }
        answer
    }

    async fn ask(&self, tenant: &TenantId, id: Uuid) -> Result<Contact, NoCustomer> {
        // the URL may hold a password
        let failed = |error: reqwest::Error| NoCustomer::Failed(with_causes(&error.without_url()));
        let url = filled(&self.url, tenant.as_str(), id);
        let mut response = self.client.get(url).send().await.map_err(failed)?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND | StatusCode::GONE => return Err(NoCustomer::Unknown),
            status => return Err(NoCustomer::Failed(format!("it answered {status}"))),
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if bytes.len() + chunk.len() > self.max_bytes {
                return Err(NoCustomer::Failed(format!("its answer is longer than {} bytes", self.max_bytes)));
            }
            bytes.extend_from_slice(&chunk);
        }
        contact(&bytes).map_err(NoCustomer::Failed)
    }
}

fn filled(url: &str, tenant: &str, id: Uuid) -> String {
    url.replace("{tenant}", tenant).replace("{id}", &id.to_string())
}

/// Says which part of an answer is wrong, but never repeats it: it is somebody's data.
fn contact(bytes: &[u8]) -> Result<Contact, String> {
    let answer: Answer = serde_json::from_slice(bytes)
        .map_err(|error| format!("its answer is no customer ({:?}, column {})", error.classify(), error.column()))?;
    let field = |wrong: domain::FieldError| format!("its answer's {}: {}", wrong.pointer, wrong.detail);
    Ok(Contact {
        name: Name::parse(&answer.name, "name").map_err(field)?,
        email: Email::parse(&answer.email, "email").map_err(field)?,
        language: match answer.language {
            Some(language) => Language::parse(&language, "language").map_err(field)?,
            None => Language::english(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_is_name_address_and_perhaps_language() {
        let read = contact(br#"{"name": "Ada", "email": "Ada@example.com", "language": "pt-BR", "more": 1}"#).unwrap();
        assert_eq!(
            (read.name.as_str(), read.email.as_str(), read.language.as_str()),
            ("Ada", "ada@example.com", "pt-BR")
        );
        assert_eq!(contact(br#"{"name": "Ada", "email": "ada@example.com"}"#).unwrap().language.as_str(), "en");
    }

    #[test]
    fn nonsense_is_refused_and_not_repeated() {
        for bad in [
            "",
            "[]",
            "<html>s3cret</html>",
            r#"{"name": "s3cret"}"#,
            r#"{"name": "s3cret", "email": "no mail"}"#,
            r#"{"name": "a\r\nBcc: s3cret", "email": "ada@example.com"}"#,
            r#"{"name": "Ada", "email": "ada@example.com", "language": "s3cret"}"#,
        ] {
            let message = contact(bad.as_bytes()).unwrap_err();
            assert!(!message.contains("s3cret"), "{bad}: {message}");
        }
    }

    /// What is read of an answer is a customer, or the answer is refused.
    #[test]
    fn fuzz_customer_answers() {
        ::fuzz::target(env!("CARGO_MANIFEST_DIR"), "customer_answers", |bytes| {
            if let Ok(read) = contact(bytes) {
                assert_eq!(Email::parse(read.email.as_str(), "").unwrap(), read.email);
                assert!(!read.name.as_str().chars().any(char::is_control));
            }
        });
    }

    #[test]
    fn a_url_without_a_place_for_the_id_is_refused() {
        let with = |url: &str| Settings { customer_source_url: Some(url.to_owned()), ..Settings::default() };
        for bad in ["https://u:s3cret@crm/customers", "ftp://crm/{id}", "{id}", "crm"] {
            let error = CustomerSource::new(&with(bad)).err().unwrap();
            assert_eq!(error.key, "customer_source_url", "{bad}");
            assert!(!error.problem.contains("s3cret"), "{error}");
        }
        assert!(CustomerSource::new(&with("http://u:p@crm:8080/{tenant}/{id}")).unwrap().is_some());
    }
}
