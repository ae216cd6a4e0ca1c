//! Clients that issue commands all the time and remember what they heard.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use tokio::task::JoinSet;
use tokio::time::sleep;
use uuid::Uuid;

use crate::Result;
use crate::history::{Command, Outcome};
use crate::options::Form;
use crate::request::{Answer, Ask, Sender};

/// After this many failures in a row a client that insists gives up all the same: the run is over.
const LAST_TRIES: usize = 60;

/// Running clients.
pub(crate) struct Load {
    shared: Arc<Shared>,
    clients: JoinSet<()>,
}

struct Shared {
    sender: Sender,
    /// Between two commands of a client, on average.
    pause: Duration,
    stop: AtomicBool,
    issued: AtomicUsize,
    customers: Mutex<Vec<Customer>>,
    ledger: Mutex<Vec<Command>>,
}

/// What clients believe of a customer.
#[derive(Clone, Copy)]
struct Customer {
    id: Uuid,
    suspended: bool,
}

impl Load {
    /// Creates the first customers, then starts the clients.
    pub(crate) async fn start(sender: Sender, form: &Form, seed: u64) -> Result<Self> {
        let pause = Duration::from_secs_f64(u32::try_from(form.clients).map_or(1.0, f64::from) / form.rate);
        let shared = Arc::new(Shared {
            sender,
            pause,
            stop: AtomicBool::new(false),
            issued: AtomicUsize::new(0),
            customers: Mutex::default(),
            ledger: Mutex::default(),
        });
        let mut rng = Rng::with_seed(seed);
        for n in 0..form.customers {
            shared.issue(Ask::Create, format!("first-{n}"), &mut rng).await;
        }
        if shared.customers().is_empty() {
            return Err("no customer could be created".into());
        }
        let mut clients = JoinSet::new();
        for n in 0..form.clients {
            clients.spawn(client(shared.clone(), n, rng.fork()));
        }
        Ok(Self { shared, clients })
    }

    /// Commands issued so far.
    pub(crate) fn issued(&self) -> usize {
        self.shared.issued.load(Ordering::SeqCst)
    }

    /// Lets every client finish its command; what they remember.
    pub(crate) async fn stop(self) -> Vec<Command> {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.clients.join_all().await;
        std::mem::take(&mut *self.shared.ledger())
    }
}

impl Shared {
    fn customers(&self) -> MutexGuard<'_, Vec<Customer>> {
        self.customers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ledger(&self) -> MutexGuard<'_, Vec<Command>> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a command, again and again if need be, and writes down how it ended.
    async fn issue(&self, ask: Ask, id: String, rng: &mut Rng) {
        let insists = ask.has_key() && rng.u32(0..10) < 7;
        let (mut lost_answers, mut tries) = (0, 0);
        let outcome = loop {
            match self.sender.send(ask, &id).await {
                Answer::Final(outcome) => break outcome,
                Answer::Lost => lost_answers += 1,
                Answer::Unsent => {}
            }
            tries += usize::from(self.stop.load(Ordering::SeqCst));
            if lost_answers > 0 && !insists || tries > LAST_TRIES {
                break Outcome::Lost;
            }
            sleep(Duration::from_millis(rng.u64(100..300))).await;
        };
        self.learn(ask, outcome);
        self.issued.fetch_add(1, Ordering::SeqCst);
        self.ledger().push(Command { id, has_key: ask.has_key(), lost_answers, outcome });
    }

    /// What the answer says about the customer.
    fn learn(&self, ask: Ask, outcome: Outcome) {
        let suspended = match (ask, outcome) {
            (Ask::Create, Outcome::Acknowledged { aggregate, .. }) => {
                return self.customers().push(Customer { id: aggregate, suspended: false });
            }
            (Ask::Suspend(id), Outcome::Acknowledged { .. } | Outcome::Refused { status: 409 }) => (id, true),
            (Ask::Reinstate(id), Outcome::Acknowledged { .. } | Outcome::Refused { status: 409 }) => (id, false),
            _ => return,
        };
        if let Some(customer) = self.customers().iter_mut().find(|customer| customer.id == suspended.0) {
            customer.suspended = suspended.1;
        }
    }
}

async fn client(shared: Arc<Shared>, number: usize, mut rng: Rng) {
    let mut count = 0;
    while !shared.stop.load(Ordering::SeqCst) {
        // half of all commands go to the first few customers, so that some keys are always busy
        let customer = {
            let customers = shared.customers();
            let among = if rng.bool() { customers.len().min(8) } else { customers.len() };
            customers[rng.usize(0..among)]
        };
        let ask = Ask::choose(&mut rng, customer.id, customer.suspended);
        count += 1;
        shared.issue(ask, format!("client-{number}-{count}"), &mut rng).await;
        sleep(shared.pause.mul_f64(0.5 + rng.f64())).await;
    }
}
