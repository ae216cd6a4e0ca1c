//! Compares what was promised with what happened. Pure: no I/O.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use uuid::Uuid;

use crate::history::{Arrival, Command, Event, History, Outcome, Place};

/// What must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Promise {
    /// An acknowledged command's event is in the event log, once, with the version that was answered.
    Logged,
    /// State, event, job and stored answer of a command exist together or not at all.
    Whole,
    /// A refused command has no effect.
    Refused,
    /// A job is in one place.
    OnePlace,
    /// A committed event is published: its job completed, its confirm written down.
    Published,
    /// A committed event arrives at a consumer.
    Delivered,
    /// A committed event has its effect in the product's own consumer group.
    Handled,
    /// Nothing arrives that was not committed.
    Real,
    /// The events of an aggregate arrive in order.
    Ordered,
    /// Every fault took place.
    Faulted,
    /// Publishing resumes soon after a dependency's return.
    Recovered,
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Logged => "an acknowledged command's event is in the event log, once",
            Self::Whole => "state, event, job and stored answer exist together or not at all",
            Self::Refused => "a refused command has no effect",
            Self::OnePlace => "a job is in one place",
            Self::Published => "a committed event is published and its job completed",
            Self::Delivered => "a committed event is delivered",
            Self::Handled => "a committed event has its effect in the consumer group",
            Self::Real => "nothing is delivered that was not committed",
            Self::Ordered => "the events of an aggregate arrive in order",
            Self::Faulted => "every fault takes place",
            Self::Recovered => "publishing resumes within 20 s of a dependency's return",
        })
    }
}

/// One example of a broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation<P = Promise> {
    pub(crate) promise: P,
    pub(crate) example: String,
}

/// Figures for the report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) acknowledged: usize,
    pub(crate) refused: usize,
    /// Given up without an answer.
    pub(crate) unknown: usize,
    /// Of these, how many took effect.
    pub(crate) unknown_happened: usize,
    /// Acknowledged or refused only after an answer got lost.
    pub(crate) asked_again: usize,
    pub(crate) events: usize,
    pub(crate) arrivals: usize,
    /// Arrivals of an event that had arrived before.
    pub(crate) duplicates: usize,
}

/// Looks at everything; violations in no particular order.
pub(crate) fn check(history: &History) -> (Counts, Vec<Violation>) {
    let mut checker = Checker::new(history);
    history.commands.iter().for_each(|command| checker.command(command));
    history.events.iter().for_each(|event| checker.event(event));
    checker.jobs();
    checker.states();
    checker.arrivals();
    (checker.counts, checker.violations)
}

struct Checker<'a> {
    history: &'a History,
    of_command: HashMap<&'a str, Vec<&'a Event>>,
    of_aggregate: BTreeMap<Uuid, Vec<&'a Event>>,
    arrived: HashSet<Uuid>,
    counts: Counts,
    violations: Vec<Violation>,
}

impl<'a> Checker<'a> {
    fn new(history: &'a History) -> Self {
        let mut of_command: HashMap<&str, Vec<&Event>> = HashMap::new();
        let mut of_aggregate: BTreeMap<Uuid, Vec<&Event>> = BTreeMap::new();
        for event in &history.events {
            of_command.entry(&event.command).or_default().push(event);
            of_aggregate.entry(event.aggregate).or_default().push(event);
        }
        Self {
            history,
            of_command,
            of_aggregate,
            arrived: history.arrivals.iter().map(|arrival| arrival.event).collect(),
            counts: Counts { events: history.events.len(), ..Counts::default() },
            violations: Vec::new(),
        }
    }

    fn broken(&mut self, promise: Promise, example: String) {
        self.violations.push(Violation { promise, example });
    }

    fn command(&mut self, command: &Command) {
        let events = self.of_command.get(command.id.as_str()).cloned().unwrap_or_default();
        let (id, lost) = (&command.id, command.lost_answers);
        self.counts.asked_again += usize::from(lost > 0 && command.outcome != Outcome::Lost);
        match command.outcome {
            Outcome::Acknowledged { aggregate, version } => {
                self.counts.acknowledged += 1;
                let [event] = events.as_slice() else {
                    let problem = format!("command {id} has {} events, {lost} of its answers were lost", events.len());
                    return self.broken(Promise::Logged, problem);
                };
                if (event.aggregate, event.sequence) != (aggregate, version) {
                    let problem = format!("command {id} was answered {aggregate} version {version}, but is {event:?}");
                    self.broken(Promise::Logged, problem);
                }
            }
            Outcome::Refused { status } => {
                self.counts.refused += 1;
                if let Some(event) = events.first() {
                    self.broken(
                        Promise::Refused,
                        format!("command {id}, refused with {status}, is event {}", event.id),
                    );
                }
            }
            Outcome::Lost => {
                self.counts.unknown += 1;
                self.counts.unknown_happened += usize::from(!events.is_empty());
                if events.len() > 1 {
                    self.broken(Promise::Whole, format!("command {id}, sent once, has {} events", events.len()));
                }
            }
        }
        self.stored_answer(command, !events.is_empty());
    }

    /// The answer is stored in the transaction of the effect.
    fn stored_answer(&mut self, command: &Command, happened: bool) {
        let stored = self.history.keys.get(&command.id).is_some_and(|status| (200..300).contains(status));
        if command.has_key && stored != happened {
            let problem = format!("command {}: success stored: {stored}, effect: {happened}", command.id);
            self.broken(Promise::Whole, problem);
        }
    }

    fn event(&mut self, event: &Event) {
        let places = self.history.jobs.get(&event.job).cloned().unwrap_or_default();
        if places.is_empty() {
            self.broken(Promise::OnePlace, format!("event {} has no job anywhere", event.id));
        }
        let published = self.history.published.contains(&event.job);
        if !published || places.iter().any(|place| *place != Place::Completed) {
            let problem = format!("event {}: job {places:?}, confirm written down: {published}", event.id);
            self.broken(Promise::Published, problem);
        }
        if !self.arrived.contains(&event.id) {
            self.broken(Promise::Delivered, format!("event {} ({} {})", event.id, event.aggregate, event.sequence));
        }
        if !self.history.handled.contains(&event.id) {
            self.broken(Promise::Handled, format!("event {} ({} {})", event.id, event.aggregate, event.sequence));
        }
    }

    fn jobs(&mut self) {
        let known: HashSet<&str> = self.history.events.iter().map(|event| event.job.as_str()).collect();
        for (job, places) in &self.history.jobs {
            if places.len() > 1 {
                self.broken(Promise::OnePlace, format!("job {job} is in {places:?}"));
            }
        }
        for job in &self.history.outbox {
            if !known.contains(job.as_str()) {
                self.broken(Promise::Whole, format!("job {job} publishes an event that is not in the log"));
            }
        }
    }

    /// An aggregate's events are numbered 1, 2, 3 … up to its version, and the last says what it is.
    fn states(&mut self) {
        let of_aggregate = std::mem::take(&mut self.of_aggregate);
        for aggregate in self.history.aggregates.keys().filter(|id| !of_aggregate.contains_key(id)) {
            self.broken(Promise::Whole, format!("{aggregate} exists without an event"));
        }
        for (aggregate, events) in of_aggregate {
            let sequences: Vec<i64> = events.iter().map(|event| event.sequence).collect();
            if !sequences.iter().copied().eq(1..=i64::try_from(sequences.len()).unwrap_or(i64::MAX)) {
                self.broken(Promise::Whole, format!("the events of {aggregate} are numbered {sequences:?}"));
            }
            let (state, last) = (self.history.aggregates.get(&aggregate), events.last());
            let is = state.map(|state| (state.version, state.is.as_str()));
            let should = last.map(|event| (event.sequence, event.says.as_str()));
            if is != should {
                self.broken(Promise::Whole, format!("{aggregate} is {is:?}, its last event says {should:?}"));
            }
            let effect = self.history.effects.get(&aggregate).copied();
            if effect != last.map(|event| event.sequence) {
                self.broken(
                    Promise::Handled,
                    format!("{aggregate}: the effect is that of {effect:?}, not of {should:?}"),
                );
            }
        }
    }

    fn arrivals(&mut self) {
        let known: HashMap<Uuid, &Event> = self.history.events.iter().map(|event| (event.id, event)).collect();
        let (mut seen, mut newest) = (HashSet::new(), HashMap::<Uuid, i64>::new());
        for arrival in &self.history.arrivals {
            self.counts.arrivals += 1;
            let same = |e: &&Event| (e.aggregate, e.sequence) == (arrival.aggregate, arrival.sequence);
            if known.get(&arrival.event).filter(|e| same(e)).is_none() {
                self.broken(Promise::Real, format!("event {} is not in the log like this", arrival.event));
            }
            if !seen.insert(arrival.event) {
                self.counts.duplicates += 1;
                continue;
            }
            let before = newest.insert(arrival.aggregate, arrival.sequence).unwrap_or_default();
            if before >= arrival.sequence {
                let Arrival { aggregate, sequence, .. } = arrival;
                self.broken(Promise::Ordered, format!("{aggregate}: {sequence} arrived first after {before}"));
            }
        }
    }
}

#[cfg(test)]
mod tests;
