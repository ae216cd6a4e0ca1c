//! `portal api` and `portal worker`.

use std::net::TcpListener;
use std::time::Duration;

use sqlx::PgPool;

use crate::http;
use crate::places::{NOBODY, Vhost, url};
use crate::program::{Program, portal};

/// A port that was free a moment ago.
pub(crate) fn free_addr() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[sqlx::test(migrations = false)]
async fn the_api_serves_until_a_signal(pool: PgPool) {
    domain::kernel::schema::migrate(&pool).await.unwrap();
    let (url, addr) = (url(&pool, "portal_api"), free_addr());
    let issuer = format!("http://{NOBODY}");
    let variables = [
        ("PORTAL_DATABASE__URL", url.as_str()),
        ("PORTAL_AUTH__ISSUER", issuer.as_str()),
        ("PORTAL_HTTP__ADDR", addr.as_str()),
        ("PORTAL_LOG__FORMAT", "json"),
    ];
    let program = Program::start(&["api"], &variables);
    program.wait_for_log("serving the API");
    let ready = http::get(&addr, "/health/ready", "");
    assert_eq!((ready.status, &ready.body["checks"]["broker"]), (200, &"notUsed".into()), "{ready:?}");
    assert_eq!(http::get(&addr, "/v1/customers", "nonsense").status, 401);

    let health = portal(&["health"], &variables);
    assert_eq!(health.code, Some(0), "{health:?}");
    assert!(health.stdout.contains(r#""status":"ready""#), "{health:?}");
    let missing = portal(&["health", "--url", &format!("http://{addr}/v1/nothing")], &[]);
    let complaint = missing.complaint();
    assert!(complaint.starts_with(&format!("http://{addr}/v1/nothing: it answers 404: ")), "{complaint}");

    let taken = portal(&["api"], &variables);
    let complaint = taken.complaint();
    assert!(complaint.starts_with(&format!("cannot listen on {addr}: Address already in use")), "{complaint}");
    assert!(complaint.contains("; choose another with PORTAL_HTTP__ADDR, for example PORTAL_HTTP__ADDR=127.0.0.1:"));

    let ended = program.stop("TERM");
    let complaint = portal(&["health"], &variables).complaint().to_owned();
    assert!(complaint.starts_with(&format!("http://{addr}/health/ready: error sending request")), "{complaint}");
    assert!(complaint.contains("Connection refused"), "{complaint}");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.took < Duration::from_secs(10));
    assert!(ended.stderr.lines().all(|line| line.starts_with('{')), "{}", ended.stderr);
    assert!(!ended.stderr.contains("portal-test"));
}

#[sqlx::test(migrations = false)]
async fn the_worker_publishes_what_was_committed(pool: PgPool) {
    domain::kernel::schema::migrate(&pool).await.unwrap();
    let (worker, api, addr, vhost) = (url(&pool, "portal_worker"), url(&pool, "portal_api"), free_addr(), Vhost::new());
    assert_eq!(portal(&["seed"], &[("DATABASE_URL", api.as_str())]).code, Some(0));
    let variables = [
        ("DATABASE_URL", worker.as_str()),
        ("AMQP_URL", vhost.url.as_str()),
        ("PORTAL_WORKER__HEALTH_ADDR", addr.as_str()),
    ];
    let program = Program::start(&["worker"], &variables);
    let drained = async {
        while sqlx::query_scalar("select exists (select from apalis.jobs where job_type = 'outbox')")
            .fetch_one(&pool)
            .await
            .unwrap()
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), drained).await.expect("all events published");
    let ready = http::get(&addr, "/health/ready", "");
    assert_eq!((ready.status, &ready.body["checks"]["broker"]), (200, &"up".into()), "{ready:?}");

    let ended = program.stop("TERM");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.took < Duration::from_secs(10));
    assert!(ended.stderr.contains("event published"));
    assert!(!ended.stderr.contains("portal-test") && !ended.stderr.contains("guest:guest"), "{}", ended.stderr);
}

#[sqlx::test(migrations = false)]
async fn a_worker_without_its_broker_waits_and_stops(pool: PgPool) {
    domain::kernel::schema::migrate(&pool).await.unwrap();
    let (worker, amqp) = (url(&pool, "portal_worker"), format!("amqp://guest:s3cret@{NOBODY}"));
    let program = Program::start(&["worker"], &[("DATABASE_URL", &worker), ("AMQP_URL", &amqp)]);
    program.wait_for_log("worker started");
    let ended = program.stop("INT");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.took < Duration::from_secs(10));
    assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
}

#[sqlx::test(migrations = false)]
async fn a_queue_that_does_not_exist_is_refused(pool: PgPool) {
    domain::kernel::schema::migrate(&pool).await.unwrap();
    let worker = url(&pool, "portal_worker");
    let refused = |arguments: &[&str], more: &[(&str, &str)], key: &str| {
        let variables = [("DATABASE_URL", worker.as_str()), ("AMQP_URL", "amqp://localhost:1")];
        let ended = portal(arguments, &[&variables[..], more].concat());
        let complaint = ended.complaint();
        assert!(complaint.starts_with(&format!("{key}: there is no queue \"outbx\"; there are: ")), "{complaint}");
        assert!(complaint.contains("outbox"));
    };
    refused(&["worker"], &[("PORTAL_WORKER__QUEUES", "outbx")], "worker.queues");
    refused(&["worker"], &[("PORTAL_QUEUES__OUTBX__BATCH", "7")], "queues");
    refused(&["worker", "--queues", "stock,outbx"], &[], "--queues");
}

#[sqlx::test(migrations = false)]
async fn events_that_are_facts_of_their_own_are_not_collapsed(pool: PgPool) {
    domain::kernel::schema::migrate(&pool).await.unwrap();
    let worker = url(&pool, "portal_worker");
    let fact = "com.offgrid.portal.orders.order-created";
    let variables =
        [("DATABASE_URL", worker.as_str()), ("AMQP_URL", "amqp://localhost:1"), ("PORTAL_WORKER__COLLAPSE", fact)];
    let ended = portal(&["worker"], &variables);
    let complaint = ended.complaint();
    let expected = format!("worker.collapse: events of type \"{fact}\" are never collapsed; there are: ");
    assert!(complaint.starts_with(&expected), "{complaint}");
    assert!(complaint.contains("com.offgrid.portal.products.product-changed"), "{complaint}");
}
