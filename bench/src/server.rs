//! A `portal api` process with an issuer whose tokens it accepts.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::Result;
use crate::bench::Bench;
use crate::http::{Connection, get};
use crate::processes::Process;
use crate::scratch::Scratch;
use crate::tokens::Issuer;

/// It must be ready by then.
const START: Duration = Duration::from_secs(30);

pub(crate) struct Server {
    /// Host and port.
    pub(crate) addr: String,
    pub(crate) issuer: Issuer,
    process: Process,
}

impl Server {
    /// Returns when it is ready.
    pub(crate) async fn start(bench: &Bench, scratch: &Scratch) -> Result<Self> {
        let issuer = Issuer::start().await?;
        let addr = free_address()?;
        let process = bench.programs.api(scratch, &addr, &issuer.url)?;
        let mut server = Self { addr, issuer, process };
        let started = Instant::now();
        while !server.is_ready().await {
            server.process.check()?;
            if started.elapsed() > START {
                return Err(format!("the API was not ready within {START:?}").into());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(server)
    }

    pub(crate) async fn stop(self) -> Result<()> {
        self.process.stop().await
    }

    async fn is_ready(&self) -> bool {
        let asked = async { Connection::open(&self.addr).await?.send(&get("/health/ready", "none")).await };
        asked.await.is_ok_and(|status| status == 200)
    }
}

/// Nobody else takes it between here and the start of the process: ports are handed out in turn.
fn free_address() -> Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}
