//! Plays a history on the database and on the model at once, and compares them after every step.

mod dead_letters;

use sqlx::Connection as _;
use sqlx::PgConnection;

use super::database::Database;
use super::ops::{Act, Answer, Failure, Op};
use super::queue::{Model, Next, Policy, Ticket, Worker};
use super::rules::{self, Broken, Wanted};
use super::statements::{Name, Statements};
use super::tables::Tables;

/// A history under way.
struct Play<'a> {
    db: Database<'a>,
    model: Model,
    /// The two worker processes as they are now.
    slots: [Worker; 2],
    lives: u32,
    /// Every job there has been.
    jobs: Vec<String>,
    /// What the tables held before the last step.
    before: Tables,
}

/// Plays it; then time goes on, and everything that can run must come to an end.
///
/// # Errors
/// What went wrong, and after which step.
pub async fn play(conn: &mut PgConnection, sql: &Statements, ops: &[Op], policy: Policy) -> Result<(), Broken> {
    let mut tx = conn.begin().await.map_err(broken)?;
    sql.install(&mut tx).await.map_err(broken)?;
    let db = Database { conn: &mut tx, sql, policy };
    let model = Model::new(policy);
    let nobody = || Worker { ended: true, ..Worker::new(String::new()) };
    let slots = [nobody(), nobody()];
    let mut play = Play { db, model, slots, lives: 0, jobs: Vec::new(), before: Tables::default() };
    let outcome = play.all(ops).await;
    tx.rollback().await.map_err(broken)?;
    outcome
}

/// A constraint that objects is a promise kept by the database; a statement that it cannot even
/// read is a mistake in the test.
fn broken(error: sqlx::Error) -> Broken {
    let code = error.as_database_error().and_then(|error| error.code());
    assert!(!code.is_some_and(|code| code.starts_with("42")), "not a valid statement: {error}");
    format!("the database refuses: {error}")
}

/// The n-th, counted round.
fn nth<T: Clone>(items: &[T], n: usize) -> Option<T> {
    items.get(n.checked_rem(items.len())?).cloned()
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, is: T, should: T) -> Result<(), Broken> {
    if is == should { Ok(()) } else { Err(format!("{what} answers {is:?} instead of {should:?}")) }
}

impl Play<'_> {
    async fn all(&mut self, ops: &[Op]) -> Result<(), Broken> {
        for (at, op) in ops.iter().enumerate() {
            self.step(op).await.map_err(|broken| format!("step {at}, {op:?}: {broken}"))?;
            self.compare().await.map_err(|broken| format!("after step {at}, {op:?}: {broken}"))?;
        }
        self.run_out().await.map_err(|broken| format!("running out: {broken}"))
    }

    async fn step(&mut self, op: &Op) -> Result<(), Broken> {
        match *op {
            Op::Enqueue { key, priority, delay_s, max_attempts } => {
                let job = self.model.enqueue(key, priority, delay_s, max_attempts);
                self.jobs.push(job.id.clone());
                self.db.enqueue(job).await.map_err(broken)
            }
            Op::Claim { slot, limit, suspects, answer } => self.claim(slot, limit, suspects, answer).await,
            Op::StartAlone { slot, pick } => self.start_alone(slot, pick).await,
            Op::Succeed { slot, pick, most } => self.succeed(slot, pick, most).await,
            Op::Fail { slot, pick, how } => self.fail(slot, pick, how).await,
            Op::Release { slot, pick } => self.release(slot, pick).await,
            Op::Stale { pick, act } => self.stale(pick, act).await,
            Op::Die { slot } => self.die(slot).await,
            Op::FalseAlarm { slot } => self.false_alarm(slot).await,
            Op::Beat { slot } => {
                self.slots[slot].beats += i64::from(!self.slots[slot].ended);
                self.db.beat(&self.slots[slot].id).await.map_err(broken)
            }
            Op::Retire { slot } => self.retire(slot).await,
            Op::Later { seconds } => {
                self.model.later(seconds);
                self.db.later(seconds).await.map_err(broken)
            }
            Op::Cancel { .. } | Op::RunNow { .. } => self.operate(op).await,
            Op::Redrive { .. } | Op::PutAway { .. } | Op::Restore { .. } | Op::Edit { .. } | Op::Correct { .. } => {
                self.handle_dead_letters(op).await
            }
            Op::Pause => {
                self.model.paused = true;
                self.db.pause().await.map_err(broken)
            }
            Op::Resume => {
                self.model.paused = false;
                self.db.resume().await.map_err(broken)
            }
        }
    }

    async fn compare(&mut self) -> Result<(), Broken> {
        let is = self.db.tables().await.map_err(broken)?;
        rules::check(&self.jobs, &is)?;
        rules::nothing_is_forgotten(&self.before, &is)?;
        self.model.derive();
        let should = &self.model.tables;
        if is != *should {
            return Err(difference(&is, should));
        }
        self.before = is;
        Ok(())
    }

    /// The worker in a slot; a new one if the last has ended.
    async fn worker(&mut self, slot: usize) -> Result<String, Broken> {
        if self.slots[slot].ended {
            self.lives += 1;
            self.slots[slot] = Worker::new(format!("worker-{}", self.lives));
            self.db.register(&self.slots[slot].id).await.map_err(broken)?;
        }
        Ok(self.slots[slot].id.clone())
    }

    async fn claim(&mut self, slot: usize, limit: i32, suspects: i32, answer: Answer) -> Result<(), Broken> {
        let worker = self.worker(slot).await?;
        self.hand_back_unknown(slot).await?;
        let allowed = !self.model.paused;
        let wanted = Wanted {
            worker: &worker,
            allowed,
            limit: usize::try_from(limit).unwrap_or_default(),
            suspects: usize::try_from(suspects).unwrap_or_default(),
        };
        let mut got = self.db.claim(&worker, limit, suspects).await.map_err(broken)?;
        got.sort_by_key(|(id, _)| self.model.job(id).map(|job| (std::cmp::Reverse(job.priority), id.clone())));
        let tickets = self.model.claimed(wanted, &got)?;
        match answer {
            Answer::Arrives => self.slots[slot].holds.extend(tickets),
            Answer::Lost => self.slots[slot].answer_lost = true,
        }
        Ok(())
    }

    /// Before a worker claims again after a claim whose answer it never got.
    async fn hand_back_unknown(&mut self, slot: usize) -> Result<(), Broken> {
        if !std::mem::take(&mut self.slots[slot].answer_lost) {
            return Ok(());
        }
        let worker = self.slots[slot].id.clone();
        let known: Vec<String> = self.slots[slot].holds.iter().map(|ticket| ticket.job.clone()).collect();
        let should = self.model.release_unknown(&worker, &known);
        same("hand back unknown", self.db.release_unknown(&worker, known).await.map_err(broken)?, should)
    }

    fn key_of(&self, ticket: &Ticket) -> Option<String> {
        self.model.job(&ticket.job).and_then(|job| job.key.clone())
    }

    /// What a worker may run by now: the first of each key, and all without one.
    fn heads(&self, slot: usize) -> Vec<Ticket> {
        let mut keys = Vec::new();
        let mut heads = Vec::new();
        for ticket in &self.slots[slot].holds {
            let key = self.key_of(ticket);
            if key.is_none() || !keys.contains(&key) {
                heads.push(ticket.clone());
                keys.push(key);
            }
        }
        heads
    }

    /// The others of its key.
    fn behind(&self, slot: usize, head: &Ticket) -> Vec<Ticket> {
        let key = self.key_of(head);
        let others = self.slots[slot].holds.iter().filter(|ticket| *ticket != head);
        others.filter(|ticket| key.is_some() && self.key_of(ticket) == key).cloned().collect()
    }

    fn let_go(&mut self, slot: usize, tickets: &[Ticket]) {
        self.slots[slot].holds.retain(|held| !tickets.contains(held));
    }

    async fn start_alone(&mut self, slot: usize, pick: usize) -> Result<(), Broken> {
        let Some(ticket) = nth(&self.heads(slot), pick) else { return Ok(()) };
        let should = self.model.start_alone(&ticket);
        same("start alone", self.db.start_alone(&ticket).await.map_err(broken)?, should)
    }

    async fn succeed(&mut self, slot: usize, pick: usize, most: usize) -> Result<(), Broken> {
        let heads = self.heads(slot);
        let from = pick.checked_rem(heads.len()).unwrap_or_default();
        let done: Vec<Ticket> = heads.into_iter().skip(from).take(most).collect();
        let worker = self.slots[slot].id.clone();
        let mut should = self.model.complete(&done);
        let mut ours = self.db.complete(&worker, &done).await.map_err(broken)?;
        should.sort();
        ours.sort();
        self.let_go(slot, &done);
        same("complete", ours, should)
    }

    async fn fail(&mut self, slot: usize, pick: usize, how: Failure) -> Result<(), Broken> {
        let Some(ticket) = nth(&self.heads(slot), pick) else { return Ok(()) };
        let behind = self.behind(slot, &ticket);
        self.let_go(slot, &behind);
        self.let_go(slot, std::slice::from_ref(&ticket));
        self.fail_with(&ticket, how, &behind).await
    }

    async fn fail_with(&mut self, ticket: &Ticket, how: Failure, behind: &[Ticket]) -> Result<(), Broken> {
        let Some(job) = self.model.job(&ticket.job).cloned() else { return Ok(()) };
        let next = Next::of(how, &job);
        let should = self.model.fail(ticket, next, behind);
        same("fail", self.db.fail(ticket, job.attempts + 1, next, behind).await.map_err(broken)?, should)
    }

    async fn release(&mut self, slot: usize, pick: usize) -> Result<(), Broken> {
        let Some(ticket) = nth(&self.heads(slot), pick) else { return Ok(()) };
        let mut back = self.behind(slot, &ticket);
        back.insert(0, ticket);
        self.let_go(slot, &back);
        self.model.release(&back);
        self.db.release(&self.slots[slot].id, &back).await.map_err(broken)
    }

    /// With a claim that is over, preferably of a job that the same worker holds again by now. A job that
    /// was redriven counts its claims anew; by then a worker has settled its old claim, because it
    /// claims nothing while it writes down a failure.
    async fn stale(&mut self, pick: usize, act: Act) -> Result<(), Broken> {
        let model = &self.model;
        let since_redriven =
            |ticket: &&Ticket| model.job(&ticket.job).is_none_or(|job| job.redrives == ticket.redrives);
        let over = model.tickets.iter().filter(|ticket| !model.is_good(ticket)).filter(since_redriven);
        let mut over: Vec<Ticket> = over.cloned().collect();
        let held_again =
            |ticket: &Ticket| model.job(&ticket.job).is_some_and(|job| job.held_by.as_ref() == Some(&ticket.worker));
        if over.iter().any(held_again) {
            over.retain(held_again);
        }
        let Some(ticket) = nth(&over, pick) else { return Ok(()) };
        let nothing: Vec<String> = Vec::new();
        let one = std::slice::from_ref(&ticket);
        match act {
            Act::Complete => {
                same("a late complete", self.db.complete(&ticket.worker, one).await.map_err(broken)?, nothing)
            }
            Act::Fail => self.fail_with(&ticket, Failure::Transient, &[]).await,
            Act::HandBackBehind => {
                let gone = Ticket { job: "job-none".to_owned(), ..ticket.clone() };
                let next = Next::Dead { reason: "permanent" };
                same("a late hand-back", self.db.fail(&gone, 1, next, one).await.map_err(broken)?, nothing)
            }
            Act::Release => self.db.release(&ticket.worker, one).await.map_err(broken),
            Act::StartAlone => same("a late start", self.db.start_alone(&ticket).await.map_err(broken)?, false),
        }
    }

    async fn die(&mut self, slot: usize) -> Result<(), Broken> {
        if self.slots[slot].ended {
            return Ok(());
        }
        let (worker, beats) = (self.slots[slot].id.clone(), self.slots[slot].beats);
        self.slots[slot].ended = true;
        self.slots[slot].holds.clear();
        let should = self.model.rescue(&worker);
        same("rescue", self.db.rescue(&worker, beats).await.map_err(broken)?, Some(should))?;
        same("a second rescue", self.db.rescue(&worker, beats).await.map_err(broken)?, None)?;
        same("a claim of the dead", self.db.claim(&worker, 9, 9).await.map_err(broken)?, Vec::new())
    }

    async fn false_alarm(&mut self, slot: usize) -> Result<(), Broken> {
        if self.slots[slot].ended {
            return Ok(());
        }
        let (worker, before) = (self.slots[slot].id.clone(), self.slots[slot].beats - 1);
        same("rescue of the living", self.db.rescue(&worker, before).await.map_err(broken)?, None)
    }

    async fn retire(&mut self, slot: usize) -> Result<(), Broken> {
        if self.slots[slot].ended {
            return Ok(());
        }
        let worker = self.slots[slot].id.clone();
        self.slots[slot].ended = true;
        self.slots[slot].holds.clear();
        let should = self.model.release_unknown(&worker, &[]);
        same("retire", self.db.retire(&worker).await.map_err(broken)?, should)?;
        same("a claim of the retired", self.db.claim(&worker, 9, 9).await.map_err(broken)?, Vec::new())
    }

    async fn operate(&mut self, op: &Op) -> Result<(), Broken> {
        let live: Vec<String> = self.model.tables.live.iter().map(|job| job.id.clone()).collect();
        let (name, id) = match *op {
            Op::Cancel { pick } => (Name::Cancel, nth(&live, pick)),
            Op::RunNow { pick } => (Name::RunNow, nth(&live, pick)),
            _ => return Ok(()),
        };
        let Some(id) = id else { return Ok(()) };
        let should = if name == Name::Cancel { self.model.cancel(&id) } else { self.model.run_now(&id) };
        same("the operator's statement", self.db.operate(name, &id).await.map_err(broken)?, should)
    }

    /// No more failures: the workers run what they get, and time goes on. Whatever is neither
    /// exhausted nor held back by a dead letter must be through after as many rounds as there are jobs.
    async fn run_out(&mut self) -> Result<(), Broken> {
        self.step(&Op::Resume).await?;
        let rounds = self.model.tables.live.len() + 1;
        for _ in 0..rounds {
            self.step(&Op::Later { seconds: 7200 }).await?;
            for slot in 0..2 {
                self.claim(slot, 1000, 1, Answer::Arrives).await?;
                while !self.slots[slot].holds.is_empty() {
                    self.succeed(slot, 0, usize::MAX).await?;
                }
            }
        }
        self.compare().await?;
        let dead = &self.model.tables.dead;
        let stuck = self.model.tables.live.iter().find(|job| {
            let held_back = dead.iter().any(|dead| dead.holds && dead.key == job.key && dead.id < job.id);
            job.attempts < job.max_attempts && !held_back
        });
        stuck.map_or(Ok(()), |job| Err(format!("{job:?} never runs")))
    }
}

/// What is in one and not in the other.
fn difference(is: &Tables, should: &Tables) -> Broken {
    fn lines<T: PartialEq + std::fmt::Debug>(is: &[T], should: &[T]) -> Vec<String> {
        let extra = is.iter().filter(|row| !should.contains(row)).map(|row| format!("\n  is     {row:?}"));
        let missing = should.iter().filter(|row| !is.contains(row)).map(|row| format!("\n  should {row:?}"));
        extra.chain(missing).collect()
    }
    let mut all = lines(&is.live, &should.live);
    all.extend(lines(&is.completed, &should.completed));
    all.extend(lines(&is.dead, &should.dead));
    all.extend(lines(&is.history, &should.history));
    all.extend(lines(&is.edits, &should.edits));
    match all.is_empty() {
        true => "the tables hold the right rows in the wrong order".to_owned(),
        false => format!("the tables differ:{}", all.concat()),
    }
}
