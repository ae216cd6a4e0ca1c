//! B6: messages that wait in three groups' queues become jobs, are handled and acknowledged. The
//! handler does nothing, so what is measured is the machinery: inbox, job, mark, completion.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use domain::customers::CustomerChanged;
use domain::kernel::policy::QueuePolicies;
use domain::{Db, Error, Tx};
use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _, stream};
use jobs::Wiring;
use jobs::bus::consumer::Receive;
use jobs::bus::{Bus, BusState, RabbitMq, Settings};
use jobs::reactions::Reactions;
use tokio_util::sync::CancellationToken;

use crate::Result;
use crate::amqp;
use crate::bench::Bench;
use crate::measured::{Measured, Reach};
use crate::plan::Part;
use crate::scratch::Scratch;
use crate::work;

use super::drain::{PER_KEY, variant};

const GROUPS: [&str; 3] = ["bench-one", "bench-two", "bench-three"];

pub(super) async fn measure(bench: &mut Bench) -> Result<Vec<Measured>> {
    let floor = bench.value(Part::F3, "8 connections").await?;
    let messages = bench.sizes.jobs.first().copied().unwrap_or(20_000);
    let what = format!("{} messages to three groups", variant(messages));
    let runs = bench.repeat(&what, async || once(bench, messages).await).await?;
    Ok(vec![Measured::new(variant(messages), "/s", runs).reach(Reach::at_least(0.5, "F3", floor))])
}

/// Effects per second, of all groups together, in a database of its own.
async fn once(bench: &Bench, messages: usize) -> Result<f64> {
    let scratch = bench.migrated("consumer").await?;
    let handled = Arc::new(AtomicUsize::new(0));
    let reactions = Arc::new(reactions(&handled));
    let settings = Settings { url: bench.amqp.clone(), ..Settings::default() };
    let bus = Arc::new(RabbitMq::start(settings.clone(), &reactions.subscriptions())?);
    fill(&*bus, messages).await?;

    let db = Db::new(scratch.pool_as("portal_worker").await?, QueuePolicies::default());
    let receive = Receive { settings, prefetch: 500, batch: 250 };
    let wiring = Wiring { reactions: reactions.clone(), receive: Some(receive), ..Wiring::to(bus) };
    let stop = CancellationToken::new();
    let started = Instant::now();
    let worker = tokio::spawn(jobs::run(db, wiring, jobs::runtime::Settings::default(), stop.clone()));
    let took = until_done(&scratch, &handled, GROUPS.len() * messages).await.map(|()| started.elapsed());
    stop.cancel();
    worker.await?;
    amqp::delete(&bench.amqp, &reactions.subscriptions()).await?;
    scratch.remove().await?;
    Ok((GROUPS.len() * messages) as f64 / took?.as_secs_f64())
}

fn reactions(handled: &Arc<AtomicUsize>) -> Reactions {
    GROUPS.iter().fold(Reactions::default(), |reactions, group| {
        reactions.on::<CustomerChanged, _>(group, counting(handled.clone()))
    })
}

fn counting(
    handled: Arc<AtomicUsize>,
) -> impl for<'a> Fn(CustomerChanged, &'a mut Tx) -> BoxFuture<'a, std::result::Result<(), Error>> + Send + Sync + 'static
{
    move |_, _| {
        handled.fetch_add(1, Ordering::Relaxed);
        std::future::ready(Ok(())).boxed()
    }
}

/// Publishes events, those of a customer in order, and waits for the confirms.
async fn fill(bus: &dyn Bus, messages: usize) -> Result<()> {
    let mut state = bus.state();
    tokio::time::timeout(Duration::from_secs(30), state.wait_for(|state| *state == BusState::Up)).await??;
    let events = work::events(messages, messages / PER_KEY)?;
    let mut published = stream::iter(&events).map(|event| bus.publish(event)).buffered(500);
    while let Some(confirmed) = published.next().await {
        confirmed?;
    }
    Ok(())
}

/// Waits until every effect has happened and every job is written down.
async fn until_done(scratch: &Scratch, handled: &AtomicUsize, effects: usize) -> Result<()> {
    let patience = Instant::now() + Duration::from_secs(300);
    loop {
        if Instant::now() > patience {
            return Err(format!("{} of {effects} effects after five minutes", handled.load(Ordering::Relaxed)).into());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
        if handled.load(Ordering::Relaxed) >= effects {
            let left: bool =
                sqlx::query_scalar("select exists (select from apalis.jobs)").fetch_one(&scratch.admin).await?;
            if !left {
                return Ok(());
            }
        }
    }
}
