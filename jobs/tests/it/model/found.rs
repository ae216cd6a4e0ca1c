//! Histories that have found mistakes in the product, as short as they were made. They stay here
//! because a seed means another history as soon as `ops` changes.

use super::ops::Op::{Claim, Die, Enqueue, Fail, Redrive, StartAlone};
use super::ops::{Answer, Failure};
use super::*;

const KEYED: Op = Enqueue { key: Some(0), priority: 0, delay_s: 0, max_attempts: 1 };
const URGENT: Op = Enqueue { key: None, priority: 1, delay_s: 0, max_attempts: 1 };

fn claim(slot: usize, limit: i32, suspects: i32) -> Op {
    Claim { slot, limit, suspects, answer: Answer::Arrives }
}

/// Another job takes the only place of a claim: the later of two jobs of a key must not come along
/// as a suspect while the earlier one waits for the next claim.
fn overtaken_by_a_suspect() -> [(&'static str, Vec<Op>); 2] {
    let redriven = vec![
        KEYED,
        claim(0, 1, 0),
        KEYED,
        Fail { slot: 0, pick: 0, how: Failure::Transient },
        claim(1, 1, 0),
        Redrive { pick: 0, most: 1 },
        Die { slot: 1 },
        URGENT,
        claim(0, 1, 1),
    ];
    let handed_back = vec![
        KEYED,
        KEYED,
        claim(0, 2, 0),
        Die { slot: 0 },
        claim(0, 1, 1),
        StartAlone { slot: 0, pick: 0 },
        Fail { slot: 0, pick: 0, how: Failure::Unavailable { seconds: 0 } },
        URGENT,
        claim(1, 1, 1),
    ];
    [("a redriven job", redriven), ("a job handed back for its dependency", handed_back)]
}

#[sqlx::test(migrations = false)]
async fn what_was_found_once_is_right_now(owner: PgPool) {
    let options = superuser(&owner).await;
    let played = tokio::task::spawn_blocking(move || {
        let player = Player::new(&options);
        let policy = Policy { hold_key_on_dead_letter: false, max_crashes: 3 };
        for (what, ops) in overtaken_by_a_suspect() {
            player.play(&player.sql, &ops, policy).unwrap_or_else(|why| panic!("{what} is overtaken: {why}"));
        }
    });
    played.await.unwrap();
}
