//! From a command to `processed_at`, with nothing but PostgreSQL.

use std::sync::Arc;

use domain::customers::{CreateCustomer, Email, Name};
use jobs::bus::{ContentMode, Embedded};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::support::{TestDb, ctx, quick, settings};

/// Completed jobs are dropped after some days; that an event was published is not forgotten.
#[sqlx::test(migrations = false)]
async fn what_was_published_stays_processed_when_its_job_is_gone(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    let command = CreateCustomer {
        name: Name::parse("Ada", "/name").unwrap(),
        email: Email::parse("ada@example.com", "/email").unwrap(),
        phone: None,
        group_id: None,
    };
    domain::run(&db.api, &ctx(), command).await.unwrap();
    let processed =
        "select count(*) from customers.customer_outbox_message where processed_at is not null and retry_count = 0";
    assert_eq!(db.count(processed).await, 0);

    let (bus, stop) = (Arc::new(Embedded::new(ContentMode::Structured)), CancellationToken::new());
    let worker = tokio::spawn(jobs::run(db.worker.clone(), jobs::Wiring::to(bus), settings(), stop.clone()));
    db.until("select count(*) from jobs.completed", 1).await;
    stop.cancel();
    worker.await.unwrap();
    assert_eq!(db.count(processed).await, 1);

    sqlx::query("delete from jobs.completed").execute(&db.owner).await.unwrap();
    assert_eq!(db.count(processed).await, 1);
}
