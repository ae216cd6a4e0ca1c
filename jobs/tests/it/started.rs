//! Jobs that an operator or a schedule starts, run by the product's worker.

use std::sync::Arc;

use domain::operations::{JobId, Reason};
use domain::schedules::{
    CreateSchedule, Cron, Enabled, Missed, MissedLimit, Order, ScheduleDescription, ScheduleName, StartJob, StartedBy,
    TimeZone, Timing,
};
use domain::{Ctx, Scope};
use jobs::Wiring;
use jobs::bus::{ContentMode, Embedded};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::task::JoinHandle;
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

/// A process that serves the queue of these jobs only, so that nothing else happens.
struct Process {
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl Process {
    fn start(db: &TestDb) -> Self {
        let stop = CancellationToken::new();
        let settings = jobs::runtime::Settings { queues: vec!["maintenance".into()], ..settings() };
        let wiring = Wiring::to(Arc::new(Embedded::new(ContentMode::Structured)));
        Self { running: tokio::spawn(jobs::run(db.worker.clone(), wiring, settings, stop.clone())), stop }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.running.await.unwrap();
    }
}

/// Until this job is done.
async fn work(db: &TestDb, job: &JobId) {
    let process = Process::start(db);
    db.until(&format!("select count(*) from jobs.completed where id = '{}'", job.as_str()), 1).await;
    process.stop().await;
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

/// Three processes look for what is due; one of them is replaced meanwhile.
#[sqlx::test(migrations = false)]
async fn schedules_start_one_job_per_due_time_and_it_is_run(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    for n in 0..40 {
        let Value::Object(parameters) = json!({"keepDays": 7}) else { unreachable!() };
        let schedule = CreateSchedule {
            name: ScheduleName::parse(&n.to_string(), "").unwrap(),
            description: ScheduleDescription::default(),
            order: Order::parse("clean-up", None, parameters, StartedBy::Schedule).unwrap(),
            timing: Timing { cron: Cron::parse("0 0 1 1 *", "").unwrap(), time_zone: TimeZone::default() },
            missed: Missed::Once,
            missed_limit: MissedLimit::default(),
            enabled: Enabled::Yes,
            reason: Reason::parse("test", "").unwrap(),
        };
        domain::run(&db.api, &admin(), schedule).await.unwrap();
    }
    // ten at once, each second
    sqlx::query("update schedules.schedules set next_due = now() + (name::integer / 10) * interval '1 second'")
        .execute(&db.owner)
        .await
        .unwrap();
    let (one, two, three) = (Process::start(&db), Process::start(&db), Process::start(&db));
    db.until("select least(count(*), 11) from schedules.fires", 11).await;
    one.stop().await;
    let another = Process::start(&db);
    db.until("select count(*) from jobs.completed where kind = 'clean-up.v1'", 40).await;
    for process in [two, three, another] {
        process.stop().await;
    }
    let once = "select count(*) from schedules.fires f join jobs.completed c on c.id = f.job_id
                where f.cause = 'due' and c.subject = 'schedules/' || f.schedule_id";
    assert_eq!(db.count(once).await, 40);
    assert_eq!(db.count("select count(*) from schedules.fires").await, 40);
    assert_eq!(db.count("select count(*) from apalis.jobs").await, 0);
    assert_eq!(
        db.count("select count(*) from schedules.schedules where next_due > now() + interval '1 hour'").await,
        40
    );
}
