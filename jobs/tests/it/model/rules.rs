//! What must hold whatever happens: what a claim may take and must take, what operators see, where each
//! job is, and that nothing of its history goes.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Debug;

use super::queue::{Model, Ticket};
use super::tables::{Job, Tables};

/// A broken promise, in words.
pub type Broken = String;

/// What a claim asked for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    pub worker: &'a str,
    pub allowed: bool,
    pub limit: usize,
    pub suspects: usize,
}

impl Model {
    /// Judges what a claim took, and takes it over. `got`: ids and claim counters.
    ///
    /// # Errors
    /// Too much, too little, the wrong ones, or in the wrong order.
    pub fn claimed(&mut self, wanted: Wanted<'_>, got: &[(String, i32)]) -> Result<Vec<Ticket>, Broken> {
        let worker = wanted.worker;
        let claimable: Vec<Job> = self.claimable(wanted);
        for (id, _) in got {
            if !claimable.iter().any(|job| &job.id == id) {
                return Err(format!("{worker} was given {id}, which is not claimable: {:?}", self.job(id)));
            }
        }
        let (suspects, others): (Vec<&Job>, Vec<&Job>) = claimable.iter().partition(|job| job.suspect);
        let (taken, left): (Vec<&Job>, Vec<&Job>) =
            others.iter().copied().partition(|job| got.iter().any(|g| g.0 == job.id));
        if taken.len() != wanted.limit.min(others.len()) {
            return Err(format!("{worker} was given {got:?} of {others:?}, limit {}", wanted.limit));
        }
        let given: Vec<&str> =
            suspects.iter().map(|job| job.id.as_str()).filter(|id| got.iter().any(|g| g.0 == *id)).collect();
        let first: Vec<&str> = suspects.iter().take(wanted.suspects).map(|job| job.id.as_str()).collect();
        if given != first {
            return Err(format!("{worker} was given the suspects {given:?} instead of {first:?}"));
        }
        best_first(&taken, &left, wanted.limit)?;
        let tickets = self.hold(worker, got)?;
        self.nobody_jumps_the_queue(worker, got)?;
        Ok(tickets)
    }

    /// Due, not exhausted, free, and nothing earlier of its key held by another, deferred, suspect
    /// or holding the key as a dead letter.
    fn claimable(&self, wanted: Wanted<'_>) -> Vec<Job> {
        let live = &self.tables.live;
        let free = live.iter().filter(|job| {
            wanted.allowed && job.held_by.is_none() && job.run_in <= 0 && job.attempts < job.max_attempts
        });
        free.filter(|job| {
            let worker = Some(wanted.worker);
            !self
                .before(job)
                .any(|b| (b.held_by.is_some() || b.deferred || b.suspect) && b.held_by.as_deref() != worker)
                && !self.held_back_by_a_dead_letter(job)
        })
        .cloned()
        .collect()
    }

    fn before<'a>(&'a self, job: &'a Job) -> impl Iterator<Item = &'a Job> {
        self.tables.live.iter().filter(|b| job.key.is_some() && b.key == job.key && b.id < job.id)
    }

    fn held_back_by_a_dead_letter(&self, job: &Job) -> bool {
        self.tables.dead.iter().any(|dead| dead.holds && dead.key == job.key && dead.id < job.id)
    }

    fn hold(&mut self, worker: &str, got: &[(String, i32)]) -> Result<Vec<Ticket>, Broken> {
        let mut tickets = Vec::new();
        for (id, claims) in got {
            let job = self.tables.live.iter_mut().find(|job| &job.id == id).ok_or("claimed what is not there")?;
            job.claims += 1;
            (job.deferred, job.waiting_for, job.held_by) = (false, None, Some(worker.to_owned()));
            if *claims != job.claims {
                return Err(format!("claim {claims} of {id} should be number {}", job.claims));
            }
            let ticket = Ticket { worker: worker.to_owned(), job: id.clone(), claims: *claims, redrives: job.redrives };
            tickets.push(ticket);
        }
        self.tickets.extend(tickets.clone());
        Ok(tickets)
    }

    /// The promise itself, whatever the statement's own conditions are: a job is with a worker only
    /// if every earlier live job of its key is with the same worker, which runs them in order.
    fn nobody_jumps_the_queue(&self, worker: &str, got: &[(String, i32)]) -> Result<(), Broken> {
        for job in self.tables.live.iter().filter(|job| got.iter().any(|g| g.0 == job.id)) {
            if let Some(jumped) = self.before(job).find(|b| b.held_by.as_deref() != Some(worker)) {
                return Err(format!("{worker} holds {} before {jumped:?}", job.id));
            }
            if self.held_back_by_a_dead_letter(job) {
                return Err(format!("{worker} holds {}, and a dead letter holds its key", job.id));
            }
        }
        Ok(())
    }

    /// Fills in what follows from the rest: apalis' status, the state that operators see, the order.
    pub fn derive(&mut self) {
        let derived: Vec<(String, String)> =
            self.tables.live.iter().map(|job| (status(job), self.state(job).to_owned())).collect();
        for (job, (status, state)) in self.tables.live.iter_mut().zip(derived) {
            (job.status, job.state) = (status, state);
        }
        self.tables.history.sort_by(|a, b| a.job.cmp(&b.job));
        self.tables.edits.sort_by(|a, b| a.job.cmp(&b.job));
    }

    fn state(&self, job: &Job) -> &'static str {
        let blocked = self.before(job).any(|b| b.held_by.is_some() || b.deferred || b.suspect)
            || self.held_back_by_a_dead_letter(job);
        match job {
            Job { held_by: Some(_), .. } => "running",
            Job { waiting_for: Some(_), .. } => "waiting",
            Job { run_in: 1.., attempts: 0, .. } => "scheduled",
            Job { run_in: ..=0, .. } if blocked => "blocked",
            Job { attempts: 1.., .. } => "retrying",
            _ => "pending",
        }
    }
}

fn status(job: &Job) -> String {
    match (&job.held_by, job.attempts) {
        (Some(_), _) => "Running",
        (None, 0) => "Pending",
        (None, _) => "Failed",
    }
    .to_owned()
}

/// Whatever was left comes after all that was taken: by priority, then by age. Of more due jobs than
/// the limit, those due longest are looked at, so nothing is said about the others.
fn best_first(taken: &[&Job], left: &[&Job], limit: usize) -> Result<(), Broken> {
    let rank = |job: &Job| (Reverse(job.priority), job.id.clone());
    let was_deferred = taken.iter().chain(left).filter(|job| job.deferred).count();
    let Some(last) = taken.iter().max_by_key(|job| rank(job)) else { return Ok(()) };
    let passed_over = |job: &&&Job| (!job.deferred || was_deferred <= limit) && rank(job) < rank(last);
    match left.iter().find(passed_over) {
        Some(job) => Err(format!("{} was taken before {job:?}", last.id)),
        None => Ok(()),
    }
}

/// Each job there has ever been is in exactly one place, and its attempts are numbered from 1 without a gap.
///
/// # Errors
/// Names the job.
pub fn check(jobs: &[String], tables: &Tables) -> Result<(), Broken> {
    let mut attempts: BTreeMap<&str, i32> = BTreeMap::new();
    for entry in &tables.history {
        let ended = attempts.entry(&entry.job).or_default();
        let expected = match entry.outcome.as_str() {
            "failed" | "dead" => {
                *ended += 1;
                *ended
            }
            "redriven" | "discarded" | "archived" | "restored" | "run_now" => *ended,
            "cancelled" if !entry.actor.starts_with("worker") => *ended,
            _ => *ended + 1,
        };
        if entry.attempt != expected {
            return Err(format!("attempt {} should be {expected} in {entry:?}", entry.attempt));
        }
    }
    let ended = |id: &str| attempts.get(id).copied().unwrap_or_default();
    let live = tables.live.iter().map(|job| (&job.id, job.attempts));
    let dead = tables.dead.iter().map(|job| (&job.id, job.attempts));
    let completed = tables.completed.iter().map(|job| (&job.id, job.attempt - i32::from(job.worker.is_some())));
    let mut places: BTreeMap<&str, i32> = BTreeMap::new();
    for (id, count) in live.chain(dead).chain(completed) {
        if places.insert(id, count).is_some() {
            return Err(format!("{id} is in two places"));
        }
        if count != ended(id) {
            return Err(format!("{id} says {count} attempts, its history {}", ended(id)));
        }
    }
    match jobs.iter().find(|id| !places.contains_key(id.as_str())) {
        Some(id) => Err(format!("{id} is nowhere")),
        None => Ok(()),
    }
}

/// What happened to a job stays in its history as it was written, and so does what was made of its payload: whatever
/// happens later comes after it.
///
/// # Errors
/// The first row that is gone, or another.
pub fn nothing_is_forgotten(before: &Tables, now: &Tables) -> Result<(), Broken> {
    is_continued(&before.history, &now.history, |entry| &entry.job)?;
    is_continued(&before.edits, &now.edits, |edit| &edit.job)
}

/// Per job, the rows of before are the first ones of now.
fn is_continued<T: PartialEq + Debug>(before: &[T], now: &[T], job: fn(&T) -> &String) -> Result<(), Broken> {
    let mut rows: BTreeMap<&String, VecDeque<&T>> = BTreeMap::new();
    now.iter().for_each(|row| rows.entry(job(row)).or_default().push_back(row));
    for row in before {
        let kept = rows.get_mut(job(row)).and_then(VecDeque::pop_front);
        if kept != Some(row) {
            return Err(format!("{row:?} is gone from the history"));
        }
    }
    Ok(())
}
