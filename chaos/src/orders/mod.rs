//! The scenario `orders`: a shop whose books must balance.
//!
//! ```text
//! buyers ──HTTP──▶ portal api ──▶ PostgreSQL ◀── portal worker × 3 ◀──▶ RabbitMQ ◀── copies of events
//!                                     │           handlers fail by chance
//! what buyers remember ──▶ check ◀────┘
//! ```
//!
//! In each act orders are placed and cancelled while handlers fail by chance and events arrive twice, and in
//! the middle of it something breaks. Then everything comes to rest, with an operator putting back what was
//! given up, and the books are checked.

mod books;
mod buyers;
mod catalogue;
mod check;
mod copies;
mod operator;
mod read;
mod report;
mod shop;

use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::Result;
use crate::check::Violation;
use crate::faults::{Fault, Shot};
use crate::options::{Form, Options};
use crate::program::Environment;
use crate::world::World;
use books::{Books, Placed};
use buyers::Buyers;
use catalogue::Catalogue;
use check::Promise;
use copies::Copies;
use shop::Shop;

/// What breaks in the middle of each act.
const ACTS: [Fault; 2] = [Fault::KillWorker, Fault::BrokerRestart];
/// Where handlers fail by chance: with all of their writes done; after their commit; a notification between
/// being sent and written down.
const FAILURES: &str = "fail-point:handling=20%return;fail-point:handled=5%return;fail-point:told=10%return";
/// What they say then.
const SAID_TO_FAIL: &str = "it is said to fail";
/// Those that fail, in the words of configuration.
const QUEUES: [&str; 6] = ["PORTAL", "STOCK", "ORDERS", "NOTIFICATIONS", "WEBHOOKS", "MAIL"];

/// How much.
#[derive(Debug, Clone)]
pub(crate) struct Size {
    /// Orders that are placed in each act.
    pub(crate) orders: usize,
    pub(crate) acts: usize,
    pub(crate) skus: usize,
    pub(crate) buyers: usize,
    /// Orders per second, at most.
    pub(crate) rate: f64,
    /// After the last order of an act everything comes to rest within this time.
    pub(crate) patience: Duration,
}

impl Size {
    fn of(options: &Options, acts: usize) -> Self {
        let (orders, skus, rate) = if options.long { (10_000, 1_000, 150.0) } else { (500, 100, 50.0) };
        let orders = options.commands.unwrap_or(orders);
        let patience = Duration::from_secs(60) + Duration::from_millis(60) * u32::try_from(orders).unwrap_or(u32::MAX);
        Self { orders, acts, skus, buyers: 16, rate, patience }
    }
}

/// Runs it; true when every promise was kept.
pub(crate) async fn run(options: &Options, seed: u64) -> Result<bool> {
    let begun = Instant::now();
    let acts: Vec<Fault> = ACTS.into_iter().filter(|fault| options.picks(*fault)).collect();
    if acts.is_empty() {
        return Err("none of the faults is in this scenario".into());
    }
    let size = Size::of(options, acts.len());
    let form = Form { worker_environment: failing(), ..Form::short() };
    let world = World::start(options, form).await?;
    let mut rng = Rng::with_seed(seed);
    let shop = Arc::new(Shop::new(&world)?);
    let catalogue = Catalogue::open(&shop, &size, &mut rng).await?;
    report::opened(begun, &size);
    let mut play = Play { world: &world, shop, catalogue: Arc::new(catalogue), size, placed: Vec::new(), copies: 0 };
    let mut violations = Vec::new();
    for (number, fault) in acts.into_iter().enumerate() {
        violations.extend(play.act(number, fault, begun, &mut rng).await?);
        if !violations.is_empty() {
            break;
        }
    }
    wind_down(world).await?;
    crate::report::verdict(&violations, seed);
    Ok(violations.is_empty())
}

/// Everything that the acts share.
struct Play<'w> {
    world: &'w World,
    shop: Arc<Shop>,
    catalogue: Arc<Catalogue>,
    size: Size,
    placed: Vec<Placed>,
    copies: usize,
}

impl Play<'_> {
    /// Orders, with a fault in their middle; what is wrong when all is quiet again.
    async fn act(
        &mut self,
        number: usize,
        fault: Fault,
        begun: Instant,
        rng: &mut Rng,
    ) -> Result<Vec<Violation<Promise>>> {
        let catalogue = Arc::get_mut(&mut self.catalogue).ok_or("somebody still buys")?;
        catalogue.restock(&self.shop, &self.size, number).await?;
        let copies = self.world.places.amqp_url(self.world.places.amqp_port);
        let copies = Copies::start(copies, self.world.database.clone(), rng.fork());
        let buyers = Buyers::start(self.shop.clone(), self.catalogue.clone(), &self.size, number, rng);
        buyers.until_placed(self.size.orders / 2).await;
        let shot = Shot::choose(fault, self.world.workers.len(), rng);
        let fault = shot.take_place(self.world).await.map_err(|error| format!("{fault}: {error}"));
        self.placed.extend(buyers.done().await?);
        self.copies += copies.stop().await?;
        let resting = Instant::now();
        let name = format!("act-{number}");
        let put_back = operator::settle(self.world, &self.shop, &name, self.size.patience).await?;
        let books = self.books().await?;
        report::act(begun, shot.fault, resting, put_back, &books);
        let failed = fault.err().map(|example| Violation { promise: Promise::Happened, example });
        Ok(check::check(&books).into_iter().chain(failed).collect())
    }

    async fn books(&self) -> Result<Books> {
        let mut books = Books {
            placed: self.placed.clone(),
            received: self.catalogue.received.clone(),
            hot: catalogue::HOT.to_owned(),
            copies: self.copies,
            ..Books::default()
        };
        read::all(self.world.database.pool(), &self.world.rabbitmq, &mut books).await?;
        Ok(books)
    }
}

/// Handlers fail by chance and are tried again soon; how often is the product's own choice.
fn failing() -> Environment {
    let mut environment = vec![("FAILPOINTS".to_owned(), FAILURES.to_owned())];
    for queue in QUEUES {
        environment.push((format!("PORTAL_QUEUES__{queue}__BACKOFF_BASE_MS"), "200".to_owned()));
    }
    environment
}

async fn wind_down(world: World) -> Result<()> {
    world.api.stop().await?;
    for worker in world.workers {
        worker.stop().await?;
    }
    world.rabbitmq.kill().await?;
    world.postgres.stop().await
}
