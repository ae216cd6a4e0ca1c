//! What a webhook says: the event as a CloudEvent in structured JSON.

use chrono::SecondsFormat;
use domain::kernel::inbox::ReceivedEvent;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::bus::cloudevent::data_schema;

/// Its content type.
pub(super) const CONTENT_TYPE: &str = "application/cloudevents+json; charset=utf-8";

/// The members in this order: the same event is the same bytes with every attempt.
#[derive(Serialize)]
struct Body<'e> {
    specversion: &'static str,
    id: &'e str,
    source: &'e str,
    #[serde(rename = "type")]
    event_type: &'e str,
    subject: &'e str,
    time: String,
    datacontenttype: &'static str,
    dataschema: String,
    tenantid: &'e str,
    correlationid: &'e str,
    sequence: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'e str>,
    data: &'e RawValue,
}

/// The bytes that are sent.
pub(super) fn of(event: &ReceivedEvent) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&Body {
        specversion: "1.0",
        id: &event.id,
        source: &event.source,
        event_type: &event.event_type,
        subject: &event.subject,
        time: event.time.to_rfc3339_opts(SecondsFormat::AutoSi, true),
        datacontenttype: "application/json",
        dataschema: data_schema(&event.event_type, event.data_version),
        tenantid: event.tenant_id.as_str(),
        correlationid: event.correlation_id.as_str(),
        // as on the bus: orders as text, too
        sequence: format!("{:020}", event.sequence),
        traceparent: event.traceparent.as_deref(),
        data: &event.data,
    })
}

#[cfg(test)]
mod tests {
    use cloudevents::AttributesReader as _;
    use lapin::BasicProperties;

    use super::*;
    use crate::bus::cloudevent::decode;

    #[test]
    fn it_is_a_cloud_event_and_the_same_each_time() {
        let event: ReceivedEvent = serde_json::from_value(serde_json::json!({
            "id": "01980000-0000-7000-8000-000000000001", "source": "urn:offgrid:orders:outboxworker",
            "type": "com.offgrid.portal.orders.order-created", "subject": "orders/7", "time": "2026-03-01T09:30:00.123456Z",
            "sequence": 3, "tenant_id": "acme", "correlation_id": "c-1", "traceparent": null, "data": {"b": 1, "a": 2.0},
        }))
        .unwrap();
        let body = of(&event).unwrap();
        assert_eq!(body, of(&event).unwrap());
        let read = decode(&BasicProperties::default().with_content_type(CONTENT_TYPE.into()), &body).unwrap();
        let attributes = &read.attributes;
        assert_eq!((attributes.id(), attributes.ty()), (event.id.as_str(), event.event_type.as_str()));
        assert_eq!(attributes.time(), Some(&event.time));
        assert_eq!(read.extension("tenantid").as_deref(), Some("acme"));
        assert_eq!(read.extension("sequence").as_deref(), Some("00000000000000000003"));
        assert_eq!(read.data.unwrap().get(), event.data.get(), "as it was written");
    }
}
