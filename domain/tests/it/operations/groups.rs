//! Failures that are alike, as groups.

use domain::kernel::page::{PageSize, SearchText};
use domain::operations::{
    Affected, DeadReason, DiscardDeadLetter, FailureGroup, GroupFilter, GroupSort, GroupState, JobId,
    ListFailureGroups, RetryDeadLetter,
};
use sqlx::PgPool;

use super::{Site, reason};
use crate::support::{ACME, OTHER, rejection};

impl Site {
    async fn groups(&self, filter: GroupFilter) -> Vec<FailureGroup> {
        self.fetch(ListFailureGroups { filter, ..ListFailureGroups::default() }).await.unwrap().data
    }

    /// What the groups have in common, and how many are in each.
    async fn counted(&self, filter: GroupFilter) -> Vec<(String, i64)> {
        self.groups(filter).await.into_iter().map(|group| (group.pattern, group.count)).collect()
    }

    /// A live job that has failed with these errors, one after the other.
    async fn failing(&self, tenant: &str, errors: &[&str]) -> JobId {
        let id = self.enqueue(tenant, super::task(0)).await;
        for (n, error) in errors.iter().enumerate() {
            self.work(&format!(
                "insert into jobs.attempts (job_id, queue, kind, attempt, outcome, error, error_class, actor, ended_at)
                 values ('{}', 'tasks', 'task.v1', {}, 'failed', '{error}', 'test', 'w1', now())",
                id.as_str(),
                n + 1
            ))
            .await;
        }
        let set = "status = 'Failed', run_at = now() + interval '1 hour', deferred = true";
        self.set(&id, &format!("{set}, attempts = {}", errors.len())).await;
        id
    }
}

fn counts(expected: &[(&str, i64)]) -> Vec<(String, i64)> {
    expected.iter().map(|(pattern, count)| ((*pattern).to_owned(), *count)).collect()
}

fn text(text: &str) -> Option<SearchText> {
    Some(SearchText::parse(text, "x").unwrap())
}

fn affected(affected: &Affected) -> (i64, Vec<&str>) {
    (affected.count, affected.first.iter().map(String::as_str).collect())
}

fn retrying() -> GroupFilter {
    GroupFilter { state: GroupState::Retrying, ..GroupFilter::default() }
}

#[sqlx::test(migrations = false)]
async fn a_group_says_what_how_often_since_when_and_whom(pool: PgPool) {
    let site = Site::new(pool).await;
    let first = site.dead_of(ACME, "orders/1", "order 1 is gone").await;
    site.dead_of(OTHER, "orders/1", "order 2 is gone").await;
    site.dead_of(OTHER, "orders/3", "order 3 is gone").await;
    let last = site.dead_of(OTHER, "orders/3", "order 4 is gone").await;
    let groups = site.groups(GroupFilter::default()).await;
    let [group] = groups.as_slice() else { panic!("{groups:?}") };
    assert_eq!((group.queue.as_str(), group.kind.as_str(), group.count), ("tasks", "task.v1", 4));
    assert_eq!((group.reason, group.error_class.as_deref()), (Some(DeadReason::Exhausted), Some("test")));
    assert_eq!((group.pattern.as_str(), group.sample.error.as_str()), ("order # is gone", "order 4 is gone"));
    assert_eq!(group.sample.id, last.as_str(), "the newest");
    let died = |job: domain::operations::JobDetail| job.summary.ended_at.unwrap();
    assert_eq!(group.first_seen, died(site.get(&first).await));
    assert_eq!(group.last_seen, died(site.get(&last).await));
    assert_eq!(affected(&group.tenants), (2, vec![OTHER, ACME]), "the one with the most first");
    // the same id for another tenant is something else
    assert_eq!(affected(&group.subjects), (3, vec!["orders/1", "orders/1", "orders/3"]));
    assert_eq!(Some(group.fingerprint.clone()), site.get(&last).await.summary.fingerprint);
}

#[sqlx::test(migrations = false)]
async fn only_the_first_few_of_those_affected_are_named(pool: PgPool) {
    let site = Site::new(pool).await;
    for n in 0..7 {
        site.dead_of(&format!("tenant-{n}"), &format!("orders/{n}"), "gone").await;
    }
    site.dead(&site.job().await, 6, "gone").await; // about nothing
    let group = site.groups(GroupFilter::default()).await.remove(0);
    assert_eq!((group.tenants.count, group.tenants.first.len()), (8, 5));
    assert_eq!((group.subjects.count, group.subjects.first.len()), (7, 5));
}

#[sqlx::test(migrations = false)]
async fn only_what_nobody_has_handled_is_in_a_group(pool: PgPool) {
    let site = Site::new(pool).await;
    assert_eq!(site.counted(GroupFilter::default()).await, []);
    let (one, two) = (site.dead_of(ACME, "a", "gone 1").await, site.dead_of(ACME, "a", "gone 2").await);
    assert_eq!(site.counted(GroupFilter::default()).await, counts(&[("gone #", 2)]));
    site.run(DiscardDeadLetter { id: one, reason: reason("a duplicate") }).await.unwrap();
    assert_eq!(site.counted(GroupFilter::default()).await, counts(&[("gone #", 1)]));
    site.run(RetryDeadLetter { id: two, reason: reason("fixed") }).await.unwrap();
    assert_eq!(site.counted(GroupFilter::default()).await, []);
    assert_eq!(site.counted(retrying()).await, counts(&[("gone #", 1)]), "it is tried again");
}

#[sqlx::test(migrations = false)]
async fn groups_are_filtered(pool: PgPool) {
    let site = Site::new(pool).await;
    for (tenant, error) in [(ACME, "gone 1"), (ACME, "gone 2"), (OTHER, "gone 3"), (OTHER, "late 4")] {
        site.dead_of(tenant, "a", error).await;
    }
    sqlx::query("update jobs.dead_letters set reason = 'permanent' where error = 'gone 2'")
        .execute(&site.world.owner)
        .await
        .unwrap();
    let all = counts(&[("gone #", 3), ("late #", 1)]);
    for (queue, kind, expected) in [("tasks", "task.v1", all), ("outbox", "task.v1", vec![]), ("tasks", "x", vec![])] {
        let filter = GroupFilter { queue: text(queue), kind: text(kind), ..GroupFilter::default() };
        assert_eq!(site.counted(filter).await, expected, "{queue} {kind}");
    }
    let of = |tenant: &str| GroupFilter { tenant: Some(tenant.parse().unwrap()), ..GroupFilter::default() };
    assert_eq!(site.counted(of(ACME)).await, counts(&[("gone #", 2)]));
    let mut theirs = site.counted(of(OTHER)).await;
    theirs.sort();
    assert_eq!(theirs, counts(&[("gone #", 1), ("late #", 1)]));
    let permanent = GroupFilter { reason: Some(DeadReason::Permanent), ..of(ACME) };
    let group = site.groups(permanent).await.remove(0);
    assert_eq!((group.count, group.sample.error.as_str()), (1, "gone 2"), "the sample is of what was asked for");
    let none = GroupFilter { reason: Some(DeadReason::CrashLoop), ..GroupFilter::default() };
    assert_eq!(site.counted(none).await, []);
}

#[sqlx::test(migrations = false)]
async fn jobs_that_are_tried_again_are_in_the_group_of_their_newest_failure(pool: PgPool) {
    let site = Site::new(pool).await;
    site.dead_of(ACME, "a", "gone 9").await;
    site.job().await; // has not failed
    let one = site.failing(ACME, &["gone 1", "late 2"]).await;
    let two = site.failing(OTHER, &["late 3"]).await;
    site.failing(OTHER, &["gone 4"]).await;
    let running = "status = 'Running', deferred = false, lock_by = 'w1', lock_at = now()";
    site.set(&two, running).await;
    let groups = site.groups(retrying()).await;
    assert_eq!(site.counted(retrying()).await, counts(&[("late #", 2), ("gone #", 1)]));
    let late = &groups[0];
    assert_eq!((late.reason, late.sample.id.as_str()), (None, two.as_str()), "in its next attempt");
    assert_eq!(affected(&late.tenants), (2, vec![ACME, OTHER]));
    assert_eq!(late.subjects.count, 0);
    assert_eq!(Some(late.fingerprint.clone()), site.get(&one).await.summary.fingerprint);
    let theirs = GroupFilter { tenant: Some(ACME.parse().unwrap()), ..retrying() };
    assert_eq!(site.counted(theirs).await, counts(&[("late #", 1)]));
    assert_eq!(site.counted(GroupFilter { queue: text("outbox"), ..retrying() }).await, []);
    assert_eq!(site.counted(GroupFilter { kind: text("task.v2"), ..retrying() }).await, []);
    let by_reason = GroupFilter { reason: Some(DeadReason::Exhausted), ..retrying() };
    let refused = site.fetch(ListFailureGroups { filter: by_reason, ..ListFailureGroups::default() }).await;
    assert_eq!(rejection(refused).code, "reason_not_dead");
}

#[sqlx::test(migrations = false)]
async fn pages_go_through_all_groups_in_either_order(pool: PgPool) {
    let site = Site::new(pool).await;
    // twice as many as one of those before, the last one alone; so two groups of equal size stand side by side
    for (n, word) in [(3, "alpha"), (2, "bravo"), (2, "charlie"), (1, "delta")] {
        for _ in 0..n {
            site.dead_of(ACME, "a", word).await;
            site.failing(ACME, &[word]).await;
        }
    }
    for state in [GroupState::Dead, GroupState::Retrying] {
        for (sort, first) in [(GroupSort::Count, "alpha"), (GroupSort::LastSeen, "delta")] {
            let (mut seen, mut cursor) = (Vec::new(), None);
            loop {
                let filter = GroupFilter { state, ..GroupFilter::default() };
                let list = ListFailureGroups { filter, sort, cursor, size: PageSize::new(1).unwrap() };
                let page = site.fetch(list).await.unwrap();
                seen.extend(page.data.into_iter().map(|group| group.pattern));
                cursor = page.next;
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!(seen[0], first, "{state:?} {sort:?}");
            seen.sort();
            assert_eq!(seen, ["alpha", "bravo", "charlie", "delta"], "{state:?} {sort:?}");
        }
    }
    let page = ListFailureGroups { size: PageSize::new(1).unwrap(), ..ListFailureGroups::default() };
    let by_count = site.fetch(page).await.unwrap().next;
    let other = ListFailureGroups { cursor: by_count, sort: GroupSort::LastSeen, ..ListFailureGroups::default() };
    assert_eq!(rejection(site.fetch(other).await).code, "cursor_invalid", "of another order");
    let forged = ListFailureGroups { cursor: Some("e30".into()), ..ListFailureGroups::default() };
    assert_eq!(rejection(site.fetch(forged).await).code, "cursor_invalid");
}
