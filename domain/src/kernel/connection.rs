//! Connections that may fall silent: behind a firewall that forgot them nothing arrives any more, and
//! nobody says so. So no answer is waited for without end, and no connection goes back to its pool
//! that does not answer. sqlx alone bounds neither: it asks each connection that comes back whether
//! it is well, and keeps its place in the pool until it says so.

use std::future::Future;
use std::io;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection, PgConnection, Postgres};
use tokio::runtime::Handle;
use tokio::time::timeout;

/// How long an answer is waited for, unless configured: longer than the server works on a statement.
pub const ANSWER_LIMIT: Duration = Duration::from_secs(12);

/// A connection in use a moment ago is trusted.
const TRUSTED: Duration = Duration::from_secs(2);

/// A server that has nothing to do but to say that it is there does so within this time.
const LIFE_SIGN: Duration = Duration::from_secs(2);

/// Makes a pool look whether a connection that was idle for a while still answers, instead of asking
/// each one each time, which costs a round trip, or waiting for an answer that never comes. One that
/// does not answer condemns those that were last used before: they would cost as long one by one.
pub fn tested(options: PgPoolOptions) -> PgPoolOptions {
    let silence = Arc::new(Mutex::new(None::<Instant>));
    options.test_before_acquire(false).before_acquire(move |connection, about| {
        let silence = silence.clone();
        Box::pin(async move {
            if about.idle_for < TRUSTED {
                return Ok(true);
            }
            let last_used = Instant::now().checked_sub(about.idle_for);
            if last_used < *silence.lock().unwrap_or_else(PoisonError::into_inner) {
                return Err(silent());
            }
            if let Ok(answer) = timeout(LIFE_SIGN, connection.ping()).await {
                return answer.map(|()| true);
            }
            *silence.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            Err(silent())
        })
    })
}

/// Runs statements on a connection of the pool. After `limit` they have failed, and their connection
/// is closed: whether the last of them took effect is then unknown.
///
/// # Errors
/// Those of `work`; an I/O error when there was no answer in time.
#[allow(clippy::disallowed_types, reason = "the one place that takes connections out of a pool")]
pub async fn within<T, E: From<sqlx::Error>>(
    pool: &sqlx::PgPool,
    limit: Duration,
    work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, E>,
) -> Result<T, E> {
    let mut connection = Borrowed::from(pool).await?;
    if let Ok(done) = timeout(limit, work(&mut connection)).await {
        return done;
    }
    connection.close();
    Err(silent().into())
}

/// Bounds work that borrows connections itself.
pub(crate) async fn answered<T, E: From<sqlx::Error>>(
    limit: Duration,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    timeout(limit, work).await.unwrap_or_else(|_| Err(silent().into()))
}

fn silent() -> sqlx::Error {
    sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, "the server does not answer"))
}

/// A connection on loan from a pool. Given back when dropped, if it still answers; else closed.
pub(crate) struct Borrowed {
    /// There until the end.
    connection: Option<PoolConnection<Postgres>>,
    in_transaction: bool,
}

impl Borrowed {
    #[allow(clippy::disallowed_types, reason = "the one place that takes connections out of a pool")]
    pub(crate) async fn from(pool: &sqlx::PgPool) -> sqlx::Result<Self> {
        Ok(Self { connection: Some(pool.acquire().await?), in_transaction: false })
    }

    /// Begins a transaction with this statement, which may set its circumstances as well.
    pub(crate) async fn begin(&mut self, statement: String) -> sqlx::Result<()> {
        // before it is sent: nobody knows afterwards how far a statement came that was given up
        self.in_transaction = true;
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut **self).await?;
        Ok(())
    }

    pub(crate) async fn commit(&mut self) -> sqlx::Result<()> {
        sqlx::raw_sql("commit").execute(&mut **self).await?;
        self.in_transaction = false;
        Ok(())
    }

    pub(crate) async fn rollback(&mut self) -> sqlx::Result<()> {
        sqlx::raw_sql("rollback").execute(&mut **self).await?;
        self.in_transaction = false;
        Ok(())
    }

    /// Without a word to the server, which would not hear it.
    fn close(&mut self) {
        drop(self.connection.take().map(PoolConnection::detach));
    }
}

impl Deref for Borrowed {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        self.connection.as_ref().expect("is there until it is closed")
    }
}

impl DerefMut for Borrowed {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.connection.as_mut().expect("is there until it is closed")
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(give_back(connection, self.in_transaction))),
            // the program ends
            Err(_) => drop(connection.detach()),
        }
    }
}

async fn give_back(mut connection: PoolConnection<Postgres>, in_transaction: bool) {
    if in_transaction {
        let rolled_back = timeout(LIFE_SIGN, sqlx::raw_sql("rollback").execute(&mut *connection)).await;
        if !matches!(rolled_back, Ok(Ok(_))) {
            return drop(connection.detach());
        }
    }
    // dropped before it is through, this closes the connection
    let _ = timeout(LIFE_SIGN, connection.return_to_pool()).await;
}
