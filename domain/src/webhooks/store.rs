//! SQL that writes or locks endpoints and their secrets, and the shape of their rows.

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use uuid::Uuid;

use crate::kernel::error::Error;
use crate::kernel::tx::Tx;

use super::headers::Headers;
use super::model::{Description, DisableReason, Disabled, Endpoint, Overlap, RateLimit};
use super::pattern::EventPatterns;
use super::secret::SigningSecret;
use super::url::EndpointUrl;

/// A row of `webhooks.endpoints`.
pub(super) struct Row {
    pub(super) id: Uuid,
    pub(super) url: EndpointUrl,
    pub(super) event_types: Vec<String>,
    pub(super) description: Description,
    pub(super) header_names: Vec<String>,
    pub(super) rate_limit: Option<RateLimit>,
    pub(super) disable_reason: Option<DisableReason>,
    pub(super) state_since: DateTime<Utc>,
    pub(super) failing_since: Option<DateTime<Utc>>,
    pub(super) created_at: DateTime<Utc>,
    pub(super) updated_at: DateTime<Utc>,
    pub(super) version: i64,
}

impl From<Row> for Endpoint {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            url: row.url,
            event_types: EventPatterns::stored(row.event_types),
            description: row.description,
            header_names: row.header_names,
            rate_limit: row.rate_limit,
            disabled: row.disable_reason.map(|reason| Disabled { reason, since: row.state_since }),
            failing_since: row.failing_since,
            created_at: row.created_at,
            updated_at: row.updated_at,
            version: row.version,
        }
    }
}

/// How many the tenant has.
pub(super) async fn count(tx: &mut Tx) -> Result<i64, Error> {
    let count = sqlx::query_scalar!(r#"select count(*) as "count!" from webhooks.endpoints where state <> 'deleted'"#)
        .fetch_one(tx.conn())
        .await?;
    Ok(count)
}

/// Reads an endpoint and keeps others from changing it until the transaction ends. Deliveries to it may still be
/// inserted meanwhile.
pub(super) async fn lock(tx: &mut Tx, id: Uuid) -> Result<Option<Endpoint>, Error> {
    let row = sqlx::query_as!(
        Row,
        r#"select id, url as "url: EndpointUrl", event_types, description as "description: Description", header_names,
                  rate_limit as "rate_limit: RateLimit", disable_reason as "disable_reason: DisableReason", state_since,
                  failing_since, created_at, updated_at, version
           from webhooks.endpoints where id = $1 and state <> 'deleted' for no key update"#,
        id
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(Endpoint::from))
}

pub(super) async fn insert(tx: &mut Tx, endpoint: &Endpoint, headers: &Headers) -> Result<(), Error> {
    let tenant = tx.tenant()?;
    sqlx::query!(
        "insert into webhooks.endpoints (id, tenant_id, url, event_types, description, header_names, headers, rate_limit,
             state, state_since, created_at, updated_at, version)
         values ($1, $2, $3, $4, $5, $6, $7, $8, 'enabled', $9, $9, $9, $10)",
        endpoint.id,
        tenant.as_str(),
        endpoint.url.as_str(),
        &endpoint.event_types.texts(),
        endpoint.description.as_str(),
        &endpoint.header_names,
        Json(headers.to_map()) as _,
        endpoint.rate_limit.map(RateLimit::get),
        endpoint.created_at,
        endpoint.version
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes every field that can change, but for the headers' values.
pub(super) async fn update(tx: &mut Tx, endpoint: &Endpoint) -> Result<(), Error> {
    sqlx::query!(
        "update webhooks.endpoints set url = $2, event_types = $3, description = $4, header_names = $5, rate_limit = $6
         where id = $1",
        endpoint.id,
        endpoint.url.as_str(),
        &endpoint.event_types.texts(),
        endpoint.description.as_str(),
        &endpoint.header_names,
        endpoint.rate_limit.map(RateLimit::get)
    )
    .execute(tx.conn())
    .await?;
    update_state(tx, endpoint).await
}

/// Writes what deliveries change, too.
pub(super) async fn update_state(tx: &mut Tx, endpoint: &Endpoint) -> Result<(), Error> {
    let disabled = endpoint.disabled.as_ref();
    sqlx::query!(
        "update webhooks.endpoints
         set state = $2, disable_reason = $3,
             state_since = coalesce($4, case when state = $2 then state_since else $6 end),
             failing_since = $5, updated_at = $6, version = $7
         where id = $1",
        endpoint.id,
        endpoint.state().as_str(),
        disabled.map(|disabled| disabled.reason.as_str()),
        disabled.map(|disabled| disabled.since),
        endpoint.failing_since,
        endpoint.updated_at,
        endpoint.version
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn set_headers(tx: &mut Tx, id: Uuid, headers: &Headers) -> Result<(), Error> {
    sqlx::query!("update webhooks.endpoints set headers = $2 where id = $1", id, Json(headers.to_map()) as _)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Nothing secret stays.
pub(super) async fn delete(tx: &mut Tx, endpoint: &Endpoint) -> Result<(), Error> {
    sqlx::query!("delete from webhooks.secrets where endpoint_id = $1", endpoint.id).execute(tx.conn()).await?;
    sqlx::query!(
        "update webhooks.endpoints
         set state = 'deleted', disable_reason = null, state_since = $2, headers = '{}', updated_at = $2, version = $3
         where id = $1",
        endpoint.id,
        endpoint.updated_at,
        endpoint.version
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn insert_secret(tx: &mut Tx, endpoint: Uuid, secret: &SigningSecret) -> Result<(), Error> {
    let (tenant, now) = (tx.tenant()?, tx.now());
    sqlx::query!(
        "insert into webhooks.secrets (id, tenant_id, endpoint_id, secret, created_at) values ($1, $2, $3, $4, $5)",
        Uuid::now_v7(),
        tenant.as_str(),
        endpoint,
        secret.bytes(),
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Lets every secret of an endpoint expire when the overlap is over, if it does not before. Returns how many are
/// valid until then.
pub(super) async fn expire_secrets(tx: &mut Tx, endpoint: Uuid, overlap: Overlap) -> Result<i64, Error> {
    let now = tx.now();
    sqlx::query!("delete from webhooks.secrets where endpoint_id = $1 and expires_at <= $2", endpoint, now)
        .execute(tx.conn())
        .await?;
    let expiring = sqlx::query!(
        "update webhooks.secrets set expires_at = least(coalesce(expires_at, $2), $2) where endpoint_id = $1",
        endpoint,
        now + overlap.get()
    )
    .execute(tx.conn())
    .await?;
    let valid = if overlap.get().is_zero() { 0 } else { expiring.rows_affected() };
    Ok(i64::try_from(valid).unwrap_or(i64::MAX))
}
