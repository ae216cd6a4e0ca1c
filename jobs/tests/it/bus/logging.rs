//! What the log says about the connection.

use std::fmt::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jobs::bus::{Bus, BusState};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use super::broker::Vhost;
use super::proxy::Proxy;
use super::{CHANGED, down, settings, start, up};

/// The lines of the bus: level and fields.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<(Level, String)>>>);

impl Log {
    fn lines(&self, level: Level) -> Vec<String> {
        let lines = self.0.lock().unwrap();
        lines.iter().filter(|(of, _)| *of == level).map(|(_, line)| line.clone()).collect()
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, "{field}={value:?} ").unwrap();
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("jobs::bus")
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        self.0.lock().unwrap().push((*event.metadata().level(), line.0));
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

// One thread, so that the subscriber of this thread sees the bus's tasks.
#[tokio::test(flavor = "current_thread")]
async fn one_line_per_change_and_never_the_password() {
    // With a single subscriber in the process, tracing would ask the thread that comes to a line
    // first, which may be that of another test, whether anybody wants it.
    let _second = tracing::Dispatch::new(Log::default());
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let vhost = Vhost::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let settings = jobs::bus::Settings { reconnect_max: Duration::from_millis(50), ..settings(&vhost.through(port)) };
    let bus = start(settings, &[CHANGED]);
    down(&bus, "refused").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(log.lines(Level::WARN).len(), 1, "{:?}", log.lines(Level::WARN));
    assert!(log.lines(Level::DEBUG).len() > 5, "a line per attempt for those who look closer");

    let proxy = Proxy::on(tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap(), vhost.port());
    up(&bus).await;
    assert_eq!(log.lines(Level::INFO).len(), 1);
    proxy.set(super::proxy::Flow::Cut);
    bus.state().wait_for(|state| *state != BusState::Up).await.unwrap();
    up(&bus).await;
    assert_eq!(log.lines(Level::WARN).len(), 2, "{:?}", log.lines(Level::WARN));
    assert_eq!(log.lines(Level::INFO).len(), 2);
    bus.close().await;
    assert_eq!(log.lines(Level::WARN).len(), 2, "closing is no fault");
    let everything = format!("{:?}", log.0.lock().unwrap());
    assert!(everything.contains(&format!("127.0.0.1:{port}")) && !everything.contains("guest"), "{everything}");
}
