//! Where the servers are, and who logs in.

use sqlx::PgPool;

use crate::http;

/// What `make test` sets.
#[allow(clippy::disallowed_methods, reason = "tests are configured by their environment")]
pub(crate) fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run the tests with `make test`"))
}

/// The URL of a test's own database for one of our roles.
pub(crate) fn url(pool: &PgPool, role: &str) -> String {
    let options = pool.connect_options();
    let (host, port) = (options.get_host(), options.get_port());
    format!("postgres://{role}:portal-test@{host}:{port}/{}", options.get_database().unwrap())
}

/// The same for the server's superuser, as `portal dev` wants it.
pub(crate) fn superuser_url(pool: &PgPool) -> String {
    let server = variable("PORTAL_TEST_SUPERUSER_URL");
    let (server, _) = server.rsplit_once('/').unwrap();
    format!("{server}/{}", pool.connect_options().get_database().unwrap())
}

/// Of the same server, but nobody listens there: a port that only root could use.
pub(crate) const NOBODY: &str = "127.0.0.1:1";

/// A virtual host of RabbitMQ, deleted when dropped.
pub(crate) struct Vhost {
    name: String,
    /// `amqp://…/NAME`.
    pub(crate) url: String,
}

impl Vhost {
    pub(crate) fn new() -> Self {
        let name = format!("portal-{}", uuid::Uuid::now_v7());
        let vhost = Self { url: format!("{}/{name}", variable("PORTAL_TEST_AMQP_URL")), name };
        assert_eq!(vhost.manage("PUT"), 201);
        vhost
    }

    fn manage(&self, method: &str) -> u16 {
        let api = variable("PORTAL_TEST_RABBITMQ_API");
        let addr = api.rsplit('@').next().unwrap();
        // guest:guest
        let login = "authorization: Basic Z3Vlc3Q6Z3Vlc3Q=".to_owned();
        http::send(addr, &format!("{method} /api/vhosts/{}", self.name), &[login], "").status
    }
}

impl Drop for Vhost {
    fn drop(&mut self) {
        self.manage("DELETE");
    }
}
