//! Reads notifications and templates, always of the transaction's tenant.

use uuid::Uuid;

use crate::kernel::command::Query;
use crate::kernel::error::Error;
use crate::kernel::page::{Listing, Page};
use crate::kernel::tx::Tx;

use super::model::{Channel, Language, Notification, NotificationEvent, NotificationStatus, Template, TemplateKey};
use super::store::TemplateRow;
use super::{defaults, rules};

/// One notification. Rejected with `notification_not_found`.
#[derive(Debug, Clone, Copy)]
pub struct GetNotification {
    /// Which.
    pub id: Uuid,
}

/// A page of notifications for which every given filter holds. They have no name to be sorted by.
#[derive(Debug, Clone, Default)]
pub struct ListNotifications {
    /// Only those about this order; an unknown one has none.
    pub order_id: Option<Uuid>,
    /// Only those.
    pub status: Option<NotificationStatus>,
    /// Order, start and size.
    pub page: Listing,
}

/// A template: the tenant's, or else the program's. Rejected with `notification_template_not_found`.
#[derive(Debug, Clone)]
pub struct GetTemplate {
    /// Which.
    pub key: TemplateKey,
    /// Of its versions; none is the present one.
    pub version: Option<i64>,
}

/// Every template in its present version, by event and language: the tenant's, and the program's where the tenant has
/// none of its own.
#[derive(Debug, Clone, Copy)]
pub struct ListTemplates;

impl Query for GetNotification {
    type Output = Notification;

    async fn fetch(self, tx: &mut Tx) -> Result<Notification, Error> {
        let notification = sqlx::query_as!(
            Notification,
            r#"select id, order_id, customer_id, event as "event: _", channel as "channel: _", status as "status: _",
                      attempts, recipient, language as "language: _", template_version, subject, used_fallback, error,
                      created_at, finished_at
               from notifications.notifications where id = $1"#,
            self.id
        )
        .fetch_optional(tx.conn())
        .await?;
        Ok(notification.ok_or_else(rules::notification_not_found)?)
    }
}

impl Query for ListNotifications {
    type Output = Page<Notification>;

    async fn fetch(self, tx: &mut Tx) -> Result<Page<Notification>, Error> {
        let Listing { sort, after, size } = &self.page;
        let notifications = sqlx::query_file_as!(
            Notification,
            "src/notifications/list.sql",
            self.order_id,
            self.status.map(NotificationStatus::as_str),
            sort.as_str(),
            after.id,
            after.created_at,
            size.rows_to_fetch()
        )
        .fetch_all(tx.conn())
        .await?;
        Ok(self.page.page(notifications, |n: &Notification| (n.created_at, "", n.id)))
    }
}

impl Query for GetTemplate {
    type Output = Template;

    async fn fetch(self, tx: &mut Tx) -> Result<Template, Error> {
        Ok(template(tx, &self.key, self.version).await?.ok_or_else(rules::template_not_found)?)
    }
}

impl Query for ListTemplates {
    type Output = Vec<Template>;

    async fn fetch(self, tx: &mut Tx) -> Result<Vec<Template>, Error> {
        let mut all = Vec::new();
        for event in NotificationEvent::ALL {
            let mut templates = templates(tx, event, Channel::Email).await?;
            templates.sort_by(|a, b| a.key.language.as_str().cmp(b.key.language.as_str()));
            all.append(&mut templates);
        }
        Ok(all)
    }
}

/// The tenant's, or else the program's.
pub(super) async fn template(tx: &mut Tx, key: &TemplateKey, version: Option<i64>) -> Result<Option<Template>, Error> {
    let row = sqlx::query_as!(
        TemplateRow,
        r#"select language as "language: _", version, subject, body, created_at, created_by
           from notifications.templates
           where event = $1 and channel = $2 and language = $3 and ($4::bigint is null or version = $4)
           order by version desc limit 1"#,
        key.event.as_str(),
        key.channel.as_str(),
        key.language.as_str(),
        version
    )
    .fetch_optional(tx.conn())
    .await?;
    let own = row.map(|row| row.template(key.event, key.channel));
    Ok(own.or_else(|| defaults::template(key).filter(|template| version.is_none_or(|v| v == template.version))))
}

/// The present one of each language, the tenant's or else the program's.
pub(super) async fn templates(tx: &mut Tx, event: NotificationEvent, channel: Channel) -> Result<Vec<Template>, Error> {
    let rows = sqlx::query_as!(
        TemplateRow,
        r#"select distinct on (language) language as "language: _", version, subject, body, created_at, created_by
           from notifications.templates where event = $1 and channel = $2 order by language, version desc"#,
        event.as_str(),
        channel.as_str()
    )
    .fetch_all(tx.conn())
    .await?;
    let mut templates: Vec<Template> = rows.into_iter().map(|row| row.template(event, channel)).collect();
    let english = TemplateKey { event, channel, language: Language::english() };
    if templates.iter().all(|template| template.key != english) {
        templates.extend(defaults::template(&english));
    }
    Ok(templates)
}
