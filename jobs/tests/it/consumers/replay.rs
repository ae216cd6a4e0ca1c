//! Stored events handed to a group again, through the inbox: no bus has a part in it.

use domain::customers::CustomerChanged;
use domain::kernel::event::Event as _;
use domain::kernel::job::Job as _;
use domain::kernel::page::SearchText;
use domain::kernel::policy::QueuePolicy;
use domain::messaging::{
    ChangeReplay, CountReplay, GetReplay, HandleEvent, Rate, Repeat, Replay, ReplayChange, ReplayCounts, ReplayEvents,
    ReplayFilter, ReplayState, ReplayStep, StartReplay, replay_step,
};
use domain::operations::Reason;
use domain::{Ctx, Error, Scope};
use jobs::reactions::Reactions;
use sqlx::PgPool;
use uuid::Uuid;

use super::{Carrier, FIRST, SECOND, Worker, both, first};
use crate::delivery::{customers, emit};
use crate::support::{TestDb, ctx, quick};

/// As an operator.
fn admin() -> Ctx {
    Ctx { scope: Scope::Installation, ..ctx() }
}

fn reason() -> Reason {
    Reason::parse("a new projection", "").unwrap()
}

fn to(group: &str) -> StartReplay {
    StartReplay {
        consumer: SearchText::parse(group, "").unwrap(),
        filter: ReplayFilter::default(),
        rate: Rate::new(10_000, "").unwrap(),
        repeat: Repeat::Skip,
        reason: reason(),
    }
}

async fn begin(db: &TestDb, start: StartReplay) -> Uuid {
    domain::run(&db.api, &admin(), start).await.unwrap().id
}

async fn get(db: &TestDb, id: Uuid) -> Replay {
    domain::fetch(&db.api, &admin(), GetReplay { id }).await.unwrap()
}

async fn change(db: &TestDb, id: Uuid, change: ReplayChange) -> Result<Replay, Error> {
    domain::run(&db.api, &admin(), ChangeReplay { id, change, reason: reason() }).await
}

/// One step, as the job does it that is next.
async fn step(db: &TestDb, id: Uuid) {
    let step = db.count(&format!("select step from messaging.replays where id = '{id}'")).await;
    let done = replay_step(&db.worker, &ReplayEvents { replay: id, step }, known).await.unwrap();
    assert_eq!(done, ReplayStep::Done);
}

/// What a worker knows that reacts to one type.
fn known(_: &str) -> Vec<String> {
    vec![CustomerChanged::TYPE.to_owned()]
}

/// A database where workers have served both groups.
async fn database(owner: PgPool, policy: QueuePolicy) -> TestDb {
    let db = super::database(owner, policy).await;
    sqlx::query("insert into jobs.queues (name) values ($1), ($2)")
        .bind(FIRST)
        .bind(SECOND)
        .execute(&db.owner)
        .await
        .unwrap();
    db
}

async fn completed(db: &TestDb, replays: i64) {
    db.until("select count(*) from messaging.replays where state = 'completed'", replays).await;
    db.until("select count(*) from apalis.jobs", 0).await;
}

/// An event of another aggregate, in a transaction that is left open.
const LATE: &str = "insert into kernel.events (id, type, source, subject, occurred_at, module, aggregate_id, sequence,
        tenant_id, actor, correlation_id, causation_id, data, job_id)
    select gen_random_uuid(), type, source, subject, occurred_at, module, aggregate_id, sequence + 1000, tenant_id,
        actor, correlation_id, causation_id, data, job_id
    from kernel.events order by position limit 1
    returning position";

#[sqlx::test(migrations = false)]
async fn an_event_that_commits_late_is_not_skipped(owner: PgPool) {
    let db = database(owner, quick()).await;
    emit(&db.api, &customers(2), 1..=1).await;
    let mut late = db.owner.begin().await.unwrap();
    let position: i64 = sqlx::query_scalar(LATE).fetch_one(&mut *late).await.unwrap();
    emit(&db.api, &customers(3), 1..=1).await;

    // the naive way: whatever can be seen after the cursor
    let after = async |cursor: i64| -> Vec<i64> {
        let select = "select position from kernel.events where position > $1 order by position";
        sqlx::query_scalar(select).bind(cursor).fetch_all(&db.owner).await.unwrap()
    };
    let mut naive = after(0).await;

    let id = begin(&db, to(FIRST)).await;
    step(&db, id).await;
    let waiting = get(&db, id).await;
    assert_eq!((waiting.position, waiting.matched, waiting.state), (0, 0, ReplayState::Running));
    late.commit().await.unwrap();

    naive.extend(after(*naive.last().unwrap()).await);
    assert_eq!((naive.len(), naive.contains(&position)), (5, false), "the naive cursor has skipped it for ever");

    // what is committed after the replay was ordered does not belong to it
    emit(&db.api, &customers(1), 1..=1).await;
    step(&db, id).await;
    let done = get(&db, id).await;
    assert_eq!((done.state, done.matched, done.handed_over), (ReplayState::Completed, 6, 6));
    assert_eq!(db.count("select count(*) from kernel.inbox").await, 6);
    let skipped = format!(
        "select count(*) from kernel.events e where position <= {} and not exists (
             select from kernel.inbox i where i.event_id = e.id::text)",
        done.last_position
    );
    assert_eq!(db.count(&skipped).await, 0);
}

/// One in the place of the first event.
const CORRECTION: &str =
    "insert into kernel.events (id, type, source, subject, occurred_at, module, aggregate_id, sequence, tenant_id, actor,
        correlation_id, causation_id, data, job_id, corrects)
    select gen_random_uuid(), type, source, subject, occurred_at, module, aggregate_id, sequence, tenant_id, 'ada',
        correlation_id, id::text, data, 'none', id
    from kernel.events order by position limit 1";

#[sqlx::test(migrations = false)]
async fn of_an_event_that_was_corrected_only_the_correction_is_handed_over(owner: PgPool) {
    let db = database(owner, quick()).await;
    emit(&db.api, &customers(2), 1..=1).await;
    sqlx::query(CORRECTION).execute(&db.owner).await.unwrap();
    let id = begin(&db, to(FIRST)).await;
    step(&db, id).await;
    let done = get(&db, id).await;
    assert_eq!((done.state, done.matched, done.handed_over), (ReplayState::Completed, 2, 2));
    let left_out =
        "select count(*) from kernel.events e where exists (select from kernel.events c where c.corrects = e.id)
                    and not exists (select from kernel.inbox i where i.event_id = e.id::text)";
    assert_eq!(db.count(left_out).await, 1);
    let counts = CountReplay { consumer: SearchText::parse(FIRST, "").unwrap(), filter: ReplayFilter::default() };
    assert_eq!(domain::fetch(&db.api, &admin(), counts).await.unwrap().matched, 2);
}

#[sqlx::test(migrations = false)]
async fn a_new_group_gets_everything_in_order_and_the_others_nothing(owner: PgPool) {
    let db = database(owner, quick()).await;
    let only_first = Reactions::default().on::<CustomerChanged, _>(FIRST, first);
    let worker = Worker::start(&db.worker, Carrier::Embedded.wiring(&db.worker, &only_first));
    emit(&db.api, &customers(20), 1..=5).await;
    db.until("select count(*) from effects", 100).await;
    worker.stop().await;

    let counts = CountReplay { consumer: to(FIRST).consumer, filter: ReplayFilter::default() };
    let counts = domain::fetch(&db.api, &admin(), counts).await.unwrap();
    assert_eq!(counts, ReplayCounts { matched: 100, known: 100 });
    let id = begin(&db, to(SECOND)).await;
    let skipped = begin(&db, to(FIRST)).await;
    let worker = Worker::start(&db.worker, Carrier::Embedded.wiring(&db.worker, &both()));
    completed(&db, 2).await;
    assert_eq!((get(&db, id).await.matched, get(&db, id).await.handed_over), (100, 100));
    assert_eq!((get(&db, skipped).await.matched, get(&db, skipped).await.handed_over), (100, 0));
    super::assert_effects(&db, 20, 5).await;

    // handled once more, and once in this replay
    let forced = begin(&db, StartReplay { repeat: Repeat::Force, ..to(FIRST) }).await;
    completed(&db, 3).await;
    worker.stop().await;
    assert_eq!(get(&db, forced).await.handed_over, 100);
    assert_eq!(db.count("select count(*) from effects").await, 300);
    let marked = format!(
        "select count(*) from jobs.completed
         where convert_from(payload, 'utf8')::jsonb -> 'event' @> '{{\"replayid\": \"{forced}\", \"replayforce\": true}}'"
    );
    assert_eq!(db.count(&marked).await, 100);
    let told = format!("select count(*) from effects where replay = '{forced}'");
    assert_eq!(db.count(&told).await, 100, "a handler is told which replay it is");
    assert_eq!(db.count("select count(*) from effects where replay is null").await, 100, "nor that it is none");
}

#[sqlx::test(migrations = false)]
async fn a_step_that_runs_again_repeats_nothing_and_the_rate_sets_the_next(owner: PgPool) {
    let db = database(owner, quick()).await;
    emit(&db.api, &customers(5), 1..=1).await;
    let rate = Rate::new(2, "").unwrap();
    let id = begin(&db, StartReplay { rate, ..to(FIRST) }).await;
    for _ in 0..2 {
        replay_step(&db.worker, &ReplayEvents { replay: id, step: 0 }, known).await.unwrap();
        assert_eq!(get(&db, id).await.handed_over, 2);
    }
    // two events, two a second
    let next = "select count(*) from apalis.jobs where kind = 'replay-events.v1' and deferred
        and run_at - created_at = interval '1 second'";
    assert_eq!(db.count(next).await, 1);

    assert_eq!(change(&db, id, ReplayChange::Pause).await.unwrap().state, ReplayState::Paused);
    step(&db, id).await;
    assert_eq!(get(&db, id).await.handed_over, 2, "paused");
    let resumed = change(&db, id, ReplayChange::Resume).await.unwrap();
    assert_eq!((resumed.state, resumed.changed_by.as_deref()), (ReplayState::Running, Some("tester")));
    step(&db, id).await;
    assert_eq!(get(&db, id).await.handed_over, 4);
    let cancelled = change(&db, id, ReplayChange::Cancel).await.unwrap();
    assert!(cancelled.ended_at.is_some());
    step(&db, id).await;
    assert_eq!(get(&db, id).await.handed_over, 4, "cancelled");
    for not_any_more in [ReplayChange::Pause, ReplayChange::Resume, ReplayChange::Cancel] {
        assert!(change(&db, id, not_any_more).await.is_err());
    }
}

/// A step hands over 500 at most, and jobs that are due later are looked for once a second.
#[sqlx::test(migrations = false)]
async fn a_rate_above_a_batch_is_not_held_back_by_the_steps(owner: PgPool) {
    let db = database(owner, quick()).await;
    emit(&db.api, &customers(6), 1..=100).await;
    let id = begin(&db, to(FIRST)).await;
    step(&db, id).await;
    let first = get(&db, id).await;
    assert_eq!((first.handed_over, first.state), (500, ReplayState::Running));
    let due = "select count(*) from apalis.jobs where kind = 'replay-events.v1' and not deferred and run_at <= now()
        and convert_from(job, 'utf8')::jsonb ->> 'step' = '1'";
    assert_eq!(db.count(due).await, 1);
    step(&db, id).await;
    let done = get(&db, id).await;
    assert_eq!((done.handed_over, done.state), (600, ReplayState::Completed));
}

/// An event arrives in whatever order the broker has it, while a replay hands it over in the log's.
#[sqlx::test(migrations = false)]
async fn a_replay_and_arrivals_of_the_same_events_do_not_lock_each_other_out(owner: PgPool) {
    let db = database(owner, quick()).await;
    emit(&db.api, &customers(5), 1..=100).await;
    let arrived = arrivals_backwards(&db).await;
    for round in 1..=20 {
        let id = begin(&db, to(FIRST)).await;
        let job = ReplayEvents { replay: id, step: 0 };
        let (step, received) =
            tokio::join!(replay_step(&db.worker, &job, known), domain::kernel::inbox::receive(&db.worker, &arrived));
        assert_eq!(step.unwrap(), ReplayStep::Done);
        let handed_over = get(&db, id).await.handed_over;
        assert_eq!(received.unwrap() + u64::try_from(handed_over).unwrap(), 500, "round {round}: each once");
        let events = format!("select count(*) from apalis.jobs where kind = '{}'", HandleEvent::KIND);
        assert_eq!(db.count(&events).await, 500);
        sqlx::raw_sql("delete from kernel.inbox; delete from apalis.jobs").execute(&db.owner).await.unwrap();
    }
}

/// All events of the log as the first group gets them, the last one first.
async fn arrivals_backwards(db: &TestDb) -> Vec<HandleEvent> {
    let select = "select jsonb_build_object('id', id, 'source', source, 'type', type, 'subject', subject,
            'time', occurred_at, 'sequence', sequence, 'tenant_id', tenant_id, 'correlation_id', correlation_id,
            'traceparent', traceparent, 'data', data)::text
        from kernel.events order by position desc";
    let rows: Vec<String> = sqlx::query_scalar(select).fetch_all(&db.owner).await.unwrap();
    let arrival = |row: String| HandleEvent { consumer: FIRST.to_owned(), event: serde_json::from_str(&row).unwrap() };
    rows.into_iter().map(arrival).collect()
}

/// A worker of another release may be the one that gets the step.
#[sqlx::test(migrations = false)]
async fn a_worker_that_knows_less_than_the_replay_is_about_skips_nothing(owner: PgPool) {
    let db = database(owner, quick()).await;
    emit(&db.api, &customers(3), 1..=1).await;
    let nothing = |_: &str| Vec::new();
    let other = |_: &str| vec!["com.offgrid.portal.products.product-created".to_owned()];
    let unknown = async |id: Uuid, step: i64, types: fn(&str) -> Vec<String>| {
        let done = replay_step(&db.worker, &ReplayEvents { replay: id, step }, types).await.unwrap();
        assert!(matches!(done, ReplayStep::Unknown(_)), "{done:?}");
        let replay = get(&db, id).await;
        assert_eq!((replay.state, replay.position), (ReplayState::Running, 0));
    };
    let of_type = ReplayFilter {
        event_type: Some(SearchText::parse(CustomerChanged::TYPE, "").unwrap()),
        ..ReplayFilter::default()
    };
    let named = begin(&db, StartReplay { filter: of_type, ..to(FIRST) }).await;
    unknown(named, 0, nothing).await;
    unknown(named, 0, other).await;
    // what the first step knew, all others must
    let rate = Rate::new(1, "").unwrap();
    let slow = begin(&db, StartReplay { rate, ..to(SECOND) }).await;
    step(&db, slow).await;
    let at = get(&db, slow).await.position;
    let done = replay_step(&db.worker, &ReplayEvents { replay: slow, step: 1 }, other).await.unwrap();
    assert!(matches!(done, ReplayStep::Unknown(_)), "{done:?}");
    assert_eq!(get(&db, slow).await.position, at);
}

/// In a release without the group, or one whose name nobody knows any more.
#[sqlx::test(migrations = false)]
async fn a_replay_that_gets_nowhere_is_paused_and_says_why(owner: PgPool) {
    let db = database(owner, QueuePolicy { max_attempts: 2, ..quick() }).await;
    emit(&db.api, &customers(1), 1..=1).await;
    let unheard = StartReplay { consumer: SearchText::parse("stok", "").unwrap(), ..to(FIRST) };
    let refused = domain::run(&db.api, &admin(), unheard).await.unwrap_err();
    assert!(matches!(&refused, Error::Rejected(no) if no.fields[0].code == "replay_consumer_unknown"), "{refused:?}");

    let id = begin(&db, to(SECOND)).await;
    let only_first = Reactions::default().on::<CustomerChanged, _>(FIRST, first);
    let worker = Worker::start(&db.worker, Carrier::Embedded.wiring(&db.worker, &only_first));
    db.until("select count(*) from messaging.replays where state = 'paused'", 1).await;
    worker.stop().await;
    assert_eq!(get(&db, id).await.change_reason.unwrap(), format!("there is no consumer group {SECOND}"));
    // its release is back
    change(&db, id, ReplayChange::Resume).await.unwrap();
    let worker = Worker::start(&db.worker, Carrier::Embedded.wiring(&db.worker, &both()));
    completed(&db, 1).await;
    worker.stop().await;
    assert_eq!(db.count(&format!("select count(*) from effects where consumer = '{SECOND}'")).await, 1);
}
