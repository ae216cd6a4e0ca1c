//! Fuzz targets: what arrives from the broker. See the crate `fuzz`.

use chrono::{DateTime, Datelike as _};
use cloudevents::AttributesReader as _;
use domain::kernel::event::Envelope;
use fuzz::target;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use serde_json::value::RawValue;

use crate::bus::cloudevent::{ContentMode, MAX_BODY, Received, data_version, decode, encode};

const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// Whatever was decoded has what CloudEvents requires, and data that is JSON.
fn is_an_event(received: &Received) {
    assert!(!received.attributes.ty().is_empty() || !received.attributes.id().is_empty() || received.data.is_none());
    if let Some(data) = &received.data {
        serde_json::from_str::<serde_json::Value>(data.get()).unwrap();
    }
    let _ = (received.subject(), received.extension("correlationid"));
}

#[test]
fn fuzz_structured() {
    target(HERE, "structured", |bytes| {
        let properties = BasicProperties::default().with_content_type("application/cloudevents+json".into());
        if let Ok(received) = decode(&properties, bytes) {
            is_an_event(&received);
        }
    });
}

/// Lines: the content type, headers as `name: value`, an empty line, the body.
#[test]
fn fuzz_binary() {
    target(HERE, "binary", |bytes| {
        let (head, body) = bytes.split_at(bytes.windows(2).position(|two| two == b"\n\n").unwrap_or(bytes.len()));
        let mut headers = FieldTable::default();
        let mut lines = head.split(|byte| *byte == b'\n');
        let content_type = String::from_utf8_lossy(lines.next().unwrap_or_default());
        for line in lines {
            let (name, value) =
                line.split_at(line.iter().skip(3).position(|b| *b == b':').map_or(line.len(), |at| at + 3));
            if let Ok(name) = ShortString::try_new(String::from_utf8_lossy(name).as_ref()) {
                headers.insert(name, header(value.strip_prefix(b": ").unwrap_or(value)));
            }
        }
        let Ok(content_type) = ShortString::try_new(content_type.as_ref()) else { return };
        let properties = BasicProperties::default().with_content_type(content_type).with_headers(headers);
        if let Ok(received) = decode(&properties, body.strip_prefix(b"\n\n").unwrap_or(body)) {
            is_an_event(&received);
        }
    });
}

/// A number is a timestamp, so that times are tried in both forms.
fn header(value: &[u8]) -> AMQPValue {
    match std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()) {
        Some(seconds) => AMQPValue::Timestamp(seconds),
        None => AMQPValue::LongString(LongString::from(value)),
    }
}

/// An event that can be sent arrives as it was sent, in both modes. Lines: type, source, subject,
/// time in seconds, correlation id, causation id, data.
#[test]
fn fuzz_round_trip() {
    target(HERE, "round_trip", |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let Some(event) = envelope(&text) else { return };
        for mode in [ContentMode::Structured, ContentMode::Binary] {
            let Ok(message) = encode(&event, mode) else { continue };
            assert!(message.body.len() <= MAX_BODY);
            let received = decode(&message.properties, &message.body)
                .unwrap_or_else(|error| panic!("{mode:?} cannot be read again: {error}; {event:?}"));
            let attributes = &received.attributes;
            assert_eq!(attributes.id(), event.id.to_string());
            assert_eq!(attributes.ty(), event.event_type);
            assert_eq!(attributes.source().as_str(), event.source);
            assert_eq!(received.subject(), event.subject);
            assert_eq!(attributes.time(), Some(&event.time));
            assert_eq!(received.extension("correlationid").as_deref(), Some(event.correlation_id.as_str()));
            assert_eq!(data_version(attributes).ok(), Some(event.data_version));
            assert_eq!(received.extension("causationid").as_deref(), Some(event.causation_id.as_str()));
            let data = received.data.as_ref().map_or("null", |data| data.get());
            assert_eq!(data, event.data.get(), "{mode:?}");
        }
    });
}

fn envelope(text: &str) -> Option<Envelope> {
    let mut lines = text.splitn(7, '\n');
    let data = lines.clone().nth(6)?.trim();
    // the log's `jsonb` holds nothing that is only grammar
    serde_json::from_str::<serde_json::Value>(data).ok()?;
    let time = |seconds: &str| DateTime::from_timestamp(seconds.parse().ok()?, 123_456_000);
    Some(Envelope {
        id: uuid::Uuid::nil(),
        event_type: lines.next()?.to_owned(),
        source: lines.next()?.to_owned(),
        subject: lines.next()?.to_owned(),
        // RFC 3339 has years of four digits
        time: time(lines.next()?).filter(|time| (0..=9999).contains(&time.year()))?,
        sequence: 7,
        tenant_id: "acme".parse().ok()?,
        actor: "ada".parse().ok()?,
        correlation_id: lines.next()?.parse().ok()?,
        causation_id: lines.next()?.to_owned(),
        traceparent: None,
        data_version: 2,
        data: RawValue::from_string(data.to_owned()).ok()?,
    })
}
