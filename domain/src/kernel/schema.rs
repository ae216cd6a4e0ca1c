//! Migrations: apalis' first (they keep their own history), then ours. Their own step; API and
//! workers only check.

use std::collections::BTreeSet;

use apalis_postgres::PostgresStorage;
use sqlx::PgConnection;
use sqlx::migrate::Migrator;

use super::error::Error;

static OURS: Migrator = sqlx::migrate!("../migrations");

/// The database roles the migrations grant rights to.
pub const ROLES: [&str; 4] = ["portal_owner", "portal_api", "portal_worker", "portal_admin"];

/// How the database's schema compares with what this program was built for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Nothing to do.
    Current,
    /// So many migrations are missing.
    Behind(usize),
}

/// Runs what is missing. Connect as `portal_owner`.
///
/// # Errors
/// [`Error::Internal`] with what to do when the roles are missing or a migration fails.
#[allow(clippy::disallowed_types, reason = "migrations are not a business transaction")]
pub async fn migrate(pool: &sqlx::PgPool) -> Result<(), Error> {
    let known: BTreeSet<String> =
        sqlx::query_scalar::<_, String>("select rolname::text from pg_roles where rolname = any($1)")
            .bind(&ROLES[..])
            .fetch_all(pool)
            .await?
            .into_iter()
            .collect();
    let missing: Vec<_> = ROLES.into_iter().filter(|role| !known.contains(*role)).collect();
    if !missing.is_empty() {
        return Err(Error::Internal(format!(
            "the database roles {} do not exist: run deploy/postgres/roles.sql as a superuser first",
            missing.join(", ")
        )));
    }
    PostgresStorage::setup(pool).await.map_err(|e| Error::Internal(format!("apalis' migrations: {e}")))?;
    OURS.run(pool).await.map_err(|e| Error::Internal(format!("migrations: {e}")))
}

/// Compares applied migrations with the ones this program knows.
///
/// # Errors
/// [`Error::Database`] when the database cannot be asked. A database without any migration is
/// [`State::Behind`].
pub async fn state(conn: &mut PgConnection) -> Result<State, Error> {
    let apalis = PostgresStorage::migrations();
    let missing = missing(conn, &apalis, "apalis._sqlx_migrations").await?
        + missing(conn, &OURS, "public._sqlx_migrations").await?;
    Ok(if missing == 0 { State::Current } else { State::Behind(missing) })
}

async fn missing(conn: &mut PgConnection, migrator: &Migrator, table: &'static str) -> Result<usize, Error> {
    let exists: bool =
        sqlx::query_scalar("select to_regclass($1) is not null").bind(table).fetch_one(&mut *conn).await?;
    let applied: BTreeSet<i64> = if exists {
        let query = format!("select version from {table} where success");
        sqlx::query_scalar(sqlx::AssertSqlSafe(query)).fetch_all(conn).await?.into_iter().collect()
    } else {
        BTreeSet::new()
    };
    let wanted = migrator.iter().filter(|m| m.migration_type.is_up_migration());
    Ok(wanted.filter(|m| !applied.contains(&m.version)).count())
}
