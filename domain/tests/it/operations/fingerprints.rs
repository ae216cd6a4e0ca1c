//! What failures are grouped by.

use domain::operations::{Fingerprint, GetDeadLetter, JobFilter, JobId, JobState, RetryResult};
use sqlx::PgPool;

use super::dead_letters::{retry_many, those};
use super::{Site, task};
use crate::support::{ACME, OTHER};

/// Errors as the parts of this program write them, and what is left of them.
const PATTERNS: [(&str, &str); 24] = [
    ("did not finish within 60000 ms", "did not finish within # ms"),
    ("no handler for kind sync-prices.v1", "no handler for kind sync-prices.v#"),
    ("order_not_found: there is no order 01941f29-7c00-7000-8000-000000000001", "order_not_found: there is no order #"),
    ("event 01KAH7Z5M8T3R1W6Q0N4V2X9YB is at position 17", "event # is at position #"),
    (
        "the broker is not available: Connection refused (os error 111)",
        "the broker is not available: Connection refused (os error #)",
    ),
    (
        "the broker refused the event: 01KAH7Z5M8T3R1W6Q0N4V2X9YB, deadbeef01, 0x1F, 7",
        "the broker refused the event: #",
    ),
    (
        "error returned from database: duplicate key value violates unique constraint \"customers_email_key\"",
        "error returned from database: duplicate key value violates unique constraint customers_email_key",
    ),
    (
        "error returned from database: invalid input syntax for type uuid: \"x-7\"",
        "error returned from database: invalid input syntax for type uuid: \"…\"",
    ),
    (
        "the arguments of handle-event.v1 do not decode: missing field `event` at line 1 column 2",
        "the arguments of handle-event.v# do not decode: missing field `event` at line # column #",
    ),
    (
        "invalid type: string \"a \\\"b\\\" c\", expected i64 at line 1 column 20",
        "invalid type: string \"…\", expected i# at line # column #",
    ),
    (
        "error sending request for url (https://shop:s3cret@crm.example.com/v1/customers/0194?key=a1b2c3d4e5#x): timed out",
        "error sending request for url (https://crm.example.com/v#/customers/#?…): timed out",
    ),
    (
        "connection error: 10.20.30.40:5672 or [2001:db8::1]:5672: Broken pipe",
        "connection error: # or #:#: Broken pipe",
    ),
    ("550 5.1.1 <ada.lovelace+x@example.com>: unknown", "# # <<email>>: unknown"),
    ("the address: ada@exämple.de has no host", "the address: <email> has no host"),
    ("the SKU 'TEE-1' has 3 left, 4.5 asked; can't", "the SKU \"…\" has # left, # asked; can't"),
    ("customer “Zoë” and «Ada»", "customer \"…\" and \"…\""),
    ("panicked: called `Option::unwrap()` on a `None` value", "panicked: called `Option::unwrap()` on a `None` value"),
    ("at 2026-01-31T08:00:00.123Z", "at #-#-#T#Z"),
    ("at 2026-01-31T08:00:01Z", "at #-#-#T#Z"),
    ("token eyJhbGciOiJIUzI1NiJ9 expired", "token # expired"),
    ("stock_short: 3 of 5", "stock_short: # of #"),
    ("two\n  lines\t ", "two lines"),
    ("decade facade accede", "decade facade accede"),
    ("", ""),
];

impl Site {
    async fn pattern(&self, error: &str) -> String {
        sqlx::query_scalar("select jobs.error_pattern($1)").bind(error).fetch_one(&self.worker).await.unwrap()
    }

    async fn fingerprint(&self, [queue, kind, class, error]: [&str; 4]) -> String {
        let select = sqlx::query_scalar("select jobs.fingerprint($1, $2, $3, $4)");
        select.bind(queue).bind(kind).bind(class).bind(error).fetch_one(&self.worker).await.unwrap()
    }

    /// The fingerprint that a dead letter shows.
    async fn shown(&self, id: &JobId) -> String {
        self.fetch(GetDeadLetter { id: id.clone() }).await.unwrap().summary.fingerprint.unwrap()
    }
}

fn alike(fingerprint: &str) -> JobFilter {
    JobFilter { fingerprint: Some(Fingerprint::parse(fingerprint, "").unwrap()), ..JobFilter::default() }
}

#[sqlx::test(migrations = false)]
async fn what_differs_between_occurrences_is_left_out(pool: PgPool) {
    let site = Site::new(pool).await;
    for (error, pattern) in PATTERNS {
        assert_eq!(site.pattern(error).await, pattern, "{error}");
    }
    let long = site.pattern(&"word ".repeat(1000)).await;
    assert_eq!(long.len(), 300);
    // however long the values are that stand before it
    let (short, long) = (format!("'{}' is wrong", "x".repeat(5)), format!("'{}' is wrong", "y".repeat(500)));
    assert_eq!(site.pattern(&short).await, site.pattern(&long).await);
}

#[sqlx::test(migrations = false)]
async fn alike_means_queue_kind_class_and_wording(pool: PgPool) {
    let site = Site::new(pool).await;
    let one = site.fingerprint(["mail", "send.v1", "smtp", "mail 01KAH7Z5M8T3R1W6Q0N4V2X9YB: 3 tries"]).await;
    assert!(Fingerprint::parse(&one, "").is_ok(), "{one}");
    let again = ["mail", "send.v1", "smtp", "mail 01941f29-7c00-7000-8000-000000000001: 12 tries"];
    assert_eq!(site.fingerprint(again).await, one);
    for other in [
        ["stock", "send.v1", "smtp", "mail 1: 3 tries"],
        ["mail", "send.v2", "smtp", "mail 1: 3 tries"],
        ["mail", "send.v1", "smtp_refused", "mail 1: 3 tries"],
        ["mail", "send.v1", "smtp", "mail 1: 3 failures"],
        ["mail", "send.v1s", "mtp", "mail 1: 3 tries"],
    ] {
        assert_ne!(site.fingerprint(other).await, one, "{other:?}");
    }
}

#[sqlx::test(migrations = false)]
async fn every_failure_has_one_and_nothing_else_has(pool: PgPool) {
    let site = Site::new(pool).await;
    let outcomes =
        ["failed", "dead", "unavailable", "crashed", "snoozed", "cancelled", "redriven", "discarded", "run_now"];
    for outcome in outcomes {
        site.work(&format!(
            "insert into jobs.attempts (job_id, queue, kind, attempt, outcome, error, error_class, actor, ended_at)
             values ('x', 'tasks', 'task.v1', 1, '{outcome}', 'order 7', 'test', 'w1', now())"
        ))
        .await;
    }
    let with: Vec<String> =
        sqlx::query_scalar("select outcome from jobs.attempts where fingerprint is not null order by position")
            .fetch_all(&site.world.owner)
            .await
            .unwrap();
    assert_eq!(with, outcomes[..4]);

    let id = site.job().await;
    site.dead(&id, 1, "order 8").await;
    let dead = site.fetch(GetDeadLetter { id: id.clone() }).await.unwrap();
    assert_eq!(dead.summary.fingerprint, dead.history[0].fingerprint, "as the attempt that killed it");
    assert_eq!(site.shown(&id).await, site.fingerprint(["tasks", "task.v1", "test", "order 9"]).await);
    site.run(retry_many(those(alike(&site.shown(&id).await)), 10)).await.unwrap();
    let again = site.get(&id).await;
    assert_eq!(again.summary.fingerprint, again.history[0].fingerprint, "of a live job, its newest failure's");
    assert_eq!(again.history[1].fingerprint, None, "what an operator did is no failure");
}

#[sqlx::test(migrations = false)]
async fn a_job_that_kills_its_workers_has_one_too(pool: PgPool) {
    let site = Site::new(pool).await;
    let id = site.job().await;
    for crashes in 1..=2 {
        site.claim().await;
        site.set(&id, "alone = true").await;
        site.work("select jobs.rescue('w1', 0, '{tasks}', '{2}', '{false}')").await;
        site.work("update jobs.workers set died_at = null").await;
        let row = site.get(&id).await.history.pop().unwrap();
        assert_eq!(row.fingerprint.as_deref(), Some(&*site.fingerprint(["tasks", "task.v1", "crash", ""]).await));
        assert!(row.error.unwrap().contains(&format!("{crashes} of 2")));
    }
    let history = site.get(&id).await.history;
    assert_eq!(Some(site.shown(&id).await), history[0].fingerprint, "the dead letter is of the crashes' group");
}

#[sqlx::test(migrations = false)]
async fn jobs_are_listed_and_retried_by_it(pool: PgPool) {
    let site = Site::new(pool).await;
    let (one, two) =
        (site.dead_of(ACME, "a", "order 1 is gone").await, site.dead_of(OTHER, "b", "order 2 is gone").await);
    let other = site.dead_of(ACME, "c", "order 3 is late").await;
    let retrying = site.enqueue(ACME, task(1)).await;
    site.set(&retrying, "status = 'Failed', attempts = 1, run_at = now() + interval '1 hour', deferred = true").await;
    site.work(&format!(
        "insert into jobs.attempts (job_id, queue, kind, attempt, outcome, error, error_class, actor, ended_at)
         values ('{}', 'tasks', 'task.v1', 1, 'failed', 'order 4 is gone', 'test', 'w1', now())",
        retrying.as_str()
    ))
    .await;
    let done = site.job().await;
    site.complete(&done).await;
    let gone = site.shown(&one).await;
    assert_eq!(site.shown(&two).await, gone);
    assert_ne!(site.shown(&other).await, gone);
    assert_eq!(site.list(alike(&gone)).await, [retrying.as_str(), two.as_str(), one.as_str()]);
    assert_eq!(site.list_dead(alike(&gone)).await, [two.as_str(), one.as_str()]);
    assert_eq!(site.list(alike("0123456789abcdef")).await.len(), 0);

    let results = site.run(retry_many(those(alike(&gone)), 1000)).await.unwrap();
    let retried: Vec<_> = results.iter().filter(|one| one.result == RetryResult::Retried).map(|one| &one.id).collect();
    assert_eq!(retried, [&one, &two]);
    assert_eq!(site.state(&other).await, JobState::Dead);
}
