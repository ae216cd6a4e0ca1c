//! `portal worker --once`, and what its exit code says.

use sqlx::PgPool;

use crate::places::{Vhost, url};
use crate::program::portal;

/// A job of this kind in the queue `maintenance`.
async fn enqueue(pool: &PgPool, kind: &str, arguments: &str) {
    sqlx::query(
        "insert into apalis.jobs (id, job_type, kind, job, status, attempts, max_attempts, run_at, priority, metadata)
         values (gen_random_uuid()::text, 'maintenance', $1, convert_to($2, 'utf8'), 'Pending', 0, 6, now(), 0, '')",
    )
    .bind(kind)
    .bind(arguments)
    .execute(pool)
    .await
    .unwrap();
}

#[sqlx::test(migrations = false)]
async fn the_exit_code_says_whether_there_was_a_job_and_whether_it_is_done(pool: PgPool) {
    domain::kernel::schema::migrate(&pool).await.unwrap();
    let (worker, vhost) = (url(&pool, "portal_worker"), Vhost::new());
    let variables = [("DATABASE_URL", worker.as_str()), ("AMQP_URL", vhost.url.as_str())];
    let once = || portal(&["worker", "--once", "--queue", "stock,maintenance"], &variables);
    assert_eq!(once().code, Some(3));
    enqueue(&pool, "clean-up.v1", r#"{"keepDays": 7}"#).await;
    let done = once();
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), ""), "{done:?}");
    enqueue(&pool, "clean-up.v1", "{}").await;
    assert_eq!(once().code, Some(4));
    let ended: (i64, i64, i64) = sqlx::query_as(
        "select (select count(*) from jobs.completed), (select count(*) from jobs.dead_letters where reason = 'undecodable'),
                (select count(*) from jobs.workers where stopped_at is null)",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!(ended, (1, 1, 0));

    let usage = portal(&["worker", "--once"], &variables);
    assert_eq!(usage.code, Some(2), "{usage:?}");
    let unknown = portal(&["worker", "--once", "--queue", "maintenence"], &variables);
    assert!(unknown.complaint().contains("maintenence"), "{unknown:?}");
}
