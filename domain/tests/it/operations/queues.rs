//! Queues, pausing them, and workers.

use domain::kernel::DOORBELL_CHANNEL;
use domain::kernel::page::SearchText;
use domain::operations::{ListQueues, ListWorkers, PauseQueue, Queue, QueueCounts, ResumeQueue, WorkerState};
use sqlx::PgPool;
use sqlx::postgres::PgListener;

use super::{Site, delayed, reason};
use crate::support::ACME;

fn name(queue: &str) -> SearchText {
    SearchText::parse(queue, "queue").unwrap()
}

fn pause(queue: &str) -> PauseQueue {
    PauseQueue { queue: name(queue), reason: reason("maintenance") }
}

fn resume(queue: &str) -> ResumeQueue {
    ResumeQueue { queue: name(queue) }
}

impl Site {
    async fn queue(&self, name: &str) -> Queue {
        let queues = self.fetch(ListQueues).await.unwrap();
        queues.into_iter().find(|queue| queue.name == name).unwrap()
    }
}

#[sqlx::test(migrations = false)]
async fn a_queue_counts_its_jobs_by_state(pool: PgPool) {
    let site = Site::new(pool).await;
    assert!(site.fetch(ListQueues).await.unwrap().is_empty());
    site.work("insert into jobs.queues (name) values ('empty')").await;
    site.keyed("k").await;
    site.claim().await;
    site.keyed("k").await;
    site.job().await;
    let oldest = site.job().await;
    site.set(&oldest, "run_at = now() - interval '90 seconds'").await;
    site.enqueue(ACME, delayed(60)).await;
    let retrying = site.job().await;
    site.set(&retrying, "status = 'Failed', attempts = 1, run_at = now() + interval '1 hour', deferred = true").await;
    let waiting = site.job().await;
    site.set(&waiting, "waiting_for = 'broker'").await;
    let (dead, dropped, kept) = (site.job().await, site.job().await, site.job().await);
    for id in [&dead, &dropped, &kept] {
        site.dead(id, 6, "boom").await;
    }
    site.run(super::dead_letters::discard(&dropped)).await.unwrap();
    site.run(super::dead_letters::archive(&kept)).await.unwrap();
    for _ in 0..5 {
        let id = site.job().await;
        site.complete(&id).await;
    }

    let queue = site.queue("tasks").await;
    let counts = QueueCounts {
        pending: 2,
        scheduled: 1,
        running: 1,
        retrying: 1,
        blocked: 1,
        waiting: 1,
        dead: 1,
        archived: 1,
        completed_last_day: 5,
    };
    assert_eq!(queue.counts, counts);
    assert!((90.0..100.0).contains(&queue.oldest_due_seconds.unwrap()), "{queue:?}");
    assert!((queue.completed_per_minute - 1.0).abs() < 1e-9, "5 in 5 minutes: {queue:?}");
    assert!(queue.pause.is_none());

    let empty = site.queue("empty").await;
    assert_eq!((empty.counts.pending, empty.oldest_due_seconds, empty.completed_per_minute), (0, None, 0.0));
    let names: Vec<_> = site.fetch(ListQueues).await.unwrap().into_iter().map(|queue| queue.name).collect();
    assert_eq!(names, ["empty", "tasks"]);
}

#[sqlx::test(migrations = false)]
async fn a_queue_that_has_only_dead_letters_is_known(pool: PgPool) {
    let site = Site::new(pool).await;
    let id = site.job().await;
    site.dead(&id, 6, "boom").await;
    assert_eq!(site.queue("tasks").await.counts.dead, 1);
    assert!(site.run(pause("tasks")).await.is_ok());
}

#[sqlx::test(migrations = false)]
async fn a_paused_queue_is_not_claimed_until_it_is_resumed(pool: PgPool) {
    let site = Site::new(pool).await;
    let id = site.job().await;
    let paused = site.run(pause("tasks")).await.unwrap();
    assert_eq!((paused.by.as_str(), paused.reason.as_str()), ("root", "maintenance"));
    let shown = site.queue("tasks").await.pause.unwrap();
    assert_eq!((shown.at, shown.by.as_str()), (paused.at, "root"));
    assert_eq!(site.claim().await.len(), 0);
    site.rejects(pause("tasks"), "queue_already_paused").await;

    let mut doorbell = PgListener::connect_with(&site.world.owner).await.unwrap();
    doorbell.listen(DOORBELL_CHANNEL).await.unwrap();
    site.run(resume("tasks")).await.unwrap();
    assert_eq!(doorbell.recv().await.unwrap().payload(), "tasks");
    assert!(site.queue("tasks").await.pause.is_none());
    assert_eq!(site.claim().await, [id.as_str()]);
    site.rejects(resume("tasks"), "queue_not_paused").await;
    site.rejects(pause("task"), "queue_not_found").await;
    site.rejects(resume("task"), "queue_not_found").await;
}

/// Once pausing has returned, nothing is claimed: not by a claim either that began before.
#[sqlx::test(migrations = false)]
async fn a_claim_that_waited_for_the_pause_takes_nothing(pool: PgPool) {
    let site = Site::new(pool).await;
    site.job().await;
    let mut pausing = site.world.owner.begin().await.unwrap();
    sqlx::raw_sql(
        "select jobs.lock_queue('tasks');
         insert into jobs.queues (name, paused_at, paused_by, pause_reason) values ('tasks', now(), 'root', 'x')",
    )
    .execute(&mut *pausing)
    .await
    .unwrap();
    let committing = async {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        pausing.commit().await.unwrap();
    };
    let (claimed, ()) = tokio::join!(site.claim(), committing);
    assert_eq!(claimed.len(), 0);
}

#[sqlx::test(migrations = false)]
async fn workers_show_whether_they_live(pool: PgPool) {
    let site = Site::new(pool).await;
    site.work(
        "insert into jobs.workers (id, host, pid, version, queues, beats, beat_at, stopped_at, died_at) values
             ('w2', 'h', 2, '1.0', '{tasks}', 3, now() - interval '1 minute', null, now()),
             ('w3', 'h', 3, '1.0', '{tasks}', 3, now(), now(), null)",
    )
    .await;
    site.job().await;
    site.job().await;
    site.claim().await;
    let workers = site.fetch(ListWorkers).await.unwrap();
    let seen: Vec<_> = workers.iter().map(|w| (w.id.as_str(), w.state, w.jobs_held, w.ended_at.is_some())).collect();
    let expected = [
        ("w1", WorkerState::Alive, 2, false),
        ("w2", WorkerState::Dead, 0, true),
        ("w3", WorkerState::Stopped, 0, true),
    ];
    assert_eq!(seen, expected);
    assert_eq!(workers[0].queues, ["tasks", "outbox"]);
    assert!(workers[1].beat_age_seconds >= 60.0 && workers[0].beat_age_seconds < 60.0);
}
