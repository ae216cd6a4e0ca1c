//! Events that the next one supersedes, where an installation wants it.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::customers::{CustomerChanged, CustomerReinstated};
use domain::kernel::event::Event as _;
use domain::kernel::policy::QueuePolicy;
use domain::{Command, Error, Tx};
use jobs::Wiring;
use jobs::bus::{ContentMode, Embedded};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{changed, customers, drained, emit};
use crate::support::{TestDb, ctx, quick, settings};

/// Runs a worker over what is committed, until nothing is left.
async fn work(db: &TestDb, collapse: &[&str]) {
    let bus = Arc::new(Embedded::new(ContentMode::Structured));
    let collapse: BTreeSet<String> = collapse.iter().map(|name| (*name).to_owned()).collect();
    let stop = CancellationToken::new();
    let wiring = Wiring { collapse, ..Wiring::to(bus) };
    let worker = tokio::spawn(jobs::run(db.worker.clone(), wiring, settings(), stop.clone()));
    drained(db, std::time::Duration::from_secs(30)).await;
    stop.cancel();
    worker.await.unwrap();
}

/// The sequences of a customer's events that were published, in order.
async fn published(db: &TestDb, customer: Uuid) -> Vec<i64> {
    let select = "select sequence from kernel.events e join jobs.publications p on p.job_id = e.job_id
        where e.aggregate_id = $1 order by p.published_at, e.sequence";
    sqlx::query_scalar(select).bind(customer).fetch_all(&db.owner).await.unwrap()
}

/// Changed, reinstated, changed.
struct Between(Uuid);

impl Command for Between {
    type Output = ();

    async fn handle(self, tx: &mut Tx) -> Result<(), Error> {
        tx.emit(&changed(self.0, 1))?;
        tx.emit(&CustomerReinstated { customer: changed(self.0, 2).customer })?;
        tx.emit(&changed(self.0, 3))
    }
}

#[sqlx::test(migrations = false)]
async fn only_the_latest_of_a_batch_is_published_and_the_others_say_by_which_they_are_superseded(owner: PgPool) {
    let db = TestDb::new(owner, QueuePolicy { batch: 100, ..quick() }).await;
    let all = customers(3);
    emit(&db.api, &all, 1..=4).await;
    let between = Uuid::now_v7();
    domain::run(&db.api, &ctx(), Between(between)).await.unwrap();
    work(&db, &[CustomerChanged::TYPE]).await;
    for customer in all {
        assert_eq!(published(&db, customer).await, [4]);
    }
    assert_eq!(published(&db, between).await, [1, 2, 3], "nothing collapses across another event");
    let named = "select count(*) from jobs.completed c
        join kernel.events e on e.job_id = c.id
        join kernel.events next on next.aggregate_id = e.aggregate_id and next.sequence = e.sequence + 1
        join jobs.attempts a on a.job_id = c.id
        where c.state = 'cancelled' and a.outcome = 'cancelled' and a.error = 'superseded by event ' || next.id";
    assert_eq!(db.count(named).await, 9);
    assert_eq!(db.count("select count(*) from kernel.events").await, 15, "the log has all of them");
}

#[sqlx::test(migrations = false)]
async fn nothing_is_left_out_unless_it_is_asked_for(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    let all = customers(1);
    emit(&db.api, &all, 1..=4).await;
    work(&db, &[]).await;
    assert_eq!(published(&db, all[0]).await, [1, 2, 3, 4]);
}

#[test]
fn only_what_says_how_something_is_now_can_be_collapsed() {
    let names: Vec<_> = jobs::registry::collapsible().into_iter().collect();
    assert_eq!(names, ["com.offgrid.portal.customers.customer-changed", "com.offgrid.portal.products.product-changed"]);
}
