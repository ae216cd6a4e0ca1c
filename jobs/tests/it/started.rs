//! Jobs that an operator starts, run by the product's worker.

use std::sync::Arc;

use domain::operations::{JobId, Reason};
use domain::schedules::{Order, StartJob, StartedBy};
use domain::{Ctx, Scope};
use jobs::Wiring;
use jobs::bus::{ContentMode, Embedded};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::delivery::{customers, emit};
use crate::support::{TestDb, ctx, quick, settings};

/// As an operator.
pub(crate) fn admin() -> Ctx {
    Ctx { scope: Scope::Installation, actor: "root".parse().unwrap(), ..ctx() }
}

async fn start(db: &TestDb, definition: &str, tenant: Option<&str>, parameters: Value) -> JobId {
    let Value::Object(parameters) = parameters else { panic!("parameters are an object") };
    let order = Order::parse(definition, tenant, parameters, StartedBy::Hand).unwrap();
    let start = StartJob { order, run_at: None, reason: Reason::parse("test", "").unwrap() };
    JobId::new(&domain::run(&db.api, &admin(), start).await.unwrap().summary.id)
}

/// Serves the queue of these jobs only, so that nothing else happens, until this job is done.
async fn work(db: &TestDb, job: &JobId) {
    let stop = CancellationToken::new();
    let settings = jobs::runtime::Settings { queues: vec!["maintenance".into()], ..settings() };
    let wiring = Wiring::to(Arc::new(Embedded::new(ContentMode::Structured)));
    let worker = tokio::spawn(jobs::run(db.worker.clone(), wiring, settings, stop.clone()));
    db.until(&format!("select count(*) from jobs.completed where id = '{}'", job.as_str()), 1).await;
    stop.cancel();
    worker.await.unwrap();
}

async fn documents(db: &TestDb) -> Vec<(String, i64, String)> {
    sqlx::query_as("select tenant_id, version, document ->> 'name' from audit.documents order by tenant_id, id")
        .fetch_all(&db.owner)
        .await
        .unwrap()
}

#[sqlx::test(migrations = false)]
async fn documents_are_made_anew_and_what_is_right_stays(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    let all = customers(4);
    emit(&db.api, &all, 1..=3).await;
    let document = "insert into audit.documents (tenant_id, entity, id, version, document, changed_at)
                    values ($1, 'customers', $2, $3, jsonb_build_object('name', $4::text), 'epoch')";
    for (tenant, which, version, name) in [
        // the first is missing, the second stayed behind, the third is damaged, the fourth newer than the log
        ("acme", 1, 2, "Ada the 2th"),
        ("acme", 2, 3, "damaged"),
        ("acme", 3, 4, "Ada the 4th"),
        ("other", 0, 1, "another tenant's"),
    ] {
        sqlx::query(document).bind(tenant).bind(all[which]).bind(version).bind(name).execute(&db.owner).await.unwrap();
    }
    let job = start(&db, "rebuild-documents", Some("acme"), json!({"entity": "orders"})).await;
    work(&db, &job).await;
    assert_eq!(documents(&db).await.len(), 4, "there are no orders");

    let rebuilt = [
        ("acme", 3, "Ada the 3th"),
        ("acme", 3, "Ada the 3th"),
        ("acme", 3, "Ada the 3th"),
        ("acme", 4, "Ada the 4th"),
        ("other", 1, "another tenant's"),
    ];
    let rebuilt = rebuilt.map(|(tenant, version, name)| (tenant.to_owned(), version, name.to_owned()));
    for _ in 0..2 {
        let job = start(&db, "rebuild-documents", Some("acme"), json!({})).await;
        work(&db, &job).await;
        assert_eq!(documents(&db).await, rebuilt);
    }
    let untouched = "select count(*) from audit.documents where changed_at = 'epoch'";
    assert_eq!(db.count(untouched).await, 2, "the newer one, and the other tenant's");
}

/// The last of many windows is looked at like the first.
#[sqlx::test(migrations = false)]
async fn a_long_log_is_looked_through_to_its_end(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    let all = customers(2);
    emit(&db.api, &all[..1], 1..=1).await;
    let skip = "select setval(pg_get_serial_sequence('kernel.events', 'position'), 12345)";
    sqlx::query(skip).execute(&db.owner).await.unwrap();
    emit(&db.api, &all[1..], 1..=1).await;
    let job = start(&db, "rebuild-documents", Some("acme"), json!({})).await;
    work(&db, &job).await;
    assert_eq!(documents(&db).await.len(), 2);
}

#[sqlx::test(migrations = false)]
async fn cleaning_up_keeps_as_many_days_as_it_is_told(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    for (job, days) in [("old", 3), ("young", 1)] {
        sqlx::query(
            "insert into jobs.attempts (job_id, queue, kind, attempt, outcome, actor, ended_at)
             values ($1, 'test', 'task.v1', 1, 'failed', 'worker', now() - $2 * interval '1 day')",
        )
        .bind(job)
        .bind(days)
        .execute(&db.owner)
        .await
        .unwrap();
    }
    let job = start(&db, "clean-up", None, json!({"keepDays": 2})).await;
    work(&db, &job).await;
    let left: Vec<String> = sqlx::query_scalar("select job_id from jobs.attempts").fetch_all(&db.owner).await.unwrap();
    assert_eq!(left, ["young"], "the worker by itself keeps seven days");
}
