//! Timelines: what failed, what comes next, and how much is shown.

use domain::customers::{CreateCustomer, Email, Name};
use domain::operations::{GetTimeline, JobId, MOST_ENTRIES, Step, Timeline, TimelineOf};
use sqlx::PgPool;
use ulid::Ulid;
use uuid::Uuid;

use super::Site;
use crate::support::rejection;

impl Site {
    /// A customer, and the job that publishes it.
    async fn customer(&self) -> (Uuid, JobId) {
        let create = CreateCustomer {
            name: Name::parse("Ada", "").unwrap(),
            email: Email::parse("ada@example.com", "").unwrap(),
            phone: None,
            group_id: None,
        };
        let (customer, event) = self.world.emits(create).await;
        (customer.id, JobId::new(&Ulid::from(event.id).to_string()))
    }

    async fn timeline(&self, of: TimelineOf) -> Timeline {
        self.fetch(GetTimeline { of }).await.unwrap()
    }

    /// History rows of a job.
    async fn failed(&self, job: &JobId, times: usize) {
        self.work(&format!(
            "insert into jobs.attempts (job_id, queue, kind, attempt, outcome, error, error_class, actor, started_at,
                 ended_at, next_run_at)
             select '{}', 'outbox', 'publish-event.v1', n, 'failed', 'no route', 'unroutable', 'w1', now(), now(),
                 now() + interval '1 hour'
             from generate_series(1, {times}) n",
            job.as_str()
        ))
        .await;
    }
}

fn steps(timeline: &Timeline) -> Vec<Step> {
    timeline.entries.iter().map(|entry| entry.step).collect()
}

#[sqlx::test(migrations = false)]
async fn what_failed_is_shown_and_what_comes_next_stands_last(pool: PgPool) {
    let site = Site::new(pool).await;
    let (customer, job) = site.customer().await;
    let fresh = site.timeline(TimelineOf::Customer(customer)).await;
    assert_eq!(steps(&fresh), [Step::Command, Step::Event, Step::Outbox, Step::Next]);
    assert_eq!(fresh.entries[3].outcome.as_deref(), Some("pending"));
    assert_eq!(fresh.entries[0].who.as_deref(), Some("ada"));

    site.failed(&job, 1).await;
    site.set(&job, "status = 'Failed', attempts = 1, deferred = true, run_at = now() + interval '1 hour'").await;
    let retrying = site.timeline(TimelineOf::Customer(customer)).await;
    assert_eq!(steps(&retrying), [Step::Command, Step::Event, Step::Outbox, Step::Attempt, Step::Next]);
    let [.., attempt, next] = retrying.entries.as_slice() else { unreachable!() };
    assert_eq!((attempt.attempt, attempt.error.as_deref()), (Some(1), Some("no route")));
    assert_eq!((attempt.who.as_deref(), attempt.outcome.as_deref()), (Some("w1"), Some("failed")));
    assert_eq!((next.attempt, next.outcome.as_deref()), (Some(2), Some("retrying")));
    assert_eq!(next.next_run_at, Some(next.at));
    assert_eq!(next.job_id.as_deref(), Some(job.as_str()));

    site.dead(&job, 2, "no route at all").await;
    let dead = site.timeline(TimelineOf::Customer(customer)).await;
    let last = dead.entries.last().unwrap();
    assert_eq!((last.step, last.error.as_deref()), (Step::DeadLetter, Some("no route at all")));
    assert_eq!(last.reason.as_deref(), Some("exhausted"));
}

#[sqlx::test(migrations = false)]
async fn no_timeline_is_longer_than_its_bound(pool: PgPool) {
    let site = Site::new(pool).await;
    let (customer, job) = site.customer().await;
    // with the command, the event, its job and what comes next
    site.failed(&job, MOST_ENTRIES - 4).await;
    let whole = site.timeline(TimelineOf::Customer(customer)).await;
    assert_eq!((whole.entries.len(), whole.truncated), (MOST_ENTRIES, false));
    site.failed(&job, 1).await;
    let cut = site.timeline(TimelineOf::Customer(customer)).await;
    assert_eq!((cut.entries.len(), cut.truncated), (MOST_ENTRIES, true));
    assert_eq!(cut.entries[0].step, Step::Command);
}

#[sqlx::test(migrations = false)]
async fn what_is_not_in_the_log_has_no_timeline(pool: PgPool) {
    let site = Site::new(pool).await;
    let (customer, _) = site.customer().await;
    for of in [
        TimelineOf::Order(customer),
        TimelineOf::Customer(Uuid::nil()),
        TimelineOf::Event(Uuid::nil()),
        TimelineOf::Correlation("nobody".parse().unwrap()),
    ] {
        let refused = rejection(site.fetch(GetTimeline { of: of.clone() }).await);
        assert_eq!(refused.code, "timeline_not_found", "{of:?}");
    }
}
