//! A TCP proxy that can lose an answer: the request arrives, the answer does not, and the
//! connection breaks. And its connections can fall silent for ever, without breaking.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
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
    /// Counts silences: connections of before hear and say nothing.
    silences: watch::Sender<u32>,
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

    /// From now on nothing passes on the connections there are; new ones work.
    pub fn silence(&self) {
        self.state.silences.send_modify(|silences| *silences += 1);
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
        tokio::spawn(serve(client, server, state.clone()));
    }
}

async fn serve(client: TcpStream, server: TcpStream, state: Arc<State>) {
    let mut silences = state.silences.subscribe();
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    tokio::select! {
        _ = async {
            tokio::join!(pass(&mut from_client, &mut to_server), pass_or_lose(&mut from_server, &mut to_client, &state))
        } => {}
        // what is said is gone, and both stay connected for as long as they like
        _ = silences.changed() => while let Ok(1..) = from_client.read(&mut [0; 4096]).await {},
    }
}

async fn pass(from: &mut OwnedReadHalf, to: &mut OwnedWriteHalf) {
    let _ = tokio::io::copy(from, to).await;
    let _ = to.shutdown().await;
}

async fn pass_or_lose(from: &mut OwnedReadHalf, to: &mut OwnedWriteHalf, state: &State) {
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
