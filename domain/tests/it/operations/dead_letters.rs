//! Dead letters: looked at, put back, dropped.

use domain::kernel::DOORBELL_CHANNEL;
use domain::kernel::job::NewJob;
use domain::kernel::page::SearchText;
use domain::operations::{
    ArchiveDeadLetter, AttemptOutcome, DiscardDeadLetter, GetDeadLetter, JobFilter, JobId, JobState, RestoreDeadLetter,
    RetryDeadLetter, RetryDeadLetters, RetryLimit, RetryResult, WhichDeadLetters,
};
use serde_json::Value;
use sqlx::PgPool;
use sqlx::postgres::PgListener;

use super::{Site, admin, reason, task};
use crate::support::{ACME, OTHER, rejection};

fn retry(id: &JobId) -> RetryDeadLetter {
    RetryDeadLetter { id: id.clone(), reason: reason("fixed") }
}

pub(super) fn discard(id: &JobId) -> DiscardDeadLetter {
    DiscardDeadLetter { id: id.clone(), reason: reason("a duplicate") }
}

pub(super) fn archive(id: &JobId) -> ArchiveDeadLetter {
    ArchiveDeadLetter { id: id.clone(), reason: reason("settled by hand") }
}

pub(super) fn restore(id: &JobId) -> RestoreDeadLetter {
    RestoreDeadLetter { id: id.clone(), reason: reason("after all") }
}

pub(super) fn retry_many(which: WhichDeadLetters, limit: u32) -> RetryDeadLetters {
    RetryDeadLetters { which, limit: RetryLimit::new(limit, "/limit").unwrap(), reason: reason("fixed") }
}

pub(super) fn those(filter: JobFilter) -> WhichDeadLetters {
    WhichDeadLetters::Filter(Box::new(filter))
}

impl Site {
    async fn row(&self, id: &JobId) -> Option<Value> {
        sqlx::query_scalar("select to_jsonb(j) from apalis.jobs j where id = $1")
            .bind(id)
            .fetch_optional(&self.world.owner)
            .await
            .unwrap()
    }
}

#[sqlx::test(migrations = false)]
async fn a_dead_letter_shows_why_it_died(pool: PgPool) {
    let site = Site::new(pool).await;
    let id = site.keyed("k").await;
    site.dead(&id, 6, "boom").await;
    let job = site.fetch(GetDeadLetter { id: id.clone() }).await.unwrap();
    let dead = job.dead_letter.unwrap();
    assert_eq!((job.summary.error.as_deref(), dead.reason.as_str(), dead.holds_key), (Some("boom"), "exhausted", true));
    assert!(dead.discarded.is_none() && job.payload.is_some());
    assert_eq!((job.summary.attempts, job.max_attempts, job.crashes), (6, Some(6), Some(2)));
    assert_eq!(job.history.last().unwrap().outcome, AttemptOutcome::Dead);
    let alive = GetDeadLetter { id: site.job().await };
    assert_eq!(rejection(site.fetch(alive).await).code, "dead_letter_not_found");
}

#[sqlx::test(migrations = false)]
async fn a_retried_job_is_what_it_was_with_one_more_attempt(pool: PgPool) {
    let site = Site::new(pool).await;
    let job = NewJob { ordering_key: Some("k".into()), subject: Some("customers/7".into()), ..task(7) };
    let id = site.enqueue(OTHER, job).await;
    site.set(&id, "metadata = 'a=>1, b=>\"x y\"'").await;
    let before = site.row(&id).await.unwrap();
    let next = site.enqueue(OTHER, NewJob { ordering_key: Some("k".into()), ..task(8) }).await;
    site.dead(&id, 6, "boom").await;
    assert_eq!(site.state(&next).await, JobState::Blocked);
    let mut doorbell = PgListener::connect_with(&site.world.owner).await.unwrap();
    doorbell.listen(DOORBELL_CHANNEL).await.unwrap();

    let job = site.run(retry(&id)).await.unwrap();
    assert_eq!(doorbell.recv().await.unwrap().payload(), "tasks");
    assert_eq!((job.summary.state, job.summary.redrives), (JobState::Retrying, 1));
    let row = job.history.last().unwrap();
    assert_eq!((row.outcome, row.actor.as_str(), row.attempt), (AttemptOutcome::Redriven, "root", 6));
    assert_eq!(row.reason.as_deref(), Some("fixed"));

    let after = site.row(&id).await.unwrap();
    for column in [
        "id",
        "job_type",
        "kind",
        "job",
        "seq",
        "ordering_key",
        "subject",
        "tenant_id",
        "correlation_id",
        "causation_id",
        "traceparent",
        "metadata",
        "priority",
        "created_at",
    ] {
        assert_eq!(after[column], before[column], "{column}");
    }
    assert_eq!((&after["attempts"], &after["max_attempts"], &after["crashes"]), (&6.into(), &7.into(), &0.into()));
    // deferred: it bars the later jobs of its key until it has run
    assert_eq!((&after["status"], &after["deferred"]), (&"Failed".into(), &true.into()));
    assert_eq!(site.world.count("select count(*) from jobs.dead_letters").await, 0);
    assert_eq!(site.claim().await, [id.as_str()], "in the order of the key");
    assert_eq!(site.claim().await, [next.as_str()]);

    site.set(&id, "status = 'Failed', lock_by = null, lock_at = null").await;
    site.dead(&id, 7, "boom again").await;
    let again = site.run(retry(&id)).await.unwrap();
    assert_eq!((again.summary.redrives, again.max_attempts), (2, Some(8)));
}

#[sqlx::test(migrations = false)]
async fn what_never_failed_is_retried_as_pending(pool: PgPool) {
    let site = Site::new(pool).await;
    let id = site.job().await;
    site.dead(&id, 0, "killed its worker process 3 times").await;
    let job = site.run(retry(&id)).await.unwrap();
    assert_eq!((job.summary.state, job.max_attempts), (JobState::Pending, Some(1)));
    assert_eq!(site.claim().await, [id.as_str()]);
}

#[sqlx::test(migrations = false)]
async fn what_is_not_dead_cannot_be_retried_or_put_away(pool: PgPool) {
    let site = Site::new(pool).await;
    let live = site.job().await;
    let done = site.job().await;
    site.complete(&done).await;
    let dropped = site.job().await;
    site.dead(&dropped, 6, "boom").await;
    site.run(discard(&dropped)).await.unwrap();
    let retried = site.job().await;
    site.dead(&retried, 6, "boom").await;
    site.run(retry(&retried)).await.unwrap();
    let kept = site.job().await;
    site.dead(&kept, 6, "boom").await;
    site.run(archive(&kept)).await.unwrap();
    for id in [&live, &done, &dropped, &kept, &retried] {
        site.rejects(retry(id), "dead_letter_not_dead").await;
        site.rejects(archive(id), "dead_letter_not_dead").await;
        site.rejects(discard(id), "dead_letter_not_dead").await;
    }
    let left = site.job().await;
    site.dead(&left, 6, "boom").await;
    for id in [&live, &done, &retried, &left] {
        site.rejects(restore(id), "dead_letter_not_put_away").await;
    }
    let unknown = JobId::new("01ARZ3NDEKTSV4RRFFQ69G5FAV");
    site.rejects(retry(&unknown), "dead_letter_not_found").await;
    site.rejects(archive(&unknown), "dead_letter_not_found").await;
    site.rejects(discard(&unknown), "dead_letter_not_found").await;
    site.rejects(restore(&unknown), "dead_letter_not_found").await;
}

#[sqlx::test(migrations = false)]
async fn an_archived_dead_letter_is_kept_and_frees_its_key(pool: PgPool) {
    let site = Site::new(pool).await;
    let id = site.keyed("k").await;
    let next = site.keyed("k").await;
    site.dead(&id, 6, "boom").await;
    assert_eq!(site.claim().await.len(), 0, "the dead letter holds its key");
    let mut doorbell = PgListener::connect_with(&site.world.owner).await.unwrap();
    doorbell.listen(DOORBELL_CHANNEL).await.unwrap();

    let job = site.run(archive(&id)).await.unwrap();
    assert_eq!(job.summary.state, JobState::Archived);
    let dead = job.dead_letter.unwrap();
    let kept = dead.archived.unwrap();
    assert_eq!((kept.by.as_str(), kept.reason.as_str(), dead.holds_key), ("root", "settled by hand", false));
    let row = job.history.last().unwrap();
    assert_eq!((row.outcome, row.reason.as_deref()), (AttemptOutcome::Archived, Some("settled by hand")));
    assert_eq!(doorbell.recv().await.unwrap().payload(), "tasks");
    assert_eq!(site.claim().await, [next.as_str()]);
    // no retry of many reaches it, by id or by filter
    let ids = WhichDeadLetters::Ids(vec![id.clone()]);
    assert_eq!(site.run(retry_many(ids, 10)).await.unwrap()[0].result, RetryResult::NotDead);
    let all = JobFilter { queue: Some(SearchText::parse("tasks", "queue").unwrap()), ..JobFilter::default() };
    assert_eq!(site.run(retry_many(those(all), 10)).await.unwrap(), []);
    assert_eq!(site.state(&id).await, JobState::Archived);
}

#[sqlx::test(migrations = false)]
async fn what_was_put_away_is_restored_without_its_key_and_retried(pool: PgPool) {
    let site = Site::new(pool).await;
    let (kept, dropped) = (site.keyed("a").await, site.keyed("b").await);
    let behind = [site.keyed("a").await, site.keyed("b").await];
    site.dead(&kept, 6, "boom").await;
    site.dead(&dropped, 6, "boom").await;
    site.run(archive(&kept)).await.unwrap();
    site.run(discard(&dropped)).await.unwrap();
    for id in [&kept, &dropped] {
        let job = site.run(restore(id)).await.unwrap();
        assert_eq!(job.summary.state, JobState::Dead);
        let dead = job.dead_letter.unwrap();
        assert!(dead.archived.is_none() && dead.discarded.is_none() && !dead.holds_key, "{dead:?}");
        let row = job.history.last().unwrap();
        assert_eq!((row.outcome, row.reason.as_deref()), (AttemptOutcome::Restored, Some("after all")));
    }
    assert_eq!(site.claim().await, behind.each_ref().map(|id| id.as_str().to_owned()), "what waited goes on");
    for id in [&kept, &dropped] {
        assert_eq!(site.run(retry(id)).await.unwrap().summary.redrives, 1);
    }
}

#[sqlx::test(migrations = false)]
async fn two_operators_retry_once(pool: PgPool) {
    let site = Site::new(pool).await;
    for _ in 0..20 {
        let id = site.job().await;
        site.dead(&id, 6, "boom").await;
        let (one, two) = (admin("one"), admin("two"));
        let (a, b) =
            tokio::join!(domain::run(&site.world.db, &one, retry(&id)), domain::run(&site.world.db, &two, retry(&id)));
        let (won, lost) = if a.is_ok() { (a, b) } else { (b, a) };
        assert_eq!(won.unwrap().summary.redrives, 1);
        assert_eq!(rejection(lost).code, "dead_letter_not_dead");
        let redriven = site.get(&id).await.history.iter().filter(|a| a.outcome == AttemptOutcome::Redriven).count();
        assert_eq!(redriven, 1);
    }
    assert_eq!(site.world.count("select count(*) from apalis.jobs").await, 20);
}

#[sqlx::test(migrations = false)]
async fn a_discarded_dead_letter_stays_visible_and_frees_its_key(pool: PgPool) {
    let site = Site::new(pool).await;
    let id = site.keyed("k").await;
    let next = site.keyed("k").await;
    site.dead(&id, 6, "boom").await;
    assert_eq!(site.claim().await.len(), 0, "the dead letter holds its key");
    let mut doorbell = PgListener::connect_with(&site.world.owner).await.unwrap();
    doorbell.listen(DOORBELL_CHANNEL).await.unwrap();

    let job = site.run(discard(&id)).await.unwrap();
    assert_eq!(job.summary.state, JobState::Discarded);
    let dead = job.dead_letter.unwrap();
    let dropped = dead.discarded.unwrap();
    assert_eq!((dropped.by.as_str(), dropped.reason.as_str(), dead.holds_key), ("root", "a duplicate", false));
    let row = job.history.last().unwrap();
    assert_eq!((row.outcome, row.reason.as_deref()), (AttemptOutcome::Discarded, Some("a duplicate")));
    assert_eq!(doorbell.recv().await.unwrap().payload(), "tasks");
    assert_eq!(site.claim().await, [next.as_str()]);
    assert!(site.fetch(GetDeadLetter { id }).await.is_ok());
}

#[sqlx::test(migrations = false)]
async fn many_are_retried_by_id_and_each_says_what_happened(pool: PgPool) {
    let site = Site::new(pool).await;
    let (a, live, b) = (site.job().await, site.job().await, site.job().await);
    site.dead(&a, 6, "boom").await;
    site.dead(&b, 6, "boom").await;
    let unknown = JobId::new("nothing\0at all");
    let ids = WhichDeadLetters::Ids(vec![b.clone(), live.clone(), unknown.clone(), a.clone(), b.clone()]);
    let results = site.run(retry_many(ids, 1000)).await.unwrap();
    let said: Vec<_> = results.iter().map(|r| (&r.id, r.result)).collect();
    let expected = [
        (&b, RetryResult::Retried),
        (&live, RetryResult::NotDead),
        (&unknown, RetryResult::NotFound),
        (&a, RetryResult::Retried),
    ];
    assert_eq!(said, expected);
    assert_eq!(site.claim().await, [&a, &live, &b].map(|id| id.as_str().to_owned()), "in their old order");
    site.rejects(retry_many(WhichDeadLetters::Ids(vec![a, b]), 1), "too_many_ids").await;
    site.rejects(retry_many(WhichDeadLetters::Ids(Vec::new()), 1), "ids_empty").await;
}

#[sqlx::test(migrations = false)]
async fn many_are_retried_by_filter_oldest_first(pool: PgPool) {
    let site = Site::new(pool).await;
    let mut ids = Vec::new();
    for n in 0..6 {
        let tenant = if n == 2 { OTHER } else { ACME };
        let id = site.enqueue(tenant, task(n)).await;
        site.dead(&id, 6, if n == 3 { "bang" } else { "boom" }).await;
        ids.push(id);
    }
    site.run(discard(&ids[4])).await.unwrap();
    let boom = JobFilter {
        tenant: Some(ACME.parse().unwrap()),
        error: Some(SearchText::parse("BOOM", "error").unwrap()),
        ..JobFilter::default()
    };
    let retried = |results: Vec<domain::operations::Retried>| {
        assert!(results.iter().all(|r| r.result == RetryResult::Retried));
        results.into_iter().map(|r| r.id).collect::<Vec<_>>()
    };
    let results = site.run(retry_many(those(boom.clone()), 2)).await.unwrap();
    assert_eq!(retried(results), [ids[0].clone(), ids[1].clone()], "no more than the limit");
    assert_eq!(retried(site.run(retry_many(those(boom.clone()), 2)).await.unwrap()), [ids[5].clone()]);
    assert_eq!(site.run(retry_many(those(boom), 2)).await.unwrap(), []);
    site.rejects(retry_many(those(JobFilter::default()), 1000), "filter_empty").await;
    for (n, state) in [(2, JobState::Dead), (3, JobState::Dead), (4, JobState::Discarded)] {
        assert_eq!(site.state(&ids[n]).await, state);
    }
}

#[sqlx::test(migrations = false)]
async fn a_thousand_of_several_queues_by_two_operators_are_each_retried_once(pool: PgPool) {
    let site = Site::new(pool).await;
    site.work(
        "insert into jobs.dead_letters (id, queue, kind, seq, reason, error, error_class, payload, metadata, attempts,
             max_attempts, crashes, redrives, priority, created_at, holds_key)
         select 'J' || lpad(n::text, 6, '0'), 'q' || n % 7, 'task.v1', 1000 + n, 'permanent', 'boom', 'test', '', '{}', 1,
             6, 0, 0, 0, now(), false
         from generate_series(1, 1000) n",
    )
    .await;
    let filter = || JobFilter { error: Some(SearchText::parse("boom", "error").unwrap()), ..JobFilter::default() };
    let (one, two) = (admin("one"), admin("two"));
    let (a, b) = tokio::join!(
        domain::run(&site.world.db, &one, retry_many(those(filter()), 1000)),
        domain::run(&site.world.db, &two, retry_many(those(filter()), 1000))
    );
    let both: Vec<_> = a.unwrap().into_iter().chain(b.unwrap()).collect();
    assert_eq!(both.iter().filter(|r| r.result == RetryResult::Retried).count(), 1000);
    assert!(both.iter().all(|r| r.result != RetryResult::NotFound));
    assert_eq!(site.world.count("select count(*) from apalis.jobs where redrives = 1").await, 1000);
    assert_eq!(site.world.count("select count(*) from jobs.attempts where outcome = 'redriven'").await, 1000);
}
