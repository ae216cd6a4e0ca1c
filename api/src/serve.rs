//! Accepts connections, and stops without cutting requests off.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};

use crate::router;
use crate::settings::Settings;
use crate::state::State;
use crate::streams::Streams;

/// Serves the API until `shutdown` is ready, then ends the streams of events, and lets requests in progress finish for
/// at most [`Settings::drain_timeout`].
///
/// # Errors
/// None at present: an error while accepting is logged, and accepting goes on.
pub async fn serve(
    listener: TcpListener,
    state: State,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (settings, streams) = (state.settings.clone(), Streams::default());
    let router = router::with_streams(state, streams.clone());
    let stopping = async move {
        shutdown.await;
        streams.close();
    };
    serve_router(listener, router, &settings, stopping).await
}

/// Serves any router that way; a worker uses it for [`crate::health::router`].
///
/// # Errors
/// As [`serve`].
pub async fn serve_router(
    listener: TcpListener,
    router: axum::Router,
    settings: &Settings,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let mut http = http1::Builder::new();
    // Without a limit on the headers' time, idle half-requests hold connections for ever.
    http.timer(TokioTimer::new()).header_read_timeout(settings.header_read_timeout);
    let connections = GracefulShutdown::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let stream = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept(&listener) => accepted,
        };
        let service = TowerToHyperService::new(router.clone());
        let connection = connections.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(settings.drain_timeout, connections.shutdown()).await.is_err() {
        tracing::warn!("requests were still in progress at the end of the drain timeout; they are cut off");
    }
    Ok(())
}

/// The next connection, however long it takes: running out of file descriptors passes.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Small answers should not wait for more to send.
                let _ = stream.set_nodelay(true);
                return stream;
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}
