//! A database that exists for one part of a run.

use std::str::FromStr as _;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool};

use crate::Result;

/// Databases of this prefix are ours, and deleted at the start of a run: one that was killed may
/// have left some.
const PREFIX: &str = "portal_bench_";

/// Connections of a pool; the same as a process of the product has by default.
const CONNECTIONS: u32 = 16;

pub(crate) struct Scratch {
    server: PgConnectOptions,
    url: String,
    name: String,
    /// As the superuser: prepares, looks on, cleans up.
    pub(crate) admin: PgPool,
}

impl Scratch {
    /// An empty database, for a floor.
    pub(crate) async fn empty(server_url: &str, name: &str) -> Result<Self> {
        let server = PgConnectOptions::from_str(server_url)?;
        let name = format!("{PREFIX}{name}");
        let mut connection = PgConnection::connect_with(&server).await?;
        execute(&mut connection, format!("drop database if exists {name} with (force)")).await?;
        execute(&mut connection, format!("create database {name}")).await?;
        connection.close().await?;
        let url = match server_url.rsplit_once('/') {
            Some((host, _)) => format!("{host}/{name}"),
            None => return Err(format!("no database in the URL {server_url}").into()),
        };
        let admin = PgPoolOptions::new().max_connections(8).connect_with(server.clone().database(&name)).await?;
        Ok(Self { server, url, name, admin })
    }

    /// A database with roles and schema of the product.
    pub(crate) async fn migrated(server_url: &str, name: &str) -> Result<Self> {
        let scratch = Self::empty(server_url, name).await?;
        sqlx::raw_sql(include_str!("../../deploy/postgres/roles.sql")).execute(&scratch.admin).await?;
        let owned = format!("alter database {} owner to portal_owner", scratch.name);
        sqlx::raw_sql(AssertSqlSafe(owned)).execute(&scratch.admin).await?;
        let owner = scratch.pool_as("portal_owner").await?;
        domain::kernel::schema::migrate(&owner).await?;
        owner.close().await;
        Ok(scratch)
    }

    /// For a process: logs in as the superuser, who may act as every role.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// A pool that acts as a database role of the product.
    pub(crate) async fn pool_as(&self, role: &str) -> Result<PgPool> {
        let options = self.server.clone().database(&self.name).options([("role", role)]);
        Ok(PgPoolOptions::new().max_connections(CONNECTIONS).connect_with(options).await?)
    }

    /// A connection of its own, as the superuser.
    pub(crate) async fn connect(&self) -> Result<PgConnection> {
        Ok(PgConnection::connect_with(&self.server.clone().database(&self.name)).await?)
    }

    /// Deletes it.
    pub(crate) async fn remove(self) -> Result<()> {
        self.admin.close().await;
        let mut connection = PgConnection::connect_with(&self.server).await?;
        execute(&mut connection, format!("drop database {} with (force)", self.name)).await
    }
}

/// Deletes what an earlier run left behind.
pub(crate) async fn remove_leftovers(server_url: &str) -> Result<()> {
    let mut connection = PgConnection::connect(server_url).await?;
    let names: Vec<String> = sqlx::query_scalar("select datname::text from pg_database where starts_with(datname, $1)")
        .bind(PREFIX)
        .fetch_all(&mut connection)
        .await?;
    for name in names {
        execute(&mut connection, format!("drop database {name} with (force)")).await?;
    }
    Ok(())
}

async fn execute(connection: &mut PgConnection, statement: String) -> Result<()> {
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await?;
    Ok(())
}
