//! Lists of jobs: filters, order, pages.

use chrono::{Duration, Utc};
use domain::kernel::job::NewJob;
use domain::kernel::page::{PageSize, SearchText};
use domain::operations::{DeadReason, JobFilter, JobId, JobState, ListDeadLetters, ListJobs};
use sqlx::PgPool;

use super::{Site, delayed, task};
use crate::support::{ACME, OTHER, rejection};

fn text(text: &str) -> Option<SearchText> {
    Some(SearchText::parse(text, "x").unwrap())
}

impl Site {
    pub(super) async fn list(&self, filter: JobFilter) -> Vec<String> {
        let page = self.fetch(ListJobs { filter, ..ListJobs::default() }).await.unwrap();
        page.data.into_iter().map(|job| job.id).collect()
    }

    pub(super) async fn list_dead(&self, filter: JobFilter) -> Vec<String> {
        let page = self.fetch(ListDeadLetters { filter, ..ListDeadLetters::default() }).await.unwrap();
        page.data.into_iter().map(|job| job.id).collect()
    }

    /// A dead letter of a tenant and subject, discarded or not.
    pub(super) async fn dead_of(&self, tenant: &str, subject: &str, error: &str) -> JobId {
        let id = self.enqueue(tenant, NewJob { subject: Some(subject.into()), ..task(0) }).await;
        self.dead(&id, 6, error).await;
        id
    }
}

#[sqlx::test(migrations = false)]
async fn all_jobs_are_listed_newest_first_wherever_they_are(pool: PgPool) {
    let site = Site::new(pool).await;
    let mut ids = Vec::new();
    for n in 0..9 {
        let id = site.job().await;
        match n % 3 {
            0 => site.complete(&id).await,
            1 => site.dead(&id, 6, "boom").await,
            _ => (),
        }
        ids.push(id.as_str().to_owned());
    }
    ids.reverse();
    assert_eq!(site.list(JobFilter::default()).await, ids);

    let mut paged = Vec::new();
    let mut cursor = None;
    loop {
        let size = PageSize::new(2).unwrap();
        let page = site.fetch(ListJobs { cursor, size, ..ListJobs::default() }).await.unwrap();
        paged.extend(page.data.into_iter().map(|job| job.id));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
        // newer ones do not disturb the pages after
        site.job().await;
    }
    assert_eq!(paged, ids);
    let foreign = ListJobs { cursor: Some("###".into()), ..ListJobs::default() };
    assert_eq!(rejection(site.fetch(foreign).await).code, "cursor_invalid");
}

#[sqlx::test(migrations = false)]
async fn each_filter_selects(pool: PgPool) {
    let site = Site::new(pool).await;
    let subject = || NewJob { subject: Some("customers/7".into()), ..task(0) };
    let live = site.enqueue(OTHER, subject()).await;
    let done = site.enqueue(OTHER, subject()).await;
    site.complete(&done).await;
    let dead = site.enqueue(OTHER, subject()).await;
    site.dead(&dead, 6, "Connection REFUSED (100%_\\)").await;
    site.job().await;
    let scheduled = site.enqueue(ACME, delayed(60)).await;
    site.world.run(crate::customers::create("Ada", "ada@example.com")).await.unwrap();
    let ours = [&dead, &done, &live].map(|id| id.as_str().to_owned());

    assert_eq!(site.list(JobFilter { tenant: Some(OTHER.parse().unwrap()), ..JobFilter::default() }).await, ours);
    assert_eq!(site.list(JobFilter { subject: text("customers/7"), ..JobFilter::default() }).await, ours);
    assert_eq!(site.list(JobFilter { subject: text("customers/"), ..JobFilter::default() }).await.len(), 0);
    assert_eq!(site.list(JobFilter { queue: text("tasks"), ..JobFilter::default() }).await.len(), 5);
    assert_eq!(site.list(JobFilter { queue: text("outbox"), ..JobFilter::default() }).await.len(), 1);
    assert_eq!(site.list(JobFilter { kind: text("publish-event.v1"), ..JobFilter::default() }).await.len(), 1);
    assert_eq!(site.list(JobFilter { kind: text("none"), ..JobFilter::default() }).await.len(), 0);
    let correlated = JobFilter { correlation_id: Some("correlation-1".parse().unwrap()), ..JobFilter::default() };
    assert_eq!(site.list(correlated).await.len(), 6);
    let other = JobFilter { correlation_id: Some("correlation-2".parse().unwrap()), ..JobFilter::default() };
    assert_eq!(site.list(other).await.len(), 0);
    let state = |state| JobFilter { state: Some(state), ..JobFilter::default() };
    assert_eq!(site.list(state(JobState::Scheduled)).await, [scheduled.as_str()]);
    assert_eq!(site.list(state(JobState::Completed)).await, [done.as_str()]);
    assert_eq!(site.list(state(JobState::Dead)).await, [dead.as_str()]);
    assert_eq!(site.list(state(JobState::Discarded)).await.len(), 0);
    let both = JobFilter { tenant: Some(OTHER.parse().unwrap()), ..state(JobState::Pending) };
    assert_eq!(site.list(both).await, [live.as_str()], "every condition must hold");
    let reason = JobFilter { reason: Some(DeadReason::Exhausted), ..JobFilter::default() };
    assert_eq!(site.list(reason).await, [dead.as_str()]);
}

#[sqlx::test(migrations = false)]
async fn states_that_have_shortcuts_are_complete(pool: PgPool) {
    let site = Site::new(pool).await;
    let running = site.keyed("k").await;
    site.claim().await;
    let retrying = site.job().await;
    site.set(&retrying, "status = 'Failed', attempts = 1, run_at = now() + interval '1 hour', deferred = true").await;
    let waiting = site.job().await;
    // handed back without a delay, after it had failed before
    site.set(&waiting, "status = 'Failed', attempts = 1, waiting_for = 'broker'").await;
    let blocked = site.keyed("k").await;
    let pending = site.job().await;
    for (state, id) in [
        (JobState::Running, &running),
        (JobState::Retrying, &retrying),
        (JobState::Waiting, &waiting),
        (JobState::Blocked, &blocked),
        (JobState::Pending, &pending),
    ] {
        let listed = site.list(JobFilter { state: Some(state), ..JobFilter::default() }).await;
        assert_eq!(listed, [id.as_str()], "{state:?}");
        assert_eq!(site.state(id).await, state);
    }
}

#[sqlx::test(migrations = false)]
async fn an_error_is_found_by_a_piece_of_its_text(pool: PgPool) {
    let site = Site::new(pool).await;
    let dead = site.dead_of(ACME, "a", r"Connection REFUSED (100%_\)").await;
    let retrying = site.job().await;
    site.set(&retrying, "status = 'Failed', attempts = 2").await;
    site.work(&format!(
        "insert into jobs.attempts (job_id, queue, kind, attempt, outcome, error, actor, ended_at)
         values ('{0}', 'tasks', 'task.v1', 1, 'failed', 'connection refused', 'w1', now()),
                ('{0}', 'tasks', 'task.v1', 2, 'failed', 'timed out', 'w1', now())",
        retrying.as_str()
    ))
    .await;
    let late = site.job().await;
    site.complete(&late).await;
    sqlx::query("update jobs.completed set attempt = 2, error = 'Broken Pipe'")
        .execute(&site.world.owner)
        .await
        .unwrap();
    let error = |piece| JobFilter { error: text(piece), ..JobFilter::default() };
    assert_eq!(
        site.list(error("connection refused")).await,
        [dead.as_str()],
        "the last error counts, not an earlier one"
    );
    assert_eq!(site.list(error("TIMED")).await, [retrying.as_str()]);
    assert_eq!(site.list(error("broken pipe")).await, [late.as_str()], "succeeded later");
    assert_eq!(site.list(error(r"100%_\")).await, [dead.as_str()]);
    for absent in ["1%0", "100__", r"\\", "boom"] {
        assert_eq!(site.list(error(absent)).await.len(), 0, "{absent}");
    }
}

#[sqlx::test(migrations = false)]
async fn a_time_range_has_a_beginning_but_no_end(pool: PgPool) {
    let site = Site::new(pool).await;
    let ids = [site.job().await, site.job().await, site.job().await];
    site.dead(&ids[0], 6, "boom").await;
    site.complete(&ids[1]).await;
    let mut times = Vec::new();
    for id in &ids {
        times.push(site.get(id).await.summary.created_at);
    }
    let between = |from, to| JobFilter { created_from: from, created_to: to, ..JobFilter::default() };
    let id = |n: usize| ids[n].as_str();
    assert_eq!(site.list(between(Some(times[1]), None)).await, [id(2), id(1)]);
    assert_eq!(site.list(between(None, Some(times[1]))).await, [id(0)]);
    assert_eq!(site.list(between(Some(times[0]), Some(times[2]))).await, [id(1), id(0)]);
    let tomorrow = Utc::now() + Duration::days(1);
    assert_eq!(site.list(between(Some(tomorrow), None)).await.len(), 0);
    assert_eq!(site.list(between(None, Some(tomorrow))).await.len(), 3);
}

#[sqlx::test(migrations = false)]
async fn the_list_of_dead_letters_has_what_is_left_to_do(pool: PgPool) {
    let site = Site::new(pool).await;
    site.job().await;
    let dead = site.dead_of(ACME, "a", "boom").await;
    let others = site.dead_of(OTHER, "b", "bang").await;
    let dropped = site.dead_of(ACME, "c", "boom").await;
    site.run(super::dead_letters::discard(&dropped)).await.unwrap();
    let kept = site.dead_of(ACME, "d", "boom").await;
    site.run(super::dead_letters::archive(&kept)).await.unwrap();
    assert_eq!(site.list_dead(JobFilter::default()).await, [others.as_str(), dead.as_str()]);
    let discarded = JobFilter { state: Some(JobState::Discarded), ..JobFilter::default() };
    assert_eq!(site.list_dead(discarded).await, [dropped.as_str()]);
    let archived = JobFilter { state: Some(JobState::Archived), ..JobFilter::default() };
    assert_eq!(site.list_dead(archived.clone()).await, [kept.as_str()]);
    assert_eq!(site.list(archived).await, [kept.as_str()]);
    let filter = JobFilter { state: Some(JobState::Pending), ..JobFilter::default() };
    let pending = ListDeadLetters { filter, ..ListDeadLetters::default() };
    assert_eq!(rejection(site.fetch(pending).await).code, "state_invalid");
    let tenant = JobFilter { tenant: Some(OTHER.parse().unwrap()), ..JobFilter::default() };
    assert_eq!(site.list_dead(tenant).await, [others.as_str()]);
    let permanent = JobFilter { reason: Some(DeadReason::Permanent), ..JobFilter::default() };
    assert_eq!(site.list_dead(permanent).await.len(), 0);
}
