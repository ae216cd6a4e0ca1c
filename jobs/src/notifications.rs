//! What notifications do on events of orders, and how they are sent: whom to (`customer_source`), by what
//! (`mail`), and not at all for a while where nobody answers ([`crate::breaker`]).

mod customer_source;
mod mail;
mod settings;

use std::sync::Arc;

use domain::kernel::job::Job as _;
use domain::notifications::{
    Contact, Delivery, FailNotification, FinishNotification, NoteFailure, NotificationEvent, Outgoing,
    QueueNotification, SendNotification, StartNotification,
};
use domain::orders::{OrderCancelled, OrderConfirmed};
use domain::{Command as _, Error, Tx};

use crate::runtime::{Dependency, Exhausted, JobContext, JobError, JobResult, ctx_of};

use customer_source::{CustomerSource, NoCustomer};
use mail::{Mail, Message};
pub use settings::{Settings, SettingsError};

/// Who did it, in the words of the log.
const ACTOR: &str = "job:send-notification";

/// An order was confirmed: its customer is told.
pub(crate) async fn confirmed(event: OrderConfirmed, tx: &mut Tx) -> Result<(), Error> {
    QueueNotification { event: NotificationEvent::OrderConfirmed, order: event.order }.handle(tx).await
}

/// An order was cancelled: its customer is told.
pub(crate) async fn cancelled(event: OrderCancelled, tx: &mut Tx) -> Result<(), Error> {
    QueueNotification { event: NotificationEvent::OrderCancelled, order: event.order }.handle(tx).await
}

/// Sends one notification. Between the mail server's "yes" and our commit the process may end: then the
/// mail is sent again, under the same `Message-ID`.
pub(crate) async fn send(sender: Arc<Sender>, job: SendNotification, context: JobContext) -> JobResult {
    sender.mail.ready()?;
    let ctx = ctx_of(&context, ACTOR)?;
    let Some(outgoing) = domain::run(&context.db, &ctx, StartNotification { id: job.id }).await? else {
        return Ok(());
    };
    match sender.deliver(&outgoing, &job, &context).await {
        Ok(delivery) => {
            domain::fail_point!("fail-point:told", returns Err(Error::Internal("it is said to fail".into()).into()));
            Ok(domain::run(&context.db, &ctx, FinishNotification(delivery)).await?)
        }
        // nobody was asked
        Err(error @ JobError::Snooze(_)) => Err(error),
        Err(error) => {
            domain::run(&context.db, &ctx, NoteFailure { id: job.id, error: error.to_string() }).await?;
            Err(error)
        }
    }
}

/// A notification became a dead letter: it has failed, until it is put back.
pub(crate) async fn give_up(exhausted: Exhausted, tx: &mut Tx) -> Result<(), Error> {
    // what does not decode names no notification
    let Ok(job) = serde_json::from_slice::<SendNotification>(&exhausted.payload) else { return Ok(()) };
    FailNotification { id: job.id, error: exhausted.error.to_string() }.handle(tx).await
}

/// Sends notifications as configured.
pub struct Sender {
    /// None: customers are those of our own database.
    source: Option<CustomerSource>,
    source_attempts: u32,
    mail: Mail,
}

impl Default for Sender {
    /// Needs neither a source of customers nor a mail server.
    fn default() -> Self {
        Self { source: None, source_attempts: 1, mail: Mail::Log }
    }
}

impl Sender {
    /// As configured; connects to nothing yet.
    ///
    /// # Errors
    /// The setting that is wrong.
    pub fn new(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self {
            source: CustomerSource::new(settings)?,
            source_attempts: settings.customer_attempts,
            mail: Mail::new(settings)?,
        })
    }

    /// The mail server, for the queue that needs it; none if mails are logged.
    pub(crate) fn dependency(&self) -> Option<Dependency> {
        let up = self.mail.up()?;
        Some(Dependency { queue: SendNotification::QUEUE, name: mail::MAIL_SERVER, up })
    }

    async fn deliver(
        &self,
        outgoing: &Outgoing,
        job: &SendNotification,
        context: &JobContext,
    ) -> Result<Delivery, JobError> {
        let (contact, used_fallback) = self.contact(outgoing, context).await?;
        let rendered = outgoing.render(&job.order, &contact);
        let (template, text) =
            rendered.map_err(|error| JobError::Permanent { class: "template_error", message: error.to_string() })?;
        let message = Message { id: job.id, contact: &contact, text: &text };
        let status = self.mail.send(message).await?;
        Ok(Delivery {
            id: job.id,
            status,
            recipient: contact.email.as_str().to_owned(),
            language: template.key.language.clone(),
            template_version: template.version,
            subject: text.subject,
            used_fallback,
        })
    }

    /// Whom to write to, and whether that is the fallback: the customer as we know it.
    async fn contact(&self, outgoing: &Outgoing, context: &JobContext) -> Result<(Contact, bool), JobError> {
        if let (Some(source), Some(tenant)) = (&self.source, &context.tenant) {
            match source.fetch(tenant, outgoing.notification.customer_id).await {
                Ok(contact) => return Ok((contact, false)),
                Err(NoCustomer::Failed(message)) if context.attempt < self.source_attempts => {
                    return Err(JobError::Transient { class: "customer_source", message });
                }
                Err(reason) => tracing::warn!(
                    notification = %outgoing.notification.id,
                    %reason,
                    "the customer's data is the fallback"
                ),
            }
        }
        match &outgoing.customer {
            Some(customer) => Ok((customer.clone().into(), self.source.is_some())),
            None => Err(JobError::Permanent {
                class: "no_recipient",
                message: format!("nobody knows the customer {}", outgoing.notification.customer_id),
            }),
        }
    }
}
