//! What operators do with dead letters, on the database and on the model.

use super::{Play, broken, same};
use crate::model::ops::Op;
use crate::model::queue::successor;
use crate::model::rules::Broken;

/// Of a job that takes the place of another.
const ATTEMPTS: i32 = 3;

impl Play<'_> {
    pub(super) async fn handle_dead_letters(&mut self, op: &Op) -> Result<(), Broken> {
        let (db, model) = (&mut self.db, &mut self.model);
        let dead: Vec<String> = model.tables.dead.iter().map(|dead| dead.id.clone()).collect();
        let some = |pick: usize, most: usize| -> Vec<String> {
            let from = pick.checked_rem(dead.len()).unwrap_or_default();
            dead.iter().skip(from).take(most).cloned().collect()
        };
        let (what, is, mut should) = match *op {
            Op::Redrive { pick, most } => {
                let ids = some(pick, most);
                ("redrive", db.redrive(&ids).await, model.redrive(&ids))
            }
            Op::PutAway { pick, most, how } => {
                let ids = some(pick, most);
                ("put away", db.put_away(how, &ids).await, model.put_away(how, &ids))
            }
            Op::Restore { pick, most } => {
                let ids = some(pick, most);
                ("restore", db.restore(&ids).await, model.restore(&ids))
            }
            Op::Edit { pick, most } => {
                let ids = some(pick, most);
                ("edit", db.edit(&ids).await, model.edit(&ids))
            }
            Op::Correct { pick } => match some(pick, 1).pop() {
                Some(id) => {
                    let should = model.correct(&id, ATTEMPTS);
                    self.jobs.extend(should.iter().map(|id| successor(id)));
                    ("correct", db.correct(&id, ATTEMPTS).await, should)
                }
                None => return Ok(()),
            },
            _ => return Ok(()),
        };
        let mut is = is.map_err(broken)?;
        is.sort();
        should.sort();
        same(what, is, should)
    }
}
