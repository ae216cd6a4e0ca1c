//! Every due time starts one job: whoever looks, how often, and whatever the clocks do meanwhile.

use chrono::{DateTime, TimeDelta, Utc};
use domain::kernel::policy::QueuePolicies;
use domain::schedules::{
    ChangeSchedule, CreateSchedule, Enabled, FireNext, Missed, MissedLimit, TimeZone, Timing, expire_fires, tick,
};
use domain::{Command, Ctx, Db, Error, Scope, Tx};
use sqlx::PgPool;
use uuid::Uuid;

use super::admin;
use super::commands::{change, new};
use crate::support::{World, connect};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// A database, and workers that look for what is due.
struct Clockwork {
    world: World,
    worker: Db,
}

impl Clockwork {
    async fn new(pool: PgPool) -> Self {
        let world = World::new(pool).await;
        let worker = Db::new(connect(&world.owner, "portal_worker").await, QueuePolicies::default());
        Self { world, worker }
    }

    /// A schedule that is due first at this time.
    async fn schedule(&self, new: CreateSchedule, first: &str) -> Uuid {
        let id = self.world.operate(new).await.unwrap().schedule.id;
        self.set_next_due(id, first).await;
        id
    }

    async fn set_next_due(&self, id: Uuid, first: &str) {
        sqlx::query("update schedules.schedules set next_due = $2 where id = $1")
            .bind(id)
            .bind(at(first))
            .execute(&self.world.owner)
            .await
            .unwrap();
    }

    async fn tick(&self, now: &str) -> usize {
        tick(&self.worker, Some(at(now))).await.unwrap()
    }

    /// The due times that have a job, and how they got it.
    async fn fired(&self) -> Vec<String> {
        sqlx::query_scalar(
            "select to_char(due_at at time zone 'UTC', 'MM-DD HH24:MI') || ' ' || cause
                    || case when skipped > 0 then ' after ' || skipped else '' end
             from schedules.fires f join apalis.jobs j on j.id = f.job_id order by due_at",
        )
        .fetch_all(&self.world.owner)
        .await
        .unwrap()
    }

    async fn next_due(&self) -> Option<DateTime<Utc>> {
        sqlx::query_scalar("select next_due from schedules.schedules").fetch_one(&self.world.owner).await.unwrap()
    }

    async fn jobs(&self) -> i64 {
        self.world.count("select count(*) from apalis.jobs").await
    }
}

fn missed(missed: Missed, limit: i64, cron: &str) -> CreateSchedule {
    CreateSchedule { missed, missed_limit: MissedLimit::new(limit, "").unwrap(), ..new("Schedule", cron) }
}

/// Three workers with clocks of their own look as fast as they can.
#[sqlx::test(migrations = false)]
async fn each_due_time_happens_once_whoever_looks(pool: PgPool) {
    let clockwork = Clockwork::new(pool).await;
    for n in 0..5 {
        let each = CreateSchedule { missed: Missed::All, ..new(&format!("Schedule {n}"), "* * * * *") };
        clockwork.schedule(each, "2026-01-01T00:00:00Z").await;
    }
    let start = at("2026-01-01T00:00:00Z");
    let looking = [0, 7, 23].map(|ahead: i64| {
        let worker = clockwork.worker.clone();
        async move {
            let mut started = 0;
            for second in (0..3600_i64).step_by(10) {
                started += tick(&worker, Some(start + TimeDelta::seconds(second + ahead))).await.unwrap();
            }
            started
        }
    });
    let started: usize = futures_join(looking).await.into_iter().sum();
    // the one ahead sees 0:00 to 1:00, both included
    assert_eq!(started, 5 * 61);
    assert_eq!(clockwork.jobs().await, 5 * 61);
    let once = "select count(*) from (select schedule_id, due_at from schedules.fires where job_id is not null
                group by 1, 2 having count(*) = 1) f";
    assert_eq!(clockwork.world.count(once).await, 5 * 61);
    let of_fires = "select count(*) from apalis.jobs j join schedules.fires f on f.job_id = j.id
                    where j.kind = 'clean-up.v1' and j.job_type = 'maintenance' and j.tenant_id is null
                      and j.subject = 'schedules/' || f.schedule_id and j.ordering_key = j.subject";
    assert_eq!(clockwork.world.count(of_fires).await, 5 * 61);
}

async fn futures_join<T: Send + 'static>(
    work: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    work.into_iter().collect::<tokio::task::JoinSet<_>>().join_all().await
}

#[sqlx::test(migrations = false)]
async fn the_clock_is_the_databases_unless_a_test_says_otherwise(pool: PgPool) {
    let clockwork = Clockwork::new(pool).await;
    let id = clockwork.world.operate(new("Hourly", "@hourly")).await.unwrap().schedule.id;
    assert_eq!(tick(&clockwork.worker, None).await.unwrap(), 0, "not yet");
    sqlx::query("update schedules.schedules set next_due = date_trunc('second', now())")
        .execute(&clockwork.world.owner)
        .await
        .unwrap();
    assert_eq!(tick(&clockwork.worker, None).await.unwrap(), 1);
    assert_eq!(tick(&clockwork.worker, None).await.unwrap(), 0);
    let shown = clockwork.world.schedule(id).await;
    assert_eq!(shown.last_fires.len(), 1);
    assert_eq!((shown.last_fires[0].cause.as_str(), shown.last_fires[0].actor.as_str()), ("due", "scheduler"));
    assert!(shown.next_fires[0] > shown.last_fires[0].at);
}

#[sqlx::test(migrations = false)]
async fn after_a_leap_forward_nothing_is_made_up_for_unless_wanted(pool: PgPool) {
    let clockwork = Clockwork::new(pool).await;
    clockwork.schedule(missed(Missed::Skip, 1, "0 * * * *"), "2026-01-01T01:00:00Z").await;
    assert_eq!(clockwork.tick("2026-01-01T01:00:00Z").await, 1);
    assert_eq!(clockwork.tick("2026-01-01T05:30:00Z").await, 0);
    let passed = "select count(*) from schedules.fires
                  where cause = 'missed' and job_id is null and skipped = 3 and due_at = '2026-01-01T05:00:00Z'";
    assert_eq!(clockwork.world.count(passed).await, 1, "but it is written down");
    assert_eq!(clockwork.tick("2026-01-01T06:00:30Z").await, 1);
    assert_eq!(clockwork.fired().await, ["01-01 01:00 due", "01-01 06:00 due"]);
}

#[sqlx::test(migrations = false)]
async fn after_a_leap_forward_the_last_one_is_made_up_for(pool: PgPool) {
    let clockwork = Clockwork::new(pool).await;
    clockwork.schedule(missed(Missed::Once, 1, "0 * * * *"), "2026-01-01T01:00:00Z").await;
    assert_eq!(clockwork.tick("2026-01-01T05:30:00Z").await, 1);
    assert_eq!(clockwork.tick("2026-01-01T05:30:01Z").await, 0);
    assert_eq!(clockwork.fired().await, ["01-01 05:00 missed after 4"]);
    assert_eq!(clockwork.next_due().await, Some(at("2026-01-01T06:00:00Z")));
}

#[sqlx::test(migrations = false)]
async fn after_a_leap_forward_all_are_made_up_for_up_to_a_limit(pool: PgPool) {
    let clockwork = Clockwork::new(pool).await;
    clockwork.schedule(missed(Missed::All, 3, "0 * * * *"), "2026-01-01T01:00:00Z").await;
    assert_eq!(clockwork.tick("2026-01-01T05:00:30Z").await, 3);
    let fired = clockwork.fired().await;
    assert_eq!(fired, ["01-01 03:00 missed after 2", "01-01 04:00 missed", "01-01 05:00 due"]);
    let in_order = "select count(*) from (
        select f.due_at, lag(f.due_at) over (order by j.seq) as before from schedules.fires f join apalis.jobs j on j.id = f.job_id) o
        where before < due_at";
    assert_eq!(clockwork.world.count(in_order).await, 2, "their jobs run in the order of their due times");
}

#[sqlx::test(migrations = false)]
async fn after_a_leap_backward_nothing_happens_twice(pool: PgPool) {
    let clockwork = Clockwork::new(pool).await;
    let id = clockwork.schedule(missed(Missed::All, 100, "0 * * * *"), "2026-01-01T01:00:00Z").await;
    assert_eq!(clockwork.tick("2026-01-01T03:00:00Z").await, 3);
    for past in ["2026-01-01T00:30:00Z", "2026-01-01T01:00:00Z", "2026-01-01T02:59:59Z", "2026-01-01T03:00:00Z"] {
        assert_eq!(clockwork.tick(past).await, 0, "{past}");
    }
    // not even if it is said to be due again, as when its expression is changed while the clock is behind
    clockwork.set_next_due(id, "2026-01-01T02:00:00Z").await;
    assert_eq!(clockwork.tick("2026-01-01T04:00:00Z").await, 1);
    assert_eq!(clockwork.fired().await.len(), 4);
    assert_eq!(clockwork.next_due().await, Some(at("2026-01-01T05:00:00Z")));
}

/// 29 March and 25 October 2026: see the tests of the timing.
#[sqlx::test(migrations = false)]
async fn when_clocks_are_changed_each_day_has_its_job_and_each_quarter_of_an_hour(pool: PgPool) {
    let clockwork = Clockwork::new(pool).await;
    let time_zone = TimeZone::parse("Europe/Amsterdam", "").unwrap();
    for (n, (cron, day, first, due)) in [
        ("30 2 * * *", "2026-03-29", "2026-03-28T01:30:00Z", 2),
        ("30 2 * * *", "2026-10-25", "2026-10-24T00:30:00Z", 2),
        ("*/15 * * * *", "2026-03-29", "2026-03-29T00:00:00Z", 12),
        ("*/15 * * * *", "2026-10-25", "2026-10-25T00:00:00Z", 12),
    ]
    .into_iter()
    .enumerate()
    {
        let new = new(&format!("{n}"), cron);
        let timing = Timing { time_zone, ..new.timing };
        clockwork.schedule(CreateSchedule { timing, ..new }, first).await;
        let mut now = at(first);
        let mut started = 0;
        while now < at(&format!("{day}T03:00:00Z")) {
            started += tick(&clockwork.worker, Some(now)).await.unwrap();
            now += TimeDelta::seconds(30);
        }
        assert_eq!(started, due, "{cron} on {day}");
        sqlx::query("delete from schedules.schedules").execute(&clockwork.world.owner).await.unwrap();
    }
}

/// Does what a worker does, and then its process ends before the commit.
struct Interrupted;

impl Command for Interrupted {
    type Output = ();

    async fn handle(self, tx: &mut Tx) -> Result<(), Error> {
        let fired = FireNext { now: Some(at("2026-01-01T01:00:00Z")) }.handle(tx).await?;
        assert_eq!(fired, Some(1));
        Err(Error::Internal("the process ends".into()))
    }
}

#[sqlx::test(migrations = false)]
async fn a_restart_in_the_middle_loses_nothing_and_doubles_nothing(pool: PgPool) {
    let clockwork = Clockwork::new(pool).await;
    clockwork.schedule(missed(Missed::Skip, 1, "0 * * * *"), "2026-01-01T01:00:00Z").await;
    let ctx = Ctx { scope: Scope::Process, ..admin() };
    assert!(domain::run(&clockwork.worker, &ctx, Interrupted).await.is_err());
    assert_eq!((clockwork.jobs().await, clockwork.fired().await.len()), (0, 0));
    assert_eq!(clockwork.next_due().await, Some(at("2026-01-01T01:00:00Z")));
    assert_eq!(clockwork.tick("2026-01-01T01:00:05Z").await, 1);
    assert_eq!(clockwork.tick("2026-01-01T01:00:06Z").await, 0);
    assert_eq!(clockwork.fired().await, ["01-01 01:00 due"]);
}

#[sqlx::test(migrations = false)]
async fn what_is_locked_by_another_is_passed_by(pool: PgPool) {
    let clockwork = Clockwork::new(pool).await;
    let first = clockwork.schedule(missed(Missed::Skip, 1, "0 * * * *"), "2026-01-01T01:00:00Z").await;
    let mut other = clockwork.world.owner.begin().await.unwrap();
    sqlx::query("select from schedules.schedules where id = $1 for update")
        .bind(first)
        .execute(&mut *other)
        .await
        .unwrap();
    clockwork.schedule(new("Another", "0 * * * *"), "2026-01-01T01:00:00Z").await;
    assert_eq!(clockwork.tick("2026-01-01T01:00:00Z").await, 1, "nobody waits");
    other.commit().await.unwrap();
    assert_eq!(clockwork.tick("2026-01-01T01:00:00Z").await, 1);
    assert_eq!(clockwork.jobs().await, 2);
}

#[sqlx::test(migrations = false)]
async fn what_was_due_while_it_was_disabled_is_not_missed(pool: PgPool) {
    let clockwork = Clockwork::new(pool).await;
    let id = clockwork.schedule(missed(Missed::All, 100, "0 * * * *"), "2026-01-01T01:00:00Z").await;
    let enabled = async |enabled| {
        let change = ChangeSchedule { enabled: Some(enabled), ..change(id) };
        clockwork.world.operate(change).await.unwrap().schedule.next_due
    };
    assert_eq!(enabled(Enabled::No).await, None);
    assert_eq!(clockwork.tick("2026-01-01T05:00:00Z").await, 0);
    let now: DateTime<Utc> = sqlx::query_scalar("select now()").fetch_one(&clockwork.world.owner).await.unwrap();
    assert!(enabled(Enabled::Yes).await.unwrap() >= now);
    assert_eq!(tick(&clockwork.worker, Some(now)).await.unwrap(), 0);
    assert_eq!(clockwork.jobs().await, 0);
}

/// A release that knows more than this one made them.
#[sqlx::test(migrations = false)]
async fn what_this_program_does_not_know_is_left_to_others(pool: PgPool) {
    let clockwork = Clockwork::new(pool).await;
    clockwork.schedule(new("Newer", "0 * * * *"), "2026-01-01T01:00:00Z").await;
    sqlx::query("update schedules.schedules set definition = 'make-coffee'")
        .execute(&clockwork.world.owner)
        .await
        .unwrap();
    clockwork.schedule(new("Known", "0 * * * *"), "2026-01-01T01:00:00Z").await;
    assert_eq!(clockwork.tick("2026-01-01T01:00:00Z").await, 1);
    let waiting = "select count(*) from schedules.schedules where definition = 'make-coffee' and next_due = '2026-01-01T01:00:00Z'";
    assert_eq!(clockwork.world.count(waiting).await, 1);
}

#[sqlx::test(migrations = false)]
async fn the_past_is_forgotten_after_a_while(pool: PgPool) {
    let clockwork = Clockwork::new(pool).await;
    clockwork.schedule(missed(Missed::All, 100, "0 * * * *"), "2026-01-01T01:00:00Z").await;
    assert_eq!(clockwork.tick("2026-01-01T03:00:00Z").await, 3);
    let age = "update schedules.fires set at = now() - interval '8 days' where due_at < '2026-01-01T03:00:00Z'";
    sqlx::query(age).execute(&clockwork.world.owner).await.unwrap();
    assert_eq!(expire_fires(&clockwork.worker, 7).await.unwrap(), 2);
    assert_eq!(clockwork.fired().await, ["01-01 03:00 due"]);
    assert_eq!(clockwork.jobs().await, 3, "only the past, not the jobs");
}
