//! What operators did: one record per command, in its transaction, for good.

use domain::kernel::page::{PageSize, SearchText};
use domain::messaging::{ChangeReplay, Rate, Repeat, ReplayChange, ReplayFilter, StartReplay};
use domain::operations::{
    AddDemoJobs, ArchiveDeadLetter, AuditFilter, AuditRecord, CancelJob, JobId, ListAuditRecords, PauseQueue,
    RestoreDeadLetter, ResumeQueue, RetryDeadLetter, RetryDeadLetters, RetryLimit, RunJobNow, WhichDeadLetters,
};
use domain::{Answer, Command, Ctx, Error, IdempotencyKey, Outcome, Tx, run_once};
use serde_json::json;
use sqlx::{AssertSqlSafe, PgPool};

use super::dead_letters::discard;
use super::{Site, admin, delayed, reason};
use crate::support::{ACME, connect, rejection};

/// `printf '{"n":0}' | sha256sum`
const SHA256_OF_PAYLOAD: &str = "f3013f933b9fb80ab6d995e7ad9da36f683837ba1d81e950c943d40111eac2f0";

fn search(text: &str) -> Option<SearchText> {
    Some(SearchText::parse(text, "").unwrap())
}

fn retry(id: &JobId) -> RetryDeadLetter {
    RetryDeadLetter { id: id.clone(), reason: reason("fixed") }
}

fn pause(queue: &str) -> PauseQueue {
    PauseQueue { queue: SearchText::parse(queue, "").unwrap(), reason: reason("maintenance") }
}

impl Site {
    /// A dead letter.
    async fn dead_job(&self) -> JobId {
        let id = self.job().await;
        self.dead(&id, 6, "boom").await;
        id
    }

    pub(super) async fn records(&self, filter: AuditFilter) -> Vec<AuditRecord> {
        self.fetch(ListAuditRecords { filter, ..ListAuditRecords::default() }).await.unwrap().data
    }

    /// Runs a command; it must leave exactly one record, which is returned.
    async fn leaves<C: Command>(&self, command: C) -> AuditRecord {
        let before = self.records(AuditFilter::default()).await.len();
        if let Err(error) = self.run(command).await {
            panic!("{error}");
        }
        let mut records = self.records(AuditFilter::default()).await;
        assert_eq!(records.len(), before + 1, "one command, one record");
        records.remove(0)
    }
}

#[sqlx::test(migrations = false)]
async fn a_record_says_who_did_what_to_which_and_why(pool: PgPool) {
    let site = Site::new(pool).await;
    let id = site.dead_job().await;
    let ctx = Ctx { roles: vec!["portal-staff", "portal-admin"], ..admin("grace") };
    domain::run(&site.world.db, &ctx, retry(&id)).await.unwrap();
    let records = site.records(AuditFilter::default()).await;
    let [record] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!((record.actor.as_str(), record.action.as_str()), ("grace", "retry_dead_letter"));
    assert_eq!(record.roles, ["portal-staff", "portal-admin"]);
    assert_eq!((record.target_kind.as_str(), &record.target_ids), ("dead_letter", &vec![id.as_str().to_owned()]));
    assert_eq!(record.reason.as_deref(), Some("fixed"));
    assert_eq!((record.correlation_id.as_str(), record.request_id.as_str()), ("correlation-1", "request-1"));
    assert_eq!(record.before["payloadSha256"], SHA256_OF_PAYLOAD);
    assert_eq!((&record.before["state"], &record.before["attempts"]), (&json!("dead"), &json!(6)));
    assert_eq!(record.after, json!({"state": "retrying", "redrives": 1}));
    assert!(!record.before.to_string().contains("\"n\""), "no payload: {}", record.before);
}

#[sqlx::test(migrations = false)]
async fn every_command_of_operators_leaves_one_record(pool: PgPool) {
    let site = Site::new(pool).await;
    site.work("insert into jobs.queues (name) values ('stock')").await;
    let (a, b, c) = (site.dead_job().await, site.dead_job().await, site.dead_job().await);
    let (later, never) = (site.enqueue(ACME, delayed(60)).await, site.enqueue(ACME, delayed(60)).await);
    let mut records = vec![
        site.leaves(retry(&a)).await,
        site.leaves(discard(&b)).await,
        site.leaves(RunJobNow { id: later, reason: reason("now") }).await,
        site.leaves(CancelJob { id: never, reason: reason("never") }).await,
        site.leaves(pause("stock")).await,
        site.leaves(ResumeQueue { queue: SearchText::parse("stock", "").unwrap() }).await,
        site.leaves(AddDemoJobs::default()).await,
        site.leaves(RestoreDeadLetter { id: b.clone(), reason: reason("after all") }).await,
        site.leaves(ArchiveDeadLetter { id: b, reason: reason("settled") }).await,
        site.leaves(super::edits::edit(&site.dead_demo().await, json!({"hello": "world"}))).await,
    ];
    let ids = vec![c.clone(), a.clone(), JobId::new("unknown")];
    let (which, limit) = (WhichDeadLetters::Ids(ids), RetryLimit::new(9, "").unwrap());
    let many = site.leaves(RetryDeadLetters { which, limit, reason: reason("all") }).await;
    assert_eq!(many.target_ids, [c.as_str()], "those that were put back");
    assert_eq!(many.after, json!({"retried": 1, "notDead": 1, "notFound": 1}));
    let (consumer, filter) = (SearchText::parse("stock", "").unwrap(), ReplayFilter::default());
    let start = StartReplay { consumer, filter, rate: Rate::default(), repeat: Repeat::Skip, reason: reason("again") };
    let started = site.leaves(start).await;
    let id = started.target_ids[0].parse().unwrap();
    records.extend([many, started]);
    for change in [ReplayChange::Pause, ReplayChange::Resume, ReplayChange::Cancel] {
        records.push(site.leaves(ChangeReplay { id, change, reason: reason("slowly") }).await);
    }
    let actions: Vec<&str> = records.iter().map(|record| record.action.as_str()).collect();
    let expected = [
        "retry_dead_letter",
        "discard_dead_letter",
        "run_job",
        "cancel_job",
        "pause_queue",
        "resume_queue",
        "add_demo_jobs",
        "restore_dead_letter",
        "archive_dead_letter",
        "edit_dead_letter",
        "retry_dead_letters",
        "start_replay",
        "pause_replay",
        "resume_replay",
        "cancel_replay",
    ];
    assert_eq!(actions, expected);
    assert!(records.iter().all(|record| record.before != record.after), "{records:?}");
    // making it again does nothing, and there is nothing to record
    site.run(AddDemoJobs::default()).await.unwrap();
    assert_eq!(site.records(AuditFilter::default()).await.len(), expected.len());
}

/// Changes something, and says nothing of it.
struct Silent;

impl Command for Silent {
    type Output = ();

    async fn handle(self, tx: &mut Tx) -> Result<(), Error> {
        let set = "update jobs.queues set paused_at = now(), paused_by = 'me', pause_reason = 'x' where name = 'stock'";
        sqlx::query(set).execute(tx.conn()).await?;
        Ok(())
    }
}

#[sqlx::test(migrations = false)]
async fn a_command_that_records_nothing_is_not_committed(pool: PgPool) {
    let site = Site::new(pool).await;
    site.work("insert into jobs.queues (name) values ('stock')").await;
    let before = site.everything().await;
    let refused = site.run(Silent).await;
    assert!(matches!(&refused, Err(Error::Internal(why)) if why.contains("no record")), "{refused:?}");
    let key = IdempotencyKey::new("k", "POST /", b"").unwrap();
    let answer = |_| Answer { status: 200, headers: vec![], body: vec![] };
    let refused = run_once(&site.world.db, &admin("root"), &key, Silent, answer).await;
    assert!(matches!(refused, Err(Error::Internal(_))), "{refused:?}");
    assert_eq!(site.everything().await, before);
    assert_eq!(site.world.count("select count(*) from kernel.idempotency_keys").await, 0, "the key is free again");
}

#[sqlx::test(migrations = false)]
async fn a_repetition_and_a_refusal_record_nothing(pool: PgPool) {
    let site = Site::new(pool).await;
    let id = site.dead_job().await;
    let key = IdempotencyKey::new("k", "POST /", b"").unwrap();
    let answer = |_| Answer { status: 200, headers: vec![], body: vec![] };
    for replayed in [false, true] {
        let outcome = run_once(&site.world.db, &admin("root"), &key, retry(&id), answer).await.unwrap();
        assert_eq!(matches!(outcome, Outcome::Replayed(_)), replayed);
        assert_eq!(site.records(AuditFilter::default()).await.len(), 1);
    }
    // refused under a key: the refusal is kept, and nothing is recorded
    let other = IdempotencyKey::new("other", "POST /", b"").unwrap();
    run_once(&site.world.db, &admin("root"), &other, retry(&id), answer).await.unwrap();
    site.rejects(retry(&id), "dead_letter_not_dead").await;
    assert_eq!(site.records(AuditFilter::default()).await.len(), 1);
}

#[sqlx::test(migrations = false)]
async fn nobody_can_change_or_delete_a_record(pool: PgPool) {
    let site = Site::new(pool).await;
    site.run(discard(&site.dead_job().await)).await.unwrap();
    let before = site.everything().await;
    let (api, worker) = (connect(&site.world.owner, "portal_api").await, &site.worker);
    let table = "operations.audit_records";
    for (pool, role) in [(&api, "portal_api"), (&api, "portal_admin"), (worker, "portal_worker")] {
        for what in [
            format!("update {table} set actor = 'nobody'"),
            format!("update {table} set actor = actor where false"),
            format!("delete from {table}"),
            format!("truncate {table}"),
            format!("drop table {table}"),
            format!("alter table {table} disable trigger all"),
        ] {
            let mut tx = pool.begin().await.unwrap();
            sqlx::query(AssertSqlSafe(format!("set local role {role}"))).execute(&mut *tx).await.unwrap();
            let refused = sqlx::query(AssertSqlSafe(what.clone())).execute(&mut *tx).await.unwrap_err();
            assert_eq!(refused.as_database_error().unwrap().code().unwrap(), "42501", "{role}: {what}");
        }
    }
    // nor can those who serve tenants read or forge one
    for pool in [&api, worker] {
        for what in [format!("select from {table}"), format!("insert into {table} (id) values (gen_random_uuid())")] {
            let refused = sqlx::query(AssertSqlSafe(what)).execute(pool).await.unwrap_err();
            assert_eq!(refused.as_database_error().unwrap().code().unwrap(), "42501");
        }
    }
    assert_eq!(site.everything().await, before);
}

#[sqlx::test(migrations = false)]
async fn records_are_found_by_every_filter_and_paged_newest_first(pool: PgPool) {
    let site = Site::new(pool).await;
    sqlx::raw_sql(
        "insert into operations.audit_records (id, at, actor, roles, action, target_kind, target_ids, before, after,
             correlation_id, request_id)
         select lpad(to_hex(n), 32, '0')::uuid, timestamptz '2026-01-01 00:00Z' + n / 2 * interval '1 minute',
             'actor-' || n % 3, '{}', case when n % 2 = 0 then 'pause_queue' else 'retry_dead_letters' end,
             case when n % 2 = 0 then 'queue' else 'dead_letter' end, array['a' || n, 'b'], '{}', '{}', 'c' || n / 4, 'r'
         from generate_series(1, 10) n",
    )
    .execute(&site.world.owner)
    .await
    .unwrap();
    let found = async |filter: AuditFilter| -> Vec<u128> {
        site.records(filter).await.iter().map(|record| record.id.as_u128()).collect()
    };
    let none = AuditFilter::default;
    let at = |minute: u32| format!("2026-01-01T00:{minute:02}:00Z").parse().ok();
    assert_eq!(found(none()).await, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(found(AuditFilter { actor: "actor-0".parse().ok(), ..none() }).await, [9, 6, 3]);
    assert_eq!(found(AuditFilter { action: search("pause_queue"), ..none() }).await, [10, 8, 6, 4, 2]);
    assert_eq!(found(AuditFilter { target_kind: search("queue"), ..none() }).await, [10, 8, 6, 4, 2]);
    assert_eq!(found(AuditFilter { target_id: search("a7"), ..none() }).await, [7]);
    assert_eq!(found(AuditFilter { target_id: search("b"), ..none() }).await.len(), 10);
    assert_eq!(found(AuditFilter { correlation_id: "c1".parse().ok(), ..none() }).await, [7, 6, 5, 4]);
    assert_eq!(found(AuditFilter { from: at(4), ..none() }).await, [10, 9, 8]);
    assert_eq!(found(AuditFilter { to: at(1), ..none() }).await, [1]);
    let both = AuditFilter { target_kind: search("queue"), actor: "actor-0".parse().ok(), ..none() };
    assert_eq!(found(both).await, [6]);

    let (mut paged, mut cursor) = (Vec::new(), None);
    loop {
        let size = PageSize::new(3).unwrap();
        let page = site.fetch(ListAuditRecords { filter: none(), cursor, size }).await.unwrap();
        paged.extend(page.data.iter().map(|record| record.id.as_u128()));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(paged, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
    let foreign = ListAuditRecords { cursor: Some("x".into()), ..ListAuditRecords::default() };
    assert_eq!(rejection(site.fetch(foreign).await).code, "cursor_invalid");
}
