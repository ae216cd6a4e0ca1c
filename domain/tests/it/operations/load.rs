//! How much there is to do.

use domain::operations::{DeadLoad, DiscardDeadLetter, Load, ReadLoad};
use sqlx::PgPool;

use super::{Site, delayed, reason};
use crate::support::{ACME, OTHER, connect, ctx};

impl Site {
    async fn load(&self, tenants: i64) -> Load {
        self.fetch(ReadLoad { tenants }).await.unwrap()
    }
}

fn states(load: &Load) -> Vec<(&str, i64)> {
    load.queues["tasks"].states.iter().map(|(state, jobs)| (state.as_str(), *jobs)).collect()
}

#[sqlx::test(migrations = false)]
async fn a_queue_says_how_much_is_due_and_since_when(pool: PgPool) {
    let site = Site::new(pool).await;
    site.work("insert into jobs.queues (name) values ('idle')").await;
    site.claim().await;
    let running = site.job().await;
    site.set(&running, "status = 'Running', lock_by = 'w1', lock_at = now()").await;
    let old = site.job().await;
    site.set(&old, "created_at = now() - interval '1 minute'").await;
    site.enqueue(ACME, delayed(3600)).await;
    let later = site.job().await;
    site.set(&later, "status = 'Failed', attempts = 1, deferred = true, run_at = now() + interval '1 hour'").await;
    let again = site.job().await;
    site.set(&again, "status = 'Failed', attempts = 1, deferred = true, run_at = now() - interval '3 seconds'").await;
    let waiting = site.job().await;
    site.set(&waiting, "waiting_for = 'broker'").await;
    let suspect = site.job().await;
    site.set(&suspect, "suspect = true, crashes = 1").await;
    let load = site.load(10).await;
    let queue = &load.queues["tasks"];
    assert_eq!(states(&load), [("pending", 2), ("retrying", 2), ("running", 1), ("scheduled", 1), ("waiting", 1)]);
    assert_eq!(queue.depth, 5, "what is due, and what runs");
    assert!((60.0..120.0).contains(&queue.oldest_due_seconds), "{queue:?}");
    let idle = &load.queues["idle"];
    assert_eq!((idle.depth, idle.oldest_due_seconds, idle.states.len()), (0, 0.0, 0), "a queue without jobs is there");
    assert!(!load.queues.contains_key("outbox"), "one that nobody ever served or filled is not");
    site.set(&old, "created_at = now() + interval '1 minute'").await;
    assert!(site.load(10).await.queues["tasks"].oldest_due_seconds >= 3.0, "the one that is retried");
}

#[sqlx::test(migrations = false)]
async fn the_tenants_with_most_are_named_and_the_rest_is_one(pool: PgPool) {
    let site = Site::new(pool).await;
    for (tenant, jobs) in [("a", 1), ("b", 3), ("c", 2), ("d", 1)] {
        for _ in 0..jobs {
            site.enqueue(tenant, super::task(0)).await;
        }
    }
    let nobodys = site.job().await;
    site.set(&nobodys, "tenant_id = null").await;
    let load = site.load(2).await;
    let depths: Vec<_> = load.queues["tasks"].tenants.iter().map(|(name, load)| (name.as_str(), load.depth)).collect();
    assert_eq!(depths, [("_none", 1), ("_other", 2), ("b", 3), ("c", 2)]);
    assert_eq!(load.queues["tasks"].depth, 8, "nobody is left out");
    let load = site.load(0).await;
    assert_eq!(load.queues["tasks"].tenants.keys().collect::<Vec<_>>(), ["_none", "_other"]);
}

#[sqlx::test(migrations = false)]
async fn dead_letters_are_counted_by_class_until_somebody_handles_them(pool: PgPool) {
    let site = Site::new(pool).await;
    let one = site.dead_of(ACME, "a", "gone 1").await;
    site.dead_of(OTHER, "b", "late 2").await;
    let dead = |count| vec![DeadLoad { queue: "tasks".into(), error_class: "test".into(), count }];
    assert_eq!(site.load(2).await.dead, dead(2));
    site.run(DiscardDeadLetter { id: one, reason: reason("a duplicate") }).await.unwrap();
    assert_eq!(site.load(2).await.dead, dead(1));
}

#[sqlx::test(migrations = false)]
async fn a_worker_may_read_it_by_itself(pool: PgPool) {
    let site = Site::new(pool).await;
    site.enqueue(ACME, super::task(0)).await;
    let worker = connect(&site.world.owner, "portal_worker").await;
    let db = domain::Db::new(worker, domain::kernel::policy::QueuePolicies::default());
    let process = domain::Ctx { scope: domain::Scope::Process, ..ctx(ACME) };
    let load = domain::fetch(&db, &process, ReadLoad { tenants: 2 }).await.unwrap();
    assert_eq!(load.queues["tasks"].depth, 1);
}
