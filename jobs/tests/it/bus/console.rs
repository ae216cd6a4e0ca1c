//! The development consumer.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::customers::{CreateCustomer, Email, Name, Reason, SuspendCustomer};
use domain::{Ctx, Scope};
use jobs::bus::console::{ConsoleError, Printer, Style, run_embedded, run_log, run_rabbitmq};
use jobs::bus::{Bus, ContentMode, Embedded};
use serde_json::Value;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::broker::Vhost;
use super::proxy::{Flow, Proxy};
use super::{CHANGED, SUSPENDED, connected, event, settings};
use crate::support::{TestDb, ctx, quick, settings as quick_settings};

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
    let console = tokio::spawn(run_rabbitmq(settings(&vhost.through(proxy.port)), &[], printer, stop.clone()));
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

#[tokio::test(flavor = "multi_thread")]
async fn on_rabbitmq_it_shows_only_the_types_asked_for() {
    let vhost = Vhost::new();
    let bus = connected(&vhost.url, &[CHANGED, SUSPENDED]).await;
    let (paper, stop, settings) = (Paper::default(), CancellationToken::new(), settings(&vhost.url));
    let (printer, stopped) = (Printer::new(paper.clone(), Style::Json), stop.clone());
    let console = tokio::spawn(async move { run_rabbitmq(settings, &[CHANGED.to_owned()], printer, stopped).await });
    publish_until_shown(&bus, &paper, "first").await;
    bus.publish(&event(SUSPENDED, "other", 1)).await.unwrap();
    // it was published before, and what is in the queue comes in order
    publish_until_shown(&bus, &paper, "second").await;
    assert!(!paper.text().contains("customers/other"), "{}", paper.text());
    stop.cancel();
    console.await.unwrap().unwrap();
}

#[sqlx::test(migrations = false)]
async fn without_a_broker_the_database_tells_what_is_published(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    let (bus, stop) = (Arc::new(Embedded::new(ContentMode::Structured)), CancellationToken::new());
    let worker = tokio::spawn(jobs::run(db.worker.clone(), jobs::Wiring::to(bus), quick_settings(), stop.clone()));
    let earlier = create(&db, "earlier").await;
    db.until("select count(*) from jobs.publications", 1).await;

    let (paper, api, stopped) = (Paper::default(), db.api.clone(), stop.clone());
    let printer = Printer::new(paper.clone(), Style::Json);
    let everyone = Ctx { scope: Scope::Installation, ..ctx() };
    let types = ["com.offgrid.portal.customers.customer-created".to_owned()];
    let console = tokio::spawn(async move { run_log(&api, &everyone, &types, printer, stopped).await });
    let mut created = Vec::new();
    while paper.text().is_empty() {
        assert!(created.len() < 200, "nothing was ever printed");
        created.push(create(&db, &format!("later-{}", created.len())).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let reason = Reason::parse("unpaid invoices", "").unwrap();
    let suspend = SuspendCustomer { id: created[0], expected_version: None, reason };
    domain::run(&db.api, &ctx(), suspend).await.unwrap();
    let last = create(&db, "last").await;
    paper.shows(&last.to_string()).await;
    stop.cancel();
    console.await.unwrap().unwrap();
    worker.await.unwrap();

    let shown: Vec<Value> = paper.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let subjects: Vec<&str> = shown.iter().map(|event| event["subject"].as_str().unwrap()).collect();
    let unique: BTreeSet<&&str> = subjects.iter().collect();
    assert_eq!(unique.len(), subjects.len(), "each once, and none of another type: {subjects:?}");
    assert!(!unique.contains(&&*format!("customers/{earlier}")));
    assert!(shown.iter().all(|event| event["data"]["customer"]["version"] == 1 && event["tenantid"] == "acme"));
}

async fn create(db: &TestDb, name: &str) -> Uuid {
    let command = CreateCustomer {
        name: Name::parse(name, "").unwrap(),
        email: Email::parse(&format!("{name}@example.com"), "").unwrap(),
        phone: None,
        group_id: None,
    };
    domain::run(&db.api, &ctx(), command).await.unwrap().id
}

#[test]
fn colours_are_for_terminals_without_no_color() {
    // a test's standard output may be a terminal; a file is none
    let file = std::fs::File::open("/dev/null").unwrap();
    assert_eq!(Style::of(&file, None), Style::Plain);
    assert_eq!(Style::of(&io::stdout(), Some("1".as_ref())), Style::Plain);
}
