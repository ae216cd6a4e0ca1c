//! The servers that `make test` starts, and a broker to break: a node of its own, which the tests
//! that stop it take in turns.

use std::process::Command;
use std::time::Duration;

use jobs::bus::{Bus, BusState};
use tokio::sync::{Mutex, MutexGuard};

static TURN: Mutex<()> = Mutex::const_new(());

/// The running node, for one test at a time. `make test` ends it at last.
pub(crate) struct Node {
    directory: String,
    port: u16,
    _turn: MutexGuard<'static, ()>,
}

impl Node {
    pub(crate) async fn running() -> Self {
        let _turn = TURN.lock().await;
        let directory = format!("{}/rabbitmq-broken", variable("PORTAL_TEST_SERVICES_DIR"));
        let shared: u16 = variable("PORTAL_TEST_AMQP_PORT").parse().unwrap();
        let node = Self { directory, port: shared + 20, _turn };
        // the test before may have left it frozen or dead
        node.kill().await;
        node.start().await;
        node
    }

    pub(crate) fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}", self.port)
    }

    /// Starts it with the data it has; fine when it runs.
    pub(crate) async fn start(&self) {
        self.script("start", &[&self.port.to_string()]).await;
    }

    /// As `kill -9`.
    pub(crate) async fn kill(&self) {
        self.script("kill", &[]).await;
    }

    /// From now on it takes what is sent and answers nothing, until it is killed.
    pub(crate) async fn freeze(&self) {
        self.script("freeze", &[]).await;
    }

    /// `rabbitmqctl` against it.
    pub(crate) async fn ctl(&self, arguments: &[&str]) {
        self.script("ctl", arguments).await;
    }

    /// The URL of a new virtual host: nothing in it is left from another test.
    pub(crate) async fn vhost(&self) -> String {
        let name = format!("test-{}", uuid::Uuid::now_v7());
        self.ctl(&["add_vhost", &name]).await;
        self.ctl(&["set_permissions", "-p", &name, "guest", ".*", ".*", ".*"]).await;
        format!("{}/{name}", self.url())
    }

    /// Makes what the bus has declared outlive a kill: RabbitMQ 3.10 writes the names of new quorum
    /// queues down some seconds later, or when it stops in an orderly way. A queue whose name is lost
    /// never elects a leader again.
    pub(crate) async fn settled(&self, bus: &dyn Bus) {
        up(bus).await;
        self.script("restart", &[]).await;
        up(bus).await;
    }

    async fn script(&self, action: &str, arguments: &[&str]) {
        let mut command = Command::new(variable("PORTAL_TEST_RABBITMQ_SCRIPT"));
        command.arg(action).arg(&self.directory).args(arguments);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert!(output.status.success(), "{action} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// Waits until events can be published.
pub(crate) async fn up(bus: &dyn Bus) {
    let mut state = bus.state();
    let waited = tokio::time::timeout(Duration::from_secs(60), state.wait_for(|state| *state == BusState::Up)).await;
    waited.unwrap_or_else(|_| panic!("still {:?}", *bus.state().borrow())).unwrap();
}

/// A variable that `make test` sets.
pub(crate) fn variable(name: &str) -> String {
    optional(name).unwrap_or_else(|| panic!("{name} is not set: run this with `make test`"))
}

/// A variable that `make test` sets where it could install what this needs.
#[allow(clippy::disallowed_methods, reason = "tests learn from their environment where the servers are")]
pub(crate) fn optional(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
