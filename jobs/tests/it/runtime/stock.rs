//! Schema drift alarm: a stock apalis worker must run what our kernel inserts, on the table as our
//! migrations leave it.

use apalis_core::error::BoxDynError;
use apalis_core::worker::builder::WorkerBuilder;
use apalis_core::worker::context::WorkerContext;
use apalis_postgres::{Config, PostgresStorage};
use sqlx::PgPool;

use crate::support::{QUEUE, Task, TestDb, quick};

#[sqlx::test(migrations = false)]
async fn a_stock_apalis_worker_runs_what_we_insert(owner: PgPool) {
    let db = TestDb::new(owner, quick()).await;
    db.enqueue(&[Some("a"), None]).await;
    let storage = PostgresStorage::<Task>::new(&db.owner).with_config(Config::default().queue(QUEUE));
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = seen.clone();
    let run = move |task: Task, worker: WorkerContext| {
        let mut seen = log.lock().unwrap();
        seen.push(task.n);
        if seen.len() == 2 {
            worker.stop().unwrap();
        }
        async { Ok::<(), BoxDynError>(()) }
    };
    let worker = WorkerBuilder::new("stock").backend(storage).build(run);
    tokio::time::timeout(std::time::Duration::from_secs(30), worker.run()).await.unwrap().unwrap();
    let mut seen = seen.lock().unwrap().clone();
    seen.sort_unstable();
    assert_eq!(seen, [0, 1]);
}
