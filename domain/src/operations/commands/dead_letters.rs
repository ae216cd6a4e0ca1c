//! Puts dead letters back, or drops them.

use std::collections::BTreeSet;

use serde_json::json;

use crate::kernel::command::Command;
use crate::kernel::error::{Error, Rejection};
use crate::kernel::queue;
use crate::kernel::record::{Record, Target};
use crate::kernel::tx::Tx;

use crate::operations::model::{JobDetail, JobFilter, JobId, Reason, Retried, RetryResult};
use crate::operations::store::Located;
use crate::operations::{queries, rules, store};

use super::recorded;

/// No more dead letters than this are retried at once.
pub const MOST_RETRIED: u16 = 1000;

/// Puts a dead letter back into its queue, due at once, under its old id, key, tenant, trace and
/// place in the key's order. It has one more attempt; when that fails, it is dead again.
/// Answers with the job as it is now.
///
/// Rejected with `dead_letter_not_found` or `dead_letter_not_dead`.
#[derive(Debug, Clone)]
pub struct RetryDeadLetter {
    /// Which.
    pub id: JobId,
    /// Why.
    pub reason: Reason,
}

/// Puts many dead letters back, each as [`RetryDeadLetter`] does, all or none of them. Answers for
/// each what happened, in the order of the ids, or oldest first.
///
/// Rejected with `filter_empty`, or `validation_failed` for more ids than `limit`, or none.
#[derive(Debug, Clone)]
pub struct RetryDeadLetters {
    /// Which.
    pub which: WhichDeadLetters,
    /// How many at most.
    pub limit: RetryLimit,
    /// Why.
    pub reason: Reason,
}

/// Which dead letters are meant.
#[derive(Debug, Clone)]
pub enum WhichDeadLetters {
    /// These; one that is not dead is left as it is.
    Ids(Vec<JobId>),
    /// The oldest of those that are dead and for which every condition holds.
    Filter(Box<JobFilter>),
}

/// How many dead letters may be retried at once: 1–[`MOST_RETRIED`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryLimit(u16);

/// Drops a dead letter: it stays visible as discarded, and the later jobs of its key go on.
/// Answers with the job as it is now.
///
/// Rejected with `dead_letter_not_found` or `dead_letter_not_dead`.
#[derive(Debug, Clone)]
pub struct DiscardDeadLetter {
    /// Which.
    pub id: JobId,
    /// Why.
    pub reason: Reason,
}

impl RetryLimit {
    /// # Errors
    /// A rejection that names `pointer`.
    pub fn new(limit: u32, pointer: &str) -> Result<Self, Rejection> {
        match u16::try_from(limit) {
            Ok(limit @ 1..=MOST_RETRIED) => Ok(Self(limit)),
            _ => {
                let detail = format!("must be a number from 1 to {MOST_RETRIED}");
                Err(Rejection::invalid_field("limit_invalid", pointer, detail))
            }
        }
    }
}

impl Command for RetryDeadLetter {
    type Output = JobDetail;

    async fn handle(self, tx: &mut Tx) -> Result<JobDetail, Error> {
        let before = locate_locked(tx, &self.id).await?;
        rules::is_dead(before.state)?;
        redrive(tx, &[self.id.as_str().to_owned()], &self.reason).await?;
        let job = queries::job(tx, &self.id).await?;
        recorded::dead_letter(tx, "retry_dead_letter", (&before, &job), &self.reason).await?;
        Ok(job)
    }
}

impl Command for RetryDeadLetters {
    type Output = Vec<Retried>;

    async fn handle(self, tx: &mut Tx) -> Result<Vec<Retried>, Error> {
        let ids = match self.which {
            WhichDeadLetters::Ids(ids) => distinct(ids, self.limit)?,
            WhichDeadLetters::Filter(filter) => {
                rules::selects_some(&filter)?;
                queries::oldest_dead(tx, &filter, i64::from(self.limit.0)).await?
            }
        };
        let texts: Vec<String> = ids.iter().map(|id| id.as_str().to_owned()).collect();
        store::lock_queues_of_dead(tx, &texts).await?;
        let retried = redrive(tx, &texts, &self.reason).await?;
        let known = if retried.len() < ids.len() { store::existing(tx, &texts).await? } else { BTreeSet::new() };
        let result = |id: &JobId| match id.as_str() {
            id if retried.contains(id) => RetryResult::Retried,
            id if known.contains(id) => RetryResult::NotDead,
            _ => RetryResult::NotFound,
        };
        let results: Vec<Retried> = ids.into_iter().map(|id| Retried { result: result(&id), id }).collect();
        record_retried(tx, &results, &self.reason).await?;
        Ok(results)
    }
}

impl Command for DiscardDeadLetter {
    type Output = JobDetail;

    async fn handle(self, tx: &mut Tx) -> Result<JobDetail, Error> {
        let before = locate_locked(tx, &self.id).await?;
        rules::is_dead(before.state)?;
        store::discard(tx, &self.id, &self.reason).await?;
        // the key may go on
        tx.ring_after_commit(before.queue.clone());
        let job = queries::job(tx, &self.id).await?;
        recorded::dead_letter(tx, "discard_dead_letter", (&before, &job), &self.reason).await?;
        Ok(job)
    }
}

/// Finds the job, locks its queue, and looks again: another operator may have been quicker.
pub(super) async fn locate_locked(tx: &mut Tx, id: &JobId) -> Result<Located, Error> {
    let job = store::locate(tx, id).await?.ok_or_else(rules::dead_letter_not_found)?;
    store::lock_queue(tx, &job.queue).await?;
    Ok(store::locate(tx, id).await?.ok_or_else(rules::dead_letter_not_found)?)
}

/// Moves those that are dead back, and wakes their queues. Returns their ids.
pub(super) async fn redrive(tx: &mut Tx, ids: &[String], reason: &Reason) -> Result<BTreeSet<String>, Error> {
    let actor = tx.ctx().actor.clone();
    let redriven = queue::redrive(tx.conn(), ids, &actor, reason.as_str()).await?;
    for job in &redriven {
        tx.ring_after_commit(job.queue.clone());
    }
    Ok(redriven.into_iter().map(|job| job.id).collect())
}

/// One record for all of them: it names those that were put back.
async fn record_retried(tx: &mut Tx, results: &[Retried], reason: &Reason) -> Result<(), Error> {
    let of = |wanted: RetryResult| results.iter().filter(move |one| one.result == wanted);
    let retried: Vec<String> = of(RetryResult::Retried).map(|one| one.id.as_str().to_owned()).collect();
    let after = json!({
        "retried": retried.len(), "notDead": of(RetryResult::NotDead).count(),
        "notFound": of(RetryResult::NotFound).count(),
    });
    tx.record(Record {
        action: "retry_dead_letters",
        target: Target { kind: "dead_letter", ids: retried },
        reason: Some(reason),
        before: json!({"asked": results.len()}),
        after,
    })
    .await
}

/// The ids, each once, in the order given.
fn distinct(ids: Vec<JobId>, limit: RetryLimit) -> Result<Vec<JobId>, Rejection> {
    let mut seen = BTreeSet::new();
    let ids: Vec<JobId> = ids.into_iter().filter(|id| seen.insert(id.as_str().to_owned())).collect();
    match ids.len() {
        0 => Err(Rejection::invalid_field("ids_empty", "/ids", "give at least one id")),
        n if n > usize::from(limit.0) => {
            Err(Rejection::invalid_field("too_many_ids", "/ids", format!("has {n} ids; limit allows {}", limit.0)))
        }
        _ => Ok(ids),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(texts: &[&str]) -> Vec<JobId> {
        texts.iter().map(|text| JobId::new(text)).collect()
    }

    #[test]
    fn ids_count_once_and_within_the_limit() {
        let limit = RetryLimit::new(2, "/limit").unwrap();
        assert_eq!(distinct(ids(&["b", "a", "b"]), limit).unwrap(), ids(&["b", "a"]));
        assert_eq!(distinct(ids(&["a", "b", "c"]), limit).unwrap_err().code, "too_many_ids");
        assert_eq!(distinct(Vec::new(), limit).unwrap_err().code, "ids_empty");
    }

    #[test]
    fn a_limit_has_limits() {
        for bad in [0, 1001, u32::MAX] {
            assert_eq!(RetryLimit::new(bad, "/limit").unwrap_err().fields[0].pointer, "/limit", "{bad}");
        }
        assert!(RetryLimit::new(1000, "/limit").is_ok());
    }
}
