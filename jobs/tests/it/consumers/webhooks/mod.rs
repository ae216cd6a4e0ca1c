//! From an event to the programs that want to be told of it.

mod bulks;
mod delivering;
mod failing;
mod places;
mod receiver;
mod waiting;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::customers::{CreateCustomer, Email, Name};
use domain::kernel::policy::QueuePolicy;
use domain::webhooks::{
    CreateEndpoint, Delivery, Description, Endpoint, EndpointDetails, EndpointUrl, EventPatterns, GetDelivery,
    GetEndpoint, Headers, RateLimit, SigningSecret, Targets,
};
use jobs::webhooks::{Sender, Settings};
use jobs::{Wiring, registry};
use sqlx::PgPool;
use uuid::Uuid;

use super::{Carrier, Worker};
use crate::support::{TestDb, ctx, quick};

/// A tenant whose events are told as `settings` say.
struct Told {
    db: TestDb,
    /// None once it is stopped.
    worker: Option<Worker>,
}

/// Anything may be called, and nobody is left alone.
fn settings() -> Settings {
    Settings {
        targets: Targets::Any,
        // one that answers has all the time it needs
        timeout: Duration::from_secs(30),
        breaker_failures: 1000,
        ..Settings::default()
    }
}

/// Three attempts.
fn policy() -> QueuePolicy {
    QueuePolicy { max_attempts: 3, ..quick() }
}

impl Told {
    async fn new(owner: PgPool, settings: Settings) -> Self {
        Self::with(owner, Sender::new(settings)).await
    }

    async fn with(owner: PgPool, sender: Sender) -> Self {
        let db = TestDb::new(owner, policy()).await;
        let worker = Some(work(&db, sender));
        Self { db, worker }
    }

    async fn stop(&mut self) {
        self.worker.take().unwrap().stop().await;
    }

    /// An endpoint and its secret.
    async fn endpoint(&self, url: &str, types: &str) -> (Endpoint, String) {
        self.limited_endpoint(url, types, None).await
    }

    async fn limited_endpoint(&self, url: &str, types: &str, rate: Option<i64>) -> (Endpoint, String) {
        let secret = SigningSecret::generate().unwrap();
        let headers = BTreeMap::from([("X-Api-Key".to_owned(), "s3cret".to_owned())]);
        let details = EndpointDetails {
            url: EndpointUrl::parse(url, "").unwrap(),
            event_types: EventPatterns::parse(&[types.to_owned()], "").unwrap(),
            description: Description::default(),
            headers: Headers::parse(&headers, "").unwrap(),
            rate_limit: rate.map(|rate| RateLimit::new(rate, "").unwrap()),
        };
        let shown = secret.reveal();
        let create = CreateEndpoint { details, secret, targets: Targets::Any };
        (domain::run(&self.db.api, &ctx(), create).await.unwrap(), shown)
    }

    /// Something happens.
    async fn happen(&self, email: &str) {
        let customer = CreateCustomer {
            name: Name::parse("Ada", "").unwrap(),
            email: Email::parse(&format!("{email}@example.com"), "").unwrap(),
            phone: None,
            group_id: None,
        };
        domain::run(&self.db.api, &ctx(), customer).await.unwrap();
    }

    /// Waits until so many deliveries have this status.
    async fn until(&self, status: &str, deliveries: i64) {
        let count = format!("select count(*) from webhooks.deliveries where status = '{status}'");
        self.db.until(&count, deliveries).await;
    }

    /// Waits until nothing is left to do.
    async fn until_quiet(&self) {
        self.db.until("select count(*) from apalis.jobs", 0).await;
    }

    /// The only delivery there is.
    async fn delivery(&self) -> (Delivery, Vec<domain::webhooks::Attempt>) {
        let id: Uuid =
            sqlx::query_scalar("select id from webhooks.deliveries").fetch_one(&self.db.owner).await.unwrap();
        domain::fetch(&self.db.api, &ctx(), GetDelivery { id }).await.unwrap()
    }

    async fn read(&self, id: Uuid) -> Endpoint {
        domain::fetch(&self.db.api, &ctx(), GetEndpoint { id }).await.unwrap()
    }

    /// How many dead letters of this class are open.
    async fn dead(&self, class: &str) -> i64 {
        let of = format!(
            "select count(*) from jobs.dead_letters where kind = 'deliver-webhook.v1' and error_class = '{class}'
                 and discarded_at is null"
        );
        self.db.count(&of).await
    }
}

fn work(db: &TestDb, sender: Sender) -> Worker {
    let wiring = Carrier::Embedded.wiring(&db.worker, &registry::reactions());
    Worker::start(&db.worker, Wiring { webhooks: Arc::new(sender), ..wiring })
}

const CUSTOMERS: &str = "com.offgrid.portal.customers.*";
