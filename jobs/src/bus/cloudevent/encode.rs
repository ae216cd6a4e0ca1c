//! From the outbox to the wire.

use chrono::SecondsFormat;
use cloudevents::event::{AttributeValue, TryIntoUrl as _};
use cloudevents::{AttributesWriter, Event, EventBuilder, EventBuilderV10};
use domain::kernel::event::Envelope;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};

use super::schema::data_schema;
use super::{ContentMode, MAX_BODY, Message, PREFIXES, STRUCTURED};

/// Why an event cannot be put on the wire. No retry changes that.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// A required attribute is missing or empty.
    #[error("not a CloudEvent: {0}")]
    Attributes(#[from] cloudevents::event::EventBuilderError),
    /// AMQP keeps the type in a short string, as property and as routing key.
    #[error("its type has {0} bytes, at most 255 can be sent")]
    TypeTooLong(usize),
    /// No URN can be made of it.
    #[error("its type cannot be part of a URN: {0}")]
    Type(String),
    /// More than [`MAX_BODY`].
    #[error("it has {0} bytes, at most {MAX_BODY} can be sent")]
    TooLarge(usize),
    /// The attributes cannot be written as JSON.
    #[error("not JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// Makes the message of an event.
///
/// # Errors
/// See [`EncodeError`].
pub fn encode(event: &Envelope, mode: ContentMode) -> Result<Message, EncodeError> {
    let kind = ShortString::try_new(event.event_type.as_str())
        .map_err(|_| EncodeError::TypeTooLong(event.event_type.len()))?;
    let cloud_event = attributes(event)?;
    let properties = BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_message_id(event.id.to_string().into())
        .with_timestamp(event.time.timestamp().try_into().unwrap_or_default())
        .with_type(kind);
    let message = match mode {
        ContentMode::Structured => Message {
            properties: properties.with_content_type(STRUCTURED.into()),
            body: structured(&cloud_event, event.data.get())?,
        },
        ContentMode::Binary => Message {
            properties: properties.with_content_type(JSON.into()).with_headers(headers(&cloud_event)),
            body: event.data.get().as_bytes().to_vec(),
        },
    };
    if message.body.len() > MAX_BODY {
        return Err(EncodeError::TooLarge(message.body.len()));
    }
    Ok(message)
}

const JSON: &str = "application/json";

/// AMQP delivery mode: the broker writes the message to disk before it confirms it.
const PERSISTENT: u8 = 2;

/// Everything but `data`.
fn attributes(event: &Envelope) -> Result<Event, EncodeError> {
    let mut builder = EventBuilderV10::new()
        .id(event.id.to_string())
        .ty(event.event_type.as_str())
        .source(event.source.as_str())
        .subject(event.subject.as_str())
        .time(event.time)
        .extension("correlationid", event.correlation_id.as_str())
        .extension("causationid", event.causation_id.as_str())
        .extension("tenantid", event.tenant_id.as_str())
        .extension("partitionkey", event.subject.as_str())
        .extension("sequence", format!("{:020}", event.sequence));
    if let Some(traceparent) = &event.traceparent {
        builder = builder.extension("traceparent", traceparent.as_str());
    }
    let mut cloud_event = builder.build()?;
    cloud_event.set_datacontenttype(Some(JSON));
    let schema = data_schema(&event.event_type, event.data_version).into_url();
    cloud_event.set_dataschema(Some(schema.map_err(|error| EncodeError::Type(error.to_string()))?));
    Ok(cloud_event)
}

/// The attributes as a JSON object, with `data` put in as it is: parsing it would cost time, and
/// might change numbers.
pub(in crate::bus) fn structured(cloud_event: &Event, data: &str) -> Result<Vec<u8>, EncodeError> {
    let mut body = serde_json::to_vec(cloud_event)?;
    body.pop(); // the closing brace
    body.reserve(data.len() + 9);
    body.extend_from_slice(b",\"data\":");
    body.extend_from_slice(data.as_bytes());
    body.push(b'}');
    Ok(body)
}

fn headers(cloud_event: &Event) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in cloud_event.iter() {
        // binary mode has it in the content type
        if name == "datacontenttype" {
            continue;
        }
        let text = match value {
            AttributeValue::Time(time) => time.to_rfc3339_opts(SecondsFormat::AutoSi, true),
            value => value.to_string(),
        };
        table.insert(format!("{}{name}", PREFIXES[0]).into(), AMQPValue::LongString(text.into()));
    }
    table
}
