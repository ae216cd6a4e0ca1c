//! `portal migrate`: brings the schema up to date, as its own step and as the owner.

use std::time::Duration;

use domain::kernel::schema::{self, State};
use sqlx::{Connection, PgPool};
use tokio::time::Instant;

use crate::config::Config;
use crate::database::{self, Login, Role};
use crate::failure::Failure;

/// How long to wait for a database that is starting.
const PATIENCE: Duration = Duration::from_secs(30);
const BETWEEN_TRIES: Duration = Duration::from_millis(500);

/// Waits for the database, migrates, and says what it did.
pub(crate) async fn run(config: &Config) -> Result<(), Failure> {
    let login = Login::owner(config, "`portal migrate` connects as the schema's owner")?;
    wait_for(login).await?;
    let pool = database::pool(&config.database, login, Role::Owner).await?;
    match migrate(&pool).await? {
        0 => println!("the schema is current: nothing to do"),
        1 => println!("applied 1 migration"),
        applied => println!("applied {applied} migrations"),
    }
    database::close(pool).await;
    Ok(())
}

/// Runs what is missing; how many migrations that were.
pub(crate) async fn migrate(pool: &PgPool) -> Result<usize, Failure> {
    let State::Behind(missing) = state(pool).await? else { return Ok(0) };
    schema::migrate(pool).await.map_err(Failure::domain("migrating"))?;
    Ok(missing)
}

async fn state(pool: &PgPool) -> Result<State, Failure> {
    let mut connection = pool.acquire().await.map_err(|error| Failure::domain("connecting")(error.into()))?;
    schema::state(&mut connection).await.map_err(Failure::domain("reading the schema's version"))
}

async fn wait_for(login: Login<'_>) -> Result<(), Failure> {
    let options = login.options()?;
    let deadline = Instant::now() + PATIENCE;
    let mut told = false;
    loop {
        let error = match login.connect(&options).await {
            Ok(connection) => {
                let _ = connection.close().await;
                return Ok(());
            }
            Err(error) => error,
        };
        if !error.may_pass() || Instant::now() >= deadline {
            return Err(login.explain(error, Some(Role::Owner)));
        }
        if !told {
            eprintln!("portal: waiting up to {} s for the database at {}", PATIENCE.as_secs(), login.url);
            told = true;
        }
        tokio::time::sleep(BETWEEN_TRIES).await;
    }
}
