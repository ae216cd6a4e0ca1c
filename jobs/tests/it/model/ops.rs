//! What may happen to a queue, and how often it happens in a random history.
//!
//! An operation names no job: it carries a number that picks one of those it applies to when its
//! turn comes. So any list of operations is a valid history, and stays one when it is shortened.

use proptest::collection::vec;
use proptest::prelude::*;

use super::queue::Policy;

/// One step of a history. A `slot` is one of two worker processes; after it died or stopped, a new
/// one takes its place.
#[derive(Debug, Clone)]
pub enum Op {
    Enqueue {
        key: Option<u8>,
        priority: i32,
        delay_s: i64,
        max_attempts: i32,
    },
    Claim {
        slot: usize,
        limit: i32,
        suspects: i32,
        answer: Answer,
    },
    /// A worker starts one of its jobs alone.
    StartAlone {
        slot: usize,
        pick: usize,
    },
    /// Up to `most` of the jobs that a worker may run by now succeed, and are written down together.
    Succeed {
        slot: usize,
        pick: usize,
        most: usize,
    },
    Fail {
        slot: usize,
        pick: usize,
        how: Failure,
    },
    /// A worker hands back a job that has not started, and what is behind it.
    Release {
        slot: usize,
        pick: usize,
    },
    /// Somebody acts on a claim that is no longer his.
    Stale {
        pick: usize,
        act: Act,
    },
    /// A worker is gone, and another notices.
    Die {
        slot: usize,
    },
    /// A worker is taken for dead, but has beaten since.
    FalseAlarm {
        slot: usize,
    },
    Beat {
        slot: usize,
    },
    /// A worker stops in an orderly way.
    Retire {
        slot: usize,
    },
    Later {
        seconds: i64,
    },
    Redrive {
        pick: usize,
        most: usize,
    },
    /// Dead letters are archived or discarded. One as its command does it, several as an operation does: so are
    /// those that follow.
    PutAway {
        pick: usize,
        most: usize,
        how: Away,
    },
    Restore {
        pick: usize,
        most: usize,
    },
    /// The payload of dead letters is changed, and they are put back.
    Edit {
        pick: usize,
        most: usize,
    },
    /// Another event, with a job of its own, takes the place of one that could not be published.
    Correct {
        pick: usize,
    },
    Cancel {
        pick: usize,
    },
    RunNow {
        pick: usize,
    },
    Pause,
    Resume,
}

/// Whether the answer of a claim reaches the worker.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Answer {
    Arrives,
    Lost,
}

/// How an attempt ends that does not succeed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Failure {
    Transient,
    Permanent,
    Unavailable { seconds: i64 },
    Snooze { seconds: i64 },
    Cancel,
}

/// Where to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Away {
    Archived,
    Discarded,
}

impl Away {
    /// The state of a dead letter, and the outcome in its history.
    pub fn state(self) -> &'static str {
        match self {
            Self::Archived => "archived",
            Self::Discarded => "discarded",
        }
    }
}

/// What can be tried with a claim.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Act {
    Complete,
    Fail,
    HandBackBehind,
    Release,
    StartAlone,
}

/// Whole histories, each of a queue with a policy of its own: ordinary ones, and nights in which much dies.
pub fn histories() -> impl Strategy<Value = (Vec<Op>, Policy)> {
    let policy = (any::<bool>(), 1..3)
        .prop_map(|(hold_key_on_dead_letter, max_crashes)| Policy { hold_key_on_dead_letter, max_crashes });
    (prop_oneof![vec(op(), 1..60), vec(at_night(), 1..60)], policy)
}

/// Operators have much to do.
fn at_night() -> impl Strategy<Value = Op> {
    let die = (0..2_usize, 0..12_usize).prop_map(|(slot, pick)| Op::Fail { slot, pick, how: Failure::Permanent });
    prop_oneof![
        8 => work(),
        6 => die,
        1 => trouble(),
        8 => operator(),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => work(),
        5 => trouble(),
        5 => operator(),
        2 => prop_oneof![Just(1), Just(30), Just(60), Just(3600)].prop_map(|seconds| Op::Later { seconds }),
    ]
}

fn work() -> impl Strategy<Value = Op> {
    let slot = 0..2_usize;
    prop_oneof![
        4 => enqueue(),
        4 => (slot.clone(), 1..5, 0..3, prop_oneof![9 => Just(Answer::Arrives), 1 => Just(Answer::Lost)])
            .prop_map(|(slot, limit, suspects, answer)| Op::Claim { slot, limit, suspects, answer }),
        1 => (slot.clone(), 0..12_usize).prop_map(|(slot, pick)| Op::StartAlone { slot, pick }),
        3 => (slot, 0..12_usize, 1..4_usize).prop_map(|(slot, pick, most)| Op::Succeed { slot, pick, most }),
    ]
}

fn enqueue() -> impl Strategy<Value = Op> {
    let key = prop_oneof![2 => Just(None), 2 => Just(Some(0)), 1 => Just(Some(1))];
    let delay = prop_oneof![5 => Just(0), 1 => Just(60)];
    // none at all: exhausted before it begins, as no statement of ours leaves one
    let max_attempts = prop_oneof![1 => Just(0), 20 => 1..4];
    (key, 0..3, delay, max_attempts).prop_map(|(key, priority, delay_s, max_attempts)| Op::Enqueue {
        key,
        priority: if key.is_some() { 0 } else { priority },
        delay_s,
        max_attempts: if key.is_some() { max_attempts.max(1) } else { max_attempts },
    })
}

fn trouble() -> impl Strategy<Value = Op> {
    let slot = 0..2_usize;
    let act = prop_oneof![
        Just(Act::Complete),
        Just(Act::Fail),
        Just(Act::HandBackBehind),
        Just(Act::Release),
        Just(Act::StartAlone)
    ];
    prop_oneof![
        6 => (slot.clone(), 0..12_usize, failure()).prop_map(|(slot, pick, how)| Op::Fail { slot, pick, how }),
        1 => (slot.clone(), 0..12_usize).prop_map(|(slot, pick)| Op::Release { slot, pick }),
        3 => (0..12_usize, act).prop_map(|(pick, act)| Op::Stale { pick, act }),
        3 => slot.clone().prop_map(|slot| Op::Die { slot }),
        1 => slot.clone().prop_map(|slot| Op::FalseAlarm { slot }),
        1 => slot.clone().prop_map(|slot| Op::Beat { slot }),
        1 => slot.prop_map(|slot| Op::Retire { slot }),
    ]
}

fn failure() -> impl Strategy<Value = Failure> {
    prop_oneof![
        4 => Just(Failure::Transient),
        2 => Just(Failure::Permanent),
        1 => prop_oneof![Just(0), Just(1)].prop_map(|seconds| Failure::Unavailable { seconds }),
        1 => prop_oneof![Just(0), Just(60)].prop_map(|seconds| Failure::Snooze { seconds }),
        1 => Just(Failure::Cancel),
    ]
}

fn operator() -> impl Strategy<Value = Op> {
    let some = || (0..12_usize, 1..3_usize);
    let how = prop_oneof![Just(Away::Archived), Just(Away::Discarded)];
    prop_oneof![
        4 => some().prop_map(|(pick, most)| Op::Redrive { pick, most }),
        4 => (some(), how).prop_map(|((pick, most), how)| Op::PutAway { pick, most, how }),
        3 => some().prop_map(|(pick, most)| Op::Restore { pick, most }),
        3 => some().prop_map(|(pick, most)| Op::Edit { pick, most }),
        2 => (0..12_usize).prop_map(|pick| Op::Correct { pick }),
        2 => (0..12_usize).prop_map(|pick| Op::Cancel { pick }),
        2 => (0..12_usize).prop_map(|pick| Op::RunNow { pick }),
        1 => Just(Op::Pause),
        2 => Just(Op::Resume),
    ]
}
