//! The wire format, pinned.

use std::collections::BTreeMap;

use cloudevents::AttributesReader;
use domain::kernel::event::Envelope;
use jobs::bus::cloudevent::{ContentMode, DecodeError, Message, decode, encode};
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use serde_json::Value;
use uuid::Uuid;

use super::{CHANGED, event};

fn fixed() -> Envelope {
    let id = Uuid::parse_str("019b7c00-0000-7000-8000-000000000001").unwrap();
    Envelope { id, ..event(CHANGED, "0198e2f0-0000-7000-8000-000000000002", 3) }
}

/// Properties as sorted lines.
fn properties(message: &Message) -> BTreeMap<String, String> {
    let properties = &message.properties;
    let mut lines = BTreeMap::new();
    let mut line = |name: &str, value: Option<String>| lines.extend(value.map(|value| (name.to_owned(), value)));
    line("content_type", properties.content_type().as_ref().map(ToString::to_string));
    line("delivery_mode", properties.delivery_mode().map(|mode| mode.to_string()));
    line("message_id", properties.message_id().as_ref().map(ToString::to_string));
    line("timestamp", properties.timestamp().map(|time| time.to_string()));
    line("type", properties.kind().as_ref().map(ToString::to_string));
    for (name, value) in properties.headers().iter().flatten() {
        let AMQPValue::LongString(text) = value else { panic!("{name} is {value:?}") };
        line(&format!("headers {name}"), Some(text.to_string()));
    }
    lines
}

#[test]
fn structured_mode() {
    let message = encode(&fixed(), ContentMode::Structured).unwrap();
    let mut attributes: BTreeMap<String, Value> = serde_json::from_slice(&message.body).unwrap();
    assert!(attributes.remove("data").is_some());
    insta::assert_json_snapshot!("structured", (properties(&message), attributes));
    // data as it was written at commit: order, spacing, digits
    let body = String::from_utf8(message.body).unwrap();
    assert!(body.ends_with(r#","data":{"z": 1.10, "name":"Ünal ∑", "big":12345678901234567890123}}"#), "{body}");
}

#[test]
fn binary_mode() {
    let message = encode(&fixed(), ContentMode::Binary).unwrap();
    let body = String::from_utf8(message.body.clone()).unwrap();
    insta::assert_json_snapshot!("binary", (properties(&message), body));
}

#[test]
fn both_modes_say_the_same() {
    let structured = encode(&fixed(), ContentMode::Structured).unwrap();
    let binary = encode(&fixed(), ContentMode::Binary).unwrap();
    let structured = decode(&structured.properties, &structured.body).unwrap();
    let binary = decode(&binary.properties, &binary.body).unwrap();
    assert_eq!(structured.attributes, binary.attributes);
    assert_eq!(structured.data.unwrap().get(), binary.data.as_ref().unwrap().get());
    assert_eq!(binary.data.unwrap().get(), fixed().data.get());
    assert_eq!(binary.attributes.id(), fixed().id.to_string());
    assert_eq!(binary.attributes.time(), Some(&fixed().time));
    assert_eq!(binary.attributes.extension("sequence").unwrap().to_string(), "00000000000000000003");
}

#[test]
fn an_event_without_trace_has_no_traceparent() {
    let event = Envelope { traceparent: None, ..fixed() };
    let message = encode(&event, ContentMode::Structured).unwrap();
    let received = decode(&message.properties, &message.body).unwrap();
    assert_eq!(received.extension("traceparent"), None);
    assert_eq!(received.extension("tenantid").as_deref(), Some("acme"));
}

#[test]
fn headers_of_other_senders_are_understood() {
    for prefix in ["cloudEvents:", "cloudEvents_", "ce-"] {
        let mut headers = FieldTable::default();
        for (name, value) in [("specversion", "1.0"), ("id", "1"), ("type", "t"), ("source", "/s")] {
            headers.insert(format!("{prefix}{name}").into(), AMQPValue::LongString(value.into()));
        }
        headers.insert(format!("{prefix}time").into(), AMQPValue::Timestamp(1_767_323_045));
        headers.insert(format!("{prefix}count").into(), AMQPValue::LongInt(7));
        headers.insert("unrelated".into(), AMQPValue::Boolean(true));
        let properties = BasicProperties::default().with_content_type("application/json".into()).with_headers(headers);
        let received = decode(&properties, b"[1]").unwrap();
        assert_eq!(received.attributes.time().unwrap().to_rfc3339(), "2026-01-02T03:04:05+00:00");
        assert_eq!(received.extension("count").as_deref(), Some("7"));
        assert_eq!(received.attributes.datacontenttype(), Some("application/json"));
        assert_eq!(received.data.unwrap().get(), "[1]");
    }
}

#[test]
fn what_is_no_event_is_refused() {
    let content_type = |text: &str| BasicProperties::default().with_content_type(text.into());
    let structured = content_type("application/cloudevents+json");
    assert!(matches!(decode(&content_type("text/plain"), b"hello"), Err(DecodeError::NotACloudEvent(_))));
    assert!(matches!(decode(&structured, b"hello"), Err(DecodeError::Malformed(_))));
    let without_id = br#"{"specversion":"1.0","type":"t","source":"/s"}"#;
    assert!(matches!(decode(&structured, without_id), Err(DecodeError::Malformed(_))));
    let base64 = br#"{"specversion":"1.0","id":"1","type":"t","source":"/s","data_base64":"aGk="}"#;
    assert!(matches!(decode(&structured, base64), Err(DecodeError::DataNotJson)));
}

/// Each is JSON by its grammar, and none could be read by a handler.
#[test]
fn data_that_nobody_could_read_is_refused_at_once() {
    let deep = format!("{}1{}", "[".repeat(1000), "]".repeat(1000));
    let structured = BasicProperties::default().with_content_type("application/cloudevents+json".into());
    let mut headers = FieldTable::default();
    for (name, value) in [("specversion", "1.0"), ("id", "1"), ("type", "t"), ("source", "/s")] {
        headers.insert(format!("cloudEvents:{name}").into(), AMQPValue::LongString(value.into()));
    }
    let binary = BasicProperties::default().with_headers(headers);
    for data in [r#"{"\ud800name":1}"#, r#"["\udc00"]"#, r#"{"n":1e999}"#, &deep] {
        let whole = format!(r#"{{"specversion":"1.0","id":"1","type":"t","source":"/s","data":{data}}}"#);
        assert!(matches!(decode(&structured, whole.as_bytes()), Err(DecodeError::Malformed(_))), "{data}");
        assert!(matches!(decode(&binary, data.as_bytes()), Err(DecodeError::DataNotJson)), "{data}");
    }
    let pair = br#"{"specversion":"1.0","id":"1","type":"t","source":"/s","data":"\ud83d\ude00"}"#;
    assert_eq!(decode(&structured, pair).unwrap().data.unwrap().get(), r#""\ud83d\ude00""#);
}

#[test]
fn what_would_break_the_channel_is_not_sent() {
    let long_type = Envelope { event_type: "t".repeat(256), ..fixed() };
    assert!(encode(&long_type, ContentMode::Structured).unwrap_err().to_string().contains("256 bytes"));
    let text = format!("\"{}\"", "x".repeat(16 * 1024 * 1024));
    let data = serde_json::value::RawValue::from_string(text).unwrap();
    let large = Envelope { data, ..fixed() };
    assert!(encode(&large, ContentMode::Binary).unwrap_err().to_string().contains("at most"));
}
