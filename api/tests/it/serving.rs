//! Over a real socket: starting, stopping, and clients that never finish.

use std::time::Duration;

use api::auth::{Authenticator, Settings as AuthSettings};
use api::health::BrokerState;
use api::{Settings, State};
use domain::Db;
use domain::kernel::policy::QueuePolicies;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use crate::tokens::{AUDIENCE, ISSUER, SigningKey};

struct Server {
    address: std::net::SocketAddr,
    stop: oneshot::Sender<()>,
    stopped: tokio::task::JoinHandle<std::io::Result<()>>,
}

/// Serves with a database that accepts connections and never answers: readiness takes as long as
/// its timeout.
async fn serve(settings: Settings) -> Server {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    std::mem::forget(silent);
    let pool = PgPoolOptions::new().connect_lazy_with(PgConnectOptions::new().host("127.0.0.1").port(port));
    let (broker, receiver) = watch::channel(BrokerState::Embedded);
    std::mem::forget(broker);
    let keys = SigningKey::generate().set();
    let state = State {
        db: Db::new(pool, QueuePolicies::default()),
        auth: Authenticator::with_keys(AuthSettings::new(ISSUER, AUDIENCE), &keys),
        broker: receiver,
        settings,
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopping) = oneshot::channel::<()>();
    let stopped = tokio::spawn(api::serve(listener, state, async move {
        let _ = stopping.await;
    }));
    Server { address, stop, stopped }
}

/// Everything that comes back until the connection closes.
async fn exchange(address: std::net::SocketAddr, text: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_request_in_progress_is_finished_before_it_stops() {
    let settings = Settings { readiness_timeout: Duration::from_millis(700), ..Settings::default() };
    let server = serve(settings).await;
    let slow = tokio::spawn(exchange(server.address, "GET /health/ready HTTP/1.1\r\nhost: x\r\n\r\n"));
    let _idle = TcpStream::connect(server.address).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.stop.send(()).unwrap();
    let answer = timeout(Duration::from_secs(5), slow).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("not_ready"), "{answer}");
    timeout(Duration::from_secs(5), server.stopped).await.unwrap().unwrap().unwrap();
    assert!(TcpStream::connect(server.address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn it_stops_though_a_request_hangs() {
    let settings = Settings {
        readiness_timeout: Duration::from_secs(60),
        drain_timeout: Duration::from_millis(300),
        ..Settings::default()
    };
    let server = serve(settings).await;
    tokio::spawn(exchange(server.address, "GET /health/ready HTTP/1.1\r\nhost: x\r\n\r\n"));
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.stop.send(()).unwrap();
    timeout(Duration::from_secs(5), server.stopped).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_client_that_never_finishes_its_headers_is_dropped() {
    let server = serve(Settings { header_read_timeout: Duration::from_millis(300), ..Settings::default() }).await;
    let answer =
        timeout(Duration::from_secs(5), exchange(server.address, "GET / HTTP/1.1\r\nhost: x\r\n")).await.unwrap();
    assert!(!answer.contains("200 OK"), "{answer}");
    let answer = exchange(server.address, "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "others are served: {answer}");
}
