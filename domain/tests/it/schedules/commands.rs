//! What operators do to schedules.

use chrono::{DateTime, TimeDelta, Utc};
use domain::schedules::{
    ChangeSchedule, CreateSchedule, Cron, DeleteSchedule, Enabled, GetSchedule, ListSchedules, Missed, MissedLimit,
    Order, RunSchedule, ScheduleDescription, ScheduleDetail, ScheduleName, StartedBy, TimeZone, Timing,
};
use domain::{Command, Error};
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use super::{admin, object, reason};
use crate::support::{World, rejection};

/// Cleaning up, as this expression says in UTC.
pub(crate) fn new(name: &str, cron: &str) -> CreateSchedule {
    CreateSchedule {
        name: ScheduleName::parse(name, "").unwrap(),
        description: ScheduleDescription::default(),
        order: Order::parse("clean-up", None, object(json!({"keepDays": 3})), StartedBy::Schedule).unwrap(),
        timing: Timing { cron: Cron::parse(cron, "").unwrap(), time_zone: TimeZone::default() },
        missed: Missed::Skip,
        missed_limit: MissedLimit::default(),
        enabled: Enabled::Yes,
        reason: reason(),
    }
}

/// Changes nothing.
pub(crate) fn change(id: Uuid) -> ChangeSchedule {
    ChangeSchedule {
        id,
        expected_version: None,
        name: None,
        description: None,
        parameters: None,
        cron: None,
        time_zone: None,
        missed: None,
        missed_limit: None,
        enabled: None,
        reason: reason(),
    }
}

impl World {
    /// As an operator.
    pub(crate) async fn operate<C: Command>(&self, command: C) -> Result<C::Output, Error> {
        domain::run(&self.db, &admin(), command).await
    }

    pub(crate) async fn schedule(&self, id: Uuid) -> ScheduleDetail {
        domain::fetch(&self.db, &admin(), GetSchedule { id }).await.unwrap()
    }
}

#[sqlx::test(migrations = false)]
async fn a_schedule_lives(pool: PgPool) {
    let world = World::new(pool).await;
    let before: DateTime<Utc> = sqlx::query_scalar("select now()").fetch_one(&world.owner).await.unwrap();
    let made = world.operate(new("Hourly", "0 * * * *")).await.unwrap();
    let id = made.schedule.id;
    assert_eq!((made.schedule.version, made.last_fires.len(), made.next_fires.len()), (1, 0, 5));
    assert_eq!(made.schedule.next_due, made.next_fires.first().copied());
    assert!(made.next_fires[0] > before && made.next_fires[0] <= before + TimeDelta::hours(2));
    assert!(made.next_fires.windows(2).all(|pair| pair[1] - pair[0] == TimeDelta::hours(1)));
    assert_eq!(rejection(world.operate(new("Hourly", "0 0 * * *")).await).code, "schedule_name_taken");

    let nothing = world.operate(change(id)).await.unwrap();
    assert_eq!(nothing.schedule.version, 1, "nothing has another value");
    let cron = Some(Cron::parse("30 6 * * *", "").unwrap());
    let daily = world.operate(ChangeSchedule { cron, expected_version: Some(1), ..change(id) }).await.unwrap();
    assert_eq!((daily.schedule.version, daily.next_fires.len()), (2, 5));
    assert!(daily.next_fires.iter().all(|due| due.format("%H:%M").to_string() == "06:30"));
    let zone = Some(TimeZone::parse("Asia/Kathmandu", "").unwrap());
    let elsewhere = world.operate(ChangeSchedule { time_zone: zone, ..change(id) }).await.unwrap();
    assert!(elsewhere.next_fires.iter().all(|due| due.format("%H:%M").to_string() == "00:45"));

    let stale = ChangeSchedule { enabled: Some(Enabled::No), expected_version: Some(1), ..change(id) };
    assert_eq!(rejection(world.operate(stale).await).code, "version_conflict");
    let off = world.operate(ChangeSchedule { enabled: Some(Enabled::No), ..change(id) }).await.unwrap();
    assert_eq!((off.schedule.next_due, off.next_fires.len(), off.schedule.version), (None, 0, 4));
    let parameters = Some(object(json!({"keepDays": "three"})));
    let wrong = rejection(world.operate(ChangeSchedule { parameters, ..change(id) }).await);
    assert_eq!((wrong.fields[0].pointer.as_str(), wrong.fields[0].code), ("/parameters/keepDays", "parameter_invalid"));
    let parameters = Some(object(json!({"keepDays": 5})));
    let changed = world.operate(ChangeSchedule { parameters, ..change(id) }).await.unwrap();
    assert_eq!(changed.schedule.parameters, json!({"keepDays": 5}));
    assert_eq!(world.schedule(id).await.schedule.version, 5);

    let stale = DeleteSchedule { id, expected_version: Some(4), reason: reason() };
    assert_eq!(rejection(world.operate(stale).await).code, "version_conflict");
    world.operate(DeleteSchedule { id, expected_version: Some(5), reason: reason() }).await.unwrap();
    for gone in [
        rejection(world.operate(change(id)).await),
        rejection(world.operate(RunSchedule { id, reason: reason() }).await),
        rejection(world.operate(DeleteSchedule { id, expected_version: None, reason: reason() }).await),
        rejection(domain::fetch(&world.db, &admin(), GetSchedule { id }).await),
    ] {
        assert_eq!(gone.code, "schedule_not_found");
    }
}

#[sqlx::test(migrations = false)]
async fn a_schedule_is_run_by_hand_also_when_it_is_disabled(pool: PgPool) {
    let world = World::new(pool).await;
    let made = world.operate(CreateSchedule { enabled: Enabled::No, ..new("Never", "0 0 * * *") }).await.unwrap();
    let id = made.schedule.id;
    let job = world.operate(RunSchedule { id, reason: reason() }).await.unwrap();
    assert_eq!(job.summary.kind, "clean-up.v1");
    assert_eq!(job.summary.subject, Some(format!("schedules/{id}")));
    assert_eq!(job.summary.ordering_key, job.summary.subject, "one after another");
    let shown = world.schedule(id).await;
    assert_eq!((shown.schedule.version, shown.next_fires.len()), (1, 0));
    let fired = &shown.last_fires[0];
    assert_eq!((fired.cause.as_str(), fired.due_at, &fired.job_id), ("hand", None, &Some(job.summary.id)));
    assert_eq!((fired.actor.as_str(), fired.reason.as_deref()), ("ada", Some("test")));

    world.operate(DeleteSchedule { id, expected_version: None, reason: reason() }).await.unwrap();
    assert_eq!(world.count("select count(*) from apalis.jobs").await, 1, "its jobs stay");
    assert_eq!(world.count("select count(*) from schedules.fires").await, 0);
}

#[sqlx::test(migrations = false)]
async fn schedules_are_paged_newest_first_each_with_its_own_past(pool: PgPool) {
    let world = World::new(pool).await;
    let mut ids = Vec::new();
    for (n, name) in ["a", "b", "c"].into_iter().enumerate() {
        let id = world.operate(new(name, "@hourly")).await.unwrap().schedule.id;
        for _ in 0..n {
            world.operate(RunSchedule { id, reason: reason() }).await.unwrap();
        }
        ids.push(id);
    }
    ids.reverse();
    let page = async |cursor: Option<String>| {
        let size = domain::kernel::page::PageSize::new(2).unwrap();
        domain::fetch(&world.db, &admin(), ListSchedules { cursor, size }).await.unwrap()
    };
    let first = page(None).await;
    let rest = page(first.next.clone()).await;
    assert_eq!(rest.next, None);
    let all: Vec<_> = first.data.iter().chain(&rest.data).collect();
    assert_eq!(all.iter().map(|detail| detail.schedule.id).collect::<Vec<_>>(), ids);
    assert_eq!(all.iter().map(|detail| detail.last_fires.len()).collect::<Vec<_>>(), [2, 1, 0]);
}
