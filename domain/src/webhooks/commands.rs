//! What can be done to endpoints: each command loads and locks, asks a rule, saves and emits.

use uuid::Uuid;

use crate::kernel::command::Command;
use crate::kernel::error::{Error, Rejection};
use crate::kernel::patch::replace;
use crate::kernel::tx::Tx;

use super::events::{
    EndpointChanged, EndpointCreated, EndpointDeleted, EndpointDisabled, EndpointEnabled, EndpointField,
};
use super::headers::Headers;
use super::model::{Description, DisableReason, Disabled, Endpoint, Overlap, RateLimit};
use super::pattern::EventPatterns;
use super::secret::SigningSecret;
use super::url::{EndpointUrl, Targets};
use super::{rules, store};

/// What a new endpoint is like.
#[derive(Debug, Clone)]
pub struct EndpointDetails {
    /// Where it is.
    pub url: EndpointUrl,
    /// Which events it wants.
    pub event_types: EventPatterns,
    /// What it is, for people.
    pub description: Description,
    /// What is sent along.
    pub headers: Headers,
    /// Deliveries per second at most.
    pub rate_limit: Option<RateLimit>,
}

/// What is to be different about an endpoint.
#[derive(Debug, Clone, Default)]
pub struct EndpointChanges {
    /// Another place.
    pub url: Option<EndpointUrl>,
    /// Other events.
    pub event_types: Option<EventPatterns>,
    /// Another description.
    pub description: Option<Description>,
    /// All headers that are to be sent along from now on.
    pub headers: Option<Headers>,
    /// Another limit; `Some(None)` removes it.
    pub rate_limit: Option<Option<RateLimit>>,
}

/// Creates an enabled endpoint. Emits [`EndpointCreated`].
///
/// Rejected with `webhook_url_forbidden` or `webhook_endpoints_too_many`.
#[derive(Debug, Clone)]
pub struct CreateEndpoint {
    /// What it is like.
    pub details: EndpointDetails,
    /// What deliveries are signed with.
    pub secret: SigningSecret,
    /// What it may be.
    pub targets: Targets,
}

/// Changes the details that are given; the others stay. Emits [`EndpointChanged`] if one of them has another value
/// than before, or headers are given: what they were is not looked at.
///
/// Rejected with `webhook_endpoint_not_found`, `version_conflict` or `webhook_url_forbidden`.
#[derive(Debug, Clone)]
pub struct ChangeEndpoint {
    /// Which.
    pub id: Uuid,
    /// The version the caller has seen; none if any will do.
    pub expected_version: Option<i64>,
    /// How.
    pub changes: EndpointChanges,
    /// What it may be.
    pub targets: Targets,
}

/// Gives an endpoint another secret; those of before are still signed with until `overlap` is over. Emits
/// [`EndpointChanged`].
///
/// Rejected with `webhook_endpoint_not_found`, `version_conflict` or `webhook_secrets_too_many`.
#[derive(Debug, Clone)]
pub struct RotateSecret {
    /// Whose.
    pub id: Uuid,
    /// The version the caller has seen; none if any will do.
    pub expected_version: Option<i64>,
    /// The new one.
    pub secret: SigningSecret,
    /// How long those of before stay valid.
    pub overlap: Overlap,
}

/// Lets an endpoint get deliveries again: of what happens from now on. Emits [`EndpointEnabled`] unless it does
/// already. Rejected with `webhook_endpoint_not_found` or `version_conflict`.
#[derive(Debug, Clone)]
pub struct EnableEndpoint {
    /// Which.
    pub id: Uuid,
    /// The version the caller has seen; none if any will do.
    pub expected_version: Option<i64>,
}

/// Lets an endpoint get nothing more; what is on its way to it is given up when its turn comes. Emits
/// [`EndpointDisabled`] unless it is so already. Rejected with `webhook_endpoint_not_found` or `version_conflict`.
#[derive(Debug, Clone)]
pub struct DisableEndpoint {
    /// Which.
    pub id: Uuid,
    /// The version the caller has seen; none if any will do.
    pub expected_version: Option<i64>,
}

/// Deletes an endpoint with its secrets and headers; its deliveries stay to be read. Emits [`EndpointDeleted`].
/// Rejected with `webhook_endpoint_not_found` or `version_conflict`.
#[derive(Debug, Clone)]
pub struct DeleteEndpoint {
    /// Which.
    pub id: Uuid,
    /// The version the caller has seen; none if any will do.
    pub expected_version: Option<i64>,
}

impl Command for CreateEndpoint {
    type Output = Endpoint;

    async fn handle(self, tx: &mut Tx) -> Result<Endpoint, Error> {
        let EndpointDetails { url, event_types, description, headers, rate_limit } = self.details;
        url.allowed(self.targets)?;
        rules::can_create_another(store::count(tx).await?)?;
        let endpoint = Endpoint {
            id: Uuid::now_v7(),
            url,
            event_types,
            description,
            header_names: headers.names(),
            rate_limit,
            disabled: None,
            failing_since: None,
            created_at: tx.now(),
            updated_at: tx.now(),
            version: 1,
        };
        store::insert(tx, &endpoint, &headers).await?;
        store::insert_secret(tx, endpoint.id, &self.secret).await?;
        tx.emit(&EndpointCreated { webhook: (&endpoint).into() })?;
        Ok(endpoint)
    }
}

impl Command for ChangeEndpoint {
    type Output = Endpoint;

    async fn handle(self, tx: &mut Tx) -> Result<Endpoint, Error> {
        let mut endpoint = load(tx, self.id, self.expected_version).await?;
        self.changes.url.as_ref().map_or(Ok(()), |url| url.allowed(self.targets))?;
        if let Some(headers) = &self.changes.headers {
            store::set_headers(tx, endpoint.id, headers).await?;
        }
        let changed = self.changes.apply(&mut endpoint);
        if changed.is_empty() {
            return Ok(endpoint);
        }
        let endpoint = save(tx, endpoint).await?;
        tx.emit(&EndpointChanged { changed, webhook: (&endpoint).into() })?;
        Ok(endpoint)
    }
}

impl EndpointChanges {
    /// Sets what is given; says which fields have another value now.
    fn apply(self, endpoint: &mut Endpoint) -> Vec<EndpointField> {
        let names = self.headers.as_ref().map(Headers::names);
        let headers_given = names.is_some();
        replace(&mut endpoint.header_names, names);
        let changes = [
            (replace(&mut endpoint.url, self.url), EndpointField::Url),
            (replace(&mut endpoint.event_types, self.event_types), EndpointField::EventTypes),
            (replace(&mut endpoint.description, self.description), EndpointField::Description),
            (headers_given, EndpointField::Headers),
            (replace(&mut endpoint.rate_limit, self.rate_limit), EndpointField::RateLimit),
        ];
        changes.into_iter().filter(|(is_new, _)| *is_new).map(|(_, field)| field).collect()
    }
}

impl Command for RotateSecret {
    type Output = Endpoint;

    async fn handle(self, tx: &mut Tx) -> Result<Endpoint, Error> {
        let endpoint = load(tx, self.id, self.expected_version).await?;
        let valid = store::expire_secrets(tx, endpoint.id, self.overlap).await?;
        rules::can_have_another_secret(valid)?;
        store::insert_secret(tx, endpoint.id, &self.secret).await?;
        let endpoint = save(tx, endpoint).await?;
        tx.emit(&EndpointChanged { changed: vec![EndpointField::Secret], webhook: (&endpoint).into() })?;
        Ok(endpoint)
    }
}

impl Command for EnableEndpoint {
    type Output = Endpoint;

    async fn handle(self, tx: &mut Tx) -> Result<Endpoint, Error> {
        let mut endpoint = load(tx, self.id, self.expected_version).await?;
        if endpoint.disabled.take().is_none() {
            return Ok(endpoint);
        }
        // it begins anew: what failed before it was mended does not count
        endpoint.failing_since = None;
        let endpoint = save(tx, endpoint).await?;
        tx.emit(&EndpointEnabled { webhook: (&endpoint).into() })?;
        Ok(endpoint)
    }
}

impl Command for DisableEndpoint {
    type Output = Endpoint;

    async fn handle(self, tx: &mut Tx) -> Result<Endpoint, Error> {
        let endpoint = load(tx, self.id, self.expected_version).await?;
        match endpoint.disabled {
            Some(_) => Ok(endpoint),
            None => disable(tx, endpoint, DisableReason::Requested).await,
        }
    }
}

impl Command for DeleteEndpoint {
    type Output = ();

    async fn handle(self, tx: &mut Tx) -> Result<(), Error> {
        let mut endpoint = load(tx, self.id, self.expected_version).await?;
        endpoint.version += 1;
        endpoint.updated_at = tx.now();
        store::delete(tx, &endpoint).await?;
        tx.emit(&EndpointDeleted { webhook: (&endpoint).into() })
    }
}

/// An enabled endpoint gets nothing more.
pub(super) async fn disable(tx: &mut Tx, mut endpoint: Endpoint, reason: DisableReason) -> Result<Endpoint, Error> {
    endpoint.disabled = Some(Disabled { reason, since: tx.now() });
    let endpoint = save_state(tx, endpoint).await?;
    tx.emit(&EndpointDisabled { reason, webhook: (&endpoint).into() })?;
    Ok(endpoint)
}

/// Locks the endpoint until the transaction ends, so that its versions, and with them its events, follow one another.
async fn load(tx: &mut Tx, id: Uuid, expected_version: Option<i64>) -> Result<Endpoint, Error> {
    let endpoint = store::lock(tx, id).await?.ok_or_else(rules::endpoint_not_found)?;
    Rejection::unless_current(endpoint.version, expected_version)?;
    Ok(endpoint)
}

/// With a new version.
async fn save(tx: &mut Tx, mut endpoint: Endpoint) -> Result<Endpoint, Error> {
    endpoint.version += 1;
    endpoint.updated_at = tx.now();
    store::update(tx, &endpoint).await?;
    Ok(endpoint)
}

/// As [`save`], of what a worker may change too.
async fn save_state(tx: &mut Tx, mut endpoint: Endpoint) -> Result<Endpoint, Error> {
    endpoint.version += 1;
    endpoint.updated_at = tx.now();
    store::update_state(tx, &endpoint).await?;
    Ok(endpoint)
}
