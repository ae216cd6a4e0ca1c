//! One run: everything up, load, faults, everything through, everything down, check.

use std::time::{Duration, Instant};

use fastrand::Rng;
use futures::future::join_all;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::Result;
use crate::check::{self, Promise, Violation};
use crate::consumer::Consumer;
use crate::faults::Shot;
use crate::history::{Command, History};
use crate::load::Load;
use crate::options::{Form, Options};
use crate::recovery::{self, BOUND, Round};
use crate::report;
use crate::schedule;
use crate::world::World;

/// Everything committed must be through this long after the last fault.
const LAST_DRAIN: Duration = Duration::from_secs(120);
/// Between a fault's recovery and the next.
const BREATH: Duration = Duration::from_millis(200);

/// Runs it; true when every promise was kept.
pub(crate) async fn run(options: &Options, seed: u64) -> Result<bool> {
    let begun = Instant::now();
    let world = World::start(options, Form::of(options)).await?;
    // nothing was published yet
    let consumer = Consumer::start(world.places.amqp_url(world.places.amqp_port));
    consumer.ready().await?;
    let mut rng = Rng::with_seed(seed);
    let load = Load::start(world.sender()?, &world.form, seed).await?;
    println!("{:>6.1} s  up; load begins", begun.elapsed().as_secs_f64());
    let rounds = Faults { world: &world, load: &load, begun }.all(options, &mut rng).await;
    println!("{:>6.1} s  the last fault is over; waiting until everything is through", begun.elapsed().as_secs_f64());
    let commands = load.stop().await;
    let left = drain(&world).await;
    let troubles = world.database.troubles().await.unwrap_or_default();
    let history = wind_down(world, &consumer, commands).await?;
    let (counts, mut violations) = check::check(&history);
    violations.extend(rounds.iter().flat_map(broken));
    report::print(&rounds, &counts, &troubles);
    println!("{:>6.1} s in all; jobs left: {left}", begun.elapsed().as_secs_f64());
    report::verdict(&violations, seed);
    if !violations.is_empty() {
        report::keep(&history, &options.work)?;
    }
    Ok(violations.is_empty())
}

struct Faults<'a> {
    world: &'a World,
    load: &'a Load,
    begun: Instant,
}

impl Faults<'_> {
    /// All faults once; then mixes, until there were enough and enough commands were issued.
    async fn all(&self, options: &Options, rng: &mut Rng) -> Vec<Round> {
        let (each, skipped) = schedule::each(options, self.world, rng);
        for (fault, why) in skipped {
            println!("          skipped: {fault}: {why}");
        }
        let mut rounds = Vec::new();
        for shot in &each {
            rounds.push(self.round(vec![*shot]).await);
        }
        let form = &self.world.form;
        for number in 0.. {
            let enough = number >= form.mixes && self.load.issued() >= form.commands;
            if enough || each.is_empty() || rounds.iter().any(|(round, _)| round.recovery.first.is_none()) {
                break;
            }
            if form.mixes == 0 {
                sleep(BREATH).await;
            } else {
                rounds.push(self.round(schedule::mix(&each, form.workers, rng)).await);
            }
        }
        join_all(rounds.into_iter().map(finished)).await
    }

    /// One fault, or two at the same time; how long it takes to catch up is found out meanwhile.
    async fn round(&self, shots: Vec<Shot>) -> Unfinished {
        let began = Instant::now();
        let results = join_all(shots.iter().map(|shot| shot.take_place(self.world))).await;
        let failure = results.into_iter().find_map(Result::err).map(|error| error.to_string());
        let (returned, database) = (Instant::now(), &self.world.database);
        let (first, mark) = recovery::first_publish(database, returned).await;
        let caught_up = mark.map(|mark| tokio::spawn(recovery::caught_up(database.clone(), mark, returned)));
        let recovery = recovery::Recovery { first, caught_up: None };
        let lasted = returned - began;
        let round = Round { shots, began: began - self.begun, lasted, failure, recovery };
        report::progress(&round, self.load.issued());
        sleep(BREATH).await;
        (round, caught_up)
    }
}

type Unfinished = (Round, Option<JoinHandle<Option<Duration>>>);

async fn finished((mut round, caught_up): Unfinished) -> Round {
    if let Some(caught_up) = caught_up {
        round.recovery.caught_up = caught_up.await.ok().flatten();
    }
    round
}

fn broken(round: &Round) -> Vec<Violation> {
    let names = report::names(&round.shots);
    let failed = round.failure.iter().map(|failure| (Promise::Faulted, failure.clone()));
    let late = match round.recovery.first {
        Some(first) if first <= BOUND => None,
        Some(first) => Some(format!("after {:.1} s", first.as_secs_f64())),
        None => Some("not at all".to_owned()),
    };
    let late = late.map(|how| (Promise::Recovered, how));
    failed.chain(late).map(|(promise, what)| Violation { promise, example: format!("{names}: {what}") }).collect()
}

/// Waits until no job is left; how many are in the end.
async fn drain(world: &World) -> i64 {
    let begun = Instant::now();
    loop {
        let left = world.database.left().await.unwrap_or(-1);
        if left == 0 || begun.elapsed() > LAST_DRAIN {
            return left;
        }
        sleep(Duration::from_millis(200)).await;
    }
}

/// Stops everything, and reads what became of it.
async fn wind_down(world: World, consumer: &Consumer, commands: Vec<Command>) -> Result<History> {
    let mut history = History { commands, ..History::default() };
    world.api.stop().await?;
    for worker in world.workers {
        worker.stop().await?;
    }
    world.database.read(&mut history).await?;
    // the consumer may still be behind
    let begun = Instant::now();
    loop {
        history.arrivals = consumer.arrivals();
        let arrived: std::collections::HashSet<_> = history.arrivals.iter().map(|arrival| arrival.event).collect();
        if arrived.len() >= history.published.len() || begun.elapsed() > Duration::from_secs(30) {
            break;
        }
        sleep(Duration::from_millis(200)).await;
    }
    world.rabbitmq.kill().await?;
    world.postgres.stop().await?;
    Ok(history)
}
