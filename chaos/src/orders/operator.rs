//! Waits until everything is quiet, and puts back on the way what was given up: as an operator does.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::sleep;

use super::books::DeadLetter;
use super::read;
use super::shop::{Shop, Who};
use crate::Result;
use crate::world::World;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(300);
/// What RabbitMQ says about its queues is at most 5 s old.
const HINDSIGHT: Duration = Duration::from_secs(6);

/// Waits until no job is left, every event is handled by every group, and the broker's queues are empty, or
/// until the patience is at an end: then the books tell what is left. How many dead letters were put back.
pub(crate) async fn settle(world: &World, shop: &Shop, name: &str, patience: Duration) -> Result<usize> {
    let (begun, mut put_back) = (Instant::now(), 0);
    let queues = world.rabbitmq.messages().await?;
    while begun.elapsed() < patience {
        sleep(PAUSE).await;
        let pool = world.database.pool();
        if world.database.left().await? > 0 || !read::unhandled(pool, &queues).await?.is_empty() {
            continue;
        }
        let dead = read::dead_letters(pool).await?;
        let chosen: Vec<&str> = dead.iter().filter(|dead| is_put_back(dead)).map(|dead| dead.id.as_str()).collect();
        if chosen.is_empty() {
            break;
        }
        // others may follow, and be put back with the next
        let chosen = &chosen[..chosen.len().min(1000)];
        let body = json!({"ids": chosen, "limit": chosen.len(), "reason": "tried again"});
        let id = format!("{name}-retry-{put_back}");
        let answer = shop.post(Who::Operator, "/v1/admin/dead-letters/retry", &body, &id).await?;
        if answer.status != 200 {
            return Err(format!("dead letters cannot be put back: {} {}", answer.status, answer.body).into());
        }
        put_back += chosen.len();
    }
    sleep(HINDSIGHT).await;
    while begun.elapsed() < patience && world.rabbitmq.messages().await?.values().any(|messages| *messages > 0) {
        sleep(PAUSE).await;
    }
    Ok(put_back)
}

/// Whatever still has to be done; and, once, every second of those that have been answered: that must not
/// change anything.
fn is_put_back(dead: &DeadLetter) -> bool {
    !dead.has_been_answered() || dead.redrives == 0 && dead.id.bytes().last().is_some_and(|byte| byte % 2 == 0)
}
