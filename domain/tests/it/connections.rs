//! Connections that break off or do not answer.

use std::time::{Duration, Instant};

use domain::kernel::policy::QueuePolicies;
use domain::{Command, Db, Error, Tx};
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::ctx;

const LIMIT: Duration = Duration::from_secs(2);

/// With a single connection: whoever keeps it keeps out everybody.
async fn one_connection(owner: &PgPool) -> Db {
    domain::kernel::schema::migrate(owner).await.unwrap();
    let options = (*owner.connect_options()).clone().username("portal_api").password("portal-test");
    let pool = PgPoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    Db::with_answer_limit(pool, QueuePolicies::default(), LIMIT)
}

/// Takes so many seconds, with a lock of its own.
struct Sleep(f64);

impl Command for Sleep {
    type Output = ();

    async fn handle(self, tx: &mut Tx) -> Result<(), Error> {
        sqlx::query("select pg_advisory_xact_lock(1)").execute(tx.conn()).await?;
        sqlx::query("select pg_sleep($1)").bind(self.0).execute(tx.conn()).await?;
        Ok(())
    }
}

#[sqlx::test(migrations = false)]
async fn an_answer_that_does_not_come_is_given_up_and_its_connection_replaced(owner: PgPool) {
    let db = one_connection(&owner).await;
    let begun = Instant::now();
    let given_up = domain::run(&db, &ctx("acme"), Sleep(60.0)).await.unwrap_err();
    assert!(given_up.is_unavailable(), "{given_up}");
    let asked: Result<(), Error> =
        db.ask(async |conn| Ok(sqlx::query("select pg_sleep(60)").execute(conn).await.map(drop)?)).await;
    assert!(asked.unwrap_err().is_unavailable());
    db.ask(async |conn| sqlx::query("select 1").execute(conn).await).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
}

/// Rolled back first: its lock is free again.
#[sqlx::test(migrations = false)]
async fn a_transaction_that_is_dropped_goes_back_without_its_locks(owner: PgPool) {
    let db = one_connection(&owner).await;
    let acting = ctx("acme");
    let dropped = tokio::time::timeout(Duration::from_millis(100), domain::run(&db, &acting, Sleep(0.3))).await;
    assert!(dropped.is_err());
    // once the only connection is there again
    db.ask(async |conn| sqlx::query("select 1").execute(conn).await).await.unwrap();
    let free: bool = sqlx::query_scalar("select pg_try_advisory_lock(1)").fetch_one(&owner).await.unwrap();
    assert!(free);
}

/// As a server does that cannot start another process.
#[tokio::test]
async fn a_handshake_that_is_cut_off_is_an_outage() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let _ = client.read(&mut [0; 8]).await;
            let _ = client.write_all(b"E").await;
        }
    });
    let options = PgConnectOptions::new().host("127.0.0.1").port(port).username("portal_api");
    let db = Db::new(PgPoolOptions::new().connect_lazy_with(options), QueuePolicies::default());
    let error = domain::run(&db, &ctx("acme"), Sleep(0.0)).await.unwrap_err();
    assert!(matches!(error, Error::Database(sqlx::Error::Protocol(_))), "{error:?}");
    assert!(error.is_unavailable());
}
