//! Hands mails to a mail server, or to the log.

use std::time::Duration;

use domain::notifications::{Contact, NotificationStatus, Rendered};
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message as Built};
use lettre::transport::smtp;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use tokio::sync::watch;
use uuid::Uuid;

use super::settings::{Settings, SettingsError};
use crate::breaker::Breaker;
use crate::runtime::JobError;

/// Where mails go.
pub(super) enum Mail {
    /// Nowhere: they are logged.
    Log,
    /// To a mail server.
    Smtp(Box<Smtp>),
}

/// A mail server. Each mail has a connection of its own: one that was given up in the middle of a mail
/// cannot get into the way of the next.
pub(super) struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    timeout: Duration,
    breaker: Breaker,
}

/// A notification as a mail.
pub(super) struct Message<'m> {
    /// Of the notification.
    pub(super) id: Uuid,
    /// To whom.
    pub(super) contact: &'m Contact,
    /// Its text.
    pub(super) text: &'m Rendered,
}

impl Mail {
    /// As configured; connects to nothing yet.
    pub(super) fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let from: Mailbox = settings.from.parse().map_err(|_| SettingsError {
            key: "from",
            problem: "expected an address such as Offgrid Portal <portal@example.com>".to_owned(),
        })?;
        let Some(url) = &settings.smtp_url else { return Ok(Self::Log) };
        // nor the library's message, which may quote parts of it
        let example = "expected a URL such as smtps://USER:PASSWORD@mail.example.com";
        let wrong = || SettingsError { key: "smtp_url", problem: example.to_owned() };
        let _ = rustls::crypto::ring::default_provider().install_default();
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url).map_err(|_| wrong())?;
        Ok(Self::Smtp(Box::new(Smtp {
            transport: transport.timeout(Some(settings.smtp_timeout)).build(),
            from,
            timeout: settings.smtp_timeout,
            breaker: Breaker::new(settings.breaker_failures, settings.breaker_pause),
        })))
    }

    /// Whether there is any use in trying.
    ///
    /// # Errors
    /// Asks to come back when the mail server has been left alone for long enough.
    pub(super) fn ready(&self) -> Result<(), JobError> {
        match self {
            Self::Log => Ok(()),
            Self::Smtp(smtp) => smtp.breaker.open_for().map_or(Ok(()), |wait| Err(JobError::Snooze(wait))),
        }
    }

    /// Whether there is a server, and any use in trying it.
    pub(super) fn up(&self) -> Option<watch::Receiver<bool>> {
        match self {
            Self::Log => None,
            Self::Smtp(smtp) => Some(smtp.breaker.up()),
        }
    }

    /// Sends or logs it.
    ///
    /// # Errors
    /// Permanent when the server refuses this mail for good (5xx), else transient; unavailable, which counts as no
    /// attempt, when it did not answer and has not for a while.
    pub(super) async fn send(&self, message: Message<'_>) -> Result<NotificationStatus, JobError> {
        match self {
            Self::Log => {
                let to = message.contact.email.as_str();
                tracing::info!(notification = %message.id, to, subject = message.text.subject, "notification");
                Ok(NotificationStatus::Logged)
            }
            Self::Smtp(smtp) => smtp.send(message).await.map(|()| NotificationStatus::Sent),
        }
    }
}

impl Smtp {
    async fn send(&self, message: Message<'_>) -> Result<(), JobError> {
        let mail = self.build(&message)?;
        let Some(call) = self.breaker.call() else {
            return Err(JobError::Snooze(self.breaker.open_for().unwrap_or_default()));
        };
        // the job that tries whether the server is back is not at fault when it is not
        let trial = call.is_trial();
        let unavailable = |message: String| match trial {
            true => JobError::Unavailable { dependency: MAIL_SERVER, message },
            false => JobError::Transient { class: "smtp_unavailable", message },
        };
        // all of it: the library bounds each step at most
        let sent = tokio::time::timeout(self.timeout, self.transport.send(mail)).await;
        match sent {
            Err(_) => Err(unavailable(format!("the mail server did not take it within {:?}", self.timeout))),
            Ok(Ok(_)) => {
                call.answered();
                Ok(())
            }
            Ok(Err(error)) => {
                let refused = refused(&error);
                if refused.is_some() {
                    call.answered();
                }
                Err(refused.unwrap_or_else(|| unavailable(said(&error))))
            }
        }
    }

    fn build(&self, message: &Message<'_>) -> Result<Built, JobError> {
        let unfit = |what: String| JobError::Permanent { class: "mail_malformed", message: what };
        let Message { id, contact, text } = message;
        let address = contact.email.as_str().parse().map_err(|error| unfit(format!("the address: {error}")))?;
        Built::builder()
            .from(self.from.clone())
            .to(Mailbox::new(Some(contact.name.as_str().to_owned()), address))
            .subject(&text.subject)
            // the same however often it is sent
            .message_id(Some(format!("<{id}@{}>", self.from.email.domain())))
            .header(ContentType::TEXT_PLAIN)
            .body(text.body.clone())
            .map_err(|error| unfit(error.to_string()))
    }
}

/// What it is called where operators see that a queue waits for it.
pub(super) const MAIL_SERVER: &str = "mail server";

/// What a server answers that wants to have nothing to do with us, whatever the mail: we do not log in as it
/// wants us to, or it takes no mails.
const NOT_FOR_US: [u16; 5] = [530, 534, 535, 538, 554];

/// What the server said against this mail; none if it said nothing, or something against us.
fn refused(error: &smtp::Error) -> Option<JobError> {
    if error.status().is_some_and(|code| NOT_FOR_US.contains(&code.into())) {
        return None;
    }
    let message = said(error);
    match error.is_permanent() {
        true => Some(JobError::Permanent { class: "smtp_refused", message }),
        false => error.is_transient().then_some(JobError::Transient { class: "smtp_deferred", message }),
    }
}

fn said(error: &smtp::Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    let text = causes.fold(format!("the mail server: {error}"), |text, cause| {
        let cause = cause.to_string();
        if text.contains(&cause) { text } else { format!("{text}: {cause}") }
    });
    storable(&text)
}

/// Words of another machine: one line of them, not too long, without what PostgreSQL takes no text with.
fn storable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(500).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_can_be_stored() {
        assert_eq!(storable("550 no\0such\r\nmailbox"), "550 no such  mailbox");
        assert_eq!(storable(&"é".repeat(501)).chars().count(), 500);
    }

    #[test]
    fn a_wrong_setting_is_named_and_no_password_shown() {
        let key = |settings: Settings| {
            let error = Mail::new(&settings).err().unwrap();
            assert!(!error.to_string().contains("s3cret"), "{error}");
            error.key
        };
        let smtp = |url: &str| Settings { smtp_url: Some(url.to_owned()), ..Settings::default() };
        for bad in ["http://u:s3cret@mail", "s3cret", "smtp://u:s3cret@mail:port"] {
            assert_eq!(key(smtp(bad)), "smtp_url", "{bad}");
        }
        assert_eq!(key(Settings { from: "nobody".to_owned(), ..Settings::default() }), "from");
        assert!(Mail::new(&smtp("smtps://u:p@mail.example.com")).is_ok());
    }
}
