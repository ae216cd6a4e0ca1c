//! Jobs that somebody starts, and schedules.

mod commands;
mod ticks;

use chrono::{DateTime, Utc};
use domain::operations::{JobState, Reason};
use domain::schedules::{Order, StartJob, StartedBy};
use domain::{Ctx, Error, Scope};
use serde_json::{Map, Value, json};
use sqlx::PgPool;

use crate::support::{ACME, World, ctx};

/// As an operator.
pub(crate) fn admin() -> Ctx {
    Ctx { scope: Scope::Installation, ..ctx(ACME) }
}

pub(crate) fn reason() -> Reason {
    Reason::parse("test", "").unwrap()
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn order(definition: &str, tenant: Option<&str>, parameters: Value) -> Order {
    Order::parse(definition, tenant, object(parameters), StartedBy::Hand).unwrap()
}

#[sqlx::test(migrations = false)]
async fn a_job_is_started_for_whom_it_concerns(pool: PgPool) {
    let world = World::new(pool).await;
    let order = order("rebuild-documents", Some("globex"), json!({"entity": "orders"}));
    let job = domain::run(&world.db, &admin(), StartJob { order, run_at: None, reason: reason() }).await.unwrap();
    let summary = &job.summary;
    assert_eq!((summary.queue.as_str(), summary.kind.as_str()), ("maintenance", "rebuild-documents.v1"));
    assert_eq!((summary.tenant.as_deref(), summary.state), (Some("globex"), JobState::Pending));
    assert_eq!(summary.subject.as_deref(), Some("job-definitions/rebuild-documents"));
    let stored: Vec<u8> = sqlx::query_scalar("select job from apalis.jobs").fetch_one(&world.owner).await.unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&stored).unwrap(), json!({"entity": "orders"}));
    let noted: (Option<String>, String, String, String) =
        sqlx::query_as("select schedule_id::text, definition, actor, reason from schedules.fires where job_id = $1")
            .bind(&summary.id)
            .fetch_one(&world.owner)
            .await
            .unwrap();
    assert_eq!(noted, (None, "rebuild-documents".into(), "ada".into(), "test".into()));
}

#[sqlx::test(migrations = false)]
async fn a_job_waits_for_its_time(pool: PgPool) {
    let world = World::new(pool).await;
    let at: DateTime<Utc> = "2100-01-01T12:00:00Z".parse().unwrap();
    for (run_at, state) in [(at, JobState::Scheduled), (DateTime::UNIX_EPOCH, JobState::Pending)] {
        let order = order("clean-up", None, json!({"keepDays": 1}));
        let start = StartJob { order, run_at: Some(run_at), reason: reason() };
        let job = domain::run(&world.db, &admin(), start).await.unwrap();
        assert_eq!(job.summary.state, state);
        assert_eq!(job.summary.tenant, None);
    }
    let due = "select count(*) from apalis.jobs
               where run_at >= '2100-01-01T12:00:00Z' and run_at < '2100-01-01T12:00:00.001Z'";
    assert_eq!(world.count(due).await, 1, "never before it, by the database's clock");
}

/// A tenant's transaction cannot start anything, whatever the program does.
#[sqlx::test(migrations = false)]
async fn only_an_operator_starts_jobs(pool: PgPool) {
    let world = World::new(pool).await;
    let before = world.everything().await;
    let order = order("rebuild-documents", Some(ACME), json!({}));
    let refused = world.run(StartJob { order, run_at: None, reason: reason() }).await.unwrap_err();
    assert!(matches!(&refused, Error::Database(error) if error.to_string().contains("permission denied")), "{refused}");
    assert_eq!(world.everything().await, before);
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let wrong = |definition: &str, tenant: Option<&str>, parameters: Value| {
        let refused = Order::parse(definition, tenant, object(parameters), StartedBy::Hand).err().unwrap();
        assert_eq!(refused.code, "validation_failed");
        refused.fields.into_iter().map(|field| format!("{} {}", field.pointer, field.code)).collect::<Vec<_>>()
    };
    assert_eq!(wrong("cleanup", None, json!({})), ["/definition job_definition_unknown"]);
    assert_eq!(
        wrong("clean-up", Some("acme"), json!({"keepDays": 0})),
        ["/tenantId tenant_not_used", "/parameters/keepDays parameter_invalid"]
    );
    assert_eq!(
        wrong("rebuild-documents", None, json!({"entity": "order"})),
        ["/tenantId tenant_required", "/parameters/entity parameter_invalid"]
    );
    assert_eq!(wrong("rebuild-documents", Some("A"), json!({})), ["/tenantId malformed"]);
}
