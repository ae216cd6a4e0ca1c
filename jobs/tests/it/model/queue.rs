//! The queue as it should be: plain lists and plain rules, no SQL.
//!
//! Every method does to the lists what the statement of that name does to the tables. Which of
//! several equally good jobs a claim takes is the database's choice: [`Model::claimed`] judges the
//! choice and follows it.

mod dead_letters;

use super::ops::Failure;
use super::tables::{Dead, Ended, Entry, Job, Tables};

pub use dead_letters::{edited, successor};

/// Who operates the queue.
pub const OPERATOR: &str = "operator";

/// What configuration says about the queue.
#[derive(Debug, Clone, Copy, Default)]
pub struct Policy {
    pub hold_key_on_dead_letter: bool,
    /// Crashes before a job is quarantined.
    pub max_crashes: i32,
}

/// What a claim gave to a worker; the fence of everything it may do with the job.
#[derive(Debug, Clone, PartialEq)]
pub struct Ticket {
    pub worker: String,
    pub job: String,
    pub claims: i32,
    /// Of the job when it was claimed.
    pub redrives: i32,
}

/// One life of a worker process.
#[derive(Debug, Clone)]
pub struct Worker {
    pub id: String,
    pub beats: i64,
    pub ended: bool,
    /// What it knows that it holds, in the order in which it took it.
    pub holds: Vec<Ticket>,
    /// The answer of its last claim did not arrive.
    pub answer_lost: bool,
}

/// Where a failed attempt leads.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Next {
    Again { outcome: &'static str, delay_ms: i64, counts: bool },
    Dead { reason: &'static str },
    Cancelled,
}

#[derive(Debug, Clone, Default)]
pub struct Model {
    pub tables: Tables,
    pub paused: bool,
    pub policy: Policy,
    /// Every claim there was.
    pub tickets: Vec<Ticket>,
    jobs: u32,
}

impl Worker {
    pub fn new(id: String) -> Self {
        Self { id, beats: 0, ended: false, holds: Vec::new(), answer_lost: false }
    }
}

impl Next {
    /// What the runtime makes of a failure of this job.
    pub fn of(failure: Failure, job: &Job) -> Self {
        match failure {
            Failure::Permanent => Self::Dead { reason: "permanent" },
            Failure::Transient if job.attempts + 1 >= job.max_attempts => Self::Dead { reason: "exhausted" },
            Failure::Transient => Self::Again { outcome: "failed", delay_ms: 30_000 << job.attempts, counts: true },
            Failure::Unavailable { seconds } => {
                Self::Again { outcome: "unavailable", delay_ms: seconds * 1000, counts: false }
            }
            Failure::Snooze { seconds } => Self::Again { outcome: "snoozed", delay_ms: seconds * 1000, counts: false },
            Failure::Cancel => Self::Cancelled,
        }
    }

    /// `jobs.attempts.outcome`.
    pub fn outcome(self) -> &'static str {
        match self {
            Self::Again { outcome, .. } => outcome,
            Self::Dead { .. } => "dead",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Model {
    pub fn new(policy: Policy) -> Self {
        Self { policy, ..Self::default() }
    }

    pub fn enqueue(&mut self, key: Option<u8>, priority: i32, delay_s: i64, max_attempts: i32) -> &Job {
        self.jobs += 1;
        self.tables.live.push(Job {
            id: format!("job-{:04}", self.jobs),
            payload: "x".to_owned(),
            key: key.map(|key| format!("key-{key}")),
            priority,
            status: String::new(),
            attempts: 0,
            max_attempts,
            run_in: delay_s * 1000,
            deferred: delay_s > 0,
            held_by: None,
            claims: 0,
            suspect: false,
            alone: false,
            crashes: 0,
            redrives: 0,
            waiting_for: None,
            state: String::new(),
        });
        self.tables.live.last().unwrap()
    }

    pub fn job(&self, id: &str) -> Option<&Job> {
        self.tables.live.iter().find(|job| job.id == id)
    }

    /// Whether the claim still holds.
    pub fn is_good(&self, ticket: &Ticket) -> bool {
        self.job(&ticket.job)
            .is_some_and(|job| job.held_by.as_ref() == Some(&ticket.worker) && job.claims == ticket.claims)
    }

    /// The job of a claim that still holds.
    fn fenced(&mut self, ticket: &Ticket) -> Option<&mut Job> {
        let good = self.is_good(ticket);
        self.tables.live.iter_mut().find(|job| good && job.id == ticket.job)
    }

    /// Succeeded jobs leave. Returns the ids of those that were still the worker's.
    pub fn complete(&mut self, tickets: &[Ticket]) -> Vec<String> {
        let mut ours = Vec::new();
        for ticket in tickets {
            let Some(job) = self.fenced(ticket).cloned() else { continue };
            let error = (job.attempts > 0).then(|| self.last_error(&job.id)).flatten();
            self.end(&job, "completed", job.attempts + 1, Some(ticket.worker.clone()), error);
            ours.push(job.id);
        }
        ours
    }

    /// A failed attempt is written down, and what is behind it handed back.
    pub fn fail(&mut self, ticket: &Ticket, next: Next, behind: &[Ticket]) -> Vec<String> {
        let mut ours = Vec::new();
        if let Some(job) = self.fenced(ticket).cloned() {
            let last_error = (job.attempts > 0).then(|| self.last_error(&job.id)).flatten();
            let (outcome, actor) = (next.outcome(), ticket.worker.as_str());
            let next_in = match next {
                Next::Again { outcome: "failed" | "snoozed", delay_ms, .. } => Some(delay_ms),
                _ => None,
            };
            self.note(&job.id, job.attempts + 1, outcome, actor, next_in);
            match next {
                Next::Again { outcome, delay_ms, counts } => self.again(&job.id, outcome, delay_ms, counts),
                Next::Dead { reason } => self.bury(&Job { attempts: job.attempts + 1, ..job.clone() }, reason),
                Next::Cancelled => {
                    self.end(&job, "cancelled", job.attempts + 1, Some(ticket.worker.clone()), last_error);
                }
            }
            ours.push(job.id);
        }
        self.release(behind);
        ours
    }

    fn again(&mut self, id: &str, outcome: &str, delay_ms: i64, counts: bool) {
        let Some(job) = self.tables.live.iter_mut().find(|job| job.id == id) else { return };
        job.attempts += i32::from(counts);
        job.run_in = delay_ms;
        // it bars its later jobs, which may be suspects too
        job.deferred = delay_ms > 0 || job.suspect;
        job.waiting_for = (outcome == "unavailable").then(|| "broker".to_owned());
        job.suspect = job.suspect && !job.alone;
        job.alone = false;
        job.held_by = None;
    }

    /// Hands back what has not started.
    pub fn release(&mut self, tickets: &[Ticket]) {
        for ticket in tickets {
            if let Some(job) = self.fenced(ticket) {
                free(job);
            }
        }
    }

    /// Hands back what a worker holds, but for the jobs it knows of. Returns how many.
    pub fn release_unknown(&mut self, worker: &str, known: &[String]) -> u64 {
        let held = self.tables.live.iter_mut().filter(|job| job.held_by.as_deref() == Some(worker));
        held.filter(|job| !known.contains(&job.id)).map(free).count() as u64
    }

    /// A suspect runs alone. False when it is no longer the worker's.
    pub fn start_alone(&mut self, ticket: &Ticket) -> bool {
        self.fenced(ticket).map(|job| job.alone = true).is_some()
    }

    /// Takes back what a dead worker held. Returns how many jobs.
    pub fn rescue(&mut self, worker: &str) -> i32 {
        let held: Vec<Job> =
            self.tables.live.iter().filter(|job| job.held_by.as_deref() == Some(worker)).cloned().collect();
        let culprit_known = held.iter().any(|job| job.alone);
        for job in &held {
            let crashes = job.crashes + i32::from(job.alone);
            if job.alone {
                self.note(&job.id, job.attempts + 1, "crashed", worker, None);
            }
            if job.alone && crashes >= self.policy.max_crashes {
                self.bury(&Job { crashes, ..job.clone() }, "crash_loop");
            } else if let Some(kept) = self.tables.live.iter_mut().find(|kept| kept.id == job.id) {
                kept.suspect = kept.suspect || job.alone || !culprit_known;
                kept.crashes = crashes;
                free(kept);
            }
        }
        i32::try_from(held.len()).unwrap()
    }

    /// Stops a free job; 0 when it is held.
    pub fn cancel(&mut self, id: &str) -> u64 {
        let Some(job) = self.job(id).filter(|job| job.held_by.is_none()).cloned() else { return 0 };
        let error = self.last_error(id);
        self.note(id, job.attempts, "cancelled", OPERATOR, None);
        self.end(&job, "cancelled", job.attempts, None, error);
        1
    }

    /// Makes a free job due; 0 when it is held.
    pub fn run_now(&mut self, id: &str) -> u64 {
        let Some(job) = self.tables.live.iter_mut().find(|job| job.id == id && job.held_by.is_none()) else { return 0 };
        (job.run_in, job.waiting_for) = (0, None);
        let attempts = job.attempts;
        self.note(id, attempts, "run_now", OPERATOR, Some(0));
        1
    }

    /// Time goes by.
    pub fn later(&mut self, seconds: i64) {
        self.tables.live.iter_mut().for_each(|job| job.run_in -= seconds * 1000);
    }

    fn note(&mut self, job: &str, attempt: i32, outcome: &str, actor: &str, next_in: Option<i64>) {
        let error = match outcome {
            "crashed" => {
                let (crashes, most) = (self.job(job).map_or(0, |job| job.crashes) + 1, self.policy.max_crashes);
                Some(format!("its worker process died while it ran alone ({crashes} of {most} crashes)"))
            }
            _ if actor == OPERATOR => None,
            outcome => Some(format!("{outcome} at {attempt}")),
        };
        self.tables.history.push(Entry {
            job: job.to_owned(),
            attempt,
            outcome: outcome.to_owned(),
            error,
            actor: actor.to_owned(),
            next_in,
        });
    }

    fn last_error(&self, job: &str) -> Option<String> {
        let failures = ["failed", "dead", "unavailable", "crashed"];
        let mut of_job = self.tables.history.iter().rev().filter(|entry| entry.job == job);
        of_job.find(|entry| failures.contains(&entry.outcome.as_str())).and_then(|entry| entry.error.clone())
    }

    fn end(&mut self, job: &Job, state: &str, attempt: i32, worker: Option<String>, error: Option<String>) {
        self.tables.live.retain(|live| live.id != job.id);
        let (id, payload, redrives) = (job.id.clone(), Some(job.payload.clone()), job.redrives);
        self.tables.completed.push(Ended { id, state: state.to_owned(), attempt, redrives, worker, error, payload });
        self.tables.completed.sort_by(|a, b| a.id.cmp(&b.id));
    }

    fn bury(&mut self, job: &Job, reason: &str) {
        self.tables.live.retain(|live| live.id != job.id);
        self.tables.dead.push(Dead {
            id: job.id.clone(),
            key: job.key.clone(),
            priority: job.priority,
            reason: reason.to_owned(),
            attempts: job.attempts,
            max_attempts: job.max_attempts,
            crashes: job.crashes,
            redrives: job.redrives,
            holds: self.policy.hold_key_on_dead_letter && job.key.is_some(),
            payload: job.payload.clone(),
            away: None,
        });
        self.tables.dead.sort_by(|a, b| a.id.cmp(&b.id));
    }
}

fn free(job: &mut Job) {
    (job.held_by, job.alone) = (None, false);
}
