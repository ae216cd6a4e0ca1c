//! Everything that runs during a run.

use std::time::Duration;

use tokio::process::Command;
use tokio::time::{sleep, timeout};

use crate::Result;
use crate::database::Database;
use crate::issuer::Issuer;
use crate::options::{Form, Options};
use crate::places::Places;
use crate::program::{Environment, Program, Spec};
use crate::proxy::Proxy;
use crate::request::Sender;
use crate::servers::{Postgres, RabbitMq};

/// The servers, the proxies in front of them, the programs under test, and those who watch.
pub(crate) struct World {
    pub(crate) places: Places,
    pub(crate) form: Form,
    pub(crate) postgres: Postgres,
    pub(crate) rabbitmq: RabbitMq,
    pub(crate) database_link: Proxy,
    pub(crate) broker_link: Proxy,
    pub(crate) issuer: Issuer,
    pub(crate) api: Program,
    pub(crate) workers: Vec<Program>,
    pub(crate) database: Database,
    pub(crate) small_disk: Option<std::path::PathBuf>,
    pub(crate) faketime: Option<std::path::PathBuf>,
}

impl World {
    /// Starts all of it and waits until it works.
    pub(crate) async fn start(options: &Options, form: Form) -> Result<Self> {
        let places = Places::new(options)?;
        let (postgres, rabbitmq) = (Postgres(places.clone()), RabbitMq(places.clone()));
        let (superuser, ()) = tokio::try_join!(prepare(&postgres), rabbitmq.start())?;
        let issuer = Issuer::start(places.issuer()).await?;
        let database_link = Proxy::start(places.database_proxy(), places.database_port()).await?;
        let broker_link = Proxy::start(places.broker_proxy(), places.amqp_port).await?;
        let api = Program::start(spec(&places, "api", "api", api_environment(&places, &issuer)));
        let worker =
            |n| Program::start(spec(&places, &format!("worker-{n}"), "worker", worker_environment(&places, &form)));
        let workers = (1..=form.workers).map(worker).collect();
        let world = Self {
            database: Database::new(&superuser)?,
            small_disk: options.small_disk.clone(),
            faketime: options.faketime.clone(),
            form,
            postgres,
            rabbitmq,
            database_link,
            broker_link,
            issuer,
            api,
            workers,
            places,
        };
        world.ready().await?;
        Ok(world)
    }

    /// Sends commands to the API.
    pub(crate) fn sender(&self) -> Result<Sender> {
        Sender::new(&self.places.api(), &self.issuer)
    }

    async fn ready(&self) -> Result<()> {
        let sender = self.sender()?;
        let ready = async {
            while !sender.is_ready().await {
                sleep(Duration::from_millis(100)).await;
            }
        };
        timeout(Duration::from_secs(60), ready).await.map_err(|_| "the API is not ready after 60 s: see its log")?;
        Ok(())
    }
}

/// A migrated database; the superuser's URL.
async fn prepare(postgres: &Postgres) -> Result<String> {
    let url = postgres.start().await?;
    postgres.prepare().await?;
    let places = &postgres.0;
    let owner = places.database_url("portal_owner", places.database_port());
    let mut migrate = Command::new(&places.portal);
    let migrated = migrate.arg("migrate").env("PORTAL_DATABASE__OWNER_URL", owner).output().await?;
    if !migrated.status.success() {
        return Err(format!("portal migrate: {}", String::from_utf8_lossy(&migrated.stderr)).into());
    }
    Ok(url)
}

fn spec(places: &Places, name: &str, argument: &'static str, environment: Environment) -> Spec {
    let log = places.work.join(format!("{name}.log"));
    Spec { name: name.to_owned(), binary: places.portal.clone(), argument, environment, log }
}

fn variable(name: &str, value: impl ToString) -> (String, String) {
    (name.to_owned(), value.to_string())
}

fn api_environment(places: &Places, issuer: &Issuer) -> Environment {
    vec![
        variable("PORTAL_DATABASE__URL", places.database_url("portal_api", places.database_proxy())),
        variable("PORTAL_HTTP__ADDR", places.api()),
        variable("PORTAL_AUTH__ISSUER", &issuer.url),
        variable("PORTAL_METRICS__API_ADDR", ""),
    ]
}

fn worker_environment(places: &Places, form: &Form) -> Environment {
    let mut environment = vec![
        variable("PORTAL_DATABASE__URL", places.database_url("portal_worker", places.database_proxy())),
        variable("PORTAL_AMQP__URL", places.amqp_url(places.broker_proxy())),
        // several workers on one machine
        variable("PORTAL_METRICS__WORKER_ADDR", ""),
    ];
    if let Some(dead_after) = form.dead_after {
        environment.push(variable("PORTAL_WORKER__DEAD_AFTER_MS", dead_after.as_millis()));
        environment.push(variable("PORTAL_WORKER__HEARTBEAT_MS", (dead_after / 4).as_millis()));
    }
    environment.extend(form.worker_environment.iter().cloned());
    environment
}
