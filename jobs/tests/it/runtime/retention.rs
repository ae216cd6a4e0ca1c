//! What has ended is kept as long as its queue says, and goes without being in anybody's way.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::Db;
use domain::kernel::policy::{QueuePolicies, QueuePolicy};
use sqlx::postgres::PgPool;

use crate::support::{Running, TestDb, pool_as, quick, settings};

/// A queue of each kind, and one without a section: `plain`.
fn policies() -> QueuePolicies {
    let short = QueuePolicy {
        keep_completed_days: 1,
        keep_cancelled_days: 2,
        keep_discarded_days: 1,
        keep_archived_days: 3,
        keep_attempts_days: 1,
        ..quick()
    };
    let long = QueuePolicy { keep_completed_days: 30, keep_discarded_days: 30, keep_attempts_days: 30, ..quick() };
    let named = [("short", short), ("long", long), ("test", quick())];
    QueuePolicies(named.map(|(name, policy)| (name.to_owned(), policy)).into_iter().collect::<BTreeMap<_, _>>())
}

/// Ended jobs: `queue state hours`, where the id says what is to become of it.
const ENDED: &str = "
    insert into jobs.queues (name) values ('plain');
    create function pg_temp.ended(p_id text, p_queue text, p_state text, p_hours integer) returns void language sql as $$
        insert into jobs.completed (id, queue, kind, seq, state, attempt, redrives, created_at, started_at, completed_at)
        values (p_id, p_queue, 'task.v1', 1, p_state, 1, 0, now(), now(), now() - p_hours * interval '1 hour')
    $$;
    create function pg_temp.dead(p_id text, p_queue text, p_state text, p_hours integer) returns void language sql as $$
        insert into jobs.dead_letters (id, queue, kind, seq, reason, error, error_class, payload, metadata, attempts,
            max_attempts, crashes, redrives, priority, created_at, died_at, holds_key, discarded_at, discarded_by,
            discard_reason, archived_at, archived_by, archive_reason)
        select p_id, p_queue, 'task.v1', 1, 'permanent', 'boom', 'test', '', '{}', 1, 6, 0, 0, 0, at, at, false,
               case when p_state = 'discarded' then at end, case when p_state = 'discarded' then 'ada' end,
               case when p_state = 'discarded' then 'x' end, case when p_state = 'archived' then at end,
               case when p_state = 'archived' then 'ada' end, case when p_state = 'archived' then 'x' end
        from (select now() - p_hours * interval '1 hour' as at) t
    $$;
    create function pg_temp.tried(p_job text, p_queue text, p_hours integer) returns void language sql as $$
        insert into jobs.attempts (job_id, queue, kind, attempt, outcome, actor, ended_at)
        values (p_job, p_queue, 'task.v1', 1, 'failed', 'w', now() - p_hours * interval '1 hour')
    $$;
    do $$
    declare d date;
    begin
        -- some of them in partitions of their days, the others in the default one
        foreach d in array array[(now() at time zone 'UTC')::date - 1, (now() at time zone 'UTC')::date - 2] loop
            execute format('create table if not exists jobs.completed_%s partition of jobs.completed for values from (%L) to (%L)',
                to_char(d, 'YYYYMMDD'), d::timestamp at time zone 'UTC', (d + 1)::timestamp at time zone 'UTC');
        end loop;
    end $$;
    create table jobs.completed_20200101 partition of jobs.completed for values from ('2020-01-01') to ('2020-01-02');
    select pg_temp.ended('stays-1', 'short', 'completed', 12), pg_temp.ended('goes-1', 'short', 'completed', 36),
           pg_temp.ended('stays-2', 'short', 'cancelled', 36), pg_temp.ended('goes-2', 'short', 'cancelled', 72),
           pg_temp.ended('stays-3', 'long', 'completed', 24 * 29), pg_temp.ended('goes-3', 'long', 'completed', 24 * 32),
           pg_temp.ended('stays-4', 'plain', 'completed', 24 * 6), pg_temp.ended('goes-4', 'plain', 'completed', 24 * 8),
           pg_temp.ended('stays-5', 'plain', 'cancelled', 24 * 6), pg_temp.ended('goes-5', 'plain', 'cancelled', 24 * 8);
    select pg_temp.dead('stays-6', 'short', 'discarded', 12), pg_temp.dead('goes-6', 'short', 'discarded', 36),
           pg_temp.dead('stays-7', 'short', 'archived', 48), pg_temp.dead('goes-7', 'short', 'archived', 96),
           pg_temp.dead('stays-8', 'short', 'dead', 24 * 1000), pg_temp.dead('stays-9', 'plain', 'archived', 24 * 1000),
           pg_temp.dead('stays-10', 'long', 'discarded', 24 * 20), pg_temp.dead('goes-10', 'plain', 'discarded', 24 * 8);
    select pg_temp.tried('gone', 'short', 36), pg_temp.tried('gone', 'plain', 24 * 8),
           pg_temp.tried('stays', 'short', 12), pg_temp.tried('stays', 'long', 24 * 20),
           pg_temp.tried('stays-8', 'short', 24 * 1000), pg_temp.tried('live', 'short', 36);
    insert into apalis.jobs (id, job_type, job) values ('live', 'elsewhere', '');
    insert into jobs.edits (id, job_id, queue, edited_at, edited_by, reason, patch, before, after)
    select gen_random_uuid(), job, 'short', now() - interval '36 hours', 'ada', 'x', '{}', '', ''
    from unnest(array['gone', 'live', 'stays-8']) as job;";

async fn worker(owner: &PgPool) -> Db {
    Db::new(pool_as(owner, "portal_worker").await, policies())
}

#[sqlx::test(migrations = false)]
async fn each_queue_and_state_has_its_time_and_what_is_left_to_do_has_none(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    // one connection: the functions that insert are its own
    let mut conn = db.owner.acquire().await.unwrap();
    sqlx::raw_sql(ENDED).execute(&mut *conn).await.unwrap();
    drop(conn);
    let running = Running::start(&worker(&db.owner).await, settings(), async |_, _| Ok(()));
    let goes = "select count(*) from (select id from jobs.completed union all select id from jobs.dead_letters
                union all select job_id from jobs.attempts union all select job_id from jobs.edits) r
                where id like 'go%'";
    db.until(goes, 0).await;
    running.stop().await;
    for (what, kept) in [
        ("jobs.completed where id like 'stays%'", 5),
        ("jobs.dead_letters where id like 'stays%'", 5),
        ("jobs.attempts", 4),
        ("jobs.edits", 2),
        ("pg_class where relname = 'completed_20200101'", 0),
        ("jobs.completed_default where completed_at > now() - interval '30 days'", 3),
    ] {
        assert_eq!(db.count(&format!("select count(*) from {what}")).await, kept, "{what}");
    }
}

/// 12,000 jobs that completed two days ago.
const MANY: &str = "
    insert into jobs.completed (id, queue, kind, seq, state, attempt, redrives, created_at, started_at, completed_at)
    select 'J' || n, 'short', 'task.v1', n, 'completed', 1, 0, now(), now(), now() - interval '2 days'
    from generate_series(1, 12000) n";

#[sqlx::test(migrations = false)]
async fn no_statement_deletes_more_than_it_is_told(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    sqlx::raw_sql(MANY).execute(&db.owner).await.unwrap();
    let worker = pool_as(&db.owner, "portal_worker").await;
    let expire = "select jobs.expire_completed('short', 'completed', 1, 5000)";
    for expected in [5000, 5000, 2000, 0] {
        let expired: i32 = sqlx::query_scalar(expire).fetch_one(&worker).await.unwrap();
        assert_eq!(expired, expected);
    }
    let api = pool_as(&db.owner, "portal_api").await;
    for (pool, statement, code) in [
        (&worker, "select jobs.expire_completed('short', 'completed', 0, 1)", "P0001"),
        (&worker, "select jobs.expire_dead_letters('short', 'archived', 0, 1)", "P0001"),
        (&worker, "select jobs.expire_dead_letters('short', 'dead', 1, 1)", "P0001"),
        (&worker, "select jobs.expire_history('short', 0, 1)", "P0001"),
        (&worker, "delete from jobs.completed", "42501"),
        (&worker, "delete from jobs.attempts", "42501"),
        (&api, "select jobs.expire_history('short', 1, 1)", "42501"),
    ] {
        let refused = sqlx::query(statement).execute(pool).await.unwrap_err();
        assert_eq!(refused.as_database_error().unwrap().code().unwrap(), code, "{statement}");
    }
}

#[sqlx::test(migrations = false)]
async fn while_it_deletes_jobs_run_and_nobody_waits(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    sqlx::raw_sql(MANY).execute(&db.owner).await.unwrap();
    let pool = pool_as(&db.owner, "portal_worker").await;
    let mut deleting = pool.begin().await.unwrap();
    let expire = "select jobs.expire_completed('short', 'completed', 1, 12000)";
    let expired: i32 = sqlx::query_scalar(expire).fetch_one(&mut *deleting).await.unwrap();
    assert_eq!(expired, 12_000);
    // another worker finds nothing to do, at once
    let mut other = pool.begin().await.unwrap();
    sqlx::query("set local lock_timeout = '1s'").execute(&mut *other).await.unwrap();
    let expired: i32 = sqlx::query_scalar(expire).fetch_one(&mut *other).await.unwrap();
    assert_eq!(expired, 0);
    drop(other);
    // and jobs are claimed and completed
    db.enqueue(&[None, Some("a"), Some("a")]).await;
    let running = Running::start(&db.worker, settings(), async |_, _| Ok(()));
    db.until("select count(*) from jobs.completed where queue = 'test'", 3).await;
    running.stop().await;
    assert_eq!(db.count("select count(*) from jobs.completed where queue = 'short'").await, 12_000);
    deleting.commit().await.unwrap();
    assert_eq!(db.count("select count(*) from jobs.completed where queue = 'short'").await, 0);
}

#[sqlx::test(migrations = false)]
async fn what_is_being_restored_is_not_deleted(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    sqlx::raw_sql(
        "insert into jobs.dead_letters (id, queue, kind, seq, reason, error, error_class, payload, metadata, attempts,
             max_attempts, crashes, redrives, priority, created_at, holds_key, archived_at, archived_by, archive_reason)
         values ('D', 'short', 'task.v1', 1, 'permanent', 'boom', 'test', '', '{}', 1, 6, 0, 0, 0, now(), false,
             now() - interval '9 days', 'ada', 'x')",
    )
    .execute(&db.owner)
    .await
    .unwrap();
    let mut restoring = db.owner.begin().await.unwrap();
    let restore = "update jobs.dead_letters set archived_at = null, archived_by = null, archive_reason = null";
    sqlx::query(restore).execute(&mut *restoring).await.unwrap();
    let worker = pool_as(&db.owner, "portal_worker").await;
    let expire = "select jobs.expire_dead_letters('short', 'archived', 3, 100)";
    let in_time = tokio::time::timeout(Duration::from_secs(5), sqlx::query_scalar::<_, i32>(expire).fetch_one(&worker));
    assert_eq!(in_time.await.unwrap().unwrap(), 0);
    restoring.commit().await.unwrap();
    assert_eq!(sqlx::query_scalar::<_, i32>(expire).fetch_one(&worker).await.unwrap(), 0);
    assert_eq!(db.count("select count(*) from jobs.dead_letters where archived_at is null").await, 1);
}
