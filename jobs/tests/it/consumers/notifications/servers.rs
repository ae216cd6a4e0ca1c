//! A mail server and a source of customers, that do as they are told.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use crate::servers::optional;

/// A stock mail server in Python. Ends with its standard input, which closes when this is dropped.
pub(super) struct MailServer {
    process: Child,
    lines: BufReader<ChildStdout>,
    port: u16,
}

impl MailServer {
    /// None where `make test` could not install what it needs.
    pub(super) fn start(reply: &str) -> Option<Self> {
        let mut command = Command::new(optional("PORTAL_TEST_PYTHON")?);
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/consumers/notifications/smtp.py")).arg(reply);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap());
        let mut port = String::new();
        lines.read_line(&mut port).unwrap();
        Some(Self { process, lines, port: port.trim().parse().unwrap() })
    }

    pub(super) fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    /// The next mail that it got.
    pub(super) fn mail(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// Ends it, and counts the mails that nobody asked for.
    pub(super) fn rest(mut self) -> usize {
        drop(self.process.stdin.take());
        let mut rest = 0;
        let mut line = String::new();
        while self.lines.read_line(&mut line).unwrap() > 0 {
            rest += 1;
        }
        rest
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        self.process.wait().unwrap();
    }
}

/// Takes connections, and writes the same on each of them once something arrived.
pub(super) struct Answering {
    port: u16,
    calls: Arc<AtomicUsize>,
    serving: JoinHandle<()>,
}

impl Answering {
    /// An HTTP answer.
    pub(super) async fn http(status: &str, body: &str) -> Self {
        let length = body.len();
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
        Self::with(answer, false).await
    }

    /// Says nothing at all.
    pub(super) async fn hanging() -> Self {
        Self::with(String::new(), true).await
    }

    /// The beginning of an HTTP answer, and nothing more.
    pub(super) async fn hanging_in_its_answer() -> Self {
        Self::with("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"name\": \"Ada".to_owned(), true).await
    }

    /// `hangs`: with the connection open, for ever.
    async fn with(answer: String, hangs: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = calls.clone();
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (mut connection, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::SeqCst);
                let answer = answer.clone();
                connections.spawn(async move {
                    let _ = connection.read(&mut [0; 4096]).await;
                    let _ = connection.write_all(answer.as_bytes()).await;
                    if hangs {
                        std::future::pending::<()>().await;
                    }
                    let _ = connection.shutdown().await;
                });
            }
        });
        Self { port, calls, serving }
    }

    pub(super) fn customers(&self) -> String {
        format!("http://127.0.0.1:{}/{{tenant}}/{{id}}", self.port)
    }

    pub(super) fn smtp(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    /// How often somebody connected.
    pub(super) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
