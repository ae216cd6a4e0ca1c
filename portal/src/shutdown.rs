//! Stops on Ctrl-C and SIGTERM.

use std::future::Future;
use std::process;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::failure::Failure;

/// What a shell reports for a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// A token that the first SIGINT or SIGTERM cancels. The second ends the process at once.
pub(crate) fn on_signal() -> Result<CancellationToken, Failure> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::system("listening for signals"))?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::system("listening for signals"))?;
    let stop = CancellationToken::new();
    let cancelled = stop.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if cancelled.is_cancelled() {
                process::exit(INTERRUPTED);
            }
            tracing::info!("stopping; once more to stop at once");
            cancelled.cancel();
        }
    });
    Ok(stop)
}

/// Runs `work`, which ends by itself after `stop`; not later than `patience` after it.
pub(crate) async fn run<T>(
    stop: &CancellationToken,
    patience: Duration,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let mut work = std::pin::pin!(work);
    tokio::select! {
        result = &mut work => return result,
        () = stop.cancelled() => {}
    }
    tokio::time::timeout(patience, work).await.unwrap_or(Err(Failure::Unfinished(patience)))
}
