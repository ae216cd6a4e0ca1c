//! What can be done to notifications and templates.

use uuid::Uuid;

use crate::customers::{Customer, GetCustomer};
use crate::kernel::command::{Command, Query as _};
use crate::kernel::error::{Error, Rejection, RejectionKind};
use crate::kernel::job::NewJob;
use crate::kernel::tx::Tx;
use crate::orders::OrderSnapshot;

use super::facts::Facts;
use super::jobs::SendNotification;
use super::model::{
    Contact, Draft, Language, Notification, NotificationEvent, NotificationStatus, Template, TemplateKey,
};
use super::queries::{self, GetNotification};
use super::render::{Rendered, TemplateError};
use super::{render, rules, store};

/// Writes a new version of a template; none if it has this text already.
///
/// Rejected with `version_conflict`, or with what is wrong with subject and body in `errors`.
#[derive(Debug, Clone)]
pub struct SaveTemplate {
    /// Which; it need not be there yet.
    pub key: TemplateKey,
    /// The version the caller has seen; none if any will do.
    pub expected_version: Option<i64>,
    /// Its text.
    pub draft: Draft,
}

/// Shows what a template makes of sample data. Writes nothing.
///
/// Rejected with `notification_template_not_found`, or with what is wrong with subject and body in `errors`.
#[derive(Debug, Clone)]
pub struct PreviewTemplate {
    /// Which.
    pub key: TemplateKey,
    /// Another text than the present one.
    pub draft: Option<Draft>,
}

/// Makes the notification about an order and event and the job that sends it; nothing if it is there.
#[derive(Debug, Clone)]
pub struct QueueNotification {
    /// What happened.
    pub event: NotificationEvent,
    /// The order right after it.
    pub order: OrderSnapshot,
}

/// Begins an attempt to send a notification; none if it is sent. Rejected with `notification_not_found`.
#[derive(Debug, Clone, Copy)]
pub struct StartNotification {
    /// Which.
    pub id: Uuid,
}

/// All that is needed to send a notification.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Which.
    pub notification: Notification,
    /// The customer as this database knows it, if it does.
    pub customer: Option<Customer>,
    /// One of each language.
    templates: Vec<Template>,
}

/// Writes down that a notification was sent or logged.
#[derive(Debug, Clone)]
pub struct FinishNotification(pub Delivery);

/// What was sent to whom.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Which notification.
    pub id: Uuid,
    /// Sent or logged.
    pub status: NotificationStatus,
    /// The address.
    pub recipient: String,
    /// The template's.
    pub language: Language,
    /// The template's.
    pub template_version: i64,
    /// As it was sent.
    pub subject: String,
    /// Whether the customer's data came from the fallback.
    pub used_fallback: bool,
}

/// Writes down why an attempt failed; others follow.
#[derive(Debug, Clone)]
pub struct NoteFailure {
    /// Of which notification.
    pub id: Uuid,
    /// What happened.
    pub error: String,
}

/// Writes down that a notification was given up; nothing if it is sent.
#[derive(Debug, Clone)]
pub struct FailNotification {
    /// Which.
    pub id: Uuid,
    /// What happened last.
    pub error: String,
}

impl Command for SaveTemplate {
    type Output = Template;

    async fn handle(self, tx: &mut Tx) -> Result<Template, Error> {
        let present = queries::template(tx, &self.key, None).await?;
        Rejection::unless_current(present.as_ref().map_or(0, |template| template.version), self.expected_version)?;
        rules::can_be_saved(self.key.event, &self.draft)?;
        let version = match present {
            Some(present) if present.draft == self.draft => return Ok(present),
            Some(present) => present.version + 1,
            None => 1,
        };
        let written = Some((tx.now(), tx.ctx().actor.as_str().to_owned()));
        let template = Template { key: self.key, version, draft: self.draft, written };
        store::insert_template(tx, &template).await?;
        Ok(template)
    }
}

impl Command for PreviewTemplate {
    type Output = Rendered;

    async fn handle(self, tx: &mut Tx) -> Result<Rendered, Error> {
        let event = self.key.event;
        let draft = match self.draft {
            Some(draft) => draft,
            None => queries::template(tx, &self.key, None).await?.ok_or_else(rules::template_not_found)?.draft,
        };
        rules::can_be_saved(event, &draft)?;
        let rendered = render::render(&draft, &Facts::sample(event));
        Ok(rendered.map_err(|error| Rejection::invalid(vec![rules::field_error(&error)]))?)
    }
}

impl Command for QueueNotification {
    type Output = ();

    async fn handle(self, tx: &mut Tx) -> Result<(), Error> {
        let Self { event, order } = self;
        let (id, of) = (Notification::id_of(order.id, event), (order.id, order.customer_id));
        // What an order's customer is told comes in order. Not the key of the events' handlers: a mail that
        // waits must not keep the next event from being heard.
        let key = format!("notifications/{}", order.id);
        let job = NewJob::new(&SendNotification { id, order })
            .map_err(|e| Error::Internal(format!("notification {id}: {e}")))?;
        if !store::insert(tx, event, of, job.id).await? {
            return Ok(());
        }
        let subject = Some(format!("notifications/{id}"));
        tx.enqueue_all(vec![NewJob { ordering_key: Some(key), subject, ..job }]).await
    }
}

impl Command for StartNotification {
    type Output = Option<Outgoing>;

    async fn handle(self, tx: &mut Tx) -> Result<Option<Outgoing>, Error> {
        let begun = store::begin(tx, self.id).await?;
        let notification = GetNotification { id: self.id }.fetch(tx).await?;
        if !begun {
            return Ok(None);
        }
        let customer = match (GetCustomer { id: notification.customer_id }).fetch(tx).await {
            Ok(customer) => Some(customer),
            Err(Error::Rejected(rejection)) if rejection.kind == RejectionKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let templates = queries::templates(tx, notification.event, notification.channel).await?;
        Ok(Some(Outgoing { notification, customer, templates }))
    }
}

impl Outgoing {
    /// Its text for this customer, with the template it is made of: that of the customer's language, or of
    /// the same language anywhere, or the English one.
    ///
    /// # Errors
    /// What is wrong with the template.
    pub fn render(&self, order: &OrderSnapshot, contact: &Contact) -> Result<(&Template, Rendered), TemplateError> {
        let languages = [contact.language.clone(), contact.language.primary(), Language::english()];
        let of = |language: &Language| self.templates.iter().find(|template| template.key.language == *language);
        let missing = || TemplateError { field: "body", line: 1, message: "there is no template".to_owned() };
        let template = languages.iter().find_map(of).ok_or_else(missing)?;
        let facts = Facts::new(self.notification.event, order, contact);
        Ok((template, render::render(&template.draft, &facts)?))
    }
}

impl Command for FinishNotification {
    type Output = ();

    async fn handle(self, tx: &mut Tx) -> Result<(), Error> {
        store::finish(tx, &self.0).await
    }
}

impl Command for NoteFailure {
    type Output = ();

    async fn handle(self, tx: &mut Tx) -> Result<(), Error> {
        store::note_failure(tx, self.id, &self.error).await
    }
}

impl Command for FailNotification {
    type Output = ();

    async fn handle(self, tx: &mut Tx) -> Result<(), Error> {
        store::fail(tx, self.id, &self.error).await
    }
}
