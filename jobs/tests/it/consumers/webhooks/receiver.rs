//! A program that is told: it takes down what it gets, and answers as it is told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// What it answers to its nth request, from 0; none: it says nothing, for ever.
type Replies = Arc<dyn Fn(usize) -> Option<String> + Send + Sync>;

pub(super) struct Receiver {
    port: u16,
    got: Arc<Mutex<Vec<Got>>>,
    serving: JoinHandle<()>,
}

/// A request.
#[derive(Debug, Clone)]
pub(super) struct Got {
    pub(super) path: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

impl Receiver {
    /// Answers each with one of these statuses, the last of them for ever.
    pub(super) async fn statuses(statuses: &'static [&'static str]) -> Self {
        Self::replying(move |n| Some(reply(statuses[n.min(statuses.len() - 1)], ""))).await
    }

    pub(super) async fn hanging() -> Self {
        Self::replying(|_| None).await
    }

    pub(super) async fn replying(replies: impl Fn(usize) -> Option<String> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (got, replies): (Arc<Mutex<Vec<Got>>>, Replies) = (Arc::default(), Arc::new(replies));
        let noted = got.clone();
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (connection, _) = listener.accept().await.unwrap();
                connections.spawn(serve(connection, noted.clone(), replies.clone()));
            }
        });
        Self { port, got, serving }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hooks", self.port)
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Got {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(super) fn event(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Which of the signatures is made with this secret, as a receiver checks it.
    pub(super) fn signed_with(&self, secret: &str) -> Option<usize> {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        self.header("webhook-signature").split(' ').position(|signature| {
            let signature = STANDARD.decode(signature.strip_prefix("v1,").unwrap()).unwrap();
            let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
            mac.update(format!("{}.{}.", self.header("webhook-id"), self.header("webhook-timestamp")).as_bytes());
            mac.update(&self.body);
            mac.verify_slice(&signature).is_ok()
        })
    }
}

pub(super) fn reply(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

async fn serve(mut connection: TcpStream, got: Arc<Mutex<Vec<Got>>>, replies: Replies) {
    let Some(request) = read(&mut connection).await else { return };
    let place = {
        let mut got = got.lock().unwrap();
        got.push(request);
        got.len() - 1
    };
    match replies(place) {
        Some(reply) => {
            let _ = connection.write_all(reply.as_bytes()).await;
            let _ = connection.shutdown().await;
        }
        None => std::future::pending().await,
    }
}

async fn read(connection: &mut TcpStream) -> Option<Got> {
    let mut bytes = Vec::new();
    let mut head = None;
    loop {
        let mut piece = [0; 8192];
        match connection.read(&mut piece).await {
            Ok(0) | Err(_) => return None,
            Ok(n) => bytes.extend_from_slice(&piece[..n]),
        }
        head = head.or_else(|| bytes.windows(4).position(|four| four == b"\r\n\r\n"));
        let Some(end) = head else { continue };
        let text = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut lines = text.lines();
        let path = lines.next()?.split(' ').nth(1)?.to_owned();
        let headers: BTreeMap<String, String> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let length: usize = headers.get("content-length")?.parse().unwrap();
        if bytes.len() >= end + 4 + length {
            return Some(Got { path, headers, body: bytes[end + 4..end + 4 + length].to_vec() });
        }
    }
}
