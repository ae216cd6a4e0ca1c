//! Makes a database ready for development: roles, rights, schema, demo data.

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::config::Config;
use crate::database::{self, Login, Role};
use crate::failure::Failure;
use crate::migrate;

const ROLES: &str = include_str!("../../../deploy/postgres/roles.sql");
const RIGHTS: &str = include_str!("database.sql");

/// Makes the roles if they are missing, and brings the schema up to date.
pub(super) async fn prepare(config: &Config, login: Login<'_>) -> Result<(), Failure> {
    let mut connection = login.connect(&login.options()?).await.map_err(|error| login.explain(error, None))?;
    for statements in [ROLES, RIGHTS] {
        run(&mut connection, statements).await.map_err(|error| login.explain_preparation(error.into()))?;
    }
    let _ = connection.close().await;
    let owner = database::pool(&config.database, login, Role::Owner).await?;
    let applied = migrate::migrate(&owner).await?;
    database::close(owner).await;
    if applied > 0 {
        tracing::info!(applied, "migrated");
    }
    Ok(())
}

/// Several statements at once, without parameters.
async fn run(connection: &mut PgConnection, statements: &'static str) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(statements)).execute(connection).await.map(drop)
}
