//! Work for the workers: fills queues in bulk, opens them, and watches them run empty.
//!
//! A queue is filled while it is paused and the workers already wait for it: what is measured
//! begins with the statement that opens it, and ends when the last job is written down.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use domain::customers::{CustomerChanged, CustomerField, CustomerSnapshot, Status};
use domain::kernel::event::{Envelope, Event as _, source};
use domain::messaging::PublishEvent;
use serde_json::value::to_raw_value;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::Result;

/// The queue of jobs that do nothing.
pub(crate) const NOOP: &str = "noop";
/// The queue of events to publish.
pub(crate) const OUTBOX: &str = "outbox";

/// Nothing that is measured takes longer; what does, hangs.
const PATIENCE: Duration = Duration::from_secs(600);

/// Lets nobody claim from the queue.
pub(crate) async fn pause(pool: &PgPool, queue: &str) -> Result<()> {
    sqlx::query(
        "insert into jobs.queues (name, paused_at, paused_by, pause_reason) values ($1, now(), 'bench', 'filling')
         on conflict (name) do update set paused_at = now(), paused_by = 'bench', pause_reason = 'filling'",
    )
    .bind(queue)
    .execute(pool)
    .await?;
    Ok(())
}

/// Lets the workers begin, and rings for them.
pub(crate) async fn open(connection: &mut PgConnection, queue: &str) -> Result<()> {
    sqlx::query("update jobs.queues set paused_at = null, paused_by = null, pause_reason = null where name = $1")
        .bind(queue)
        .execute(&mut *connection)
        .await?;
    ring(connection, queue).await
}

/// As the product does after a commit.
pub(crate) async fn ring(connection: &mut PgConnection, queue: &str) -> Result<()> {
    sqlx::query("select pg_notify($1, $2)")
        .bind(domain::kernel::DOORBELL_CHANNEL)
        .bind(queue)
        .execute(connection)
        .await?;
    Ok(())
}

/// Forgets all jobs, live and ended.
pub(crate) async fn clear(pool: &PgPool) -> Result<()> {
    sqlx::query(
        "truncate apalis.jobs, jobs.completed, jobs.attempts, jobs.dead_letters, jobs.publications restart identity",
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Jobs with a payload of 1 KB that does nothing, ready, in turn for each of `keys` keys.
pub(crate) async fn fill_noop(pool: &PgPool, jobs: usize, keys: usize) -> Result<()> {
    let payload = format!(r#"{{"filling":"{}"}}"#, "x".repeat(1000));
    sqlx::query(
        "insert into apalis.jobs (id, job_type, kind, job, status, attempts, max_attempts, run_at, priority, metadata,
             ordering_key, tenant_id, correlation_id, causation_id)
         select '01' || lpad(n::text, 24, '0'), 'noop', 'noop.v1', $2, 'Pending', 0, 6, now(), 0, '',
                'key-' || n % $3, 'bench', 'bench', 'bench'
         from generate_series(1, $1) n",
    )
    .bind(jobs as i64)
    .bind(payload.as_bytes())
    .bind(keys as i64)
    .execute(pool)
    .await?;
    settle(pool).await
}

/// Events to publish, about 1 KB each on the wire, in turn for each of `customers` customers.
pub(crate) async fn fill_outbox(pool: &PgPool, jobs: usize, customers: usize) -> Result<()> {
    let mut connection = pool.acquire().await?;
    add_events(&mut connection, Events { count: jobs, customers, correlation_id: "bench" }).await?;
    drop(connection);
    settle(pool).await
}

/// Events to add to the outbox.
pub(crate) struct Events<'a> {
    pub(crate) count: usize,
    pub(crate) customers: usize,
    /// Of all of them.
    pub(crate) correlation_id: &'a str,
}

/// Adds events with one statement, which commits by itself.
pub(crate) async fn add_events(connection: &mut PgConnection, events: Events<'_>) -> Result<()> {
    sqlx::query(
        "insert into apalis.jobs (id, job_type, kind, job, status, attempts, max_attempts, run_at, priority, metadata,
             ordering_key, subject, tenant_id, correlation_id, causation_id)
         select '01' || lpad(nextval('apalis.jobs_seq_seq')::text, 24, '0'), 'outbox', 'publish-event.v1',
                convert_to(replace(replace($2, $3, event.id::text), $4, event.customer), 'UTF8'),
                'Pending', 0, 6, now(), 0, '', 'customers/' || event.customer, 'customers/' || event.customer,
                'bench', $6, 'bench'
         from (select gen_random_uuid() as id, md5((n % $5)::text)::uuid::text as customer
               from generate_series(1, $1) n) event",
    )
    .bind(events.count as i64)
    .bind(event_template(events.correlation_id)?)
    .bind(ID.to_string())
    .bind(CUSTOMER.to_string())
    .bind(events.customers as i64)
    .bind(events.correlation_id)
    .execute(connection)
    .await?;
    Ok(())
}

/// The same events, to be published directly.
pub(crate) fn events(count: usize, customers: usize) -> Result<Vec<Envelope>> {
    let PublishEvent { event: template } = serde_json::from_str(&event_template("bench")?)?;
    let customer = |n: usize| Uuid::from_u128(CUSTOMER.as_u128() + (n % customers.max(1)) as u128);
    let event = |n: usize| Envelope {
        id: Uuid::now_v7(),
        subject: format!("{}/{}", CustomerChanged::MODULE, customer(n)),
        ..template.clone()
    };
    Ok((0..count).map(event).collect())
}

/// Stand for an event's id and its customer in the template.
const ID: Uuid = Uuid::from_u128(0x1111_1111_1111_4111_8111_1111_1111_1111);
const CUSTOMER: Uuid = Uuid::from_u128(0x2222_2222_2222_4222_8222_2222_2222_2222);

/// The arguments of a job that publishes an event, as the product writes them.
fn event_template(correlation_id: &str) -> Result<String> {
    let at = DateTime::UNIX_EPOCH;
    let customer = CustomerSnapshot {
        id: CUSTOMER,
        // makes the event about a kilobyte
        name: "x".repeat(310),
        email: "bench@example.com".to_owned(),
        phone: None,
        status: Status::Active,
        suspend_reason: None,
        suspended_at: None,
        group_id: None,
        created_at: at,
        updated_at: at,
        version: 1,
    };
    let data = to_raw_value(&CustomerChanged { changed: vec![CustomerField::Name], customer })?;
    let event = Envelope {
        id: ID,
        event_type: CustomerChanged::TYPE.to_owned(),
        source: source(CustomerChanged::MODULE),
        subject: format!("{}/{CUSTOMER}", CustomerChanged::MODULE),
        time: Utc::now(),
        sequence: 1,
        tenant_id: "bench".parse()?,
        actor: "bench".parse()?,
        correlation_id: correlation_id.parse()?,
        causation_id: "bench".to_owned(),
        traceparent: None,
        data_version: CustomerChanged::DATA_VERSION,
        data,
    };
    Ok(serde_json::to_string(&PublishEvent { event })?)
}

/// Statistics and visibility of the filled table, and no checkpoint in what is measured next.
pub(crate) async fn settle(pool: &PgPool) -> Result<()> {
    sqlx::query("vacuum analyze apalis.jobs").execute(pool).await?;
    sqlx::query("checkpoint").execute(pool).await?;
    Ok(())
}

/// Opens a queue that was filled and waits until nothing of it is left; how long that took.
///
/// First until the job that was filled in last is gone, which costs the server next to nothing to
/// tell, however many have just been deleted; then until all are.
pub(crate) async fn drain(connection: &mut PgConnection, queue: &str) -> Result<Duration> {
    // what is left is looked up in the small indexes, without reading the table
    sqlx::query("set enable_seqscan = off").execute(&mut *connection).await?;
    let last = last(connection, queue).await?;
    let started = Instant::now();
    open(connection, queue).await?;
    while is_there(connection, &last).await? || is_anything_left(connection, queue).await? {
        pause_for_a_look(started).await?;
    }
    Ok(started.elapsed())
}

/// Opens a queue that was filled and waits until `jobs` of it have been claimed; how long that took.
pub(crate) async fn drain_some(connection: &mut PgConnection, queue: &str, jobs: usize) -> Result<Duration> {
    sqlx::query("set enable_seqscan = off").execute(&mut *connection).await?;
    let first = front(connection, queue).await?;
    let started = Instant::now();
    open(connection, queue).await?;
    while front(connection, queue).await? < first + jobs as i64 {
        pause_for_a_look(started).await?;
    }
    Ok(started.elapsed())
}

/// Waits until no worker holds a job: after a pause, until what had been claimed is done.
pub(crate) async fn until_nothing_runs(connection: &mut PgConnection) -> Result<()> {
    let started = Instant::now();
    while sqlx::query_scalar("select exists (select from apalis.jobs where lock_by is not null)")
        .fetch_one(&mut *connection)
        .await?
    {
        pause_for_a_look(started).await?;
    }
    Ok(())
}

async fn pause_for_a_look(started: Instant) -> Result<()> {
    if started.elapsed() > PATIENCE {
        return Err(format!("the queue did not run empty within {PATIENCE:?}").into());
    }
    tokio::time::sleep(Duration::from_millis(5)).await;
    Ok(())
}

async fn is_anything_left(connection: &mut PgConnection, queue: &str) -> Result<bool> {
    Ok(sqlx::query_scalar(
        "select exists (select from apalis.jobs
                        where job_type = $1 and lock_by is null and not deferred and not suspect)
             or exists (select from apalis.jobs where job_type = $1 and deferred)
             or exists (select from apalis.jobs where lock_by is not null)",
    )
    .bind(queue)
    .fetch_one(connection)
    .await?)
}

async fn is_there(connection: &mut PgConnection, job: &str) -> Result<bool> {
    Ok(sqlx::query_scalar("select exists (select from apalis.jobs where id = $1)")
        .bind(job)
        .fetch_one(connection)
        .await?)
}

/// The id of the last job that nobody has claimed.
async fn last(connection: &mut PgConnection, queue: &str) -> Result<String> {
    let last: Option<String> = sqlx::query_scalar(
        "select id from apalis.jobs where job_type = $1 and lock_by is null and not deferred and not suspect
         order by priority, seq desc limit 1",
    )
    .bind(queue)
    .fetch_optional(connection)
    .await?;
    last.ok_or_else(|| "the queue is empty".into())
}

/// The position of the first job that nobody has claimed.
async fn front(connection: &mut PgConnection, queue: &str) -> Result<i64> {
    let front: Option<i64> = sqlx::query_scalar(
        "select seq from apalis.jobs where job_type = $1 and lock_by is null and not deferred and not suspect
         order by priority desc, seq limit 1",
    )
    .bind(queue)
    .fetch_optional(connection)
    .await?;
    front.ok_or_else(|| "the queue is empty".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_an_event_of_about_a_kilobyte() {
        let template = event_template("bench-1").unwrap();
        let job: PublishEvent = serde_json::from_str(&template).unwrap();
        assert_eq!((job.event.id, job.event.correlation_id.as_str()), (ID, "bench-1"));
        assert!((950..1100).contains(&template.len()), "{}", template.len());
    }
}
