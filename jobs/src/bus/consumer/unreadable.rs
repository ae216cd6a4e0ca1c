//! Messages that are no event for their group: kept, with their bytes, for a human.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use domain::Error;
use domain::kernel::job::Job as _;
use domain::messaging::ReadMessage;
use domain::{CorrelationId, Db};
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};

use super::Arrival;

/// Why a message cannot be handled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Unreadable {
    pub(crate) class: &'static str,
    pub(crate) message: String,
}

impl Unreadable {
    pub(crate) fn new(class: &'static str, message: String) -> Self {
        Self { class, message: message.replace('\0', "\u{fffd}") }
    }
}

/// Makes a dead letter of each, with one statement: a job that reads the message again when it is put
/// back. The same message again, as after a lost acknowledgement, makes a second one: it has no id
/// that it could be known by.
pub(super) async fn bury(db: &Db, messages: &[(&Arrival, Unreadable)]) -> Result<(), Error> {
    let mut rows = Rows::default();
    for (arrival, why) in messages {
        rows.push(db, arrival, why)?;
    }
    if rows.ids.is_empty() {
        return Ok(());
    }
    db.ask(async |conn| {
        sqlx::query_file!(
            "src/bus/consumer/bury.sql",
            &rows.ids,
            &rows.consumers,
            &rows.errors,
            &rows.classes,
            &rows.payloads,
            &rows.max_attempts,
            &rows.subjects as &[Option<String>],
            &rows.correlation_ids,
            ReadMessage::KIND,
        )
        .execute(conn)
        .await
    })
    .await?;
    for (id, (arrival, why)) in rows.ids.iter().zip(messages) {
        let (queue, class) = (arrival.consumer.as_str(), why.class);
        tracing::error!(queue, job = id, class, error = why.message, "dead letter: a message cannot be read");
    }
    Ok(())
}

/// The columns of `bury.sql`.
#[derive(Default)]
struct Rows {
    ids: Vec<String>,
    consumers: Vec<String>,
    errors: Vec<String>,
    classes: Vec<String>,
    payloads: Vec<Vec<u8>>,
    max_attempts: Vec<i32>,
    subjects: Vec<Option<String>>,
    correlation_ids: Vec<String>,
}

impl Rows {
    fn push(&mut self, db: &Db, arrival: &Arrival, why: &Unreadable) -> Result<(), Error> {
        let payload =
            serde_json::to_vec(&keep(arrival)).map_err(|e| Error::Internal(format!("{}: {e}", ReadMessage::KIND)))?;
        self.ids.push(ulid::Ulid::from(uuid::Uuid::now_v7()).to_string());
        self.consumers.push(arrival.consumer.clone());
        self.errors.push(why.message.clone());
        self.classes.push(why.class.to_owned());
        self.payloads.push(payload);
        self.max_attempts.push(i32::try_from(db.policy(&arrival.consumer).max_attempts).unwrap_or(i32::MAX));
        let subject = text_of(arrival.properties.message_id().as_ref());
        self.subjects.push((!subject.is_empty()).then_some(subject));
        self.correlation_ids.push(CorrelationId::generate().to_string());
        Ok(())
    }
}

/// The message as it is kept.
fn keep(arrival: &Arrival) -> ReadMessage {
    ReadMessage {
        consumer: arrival.consumer.clone(),
        content_type: text_of(arrival.properties.content_type().as_ref()),
        headers: arrival.properties.headers().as_ref().map(headers).unwrap_or_default(),
        body: BASE64.encode(&arrival.body),
    }
}

/// The message as it was.
///
/// # Errors
/// When the body is not base64 any more, after an edit.
pub(crate) fn restore(message: &ReadMessage) -> Result<Arrival, Unreadable> {
    let body =
        BASE64.decode(&message.body).map_err(|error| Unreadable::new("undecodable", format!("body: {error}")))?;
    let mut headers = FieldTable::default();
    for (name, value) in &message.headers {
        if let Ok(name) = ShortString::try_new(name.as_str()) {
            headers.insert(name, AMQPValue::LongString(value.as_str().into()));
        }
    }
    let mut properties = BasicProperties::default().with_headers(headers);
    if let Ok(content_type) = ShortString::try_new(message.content_type.as_str()) {
        properties = properties.with_content_type(content_type);
    }
    Ok(Arrival { consumer: message.consumer.clone(), properties, body, given_up: None })
}

fn headers(table: &FieldTable) -> BTreeMap<String, String> {
    let plain = |value: &AMQPValue| match value {
        AMQPValue::LongString(text) => Some(String::from_utf8_lossy(text.as_bytes()).into_owned()),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        AMQPValue::Boolean(value) => Some(value.to_string()),
        AMQPValue::ShortShortInt(value) => Some(value.to_string()),
        AMQPValue::ShortInt(value) => Some(value.to_string()),
        AMQPValue::LongInt(value) => Some(value.to_string()),
        AMQPValue::LongLongInt(value) => Some(value.to_string()),
        AMQPValue::Timestamp(seconds) => {
            chrono::DateTime::from_timestamp(i64::try_from(*seconds).ok()?, 0).map(|time| time.to_rfc3339())
        }
        _ => None,
    };
    table.into_iter().filter_map(|(name, value)| Some((name.to_string(), plain(value)?))).collect()
}

fn text_of(text: Option<&ShortString>) -> String {
    text.map(|text| text.to_string().replace('\0', "")).unwrap_or_default()
}
