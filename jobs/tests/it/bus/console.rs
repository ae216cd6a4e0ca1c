//! The development consumer.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jobs::bus::console::{ConsoleError, Printer, Style, run_embedded, run_rabbitmq};
use jobs::bus::{Bus, ContentMode, Embedded};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::broker::Vhost;
use super::proxy::{Flow, Proxy};
use super::{CHANGED, SUSPENDED, connected, event, settings};

/// What was printed so far.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    async fn shows(&self, part: &str) {
        for _ in 0..400 {
            if self.text().contains(part) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("{part} was never printed: {}", self.text());
    }
}

/// Publishes until it is printed: the console's queue may not be there yet.
async fn publish_until_shown(bus: &dyn Bus, paper: &Paper, key: &str) {
    for sequence in 1..200 {
        bus.publish(&event(CHANGED, key, sequence)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        if paper.text().contains(&format!("customers/{key}")) {
            return;
        }
    }
    panic!("{key} was never printed");
}

#[tokio::test]
async fn an_event_is_shown_readably() {
    let bus = Embedded::new(ContentMode::Structured);
    for style in [Style::Plain, Style::Coloured] {
        let (paper, stop) = (Paper::default(), CancellationToken::new());
        let console = tokio::spawn(run_embedded(bus.subscribe(), Printer::new(paper.clone(), style), stop.clone()));
        let id = Uuid::parse_str("019b7c00-0000-7000-8000-000000000001").unwrap();
        bus.publish(&domain::kernel::event::Envelope { id, ..event(CHANGED, "1", 3) }).await.unwrap();
        paper.shows("\n\n").await;
        stop.cancel();
        console.await.unwrap().unwrap();
        insta::assert_snapshot!(format!("{style:?}").to_lowercase(), paper.text());
    }
}

#[tokio::test]
async fn it_ends_when_nobody_reads() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let bus = Embedded::new(ContentMode::Structured);
    let console = run_embedded(bus.subscribe(), Printer::new(Closed, Style::Plain), CancellationToken::new());
    bus.publish(&event(CHANGED, "1", 1)).await.unwrap();
    assert!(matches!(console.await, Err(ConsoleError::Write(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn on_rabbitmq_it_shows_every_type_takes_nothing_and_comes_back_after_a_cut() {
    let vhost = Vhost::new();
    let proxy = Proxy::to(vhost.port()).await;
    let bus = connected(&vhost.url, &[CHANGED]).await;
    let (paper, stop) = (Paper::default(), CancellationToken::new());
    let printer = Printer::new(paper.clone(), Style::Plain);
    let console = tokio::spawn(run_rabbitmq(settings(&vhost.through(proxy.port)), printer, stop.clone()));
    publish_until_shown(&bus, &paper, "first").await;
    bus.publish(&event(SUSPENDED, "other", 1)).await.unwrap();
    paper.shows("customers/other").await;
    proxy.set(Flow::Cut);
    publish_until_shown(&bus, &paper, "second").await;
    stop.cancel();
    console.await.unwrap().unwrap();
    // the subscribers' queue still has all of them, and the console's own is gone
    let queue = "offgrid.portal.customers.customer-changed";
    let subjects = super::broker::first_arrivals(&vhost.drain(queue).await);
    assert!(subjects.contains_key("customers/first") && subjects.contains_key("customers/second"));
}

#[test]
fn colours_are_for_terminals_without_no_color() {
    // a test's standard output may be a terminal; a file is none
    let file = std::fs::File::open("/dev/null").unwrap();
    assert_eq!(Style::of(&file, None), Style::Plain);
    assert_eq!(Style::of(&io::stdout(), Some("1".as_ref())), Style::Plain);
}
