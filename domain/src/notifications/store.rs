//! SQL that writes or locks notifications and templates, and the shapes of their rows.

use chrono::{DateTime, Utc};
use ulid::Ulid;
use uuid::Uuid;

use crate::kernel::error::{Error, Rejection, on_constraint};
use crate::kernel::tx::Tx;

use super::commands::Delivery;
use super::model::{Channel, Draft, Language, Notification, NotificationEvent, Template, TemplateKey};

/// A row of `notifications.templates`.
pub(super) struct TemplateRow {
    pub(super) language: Language,
    pub(super) version: i64,
    pub(super) subject: String,
    pub(super) body: String,
    pub(super) created_at: DateTime<Utc>,
    pub(super) created_by: String,
}

impl TemplateRow {
    pub(super) fn template(self, event: NotificationEvent, channel: Channel) -> Template {
        Template {
            key: TemplateKey { event, channel, language: self.language },
            version: self.version,
            draft: Draft { subject: self.subject, body: self.body },
            written: Some((self.created_at, self.created_by)),
        }
    }
}

/// Writes a version. Who writes the same one at the same time is told to load it again.
pub(super) async fn insert_template(tx: &mut Tx, template: &Template) -> Result<(), Error> {
    let (tenant, now, actor) = (tx.tenant()?, tx.now(), tx.ctx().actor.clone());
    let Template { key, version, draft, .. } = template;
    sqlx::query!(
        "insert into notifications.templates (tenant_id, event, channel, language, version, subject, body, created_at,
                                              created_by)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        tenant.as_str(),
        key.event.as_str(),
        key.channel.as_str(),
        key.language.as_str(),
        version,
        draft.subject,
        draft.body,
        now,
        actor.as_str()
    )
    .execute(tx.conn())
    .await
    .map_err(|e| on_constraint(e, "templates_pkey", || Rejection::stale(*version)))?;
    Ok(())
}

/// Makes a notification; false if the order and event have one. A second transaction with the same waits
/// here for the first.
pub(super) async fn insert(
    tx: &mut Tx,
    event: NotificationEvent,
    (order_id, customer_id): (Uuid, Uuid),
    job_id: Ulid,
) -> Result<bool, Error> {
    let (tenant, now) = (tx.tenant()?, tx.now());
    let made = sqlx::query!(
        "insert into notifications.notifications (id, tenant_id, order_id, customer_id, event, channel, status, attempts,
                                                  used_fallback, created_at, job_id)
         values ($1, $2, $3, $4, $5, $6, 'queued', 0, false, $7, $8)
         on conflict do nothing",
        Notification::id_of(order_id, event),
        tenant.as_str(),
        order_id,
        customer_id,
        event.as_str(),
        Channel::Email.as_str(),
        now,
        job_id.to_string()
    )
    .execute(tx.conn())
    .await?;
    Ok(made.rows_affected() == 1)
}

/// Counts an attempt at one that is not done; false if it is.
pub(super) async fn begin(tx: &mut Tx, id: Uuid) -> Result<bool, Error> {
    let begun = sqlx::query!(
        "update notifications.notifications set attempts = attempts + 1 where id = $1 and status in ('queued', 'failed')",
        id
    )
    .execute(tx.conn())
    .await?;
    Ok(begun.rows_affected() == 1)
}

/// Writes down that it was sent or logged.
pub(super) async fn finish(tx: &mut Tx, delivery: &Delivery) -> Result<(), Error> {
    let now = tx.now();
    sqlx::query!(
        "update notifications.notifications
         set status = $2, recipient = $3, language = $4, template_version = $5, subject = $6, used_fallback = $7,
             error = null, finished_at = $8
         where id = $1 and status in ('queued', 'failed')",
        delivery.id,
        delivery.status.as_str(),
        delivery.recipient.as_str(),
        delivery.language.as_str(),
        delivery.template_version,
        delivery.subject,
        delivery.used_fallback,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes down why an attempt failed.
pub(super) async fn note_failure(tx: &mut Tx, id: Uuid, error: &str) -> Result<(), Error> {
    sqlx::query!(
        "update notifications.notifications set error = $2 where id = $1 and status in ('queued', 'failed')",
        id,
        error
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes down that it was given up, and why.
pub(super) async fn fail(tx: &mut Tx, id: Uuid, error: &str) -> Result<(), Error> {
    let now = tx.now();
    sqlx::query!(
        "update notifications.notifications set status = 'failed', error = $2, finished_at = $3
         where id = $1 and status in ('queued', 'failed')",
        id,
        error,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
