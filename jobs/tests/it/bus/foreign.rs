//! Programs in another language: a consumer with a stock CloudEvents SDK, and TLS.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use jobs::bus::{Bus, ContentMode, Settings};
use serde_json::{Value, json};

use super::broker::Vhost;
use super::{CHANGED, down, event, settings, start, up};
use crate::servers::optional;

const QUEUE: &str = "offgrid.portal.customers.customer-changed";
const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/bus");

/// A Python with the packages of `scripts/test-requirements.txt`.
fn python(script: &str) -> Option<Command> {
    let mut command = Command::new(optional("PORTAL_TEST_PYTHON")?);
    command.arg(format!("{HERE}/{script}"));
    Some(command)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stock_sdk_reads_both_modes() {
    let Some(mut consumer) = python("consumer.py") else { return };
    let vhost = Vhost::new();
    let event = event(CHANGED, "1", 3);
    for content_mode in [ContentMode::Structured, ContentMode::Binary] {
        let bus = start(Settings { content_mode, ..settings(&vhost.url) }, &[CHANGED]);
        up(&bus).await;
        bus.publish(&event).await.unwrap();
        bus.close().await;
    }
    let output =
        tokio::task::spawn_blocking(move || consumer.args([&vhost.url, QUEUE, "2"]).output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    let seen: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(seen[0]["mode"], "application/cloudevents+json; charset=utf-8");
    assert_eq!(seen[1]["mode"], "application/json");
    let attributes = json!({
        "specversion": "1.0",
        "id": event.id,
        "type": CHANGED,
        "source": "urn:offgrid:customers:outboxworker",
        "subject": "customers/1",
        "time": "2026-01-02T03:04:05.123456+00:00",
        "datacontenttype": "application/json",
        "dataschema": format!("urn:offgrid:portal:schema:{CHANGED}:1"),
        "correlationid": "corr-1",
        "causationid": "request-1",
        "tenantid": "acme",
        "partitionkey": "customers/1",
        "sequence": "00000000000000000003",
        "traceparent": event.traceparent,
    });
    for line in seen {
        assert_eq!(line["attributes"], attributes);
        assert_eq!(line["data"]["name"], "Ünal ∑");
    }
}

/// Ends with its standard input, which closes when this is dropped.
struct TlsProxy(Child);

impl Drop for TlsProxy {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn amqps_trusts_the_configured_authority_and_no_other() {
    let Some(mut proxy) = python("tls_proxy.py") else { return };
    let vhost = Vhost::new();
    proxy.args([format!("{HERE}/tls/server.pem"), vhost.port().to_string()]);
    let mut proxy = TlsProxy(proxy.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap());
    let mut port = String::new();
    BufReader::new(proxy.0.stdout.take().unwrap()).read_line(&mut port).unwrap();
    let url =
        vhost.through(port.trim().parse().unwrap()).replace("amqp://", "amqps://").replace("127.0.0.1", "localhost");

    let stranger = start(settings(&url), &[CHANGED]);
    let reason = down(&stranger, "certificate").await;
    assert!(reason.contains("UnknownIssuer"), "{reason}");

    let authority = include_str!("tls/ca.pem").to_owned();
    let bus = start(Settings { ca_certificates: Some(authority), ..settings(&url) }, &[CHANGED]);
    up(&bus).await;
    bus.publish(&event(CHANGED, "1", 1)).await.unwrap();
    vhost.holds(QUEUE, 1).await;
}
