//! Those who place orders and cancel some of them, and remember what they were told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;
use uuid::Uuid;

use super::Size;
use super::books::{Cancellation, Placed};
use super::catalogue::{Catalogue, Wish};
use super::shop::{Shop, Who};
use crate::Result;

/// How many of a hundred orders are cancelled at once, while they are pending; and as many later.
const CANCELLED: u32 = 6;
/// Later is so many orders of the same buyer later.
const LATER: usize = 10;

/// Running buyers.
pub(crate) struct Buyers {
    placed: watch::Receiver<usize>,
    running: JoinSet<Result<Vec<Placed>>>,
}

struct Shared {
    shop: Arc<Shop>,
    catalogue: Arc<Catalogue>,
    /// Between two orders of a buyer, on average.
    pause: Duration,
    count: AtomicUsize,
    placed: watch::Sender<usize>,
}

impl Buyers {
    /// Starts them; `act` makes what they do unlike what was done before.
    pub(crate) fn start(shop: Arc<Shop>, catalogue: Arc<Catalogue>, size: &Size, act: usize, rng: &mut Rng) -> Self {
        let (sender, placed) = watch::channel(0);
        let pause = Duration::from_secs_f64(size.buyers as f64 / size.rate);
        let shared = Arc::new(Shared { shop, catalogue, pause, count: AtomicUsize::new(0), placed: sender });
        let mut running = JoinSet::new();
        for buyer in 0..size.buyers {
            // what is left over is for the first ones
            let orders = size.orders / size.buyers + usize::from(buyer < size.orders % size.buyers);
            running.spawn(buy(shared.clone(), format!("act-{act}-buyer-{buyer}"), orders, rng.fork()));
        }
        Self { placed, running }
    }

    /// Waits until so many orders were placed.
    pub(crate) async fn until_placed(&self, orders: usize) {
        // whoever is gone has placed all, or failed, which shows at the end
        let _ = self.placed.clone().wait_for(|placed| *placed >= orders).await;
    }

    /// Waits until all are placed; what they remember.
    pub(crate) async fn done(mut self) -> Result<Vec<Placed>> {
        let mut all = Vec::new();
        while let Some(one) = self.running.join_next().await {
            all.extend(one??);
        }
        Ok(all)
    }
}

async fn buy(shared: Arc<Shared>, name: String, orders: usize, mut rng: Rng) -> Result<Vec<Placed>> {
    let mut all: Vec<Placed> = Vec::with_capacity(orders);
    for number in 0..orders {
        let wish = shared.catalogue.wish(&mut rng);
        let mut placed = place(&shared.shop, format!("{name}-{number}"), wish).await?;
        if rng.u32(0..100) < CANCELLED {
            cancel(&shared.shop, &mut placed).await?;
        }
        all.push(placed);
        if rng.u32(0..100) < CANCELLED
            && let Some(earlier) = number.checked_sub(LATER).and_then(|earlier| all.get_mut(earlier))
            && earlier.cancellation == Cancellation::NotAsked
        {
            cancel(&shared.shop, earlier).await?;
        }
        let count = shared.count.fetch_add(1, Ordering::SeqCst) + 1;
        shared.placed.send_modify(|placed| *placed = count.max(*placed));
        sleep(shared.pause.mul_f64(0.5 + rng.f64())).await;
    }
    Ok(all)
}

async fn place(shop: &Shop, command: String, wish: Wish) -> Result<Placed> {
    let answer = shop.post(Who::Staff, "/v1/orders", &wish.body, &command).await?;
    let order = match answer.status {
        201 => Some(id(&answer.body)?),
        422 => None,
        other => return Err(format!("order {command} was answered {other}: {}", answer.body).into()),
    };
    Ok(Placed { command, acceptable: wish.acceptable, order, cancellation: Cancellation::NotAsked })
}

async fn cancel(shop: &Shop, placed: &mut Placed) -> Result<()> {
    let Some(order) = placed.order else { return Ok(()) };
    let (path, id) = (format!("/v1/orders/{order}/cancel"), format!("{}-cancel", placed.command));
    let answer = shop.post(Who::Staff, &path, &json!({"reason": "ordered twice"}), &id).await?;
    placed.cancellation = match answer.status {
        200 => Cancellation::Accepted,
        409 => Cancellation::TooLate,
        other => return Err(format!("{id} was answered {other}: {}", answer.body).into()),
    };
    Ok(())
}

fn id(body: &Value) -> Result<Uuid> {
    Ok(body["id"].as_str().ok_or("an order without an id")?.parse()?)
}
