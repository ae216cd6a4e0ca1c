//! A TCP proxy between bus and broker that misbehaves on demand.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// What happens to the bytes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// They pass.
    Open,
    /// What the broker says is held back; what it hears is not.
    Deaf,
    /// Nothing passes: what the bus sends vanishes, what the broker says is held back.
    BlackHole,
    /// Nothing passes, and nothing is taken from the bus: it piles up on its side.
    Stalled,
    /// The connection is closed.
    Cut,
}

/// Listens on a port of its own until dropped.
pub(super) struct Proxy {
    pub(super) port: u16,
    connections: Arc<Connections>,
    _accepting: AbortOnDropHandle<()>,
}

#[derive(Default)]
struct Connections {
    flows: Mutex<Vec<watch::Sender<Flow>>>,
    accepted: AtomicUsize,
}

impl Proxy {
    /// Forwards to a port of this host.
    pub(super) async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        // what piles up does so with the sender
        socket2::SockRef::from(&listener).set_recv_buffer_size(4096).unwrap();
        Self::on(listener, server)
    }

    pub(super) fn on(listener: TcpListener, server: u16) -> Self {
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::<Connections>::default();
        let accepting = tokio::spawn(accept(listener, server, connections.clone()));
        Self { port, connections, _accepting: AbortOnDropHandle::new(accepting) }
    }

    /// Changes the connections that exist; new ones are open.
    pub(super) fn set(&self, flow: Flow) {
        for connection in self.connections.flows.lock().unwrap().iter() {
            connection.send_replace(flow);
        }
    }

    /// Connections accepted so far.
    pub(super) fn accepted(&self) -> usize {
        self.connections.accepted.load(Ordering::SeqCst)
    }
}

async fn accept(listener: TcpListener, server: u16, connections: Arc<Connections>) {
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let (flow, changes) = watch::channel(Flow::Open);
        connections.flows.lock().unwrap().push(flow);
        connections.accepted.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(serve(client, server, changes));
    }
}

async fn serve(client: TcpStream, server: u16, mut changes: watch::Receiver<Flow>) {
    let Ok(broker) = TcpStream::connect(("127.0.0.1", server)).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_broker, to_broker) = broker.into_split();
    let cut = changes.clone();
    tokio::select! {
        () = up(from_client, to_broker, cut.clone()) => {}
        () = down(from_broker, to_client, cut) => {}
        _ = changes.wait_for(|flow| *flow == Flow::Cut) => {}
    }
}

async fn up(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, mut flow: watch::Receiver<Flow>) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let moving = flow.wait_for(|flow| *flow != Flow::Stalled).await;
        let passes = moving.is_ok_and(|flow| *flow != Flow::BlackHole);
        if passes && to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

async fn down(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, mut flow: watch::Receiver<Flow>) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let opened = flow.wait_for(|flow| *flow == Flow::Open).await.is_ok();
        if !opened || to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
