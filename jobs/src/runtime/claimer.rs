//! Claims jobs while there is room, until a claim comes back short; then waits for a ring, for room,
//! or for the poll interval.

use std::sync::Arc;
use std::time::Duration;

use domain::kernel::policy::QueuePolicy;

use super::claim::{self, ClaimedJob, Limits};
use super::queue::Queue;

/// So many jobs are held at most after an outage; twice as many each time all of them are settled.
const RAMP_START: usize = 8;
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Runs until the queue stops.
pub(crate) async fn run(queue: Arc<Queue>) {
    let mut ramp = Ramp::default();
    let mut failures = 0_u32;
    if queue.is_up() {
        // what a worker that is gone may have left there
        show(&queue, None).await;
    }
    while !queue.stop.is_cancelled() {
        if wait_until_up(&queue).await {
            ramp.begin();
        }
        let (held, ready) = queue.dispatch().load();
        let limit = room(&queue.policy, held, ready).min(ramp.room(held));
        if limit == 0 {
            rest(&queue, queue.poll).await;
            continue;
        }
        match claim_and_dispatch(&queue, limit).await {
            Ok(claimed) => {
                failures = 0;
                ramp.claimed(claimed);
                if claimed < limit {
                    rest(&queue, queue.poll).await;
                }
            }
            Err(error) => {
                failures += 1;
                if failures == 1 {
                    tracing::warn!(queue = queue.name, %error, "cannot claim jobs; trying again until it works");
                }
                pause(&queue, failures).await;
                hand_back_unknown(&queue).await;
            }
        }
    }
    hand_back_unstarted(&queue).await;
}

/// Lets a queue resume gradually: what comes back after an outage may go away again at once.
struct Ramp {
    most: usize,
    /// Something was claimed since `most` last grew.
    tried: bool,
}

impl Default for Ramp {
    fn default() -> Self {
        Self { most: usize::MAX, tried: false }
    }
}

impl Ramp {
    fn begin(&mut self) {
        *self = Self { most: RAMP_START, tried: false };
    }

    /// How many more may be held, when so many are.
    fn room(&mut self, held: usize) -> usize {
        if held == 0 && self.tried {
            *self = Self { most: self.most.saturating_mul(2), tried: false };
        }
        self.most.saturating_sub(held)
    }

    fn claimed(&mut self, jobs: usize) {
        self.tried |= jobs > 0;
    }
}

/// How many jobs may be claimed now: a batch at most, and as many waiting here as can run, so that a
/// worker with slow jobs does not hoard what another could run. A claim costs the database much,
/// however little it brings: while there are jobs here that can start, a whole batch must be free,
/// and a quarter of one as long as any run.
fn room(policy: &QueuePolicy, held: usize, ready: usize) -> usize {
    let concurrency = policy.concurrency.max(1);
    let batch = policy.batch.clamp(1, concurrency);
    let room = (2 * concurrency).saturating_sub(held).min(batch);
    let least = match (held, ready) {
        (0, _) => 1,
        (_, 0) => batch.div_ceil(4),
        _ => batch,
    };
    if room < least { 0 } else { room }
}

async fn claim_and_dispatch(queue: &Queue, limit: usize) -> sqlx::Result<usize> {
    let _settled = queue.settling.lock().await;
    let suspects = usize::from(queue.dispatch().suspects() == 0);
    let limits = Limits { jobs: limit, suspects };
    let jobs = claim::claim(&queue.db, &queue.name, &queue.worker, limits, queue.next_turn()).await?;
    let claimed = jobs.len();
    domain::fail_point!("fail-point:claimed", if claimed > 0);
    let refused = queue.dispatch().accept(jobs);
    release(queue, refused).await;
    Ok(claimed)
}

/// Claims one job, for a process that runs no more than one; its id, or none if there is none to run.
pub(crate) async fn claim_one(queue: &Queue) -> sqlx::Result<Option<String>> {
    for limits in [Limits { jobs: 1, suspects: 0 }, Limits { jobs: 0, suspects: 1 }] {
        let jobs = claim::claim(&queue.db, &queue.name, &queue.worker, limits, queue.next_turn()).await?;
        let id = jobs.first().map(|job| job.id.clone());
        queue.dispatch().accept(jobs);
        if id.is_some() {
            return Ok(id);
        }
    }
    Ok(None)
}

/// Waits while what the queue depends on is unreachable. True when it had to wait.
async fn wait_until_up(queue: &Queue) -> bool {
    let Some(mut needs) = queue.needs.clone() else { return false };
    if *needs.up.borrow_and_update() {
        return false;
    }
    tracing::warn!(queue = queue.name, dependency = needs.name, "unreachable: jobs wait");
    hand_back_unstarted(queue).await;
    show(queue, Some(needs.name)).await;
    tokio::select! {
        // an error means that nobody can tell any more: better to try
        up = needs.up.wait_for(|up| *up) => drop(up),
        () = queue.stop.cancelled() => return true,
    }
    tracing::info!(queue = queue.name, dependency = needs.name, "reachable again: jobs resume");
    show(queue, None).await;
    true
}

/// Lets operators see what the queue waits for. Nothing depends on it.
async fn show(queue: &Queue, waiting_for: Option<&str>) {
    if let Err(error) = claim::note_waiting(&queue.db, &queue.name, waiting_for).await {
        tracing::debug!(queue = queue.name, %error, "not noted what the queue waits for");
    }
}

/// Returns what was claimed and has not started, using up no attempt.
async fn hand_back_unstarted(queue: &Queue) {
    let _settled = queue.settling.lock().await;
    let unstarted = if queue.stop.is_cancelled() { queue.dispatch().stop() } else { queue.dispatch().unstarted() };
    release(queue, unstarted).await;
}

/// A claim that failed may have been committed all the same, and only its answer was lost: what it
/// took would be held for ever, and its keys would go on without it. So nothing is claimed before
/// this has worked.
async fn hand_back_unknown(queue: &Queue) {
    let mut failures = 0_u32;
    while !queue.stop.is_cancelled() {
        let known = queue.dispatch().held_ids();
        match claim::release_unknown(&queue.db, &queue.name, &queue.worker, &known, queue.next_turn()).await {
            // with a new turn
            Ok(None) => {}
            Ok(Some(0)) => return,
            Ok(Some(jobs)) => {
                return tracing::warn!(queue = queue.name, jobs, "handed back jobs of a claim whose answer was lost");
            }
            Err(_) => {
                failures += 1;
                pause(queue, failures).await;
            }
        }
    }
}

/// Until it works: a job that is held and never runs would keep its key for ever. At a stop once is
/// enough, because everything is handed back at the very end.
async fn release(queue: &Queue, jobs: Vec<ClaimedJob>) {
    let mut failures = 0_u32;
    while !jobs.is_empty() {
        match claim::release(&queue.db, &queue.worker, &jobs).await {
            Ok(()) => return queue.dispatch().settled(&jobs),
            Err(_) if queue.stop.is_cancelled() => return,
            Err(error) => {
                failures += 1;
                tracing::warn!(queue = queue.name, %error, jobs = jobs.len(), "cannot hand jobs back; trying again");
                pause(queue, failures).await;
            }
        }
    }
}

async fn rest(queue: &Queue, at_most: Duration) {
    let went_down = async {
        if let Some(mut needs) = queue.needs.clone()
            && needs.up.wait_for(|up| !*up).await.is_ok()
        {
            return;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = queue.wake.notified() => {}
        () = tokio::time::sleep(at_most) => {}
        () = went_down => {}
        () = queue.stop.cancelled() => {}
    }
}

async fn pause(queue: &Queue, failures: u32) {
    let wait = Duration::from_millis(100).saturating_mul(1 << failures.min(10)).min(LONGEST_PAUSE);
    tokio::select! {
        () = tokio::time::sleep(wait) => {}
        () = queue.stop.cancelled() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_an_outage_more_is_held_only_when_what_was_held_is_settled() {
        let mut ramp = Ramp::default();
        assert_eq!(ramp.room(100), usize::MAX - 100);
        ramp.begin();
        assert_eq!(ramp.room(0), 8);
        ramp.claimed(8);
        assert_eq!([ramp.room(8), ramp.room(5)], [0, 3]);
        assert_eq!(ramp.room(0), 16);
        assert_eq!(ramp.room(0), 16, "nothing was claimed meanwhile");
    }

    #[test]
    fn a_busy_queue_is_claimed_in_whole_batches_and_an_idle_one_at_once() {
        let policy = QueuePolicy { concurrency: 100, batch: 40, ..QueuePolicy::default() };
        let room = |held, ready| room(&policy, held, ready);
        assert_eq!([room(0, 0), room(1, 0)], [40, 40]);
        assert_eq!([room(160, 60), room(161, 60)], [40, 0], "there are jobs to start");
        assert_eq!([room(161, 0), room(190, 0), room(191, 0)], [39, 10, 0], "nothing is left to start");
    }
}
