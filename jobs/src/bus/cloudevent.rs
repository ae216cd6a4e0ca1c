//! Events as CloudEvents 1.0, on the wire of RabbitMQ and, byte for byte the same, of the embedded
//! bus.
//!
//! | attribute | from |
//! |---|---|
//! | `id`, `type`, `source`, `subject`, `time` | the event, fixed at commit, the same on every attempt |
//! | `datacontenttype` | `application/json` |
//! | `dataschema` | `urn:offgrid:portal:schema:` type `:` version of the form of `data` |
//! | `correlationid`, `causationid`, `tenantid` | the event |
//! | `partitionkey` | `subject`: events of one aggregate belong to one partition |
//! | `sequence` | the aggregate's version, 20 digits, so that it orders as text |
//! | `traceparent` | the event, if it has one |
//! | `data` | the event's JSON, passed through as it was written |
//!
//! *Structured* (the default): the message body is the whole event as JSON, content type
//! `application/cloudevents+json; charset=utf-8`. *Binary*: the body is `data` alone, the
//! attributes are message headers. CloudEvents defines no binding for AMQP 0-9-1; RabbitMQ shows
//! such headers to AMQP 1.0 clients as application properties, so they bear the prefix of the
//! AMQP 1.0 binding, `cloudEvents:`. [`decode`] also takes `cloudEvents_` (the same binding, for
//! JMS) and `ce-` (a draft binding for RabbitMQ).

mod decode;
mod encode;
mod schema;

use lapin::BasicProperties;
use serde::Deserialize;

pub use decode::{DecodeError, Received, decode};
pub(in crate::bus) use encode::structured;
pub use encode::{EncodeError, encode};
pub(crate) use schema::data_schema;
pub use schema::data_version;

/// Content type of structured mode.
pub const STRUCTURED: &str = "application/cloudevents+json; charset=utf-8";

/// Bodies are at most this many bytes: what RabbitMQ 4 takes unless told otherwise. A longer one
/// would make it close the channel, and with it fail every other publish under way.
pub const MAX_BODY: usize = 16 * 1024 * 1024;

/// Header prefixes of binary mode: the one that is written, then the others that are understood.
const PREFIXES: [&str; 3] = ["cloudEvents:", "cloudEvents_", "ce-"];

/// How an event becomes a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContentMode {
    /// The whole event is the body.
    #[default]
    Structured,
    /// The body is `data`, the attributes are headers.
    Binary,
}

/// An event as it travels.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Content type, headers, message id (the event's id), type, timestamp (seconds), persistent.
    pub properties: BasicProperties,
    /// The bytes.
    pub body: Vec<u8>,
}
