//! What operators do with dead letters.

use super::{Model, OPERATOR};
use crate::model::ops::Away;
use crate::model::tables::{Dead, Edit, Job};

/// The payload after an edit: another one each time.
pub fn edited(payload: &str) -> String {
    format!("{payload}+")
}

/// The job that takes the place of another one, in the order of ids too.
pub fn successor(id: &str) -> String {
    format!("{id}c")
}

impl Model {
    /// A dead letter that is left to do.
    pub fn dead(&self, id: &str) -> Option<&Dead> {
        self.tables.dead.iter().find(|dead| dead.id == id && dead.away.is_none())
    }

    /// Puts dead letters back, each with one more attempt. Returns the ids of those that were dead.
    pub fn redrive(&mut self, ids: &[String]) -> Vec<String> {
        let mut redriven = Vec::new();
        for id in ids {
            let Some(dead) = self.dead(id).cloned() else { continue };
            self.tables.dead.retain(|other| &other.id != id);
            self.note(id, dead.attempts, "redriven", OPERATOR, Some(0));
            let (attempts, redrives) = (dead.attempts, dead.redrives + 1);
            self.put_back(Job { attempts, max_attempts: attempts + 1, redrives, ..free_job(&dead) });
            redriven.push(id.clone());
        }
        redriven
    }

    /// Puts dead letters away. Returns the ids of those that were dead.
    pub fn put_away(&mut self, how: Away, ids: &[String]) -> Vec<String> {
        let mut away = Vec::new();
        for id in ids {
            let Some(dead) = self.tables.dead.iter_mut().find(|dead| &dead.id == id && dead.away.is_none()) else {
                continue;
            };
            (dead.away, dead.holds) = (Some(how.state().to_owned()), false);
            let attempts = dead.attempts;
            self.note(id, attempts, how.state(), OPERATOR, None);
            away.push(id.clone());
        }
        away
    }

    /// Brings back what was put away; but not what another event has taken the place of. It does not hold its key
    /// again. Returns their ids.
    pub fn restore(&mut self, ids: &[String]) -> Vec<String> {
        let mut restored = Vec::new();
        for id in ids {
            let corrected = self.tables.edits.iter().any(|edit| &edit.job == id && edit.corrected);
            let put_away = |dead: &&mut Dead| &dead.id == id && dead.away.is_some() && !corrected;
            let Some(dead) = self.tables.dead.iter_mut().find(put_away) else { continue };
            dead.away = None;
            let attempts = dead.attempts;
            self.note(id, attempts, "restored", OPERATOR, None);
            restored.push(id.clone());
        }
        restored
    }

    /// Gives dead letters another payload, and puts them back. What it was is kept.
    pub fn edit(&mut self, ids: &[String]) -> Vec<String> {
        for id in ids {
            let Some(dead) = self.tables.dead.iter_mut().find(|dead| &dead.id == id && dead.away.is_none()) else {
                continue;
            };
            let after = edited(&dead.payload);
            let before = std::mem::replace(&mut dead.payload, after.clone());
            self.tables.edits.push(Edit { job: id.clone(), before, after, corrected: false });
        }
        self.redrive(ids)
    }

    /// Another job takes the place of a dead letter, which is discarded.
    pub fn correct(&mut self, id: &str, max_attempts: i32) -> Vec<String> {
        let Some(dead) = self.dead(id).cloned() else { return Vec::new() };
        let after = edited(&dead.payload);
        self.put_away(Away::Discarded, &[id.to_owned()]);
        let edit = Edit { job: id.to_owned(), before: dead.payload.clone(), after: after.clone(), corrected: true };
        self.tables.edits.push(edit);
        let corrected = Job { id: successor(id), payload: after, priority: 0, max_attempts, ..free_job(&dead) };
        self.put_back(corrected);
        vec![id.to_owned()]
    }

    fn put_back(&mut self, job: Job) {
        self.tables.live.push(job);
        self.tables.live.sort_by(|a, b| a.id.cmp(&b.id));
    }
}

/// A job that is due at once, where the dead letter stood.
fn free_job(dead: &Dead) -> Job {
    Job {
        id: dead.id.clone(),
        key: dead.key.clone(),
        priority: dead.priority,
        status: String::new(),
        attempts: 0,
        max_attempts: 0,
        run_in: 0,
        // it comes before the later jobs of its key
        deferred: dead.key.is_some(),
        held_by: None,
        claims: 0,
        suspect: false,
        alone: false,
        crashes: 0,
        redrives: 0,
        waiting_for: None,
        payload: dead.payload.clone(),
        state: String::new(),
    }
}
