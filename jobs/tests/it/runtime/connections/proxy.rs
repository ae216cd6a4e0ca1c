//! A TCP proxy that can lose an answer: the request arrives, the answer does not, and the
//! connection breaks.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub struct Proxy {
    port: u16,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    /// What the answer to lose contains.
    armed: Mutex<Option<&'static [u8]>>,
}

impl Proxy {
    pub async fn start(host: String, port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let own_port = listener.local_addr().unwrap().port();
        let state = Arc::new(State::default());
        let accepting = tokio::spawn(accept(listener, host, port, state.clone()));
        Self { port: own_port, state, accepting }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The next answer on any connection that contains these bytes is thrown away, and that
    /// connection closed. Returns when that has happened.
    pub async fn lose_the_next(&self, containing: &'static [u8]) {
        *self.state.armed.lock().unwrap() = Some(containing);
        while self.state.armed.lock().unwrap().is_some() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl State {
    fn loses(&self, answer: &[u8]) -> bool {
        let contains = |part: &[u8]| part.is_empty() || answer.windows(part.len()).any(|bytes| bytes == part);
        self.armed.lock().unwrap().take_if(|part| contains(part)).is_some()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, host: String, port: u16, state: Arc<State>) {
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let Ok(server) = TcpStream::connect((host.as_str(), port)).await else { continue };
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        tokio::spawn(pass(from_client, to_server));
        tokio::spawn(pass_or_lose(from_server, to_client, state.clone()));
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let _ = tokio::io::copy(&mut from, &mut to).await;
    let _ = to.shutdown().await;
}

async fn pass_or_lose(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, state: Arc<State>) {
    let mut bytes = vec![0; 65_536];
    while let Ok(n @ 1..) = from.read(&mut bytes).await {
        if state.loses(&bytes[..n]) {
            break;
        }
        if to.write_all(&bytes[..n]).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}
