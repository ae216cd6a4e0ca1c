//! A TCP proxy between the programs under test and a server, which can misbehave.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What happens to the bytes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    /// They pass.
    Open,
    /// Both directions are held back, and pass later.
    Stalled,
    /// What the server says is held back, and passes later; what it hears passes.
    Deaf,
    /// Nothing ever passes again: for this connection it stays so.
    Lost,
    /// The connection is closed.
    Cut,
}

/// The server's side of a lost connection ends after this: so long PostgreSQL sends keepalives that
/// nobody answers, as the product's sessions have told it to. Towards the proxy it would not notice.
const KEEPALIVES: Duration = Duration::from_secs(19);

/// Listens until dropped.
pub(crate) struct Proxy {
    connections: Arc<Connections>,
    accepting: tokio::task::JoinHandle<()>,
}

struct Connections {
    flows: Mutex<Vec<watch::Sender<Flow>>>,
    /// How a new connection begins.
    new: watch::Sender<Flow>,
}

impl Connections {
    fn flows(&self) -> MutexGuard<'_, Vec<watch::Sender<Flow>>> {
        self.flows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Proxy {
    /// From one port of this host to another.
    pub(crate) async fn start(port: u16, server: u16) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let connections = Arc::new(Connections { flows: Mutex::default(), new: watch::channel(Flow::Open).0 });
        let accepting = tokio::spawn(accept(listener, server, connections.clone()));
        Ok(Self { connections, accepting })
    }

    /// Changes all connections, also those to come.
    pub(crate) fn set(&self, flow: Flow) {
        self.connections.new.send_replace(flow);
        self.set_existing(flow);
    }

    /// Changes the connections there are; new ones pass. One that is lost stays lost.
    pub(crate) fn set_existing(&self, flow: Flow) {
        let mut flows = self.connections.flows();
        flows.retain(|connection| !connection.is_closed());
        for connection in flows.iter() {
            connection.send_if_modified(|now| {
                let changes = *now != flow && (*now != Flow::Lost || flow == Flow::Cut);
                if changes {
                    *now = flow;
                }
                changes
            });
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, server: u16, connections: Arc<Connections>) {
    loop {
        let Ok((client, _)) = listener.accept().await else { continue };
        let (flow, changes) = watch::channel(*connections.new.borrow());
        connections.flows().push(flow);
        tokio::spawn(serve(client, server, changes));
    }
}

async fn serve(client: TcpStream, server: u16, flow: watch::Receiver<Flow>) {
    // a server that is away refuses; one that is behind a stalled line is not even asked
    let mut begun = flow.clone();
    let asked = begun.wait_for(|flow| !matches!(flow, Flow::Stalled | Flow::Lost)).await;
    if !asked.is_ok_and(|flow| *flow != Flow::Cut) {
        return;
    }
    let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let (mut cut, mut lost) = (flow.clone(), flow.clone());
    tokio::select! {
        () = pass(&mut from_client, &mut to_server, flow.clone(), |flow| matches!(flow, Flow::Open | Flow::Deaf)) => return,
        () = pass(&mut from_server, &mut to_client, flow, |flow| flow == Flow::Open) => return,
        _ = cut.wait_for(|flow| *flow == Flow::Cut) => return,
        () = missed(&mut lost) => {}
    }
    // the client still hears nothing
    drop((from_server, to_server));
    let _ = cut.wait_for(|flow| *flow == Flow::Cut).await;
}

/// Returns when the server has noticed that nobody answers its keepalives any more.
async fn missed(flow: &mut watch::Receiver<Flow>) {
    if flow.wait_for(|flow| *flow == Flow::Lost).await.is_err() {
        std::future::pending::<()>().await;
    }
    tokio::time::sleep(KEEPALIVES).await;
}

async fn pass(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    mut flow: watch::Receiver<Flow>,
    passes: impl Fn(Flow) -> bool,
) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let open = flow.wait_for(|flow| passes(*flow)).await.is_ok();
        if !open || to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
