//! From the wire to a consumer.

use std::collections::BTreeMap;

use chrono::DateTime;
use cloudevents::event::ExtensionValue;
use cloudevents::{AttributesReader, Event};
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::PREFIXES;

/// An event that arrived.
#[derive(Debug, Clone)]
pub struct Received {
    /// Attributes and extensions; its own `data` is empty.
    pub attributes: Event,
    /// The event's JSON, as it was sent.
    pub data: Option<Box<RawValue>>,
}

/// Why a message is not an event for us.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Neither a structured CloudEvent nor headers of a binary one.
    #[error("not a CloudEvent: content type {0:?} and no header cloudEvents:specversion")]
    NotACloudEvent(String),
    /// Required attributes are missing, or the body is not JSON.
    #[error("not a valid CloudEvent: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Its data is something other than JSON, or JSON in base64.
    #[error("its data is not JSON")]
    DataNotJson,
}

impl Received {
    /// An extension attribute as text; `None` when it is missing.
    pub fn extension(&self, name: &str) -> Option<String> {
        self.attributes.extension(name).map(ExtensionValue::to_string)
    }

    /// CloudEvents `subject`; empty when there is none.
    pub fn subject(&self) -> &str {
        self.attributes.subject().unwrap_or_default()
    }
}

/// Reads a message of either content mode.
///
/// # Errors
/// See [`DecodeError`].
pub fn decode(properties: &BasicProperties, body: &[u8]) -> Result<Received, DecodeError> {
    let content_type = properties.content_type().as_ref().map_or("", |text| text.as_str());
    if media_type(content_type) == "application/cloudevents+json" {
        return structured(body);
    }
    match properties.headers().as_ref().map(attributes_of) {
        Some(attributes) if attributes.contains_key("specversion") => binary(attributes, content_type, body),
        _ => Err(DecodeError::NotACloudEvent(content_type.to_owned())),
    }
}

fn media_type(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn structured(body: &[u8]) -> Result<Received, DecodeError> {
    // `data` stays text: it is parsed once, by whoever knows what it is
    let mut members: BTreeMap<String, &RawValue> = serde_json::from_slice(body)?;
    if members.contains_key("data_base64") {
        return Err(DecodeError::DataNotJson);
    }
    let data = members.remove("data").filter(|data| data.get() != "null").map(readable).transpose()?;
    let attributes = members
        .into_iter()
        .map(|(name, text)| Ok((name, serde_json::from_str(text.get())?)))
        .collect::<Result<Map<String, Value>, serde_json::Error>>()?;
    Ok(Received { attributes: serde_json::from_value(Value::Object(attributes))?, data })
}

fn binary(mut attributes: Map<String, Value>, content_type: &str, body: &[u8]) -> Result<Received, DecodeError> {
    if !content_type.is_empty() {
        attributes.insert("datacontenttype".to_owned(), content_type.into());
    }
    let data = match body {
        [] => None,
        body => {
            let data = serde_json::from_slice(body).map_err(|_| DecodeError::DataNotJson)?;
            Some(readable(data).map_err(|_| DecodeError::DataNotJson)?)
        }
    };
    Ok(Received { attributes: serde_json::from_value(Value::Object(attributes))?, data })
}

/// Text that every reader can read: JSON's grammar alone lets through half a surrogate pair, numbers beyond all
/// bounds and any depth, and whoever reads them later would fail at each attempt.
fn readable(data: &RawValue) -> Result<Box<RawValue>, serde_json::Error> {
    serde_json::from_str::<Value>(data.get())?;
    Ok(data.to_owned())
}

/// The headers that are attributes, without their prefix.
fn attributes_of(headers: &FieldTable) -> Map<String, Value> {
    let mut attributes = Map::new();
    for (header, value) in headers {
        let name = PREFIXES.iter().find_map(|prefix| header.as_str().strip_prefix(prefix));
        if let (Some(name), Some(value)) = (name, plain(name, value)) {
            attributes.insert(name.to_owned(), value);
        }
    }
    attributes
}

/// A header as JSON; `None` for types that no attribute has.
fn plain(name: Option<&str>, value: &AMQPValue) -> Option<Value> {
    Some(match value {
        // `time` as an AMQP timestamp: seconds
        AMQPValue::Timestamp(seconds) if name == Some("time") => {
            DateTime::from_timestamp(i64::try_from(*seconds).ok()?, 0)?.to_rfc3339().into()
        }
        AMQPValue::LongString(text) => std::str::from_utf8(text.as_bytes()).ok()?.into(),
        AMQPValue::ShortString(text) => text.as_str().into(),
        AMQPValue::Boolean(flag) => (*flag).into(),
        AMQPValue::ShortShortInt(number) => (*number).into(),
        AMQPValue::ShortInt(number) => (*number).into(),
        AMQPValue::LongInt(number) => (*number).into(),
        AMQPValue::LongLongInt(number) => (*number).into(),
        _ => return None,
    })
}
