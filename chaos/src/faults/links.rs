//! Faults of the network between the programs and the servers.

use std::time::Duration;

use tokio::time::sleep;

use crate::Result;
use crate::proxy::{Flow, Proxy};

/// All connections are closed, three times in a second; new ones are possible at once.
pub(super) async fn cut(link: &Proxy) -> Result<()> {
    for _ in 0..3 {
        link.set_existing(Flow::Cut);
        sleep(Duration::from_millis(300)).await;
    }
    Ok(())
}

/// Nothing passes; then everything does, what was held back first.
pub(super) async fn stall(link: &Proxy, outage: Duration) -> Result<()> {
    link.set(Flow::Stalled);
    sleep(outage).await;
    link.set(Flow::Open);
    Ok(())
}

/// The server hears everything and is not heard.
pub(super) async fn deafen(link: &Proxy, outage: Duration) -> Result<()> {
    link.set(Flow::Deaf);
    sleep(outage).await;
    link.set(Flow::Open);
    Ok(())
}

/// Whatever is said is gone, also on new connections; at the end all of them are closed.
pub(super) async fn black_hole(link: &Proxy, outage: Duration) -> Result<()> {
    link.set(Flow::Lost);
    sleep(outage).await;
    link.set(Flow::Open);
    link.set_existing(Flow::Cut);
    Ok(())
}

/// Nothing passes on the connections that there are, for ever and without a word; new ones work.
pub(super) async fn silence(link: &Proxy) -> Result<()> {
    link.set_existing(Flow::Lost);
    Ok(())
}
