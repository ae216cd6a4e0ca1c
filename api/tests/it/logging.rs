//! One line per request, and nothing secret in the log.

use std::io;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use sqlx::PgPool;
use tracing_subscriber::fmt::MakeWriter;

use crate::app::{Answer, App, CUSTOMER_TEAM, Call, VIEWER};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn lines(&self) -> Vec<String> {
        String::from_utf8_lossy(&self.0.lock().unwrap()).lines().map(str::to_owned).collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

async fn traced(call: Call<'_>) -> Answer {
    call.header("x-correlation-id", "logging-test").send().await
}

#[sqlx::test(migrations = false)]
async fn a_request_leaves_one_line_without_secrets(pool: PgPool) {
    let app = App::new(pool).await;
    let log = Log::default();
    // For the whole process: tracing remembers per place in the code whether anybody listens, and a
    // listener of one thread only would be forgotten. So other tests' requests are in there, too.
    let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).with_ansi(false).json().finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let body = json!({"name": "Ada", "email": "private@example.com"});
    let created = traced(app.post("/v1/customers", &body).role(CUSTOMER_TEAM)).await;
    traced(app.get("/v1/customers?text=private").role(VIEWER)).await;
    traced(app.get(created.header("location")).token("not.a.token")).await;
    traced(app.get("/health/live")).await;

    let lines = log.lines();
    let told: Vec<Value> = lines
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["fields"].clone())
        .filter(|fields| fields["message"] == "request" && fields["correlation_id"] == "logging-test")
        .collect();
    assert_eq!(told.len(), 3, "health is not worth a line: {told:?}");
    assert_eq!(
        [&told[0]["method"], &told[0]["path"], &told[0]["status"], &told[0]["tenant"], &told[0]["actor"]],
        [&json!("POST"), &json!("/v1/customers"), &json!(201), &json!("demo"), &json!("portal-customer-team@demo")]
    );
    assert_eq!(told[0]["request_id"], created.header("x-request-id"));
    assert!(told[0]["ms"].is_u64());
    assert_eq!((&told[2]["path"], &told[2]["code"]), (&json!("/v1/customers/{id}"), &json!("token_invalid")));
    let everything = lines.join("\n");
    for secret in ["private@", "text=private", "not.a.token", "Bearer", "eyJ", created.id()] {
        assert!(!everything.contains(secret), "{secret}: {everything}");
    }
}
