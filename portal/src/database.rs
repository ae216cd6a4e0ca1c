//! Connects to PostgreSQL, always as the role that the work is meant for.

use std::str::FromStr;
use std::time::Duration;

use domain::Db;
use domain::kernel::connection::{ANSWER_LIMIT, tested, within};
use domain::kernel::schema;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection, PgPool};

use crate::config::{Config, Database, Error, SecretUrl};
use crate::failure::Failure;

/// How long to wait for one connection that shows whether the database is there.
const FIRST_CONNECTION: Duration = Duration::from_secs(10);

/// How long the end waits for connections in use.
const LAST_USE: Duration = Duration::from_secs(1);

/// Within a transaction nothing but a statement is waited for: one that is idle so long has lost its
/// client, or is cut off from it, and its locks hold up others.
const IDLE_IN_TRANSACTION_MS: u64 = 10_000;

/// The server, too, notices a client that vanished without a word, within 20 s.
const NOTICES_LOSS: [(&str, &str); 4] = [
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "3"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "15000"),
];

/// The role that a pool acts as, whoever logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Owns every object; migrates.
    Owner,
    /// One tenant at a time.
    Api,
    /// All jobs.
    Worker,
}

impl Role {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Owner => "portal_owner",
            Self::Api => "portal_api",
            Self::Worker => "portal_worker",
        }
    }

    fn application(self) -> &'static str {
        match self {
            Self::Owner => "portal migrate",
            Self::Api => "portal api",
            Self::Worker => "portal worker",
        }
    }
}

/// Who logs in, and which setting says so.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Login<'a> {
    pub(crate) key: &'static str,
    pub(crate) url: &'a SecretUrl,
}

impl<'a> Login<'a> {
    /// `database.url`, which `user` should log in with: an example for those who have not set it.
    pub(crate) fn user(config: &'a Config, user: &str, needed: &'static str) -> Result<Self, Error> {
        Self::configured("database.url", &config.database.url, needed).map_err(|error| error.with_user(user))
    }

    /// `database.owner_url`.
    pub(crate) fn owner(config: &'a Config, needed: &'static str) -> Result<Self, Error> {
        Self::configured("database.owner_url", &config.database.owner_url, needed)
    }

    fn configured(key: &'static str, url: &'a SecretUrl, needed: &'static str) -> Result<Self, Error> {
        if url.is_empty() { Err(Error::missing(key, needed)) } else { Ok(Self { key, url }) }
    }

    fn failure(&self, problem: impl Into<String>, advice: impl Into<String>) -> Failure {
        Failure::Database { key: self.key, url: self.url.to_string(), problem: problem.into(), advice: advice.into() }
    }

    /// As the URL says, without a role.
    pub(crate) fn options(&self) -> Result<PgConnectOptions, Failure> {
        // The driver's own message may quote the URL, password included.
        PgConnectOptions::from_str(self.url.expose()).map_err(|_| {
            let advice = "write it as postgres://user:password@host:port/database, special characters percent-encoded";
            self.failure("it cannot be read as a PostgreSQL URL", advice)
        })
    }

    /// One connection, to see whether the database is there.
    pub(crate) async fn connect(&self, options: &PgConnectOptions) -> Result<PgConnection, ConnectError> {
        match tokio::time::timeout(FIRST_CONNECTION, PgConnection::connect_with(options)).await {
            Ok(result) => result.map_err(ConnectError::from),
            Err(_) => Err(ConnectError::Unreachable("no answer within 10 s".into())),
        }
    }

    /// What to tell the user about it.
    pub(crate) fn explain(&self, error: ConnectError, role: Option<Role>) -> Failure {
        let role = role.map_or("the role", Role::name);
        match error {
            ConnectError::Unreachable(why) => self.failure(why, "is PostgreSQL running there?"),
            ConnectError::Refused { code, message } => {
                let advice = match code.as_str() {
                    "28P01" | "28000" => format!("correct user and password in {}", self.key),
                    "3D000" => "create the database first, owned by portal_owner".to_owned(),
                    "42501" => format!("log in as {role}, or as a role that may act as it"),
                    "22023" => "create the database roles first: deploy/postgres/roles.sql".to_owned(),
                    "53300" => "raise the server's max_connections, or lower database.max_connections".to_owned(),
                    _ => format!("PostgreSQL's error code is {code}"),
                };
                self.failure(message, advice)
            }
            ConnectError::Other(why) => self.failure(why, format!("check {}", self.key)),
        }
    }

    /// The same for `portal dev`, while it makes roles and grants rights.
    pub(crate) fn explain_preparation(&self, error: ConnectError) -> Failure {
        match error {
            ConnectError::Refused { code, message } if code == "42501" => self
                .failure(message, "`portal dev` makes the database roles: log in as a superuser, or with createrole"),
            other => self.explain(other, None),
        }
    }
}

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum ConnectError {
    /// Nobody answers.
    Unreachable(String),
    /// The server answers, and says no.
    Refused {
        /// SQLSTATE.
        code: String,
        /// In the server's words.
        message: String,
    },
    /// TLS, protocol.
    Other(String),
}

impl ConnectError {
    /// Whether waiting may help: nobody listens yet, or the server is starting or stopping.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Refused { code, .. } => code == "57P03",
            Self::Other(_) => false,
        }
    }
}

impl From<sqlx::Error> for ConnectError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Io(error) => Self::Unreachable(error.to_string()),
            sqlx::Error::Database(error) => Self::Refused {
                code: error.code().unwrap_or_default().into_owned(),
                message: error.message().to_owned(),
            },
            error => Self::Other(error.to_string()),
        }
    }
}

/// A pool whose connections act as `role`. Connects once, to fail with a clear line if it cannot.
pub(crate) async fn pool(settings: &Database, login: Login<'_>, role: Role) -> Result<PgPool, Failure> {
    let options = session(settings, login.options()?, role);
    let mut connection = login.connect(&options).await.map_err(|error| login.explain(error, Some(role)))?;
    let acting: Result<String, sqlx::Error> =
        sqlx::query_scalar("select current_user::text").fetch_one(&mut connection).await;
    let acting = acting.map_err(|error| login.explain(error.into(), Some(role)))?;
    if acting != role.name() {
        // Row-level security is for these roles only: as any other, tenants would see each other.
        let problem = format!("connections act as {acting}, not as {}", role.name());
        return Err(login.failure(problem, "is there a connection pooler that drops startup options?"));
    }
    let _ = connection.close().await;
    Ok(tested(PgPoolOptions::new())
        .max_connections(settings.max_connections)
        .acquire_timeout(Duration::from_millis(settings.acquire_timeout_ms))
        .connect_lazy_with(options))
}

/// The way into the database through that pool.
pub(crate) fn db(pool: PgPool, config: &Config) -> Db {
    Db::with_answer_limit(pool, config.queues.clone(), config.database.answer_limit())
}

/// The options of a session that acts as `role`. Migrations may take as long as they take.
pub(crate) fn session(settings: &Database, options: PgConnectOptions, role: Role) -> PgConnectOptions {
    let options = options
        .application_name(role.application())
        .options([("role", role.name().to_owned()), ("lock_timeout", settings.lock_timeout_ms.to_string())]);
    let options = options.options(NOTICES_LOSS);
    let (statement, idle) = match role {
        Role::Owner => (0, 0),
        Role::Api | Role::Worker => (settings.statement_timeout_ms, IDLE_IN_TRANSACTION_MS),
    };
    options.options([
        ("statement_timeout", statement.to_string()),
        ("idle_in_transaction_session_timeout", idle.to_string()),
    ])
}

/// Refuses a schema that this program was not built for.
pub(crate) async fn ensure_current(pool: &PgPool) -> Result<(), Failure> {
    match within(pool, ANSWER_LIMIT, schema::state).await.map_err(Failure::domain("reading the schema's version"))? {
        schema::State::Current => Ok(()),
        schema::State::Behind(missing) => Err(Failure::SchemaBehind(missing)),
    }
}

/// Connections that are still in use must not hold up the end.
pub(crate) async fn close(pool: PgPool) {
    let _ = tokio::time::timeout(LAST_USE, pool.close()).await;
}
