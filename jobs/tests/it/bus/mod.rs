//! The bus: on a real RabbitMQ, each test in a vhost of its own.

#![allow(clippy::unwrap_used, reason = "these are tests, though clippy sees only functions marked as such")]

pub(crate) mod broker;
mod console;
mod delivery;
mod embedded;
mod faults;
mod foreign;
mod logging;
mod node;
mod proxy;
mod topology;
mod wire;

use std::time::Duration;

use chrono::DateTime;
use domain::CorrelationId;
use domain::kernel::event::Envelope;
use domain::messaging::DEFAULT_GROUP;
use jobs::bus::{Bus, BusState, RabbitMq, Settings, Subscription};
use uuid::Uuid;

use crate::servers::up;

/// An event type that tests subscribe to.
const CHANGED: &str = "com.offgrid.portal.customers.customer-changed";

/// Another one.
const SUSPENDED: &str = "com.offgrid.portal.customers.customer-suspended";

/// An event of the aggregate `customers/{key}`.
fn event(event_type: &str, key: &str, sequence: i64) -> Envelope {
    Envelope {
        id: Uuid::now_v7(),
        event_type: event_type.to_owned(),
        source: "urn:offgrid:customers:outboxworker".to_owned(),
        subject: format!("customers/{key}"),
        time: DateTime::parse_from_rfc3339("2026-01-02T03:04:05.123456Z").unwrap().to_utc(),
        sequence,
        tenant_id: "acme".parse().unwrap(),
        actor: "tester".parse().unwrap(),
        correlation_id: "corr-1".to_owned().try_into().unwrap_or_else(|_| CorrelationId::generate()),
        causation_id: "request-1".to_owned(),
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
        data_version: 1,
        data: serde_json::value::RawValue::from_string(
            r#"{"z": 1.10, "name":"Ünal ∑", "big":12345678901234567890123}"#.into(),
        )
        .unwrap(),
    }
}

/// Settings that do not keep a test waiting.
fn settings(url: &str) -> Settings {
    Settings {
        url: url.to_owned(),
        confirm_timeout: Duration::from_secs(10),
        reconnect_max: Duration::from_millis(500),
        delivery_limit: 2,
        ..Settings::default()
    }
}

/// A bus whose broker answers, with a queue per type.
async fn connected(url: &str, types: &[&str]) -> RabbitMq {
    let bus = start(settings(url), types);
    up(&bus).await;
    bus
}

fn start(settings: Settings, types: &[&str]) -> RabbitMq {
    let subscriptions: Vec<_> = types.iter().map(|t| Subscription::of(DEFAULT_GROUP, t)).collect();
    RabbitMq::start(settings, &subscriptions).unwrap()
}

/// Waits until events cannot be published, for a reason that contains `part`; returns the reason.
async fn down(bus: &dyn Bus, part: &str) -> String {
    let mut state = bus.state();
    let is_down = |state: &BusState| matches!(state, BusState::Down { reason } if reason.contains(part));
    let waited = tokio::time::timeout(Duration::from_secs(60), state.wait_for(is_down)).await;
    match &*waited.unwrap_or_else(|_| panic!("still {:?}", *bus.state().borrow())).unwrap() {
        BusState::Down { reason } => reason.clone(),
        BusState::Up => unreachable!(),
    }
}
