//! SQL that writes or locks deliveries and their attempts.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use ulid::Ulid;
use uuid::Uuid;

use crate::kernel::error::Error;
use crate::kernel::event::LogRow;
use crate::kernel::inbox::ReceivedEvent;
use crate::kernel::tx::Tx;

use super::super::jobs::TEST_TYPE;
use super::super::model::{Delivery, DeliveryStatus, RateLimit};
use super::super::pattern::EventPatterns;
use super::super::secret::SigningSecret;
use super::attempt::Attempted;
use super::send::DeliveryJob;

/// What an attempt begins with.
pub(super) struct OutgoingRow {
    pub(super) job_id: String,
    pub(super) status: DeliveryStatus,
    pub(super) is_test: bool,
    pub(super) endpoint_id: Uuid,
    pub(super) url: String,
    pub(super) headers: Json<BTreeMap<String, String>>,
    pub(super) rate_limit: Option<RateLimit>,
    pub(super) state: String,
}

/// A delivery whose attempt was counted.
pub(super) struct Counted {
    pub(super) attempts: i32,
    pub(super) endpoint_id: Uuid,
    pub(super) is_test: bool,
}

/// The tenant's endpoints that get deliveries, and of what.
pub(super) async fn enabled(tx: &mut Tx) -> Result<Vec<(Uuid, EventPatterns)>, Error> {
    let rows = sqlx::query!("select id, event_types from webhooks.endpoints where state = 'enabled'")
        .fetch_all(tx.conn())
        .await?;
    Ok(rows.into_iter().map(|row| (row.id, EventPatterns::stored(row.event_types))).collect())
}

/// Makes the deliveries that are not there yet; returns their ids. A second transaction with the same waits here for
/// the first.
pub(in super::super) async fn insert(tx: &mut Tx, jobs: &[DeliveryJob]) -> Result<Vec<Uuid>, Error> {
    let (tenant, now) = (tx.tenant()?, tx.now());
    let column = |of: fn(&DeliveryJob) -> String| jobs.iter().map(of).collect::<Vec<String>>();
    let ids: Vec<Uuid> = jobs.iter().map(|job| job.delivery).collect();
    let endpoints: Vec<Uuid> = jobs.iter().map(|job| job.endpoint).collect();
    let made = sqlx::query_scalar!(
        "insert into webhooks.deliveries (id, tenant_id, endpoint_id, event_id, event_type, subject, job_id, is_test,
             status, attempts, created_at)
         select n.id, $7, n.endpoint_id, n.event_id, n.event_type, n.subject, n.job_id, n.event_type = $8, 'pending', 0, $9
         from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[])
              as n (id, endpoint_id, event_id, event_type, subject, job_id)
         on conflict (id) do nothing
         returning id",
        &ids,
        &endpoints,
        &column(|job| job.event_id.clone()),
        &column(|job| job.event_type.clone()),
        &column(|job| job.subject.clone()),
        &column(|job| job.new.id.to_string()),
        tenant.as_str(),
        TEST_TYPE,
        now
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(made)
}

/// Reads a delivery and keeps others from sending it anew until the transaction ends.
pub(super) async fn lock(tx: &mut Tx, id: Uuid) -> Result<Option<Delivery>, Error> {
    let delivery = sqlx::query_as!(
        Delivery,
        r#"select id, endpoint_id, event_id, event_type, subject, is_test, status as "status: DeliveryStatus", attempts,
                  error, created_at, finished_at
           from webhooks.deliveries where id = $1 for no key update"#,
        id
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(delivery)
}

/// Whether its job is still to run, or running.
pub(super) async fn is_queued(tx: &mut Tx, id: Uuid) -> Result<bool, Error> {
    let queued = sqlx::query_scalar!(
        r#"select webhooks.is_queued(job_id) as "queued!" from webhooks.deliveries where id = $1"#,
        id
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(queued)
}

/// The event as it was committed; none if it is not in the log.
pub(super) async fn event(tx: &mut Tx, id: &str) -> Result<Option<ReceivedEvent>, Error> {
    let Ok(id) = id.parse::<Uuid>() else { return Ok(None) };
    let row = sqlx::query_as!(
        LogRow,
        r#"select position, id, type as event_type, source, subject, occurred_at, sequence, tenant_id, actor,
                  correlation_id, causation_id, traceparent, data_version, data::text as "data!"
           from kernel.events where id = $1"#,
        id
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(LogRow::into_envelope).transpose()?.map(ReceivedEvent::from))
}

/// From now on this job sends it.
pub(super) async fn send_anew(tx: &mut Tx, id: Uuid, job_id: Ulid) -> Result<(), Error> {
    let actor = tx.ctx().actor.clone();
    sqlx::query!("select webhooks.put_away($1, $2)", id, actor.as_str()).execute(tx.conn()).await?;
    sqlx::query!(
        "update webhooks.deliveries set job_id = $2, status = 'pending', finished_at = null where id = $1",
        id,
        job_id.to_string()
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn outgoing(tx: &mut Tx, id: Uuid) -> Result<Option<OutgoingRow>, Error> {
    let row = sqlx::query_as!(
        OutgoingRow,
        r#"select d.job_id, d.status as "status: DeliveryStatus", d.is_test, d.endpoint_id, e.url,
                  e.headers as "headers: Json<BTreeMap<String, String>>", e.rate_limit as "rate_limit: RateLimit", e.state
           from webhooks.deliveries d join webhooks.endpoints e on e.id = d.endpoint_id where d.id = $1"#,
        id
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row)
}

/// Those that are valid now, the present one first.
pub(super) async fn secrets(tx: &mut Tx, endpoint: Uuid) -> Result<Vec<SigningSecret>, Error> {
    let secrets = sqlx::query_scalar!(
        "select secret from webhooks.secrets where endpoint_id = $1 and (expires_at is null or expires_at > now())
         order by expires_at desc nulls first",
        endpoint
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(secrets.into_iter().map(SigningSecret::stored).collect())
}

/// One that was given up is being sent again.
pub(super) async fn reopen(tx: &mut Tx, id: Uuid) -> Result<(), Error> {
    sqlx::query!("update webhooks.deliveries set status = 'pending', finished_at = null where id = $1", id)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Counts an attempt, and ends the delivery if it was taken; a test is over in any case. None if there is no such
/// delivery.
pub(super) async fn count_attempt(tx: &mut Tx, id: Uuid, attempted: &Attempted) -> Result<Option<Counted>, Error> {
    let (now, failure) = (tx.now(), attempted.failure.as_ref().map(|(_, message)| message.as_str()));
    let counted = sqlx::query_as!(
        Counted,
        "update webhooks.deliveries
         set attempts = attempts + 1, error = $2,
             status = case when $2::text is null then 'succeeded' when is_test then 'failed' else status end,
             finished_at = case when $2 is null or is_test then $3 else finished_at end
         where id = $1
         returning attempts, endpoint_id, is_test",
        id,
        failure,
        now
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(counted)
}

pub(super) async fn insert_attempt(
    tx: &mut Tx,
    delivery: Uuid,
    attempt: i32,
    attempted: &Attempted,
) -> Result<(), Error> {
    let tenant = tx.tenant()?;
    let failure = attempted.failure.as_ref();
    sqlx::query!(
        "insert into webhooks.attempts (delivery_id, attempt, tenant_id, url, started_at, duration_ms, status, response,
             error_class, error)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        delivery,
        attempt,
        tenant.as_str(),
        attempted.url,
        attempted.started_at,
        i32::try_from(attempted.duration.as_millis()).unwrap_or(i32::MAX),
        attempted.status.map(i32::from),
        attempted.response,
        failure.map(|(class, _)| *class),
        failure.map(|(_, message)| message.as_str())
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// An endpoint that works is not written to.
pub(super) async fn note_success(tx: &mut Tx, endpoint: Uuid) -> Result<(), Error> {
    sqlx::query!(
        "update webhooks.endpoints set failing_since = null where id = $1 and failing_since is not null",
        endpoint
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Since when everything fails: since this attempt, if what was before it succeeded.
pub(super) async fn note_failure(
    tx: &mut Tx,
    endpoint: Uuid,
    started_at: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, Error> {
    sqlx::query!(
        "update webhooks.endpoints set failing_since = $2 where id = $1 and failing_since is null",
        endpoint,
        started_at
    )
    .execute(tx.conn())
    .await?;
    let since = sqlx::query_scalar!("select failing_since from webhooks.endpoints where id = $1", endpoint)
        .fetch_optional(tx.conn())
        .await?;
    Ok(since.flatten())
}

pub(super) async fn give_up(tx: &mut Tx, id: Uuid, job_id: &str, error: &str) -> Result<(), Error> {
    let now = tx.now();
    sqlx::query!(
        "update webhooks.deliveries set status = 'failed', error = $3, finished_at = $4
         where id = $1 and job_id = $2 and status = 'pending'",
        id,
        job_id,
        error,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
