//! Which of the claimed jobs may run: one per key at a time, in order.
//!
//! Pure state, no I/O. A key is *running* while one of its jobs runs (later ones wait behind it),
//! and *closing* from the moment one did not succeed until that is in the database: whatever of the
//! key was claimed meanwhile is handed back with it, because the database must decide anew.

use std::collections::{HashMap, HashSet, VecDeque};
use std::task::{Context, Poll, Waker};

use super::claim::ClaimedJob;

/// The jobs of one queue that this process holds.
#[derive(Default)]
pub(crate) struct Dispatch {
    ready: VecDeque<ClaimedJob>,
    keys: HashMap<String, Key>,
    /// Claimed and not yet settled in the database.
    held: HashSet<String>,
    suspects: usize,
    stopping: bool,
    waker: Option<Waker>,
}

enum Key {
    Running(VecDeque<ClaimedJob>),
    Closing(Vec<ClaimedJob>),
}

impl Dispatch {
    /// Takes in what was claimed, in claim order. Returns what has to be handed back at once.
    pub(crate) fn accept(&mut self, jobs: Vec<ClaimedJob>) -> Vec<ClaimedJob> {
        self.held.extend(jobs.iter().map(|job| job.id.clone()));
        if self.stopping {
            return jobs;
        }
        for job in jobs {
            self.suspects += usize::from(job.suspect);
            match job.ordering_key.as_ref().and_then(|key| self.keys.get_mut(key)) {
                Some(Key::Running(behind)) => behind.push_back(job),
                Some(Key::Closing(back)) => back.push(job),
                None => {
                    if let Some(key) = &job.ordering_key {
                        self.keys.insert(key.clone(), Key::Running(VecDeque::new()));
                    }
                    self.ready.push_back(job);
                }
            }
        }
        self.wake();
        Vec::new()
    }

    /// The next job to run, for apalis.
    pub(crate) fn poll_next(&mut self, cx: &Context<'_>) -> Poll<ClaimedJob> {
        match self.ready.pop_front() {
            Some(job) => Poll::Ready(job),
            None => {
                self.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// A job succeeded: the next of its key may run.
    pub(crate) fn succeeded(&mut self, job: &ClaimedJob) {
        let Some(key) = &job.ordering_key else { return };
        let next = match self.keys.get_mut(key) {
            Some(Key::Running(behind)) => behind.pop_front(),
            _ => return,
        };
        match next {
            Some(next) => {
                self.ready.push_back(next);
                self.wake();
            }
            None => {
                self.keys.remove(key);
            }
        }
    }

    /// A job did not succeed: nothing more of its key runs until [`reopen`](Self::reopen).
    pub(crate) fn close(&mut self, job: &ClaimedJob) {
        let Some(key) = &job.ordering_key else { return };
        let behind = match self.keys.remove(key) {
            Some(Key::Running(behind)) => behind.into(),
            Some(Key::Closing(back)) => back,
            None => Vec::new(),
        };
        self.keys.insert(key.clone(), Key::Closing(behind));
    }

    /// What has gathered behind a closing key so far.
    pub(crate) fn behind(&self, job: &ClaimedJob) -> Vec<ClaimedJob> {
        match job.ordering_key.as_ref().and_then(|key| self.keys.get(key)) {
            Some(Key::Closing(back)) => back.clone(),
            _ => Vec::new(),
        }
    }

    /// The failure and what was behind it are in the database: the key is as any other again.
    pub(crate) fn reopen(&mut self, job: &ClaimedJob) {
        let Some(key) = &job.ordering_key else { return };
        if let Some(Key::Closing(_)) = self.keys.get(key) {
            self.keys.remove(key);
        }
    }

    /// These are settled: completed, put back, or somebody else's by now.
    pub(crate) fn settled<'a>(&mut self, jobs: impl IntoIterator<Item = &'a ClaimedJob>) {
        for job in jobs {
            self.held.remove(&job.id);
            self.suspects = self.suspects.saturating_sub(usize::from(job.suspect));
        }
    }

    /// Claimed and not yet settled.
    pub(crate) fn held(&self) -> usize {
        self.held.len()
    }

    /// How many these are, and how many of them would start now if there were a free slot.
    pub(crate) fn load(&self) -> (usize, usize) {
        (self.held.len(), self.ready.len())
    }

    /// Whether it is among these.
    pub(crate) fn holds(&self, id: &str) -> bool {
        self.held.contains(id)
    }

    /// The ids of these.
    pub(crate) fn held_ids(&self) -> Vec<String> {
        self.held.iter().cloned().collect()
    }

    /// Suspects among them.
    pub(crate) fn suspects(&self) -> usize {
        self.suspects
    }

    /// From now on nothing starts. Returns what had not started.
    pub(crate) fn stop(&mut self) -> Vec<ClaimedJob> {
        self.stopping = true;
        self.unstarted()
    }

    /// Takes out what has not started, except what gathers behind a closing key: that is handed
    /// back with the failure.
    pub(crate) fn unstarted(&mut self) -> Vec<ClaimedJob> {
        let mut unstarted: Vec<ClaimedJob> = self.ready.drain(..).collect();
        let mut unstarted_behind = Vec::new();
        for job in &unstarted {
            // nothing of its key runs: what is behind it goes back too, and the key is free again
            if let Some(Key::Running(behind)) = job.ordering_key.as_ref().and_then(|key| self.keys.remove(key)) {
                unstarted_behind.extend(behind);
            }
        }
        for key in self.keys.values_mut() {
            if let Key::Running(behind) = key {
                unstarted_behind.extend(behind.drain(..));
            }
        }
        unstarted.extend(unstarted_behind);
        unstarted
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(id: &str, key: &str) -> ClaimedJob {
        ClaimedJob { id: id.into(), ordering_key: Some(key.into()), ..ClaimedJob::default() }
    }

    fn next(dispatch: &mut Dispatch) -> Option<String> {
        match dispatch.poll_next(&Context::from_waker(Waker::noop())) {
            Poll::Ready(job) => Some(job.id),
            Poll::Pending => None,
        }
    }

    #[test]
    fn jobs_of_a_key_start_one_after_another_and_other_keys_meanwhile() {
        let mut dispatch = Dispatch::default();
        dispatch.accept(vec![job("1", "a"), job("2", "a"), job("3", "b")]);
        assert_eq!(next(&mut dispatch).as_deref(), Some("1"));
        assert_eq!(next(&mut dispatch).as_deref(), Some("3"));
        assert_eq!(next(&mut dispatch), None);
        dispatch.succeeded(&job("1", "a"));
        assert_eq!(next(&mut dispatch).as_deref(), Some("2"));
    }

    #[test]
    fn a_job_claimed_while_its_predecessors_failure_is_written_goes_back_too() {
        let mut dispatch = Dispatch::default();
        dispatch.accept(vec![job("1", "a"), job("2", "a")]);
        assert_eq!(next(&mut dispatch).as_deref(), Some("1"));
        dispatch.close(&job("1", "a"));
        dispatch.accept(vec![job("3", "a")]);
        assert_eq!(next(&mut dispatch), None);
        let back: Vec<String> = dispatch.behind(&job("1", "a")).into_iter().map(|j| j.id).collect();
        assert_eq!(back, ["2", "3"]);
        dispatch.reopen(&job("1", "a"));
        dispatch.accept(vec![job("2", "a")]);
        assert_eq!(next(&mut dispatch).as_deref(), Some("2"));
    }

    #[test]
    fn a_stop_hands_back_what_has_not_started() {
        let mut dispatch = Dispatch::default();
        dispatch.accept(vec![job("1", "a"), job("2", "a"), job("3", "b")]);
        assert_eq!(next(&mut dispatch).as_deref(), Some("1"));
        let mut back: Vec<String> = dispatch.stop().into_iter().map(|j| j.id).collect();
        back.sort();
        assert_eq!(back, ["2", "3"]);
        dispatch.succeeded(&job("1", "a"));
        assert_eq!(next(&mut dispatch), None);
        assert_eq!(dispatch.accept(vec![job("4", "c")]).len(), 1);
    }
}
