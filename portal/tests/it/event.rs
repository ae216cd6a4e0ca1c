//! `portal event publish` and `portal event tail`.

use serde_json::{Value, json};
use sqlx::PgPool;

use crate::places::{NOBODY, Vhost, url};
use crate::program::{Program, portal};

const RECEIVED: &str = "com.offgrid.portal.stock.stock-received";
const ITEM: &str = "01941f29-7c00-7000-8000-00000000f001";

pub(crate) fn received() -> Value {
    json!({"quantity": 5, "stock": {
        "id": ITEM, "sku": "TEST-1", "onHand": 5, "reserved": 0, "available": 5,
        "createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-01T00:00:00Z", "version": 1, "sequence": 1,
    }})
}

#[sqlx::test(migrations = false)]
async fn a_test_event_is_published_and_both_tails_show_it(pool: PgPool) {
    domain::kernel::schema::migrate(&pool).await.unwrap();
    let (worker, api, vhost) = (url(&pool, "portal_worker"), url(&pool, "portal_api"), Vhost::new());
    let (database, broker) = (("DATABASE_URL", api.as_str()), ("AMQP_URL", vhost.url.as_str()));
    let served = Program::start(&["worker", "--queues", "outbox,portal"], &[("DATABASE_URL", &worker), broker]);
    let started = served.wait_for_log("worker started");
    assert!(started.contains(r#"queues=["outbox", "portal"]"#), "{started}");
    let lines = Program::start(&["event", "tail", "--json", "--type", RECEIVED], &[database]);
    let text = Program::start(&["event", "tail"], &[broker]);
    for tail in [&lines, &text] {
        tail.wait_for_log("showing events as they are published");
    }

    let data = received().to_string();
    let arguments = ["event", "publish", "--type", RECEIVED, "--correlation-id", "test-1", "--data", &data];
    let published = portal(&arguments, &[database]);
    assert_eq!(published.code, Some(0), "{published:?}");
    let id = published.stdout.split(' ').nth(1).unwrap().to_owned();
    assert_eq!(
        published.stdout,
        format!("event {id} about stock/{ITEM} is in the outbox, with the correlation id test-1\n")
    );

    let line: Value = serde_json::from_str(lines.wait_for("\n").lines().next().unwrap()).unwrap();
    assert_eq!((&line["id"], &line["type"], &line["tenantid"]), (&json!(id), &json!(RECEIVED), &json!("demo")));
    assert_eq!((&line["correlationid"], &line["data"]), (&json!("test-1"), &received()));
    let shown = text.wait_for(&id);
    assert!(shown.contains(&format!("subject     stock/{ITEM}")), "{shown}");
    for (program, signal) in [(lines, "INT"), (text, "TERM"), (served, "TERM")] {
        let ended = program.stop(signal);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(!ended.stderr.contains("portal-test") && !ended.stderr.contains("guest:guest"), "{}", ended.stderr);
    }

    let again = portal(&arguments, &[database]);
    assert_eq!(
        again.complaint(),
        format!(
            "publishing: aggregate_exists: {ITEM} has events up to version 1, and a test event is about something of \
             its own: give it another id"
        )
    );
    let fresh = portal(&[&arguments[..], &["--fresh"]].concat(), &[database]);
    assert_eq!(fresh.code, Some(0), "{fresh:?}");
    let logged: Vec<(String, String, Value)> =
        sqlx::query_as("select aggregate_id::text, actor, data from kernel.events order by position")
            .fetch_all(&pool)
            .await
            .unwrap();
    let [(first, actor, _), (second, _, data)] = &logged[..] else { panic!("{logged:?}") };
    assert_eq!((first.as_str(), actor.as_str()), (ITEM, "portal-event"));
    assert!(second != ITEM && data["stock"]["id"] == json!(second), "{logged:?}");
}

#[test]
fn what_cannot_be_published_is_refused_before_anything_is_asked_of_the_database() {
    let nobody = format!("postgres://portal_api@{NOBODY}/portal");
    let complaint = |event_type: &str, data: &str| {
        let arguments = ["event", "publish", "--type", event_type, "--data", data];
        portal(&arguments, &[("DATABASE_URL", &nobody)]).complaint().to_owned()
    };
    let unknown = complaint("com.offgrid.portal.stock.stock-recieved", "-");
    assert!(unknown.starts_with("there is no event type \"com.offgrid.portal.stock.stock-recieved\"; there are: "));
    assert!(unknown.contains(RECEIVED), "{unknown}");
    let mut data = received();
    data["stock"]["onHand"] = "five".into();
    assert_eq!(
        complaint(RECEIVED, &data.to_string()),
        format!("the data of {RECEIVED} are wrong at /stock/onHand: invalid type: string \"five\", expected i64")
    );
    let of = format!("the data of {RECEIVED} are wrong at /: ");
    assert!(complaint(RECEIVED, "-").starts_with(&of), "standard input is empty here");
    assert!(complaint(RECEIVED, "@/dev/null").starts_with(&of));
    assert_eq!(complaint(RECEIVED, "@/nowhere.json"), "/nowhere.json: No such file or directory (os error 2)");

    let tail = portal(&["event", "tail", "--type", "nonsense"], &[]);
    assert!(tail.complaint().starts_with("there is no event type \"nonsense\"; there are: "), "{tail:?}");
    let tenant = portal(&["event", "publish", "--type", RECEIVED, "--data", "{}", "--tenant", "No!"], &[]);
    assert_eq!(tenant.code, Some(2), "{tenant:?}");
    assert!(tenant.stderr.contains("a tenant is 1 to 63 characters"), "{tenant:?}");
}
