//! The queue's statements against a model: random histories of enqueueing, claiming, success,
//! failure, death, rescue, operators (who put dead letters back, away, bring them back, edit and correct
//! them) and passing time, on a real PostgreSQL and on plain lists ([`queue`]) at once. After every step
//! the tables must hold what the model says, and the promises of [`rules`] must hold: every job is in
//! exactly one place, and nothing of its history is gone. At the end everything that can run must have run.
//!
//! ```text
//! ops (random history) ──▶ history ──┬──▶ database ──▶ the product's statements ──▶ tables
//!                                    └──▶ model ──────────────────────────────────▶ tables
//! ```
//!
//! The histories are one statement after another, in one transaction; that two of them at the same
//! moment cannot race is tested in `runtime::ordering`. A test that finds nothing proves little, so
//! [`variants`] breaks the statements one by one, and each must be found out.
//!
//! `PORTAL_MODEL_CASES=5000` plays more histories, `PORTAL_MODEL_SEED=…` those of an earlier run. A
//! history that fails is made as short as possible, printed, and its seed noted in `regressions.txt`:
//! commit that, it is then played first for ever.

mod database;
mod found;
mod history;
mod ops;
mod queue;
mod rules;
mod statements;
mod tables;
mod variants;

use std::cell::RefCell;

use proptest::test_runner::{Config, FileFailurePersistence, RngSeed, TestCaseError, TestError, TestRunner};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, PgConnection, PgPool};
use tokio::runtime::{Builder, Runtime};

use domain::kernel::schema;
use ops::Op;
use queue::Policy;
use statements::Statements;

/// Histories in an ordinary test run.
const CASES: u32 = 150;

/// A migrated database that takes on every role.
async fn superuser(owner: &PgPool) -> PgConnectOptions {
    schema::migrate(owner).await.unwrap();
    let url: String = set("PORTAL_TEST_SUPERUSER_URL").expect("set PORTAL_TEST_SUPERUSER_URL (make test does)");
    let database = owner.connect_options().get_database().unwrap().to_owned();
    url.parse::<PgConnectOptions>().unwrap().database(&database)
}

/// Plays histories on a connection of its own.
struct Player {
    runtime: Runtime,
    conn: RefCell<PgConnection>,
    sql: Statements,
}

impl Player {
    fn new(options: &PgConnectOptions) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let mut conn = runtime.block_on(options.connect()).unwrap();
        let sql = runtime.block_on(Statements::load(&mut conn));
        Self { runtime, conn: RefCell::new(conn), sql }
    }

    fn play(&self, sql: &Statements, ops: &[Op], policy: Policy) -> Result<(), TestCaseError> {
        let mut conn = self.conn.borrow_mut();
        self.runtime.block_on(history::play(&mut conn, sql, ops, policy)).map_err(TestCaseError::fail)
    }

    /// Plays as many as configured, or until one fails.
    fn find(&self, sql: &Statements, config: Config) -> Result<(), TestError<(Vec<Op>, Policy)>> {
        TestRunner::new(config).run(&ops::histories(), |(ops, policy)| self.play(sql, &ops, policy))
    }
}

#[allow(clippy::disallowed_methods, reason = "says how to test; the product reads no such variable")]
fn set<T: std::str::FromStr>(variable: &str) -> Option<T> {
    std::env::var(variable).ok().and_then(|text| text.parse().ok())
}

#[sqlx::test(migrations = false)]
async fn every_history_goes_as_the_model_says(owner: PgPool) {
    let options = superuser(&owner).await;
    let seed = set("PORTAL_MODEL_SEED").unwrap_or_else(|| uuid::Uuid::now_v7().as_u64_pair().1);
    let cases = set("PORTAL_MODEL_CASES").unwrap_or(CASES);
    let found = tokio::task::spawn_blocking(move || {
        let regressions = FileFailurePersistence::Direct("tests/it/model/regressions.txt");
        let player = Player::new(&options);
        player.find(
            &player.sql,
            Config {
                cases,
                rng_seed: RngSeed::Fixed(seed),
                max_shrink_iters: 1000,
                failure_persistence: Some(Box::new(regressions)),
                ..Config::default()
            },
        )
    });
    println!("{cases} histories, PORTAL_MODEL_SEED={seed}");
    match found.await.unwrap() {
        Ok(()) => {}
        Err(TestError::Fail(why, (ops, policy))) => {
            panic!("{policy:?}, {ops:#?}\n{why}\nPORTAL_MODEL_SEED={seed}")
        }
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}
