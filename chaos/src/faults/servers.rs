//! Faults of PostgreSQL and RabbitMQ.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::Command;
use tokio::time::sleep;

use crate::Result;
use crate::world::World;

/// How long a server stays away.
const AWAY: Duration = Duration::from_secs(1);

pub(super) async fn kill_database(world: &World) -> Result<()> {
    world.postgres.kill().await?;
    sleep(AWAY).await;
    world.postgres.start().await.map(drop)
}

pub(super) async fn restart_database(world: &World) -> Result<()> {
    world.postgres.stop().await?;
    sleep(AWAY).await;
    world.postgres.start().await.map(drop)
}

/// Three times in a second.
pub(super) async fn terminate_backends(world: &World) -> Result<()> {
    let mut terminated = 0;
    for _ in 0..3 {
        terminated += world.database.terminate().await?;
        sleep(Duration::from_millis(300)).await;
    }
    if terminated > 0 { Ok(()) } else { Err("there were no connections to terminate".into()) }
}

pub(super) async fn restart_broker(world: &World) -> Result<()> {
    world.rabbitmq.stop().await?;
    world.rabbitmq.start().await
}

pub(super) async fn kill_broker(world: &World) -> Result<()> {
    world.rabbitmq.kill().await?;
    world.rabbitmq.start().await
}

/// The file system shrinks to what is in use, and grows again. PostgreSQL may end over it: whoever
/// runs it then starts it again, as soon as there is room.
pub(super) async fn fill_disk(world: &World) -> Result<()> {
    let disk = world.small_disk.as_ref().ok_or("no small disk")?;
    let filled = Instant::now();
    let mut noticed = false;
    // four seconds at least, and until PostgreSQL has noticed: it has some room of its own
    while filled.elapsed() < Duration::from_secs(4) || !noticed && filled.elapsed() < NOTICE {
        let used = used_kilobytes(disk).await?;
        // more may be in use by the time it is asked for
        let _ = resize(disk, &format!("{used}k")).await;
        sleep(Duration::from_secs(1)).await;
        noticed = noticed || world.database.lacks_room().await;
    }
    resize(disk, ROOMY).await?;
    world.postgres.start().await?;
    if noticed { Ok(()) } else { Err("PostgreSQL did not notice".into()) }
}

/// Longest that the disk stays full.
const NOTICE: Duration = Duration::from_secs(30);

/// What `scripts/chaos.sh` mounts.
const ROOMY: &str = "4g";

async fn used_kilobytes(disk: &Path) -> Result<u64> {
    let output = Command::new("df").args(["--output=used", "-k"]).arg(disk).output().await?;
    let printed = String::from_utf8_lossy(&output.stdout);
    Ok(printed.lines().nth(1).unwrap_or_default().trim().parse()?)
}

async fn resize(disk: &Path, size: &str) -> Result<()> {
    let option = format!("remount,size={size}");
    let mut mount = Command::new("mount");
    let status = mount.args(["-o", &option]).arg(disk).stderr(Stdio::null()).status().await?;
    if status.success() { Ok(()) } else { Err(format!("mount -o {option} {} failed", disk.display()).into()) }
}
