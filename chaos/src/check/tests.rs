//! Histories that are good, and known-bad ones that must be caught.

use super::*;
use crate::history::State;

fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

fn command(name: &str, outcome: Outcome) -> Command {
    Command { id: name.to_owned(), has_key: true, lost_answers: 0, outcome }
}

/// Events `1` and `2` of aggregate `id(9)`, a refused command, one that was lost with effect (event
/// `3`), one without; event `1` arrives twice.
fn good() -> History {
    let names = [(1, "a"), (2, "b"), (3, "lost")];
    let event = |(n, command): (i64, &str)| Event {
        id: id(n.unsigned_abs().into()),
        command: command.to_owned(),
        aggregate: id(9),
        sequence: n,
        job: format!("job-{n}"),
        says: format!("state {n}"),
    };
    let events: Vec<Event> = names.into_iter().map(event).collect();
    let acknowledged = |version| Outcome::Acknowledged { aggregate: id(9), version };
    let arrivals =
        [1, 2, 1, 3].map(|n: i64| Arrival { event: id(n.unsigned_abs().into()), aggregate: id(9), sequence: n });
    History {
        commands: vec![
            command("a", acknowledged(1)),
            command("b", acknowledged(2)),
            command("refused", Outcome::Refused { status: 409 }),
            command("lost", Outcome::Lost),
            command("lost without effect", Outcome::Lost),
        ],
        jobs: events.iter().map(|event| (event.job.clone(), vec![Place::Completed])).collect(),
        outbox: events.iter().map(|event| event.job.clone()).collect(),
        published: events.iter().map(|event| event.job.clone()).collect(),
        aggregates: [(id(9), State { version: 3, is: "state 3".to_owned() })].into(),
        keys: [("a", 200), ("b", 200), ("refused", 409), ("lost", 200)].map(|(k, s)| (k.to_owned(), s)).into(),
        handled: events.iter().map(|event| event.id).collect(),
        effects: [(id(9), 3)].into(),
        arrivals: arrivals.to_vec(),
        events,
    }
}

/// Which promises are broken after this change of a good history.
fn broken(change: impl FnOnce(&mut History)) -> Vec<Promise> {
    let mut history = good();
    change(&mut history);
    let mut promises: Vec<Promise> = check(&history).1.into_iter().map(|violation| violation.promise).collect();
    promises.sort();
    promises.dedup();
    promises
}

#[test]
fn a_good_history_passes_and_is_counted() {
    let (counts, violations) = check(&good());
    assert_eq!(violations, []);
    let expected = Counts {
        acknowledged: 2,
        refused: 1,
        unknown: 2,
        unknown_happened: 1,
        asked_again: 0,
        events: 3,
        arrivals: 4,
        duplicates: 1,
    };
    assert_eq!(counts, expected);
}

#[test]
fn a_lost_event() {
    assert_eq!(broken(|h| h.arrivals.retain(|a| a.sequence != 2)), [Promise::Delivered]);
    let unpublished = |h: &mut History| {
        h.published.remove("job-2");
    };
    assert_eq!(broken(unpublished), [Promise::Published]);
    let left_over = |h: &mut History| {
        h.jobs.insert("job-2".into(), vec![Place::Live]);
    };
    assert_eq!(broken(left_over), [Promise::Published]);
    let dead = |h: &mut History| {
        h.jobs.insert("job-2".into(), vec![Place::Dead]);
    };
    assert_eq!(broken(dead), [Promise::Published]);
}

#[test]
fn an_event_without_its_effect() {
    let unhandled = |h: &mut History| {
        h.handled.remove(&id(2));
    };
    assert_eq!(broken(unhandled), [Promise::Handled]);
    let out_of_order = |h: &mut History| {
        h.effects.insert(id(9), 2);
    };
    assert_eq!(broken(out_of_order), [Promise::Handled], "the effect of 2 came after that of 3");
    assert_eq!(broken(|h| h.effects.clear()), [Promise::Handled]);
}

#[test]
fn an_acknowledged_command_without_its_event() {
    let gone = broken(|h| {
        h.events.pop();
        h.commands[3].outcome = Outcome::Acknowledged { aggregate: id(9), version: 3 };
    });
    assert!(gone.contains(&Promise::Logged), "{gone:?}");
    let other_version =
        |h: &mut History| h.commands[0].outcome = Outcome::Acknowledged { aggregate: id(9), version: 2 };
    assert_eq!(broken(other_version), [Promise::Logged]);
}

#[test]
fn a_swapped_order() {
    assert_eq!(broken(|h| h.arrivals.swap(0, 1)), [Promise::Ordered]);
}

#[test]
fn an_old_duplicate_is_no_swapped_order() {
    let late = |h: &mut History| {
        let first = h.arrivals[0].clone();
        h.arrivals.push(first);
    };
    assert_eq!(broken(late), []);
}

#[test]
fn a_job_in_two_places_or_none() {
    let two = |h: &mut History| {
        h.jobs.insert("job-1".into(), vec![Place::Live, Place::Completed]);
    };
    assert_eq!(broken(two), [Promise::OnePlace, Promise::Published]);
    let twice = |h: &mut History| {
        h.jobs.insert("job-1".into(), vec![Place::Completed, Place::Completed]);
    };
    assert_eq!(broken(twice), [Promise::OnePlace]);
    let none = |h: &mut History| {
        h.jobs.remove("job-1");
    };
    assert_eq!(broken(none), [Promise::OnePlace]);
}

#[test]
fn a_half_done_command() {
    let state_without_event = |h: &mut History| {
        h.aggregates.insert(id(9), State { version: 4, is: "state 4".to_owned() });
    };
    assert_eq!(broken(state_without_event), [Promise::Whole]);
    let event_without_state = |h: &mut History| {
        h.aggregates.clear();
    };
    assert_eq!(broken(event_without_state), [Promise::Whole]);
    let aggregate_without_event = |h: &mut History| {
        h.aggregates.insert(id(8), State { version: 1, is: String::new() });
    };
    assert_eq!(broken(aggregate_without_event), [Promise::Whole]);
    let job_without_event = |h: &mut History| {
        h.jobs.insert("job-7".into(), vec![Place::Live]);
        h.outbox.insert("job-7".into());
    };
    assert_eq!(broken(job_without_event), [Promise::Whole]);
    let handler_job = |h: &mut History| {
        h.jobs.insert("job-8".into(), vec![Place::Completed]);
    };
    assert_eq!(broken(handler_job), [], "not every job publishes an event");
    let effect_without_answer = |h: &mut History| {
        h.keys.remove("lost");
    };
    assert_eq!(broken(effect_without_answer), [Promise::Whole]);
    let answer_without_effect = |h: &mut History| {
        h.keys.insert("lost without effect".into(), 200);
    };
    assert_eq!(broken(answer_without_effect), [Promise::Whole]);
}

#[test]
fn a_command_that_was_asked_again_and_done_twice() {
    let twice = broken(|h| {
        h.events[1].command = "a".to_owned();
        h.commands.remove(1);
    });
    assert_eq!(twice, [Promise::Logged]);
}

#[test]
fn a_refused_command_with_effect() {
    assert_eq!(broken(|h| h.commands[1].outcome = Outcome::Refused { status: 409 }), [Promise::Refused]);
}

#[test]
fn an_arrival_that_nobody_committed() {
    let invented = |h: &mut History| h.arrivals.push(Arrival { event: id(77), aggregate: id(9), sequence: 4 });
    assert_eq!(broken(invented), [Promise::Real]);
}
