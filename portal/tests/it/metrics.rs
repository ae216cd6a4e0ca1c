//! `/metrics`: what is exposed is what `docs/metrics.md` says, and what Prometheus takes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sqlx::PgPool;

use crate::http;
use crate::places::{NOBODY, Vhost, url, variable};
use crate::program::{Program, portal};
use crate::serving::free_addr;

/// Type and labels.
type Family = (String, BTreeSet<String>);

fn scrape(addr: &str) -> String {
    let answer = http::send(addr, "GET /metrics", &[], "");
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.text
}

/// Until all of this is there.
fn scrape_until(addr: &str, wanted: &[&str]) -> String {
    let begun = Instant::now();
    loop {
        let text = scrape(addr);
        let missing: Vec<_> = wanted.iter().filter(|piece| !text.contains(**piece)).collect();
        if missing.is_empty() {
            return text;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "waited in vain for {missing:?} in\n{text}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// What a process exposes.
fn exposed(text: &str) -> BTreeMap<String, Family> {
    let mut families = BTreeMap::new();
    let mut current = None;
    for line in text.lines() {
        if let Some(described) = line.strip_prefix("# TYPE ") {
            let (name, kind) = described.split_once(' ').unwrap();
            current = Some(families.entry(name.to_owned()).or_insert((kind.to_owned(), BTreeSet::new())));
        } else if let (Some((_, labels)), Some((_, rest))) = (&mut current, line.split_once('{'))
            && !line.starts_with('#')
        {
            let names = rest.rsplit_once('}').unwrap().0.split("\",").map(|label| label.split_once('=').unwrap().0);
            labels.extend(names.filter(|name| *name != "le").map(str::to_owned));
        }
    }
    families
}

/// What the document says.
fn documented() -> BTreeMap<String, Family> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md")).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `portal_"));
    let plain = |cell: &str| cell.replace('`', "").trim().to_owned();
    rows.map(|row| {
        let cells: Vec<String> = row.split('|').map(plain).collect();
        let labels = cells[3].split(',').map(|label| label.trim().to_owned()).filter(|label| !label.is_empty());
        (cells[1].clone(), (cells[2].clone(), labels.collect()))
    })
    .collect()
}

/// What Prometheus' own tool says about it: nothing.
fn check(text: &str) {
    let mut command = Command::new(variable("PORTAL_TEST_PROMTOOL"));
    let command = command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut checking = command.stderr(Stdio::piped()).spawn().unwrap();
    checking.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let said = checking.wait_with_output().unwrap();
    let complaints = format!("{}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    assert!(said.status.success() && complaints.is_empty(), "{complaints}\n{text}");
}

#[sqlx::test(migrations = false)]
async fn the_document_says_what_is_exposed(pool: PgPool) {
    domain::kernel::schema::migrate(&pool).await.unwrap();
    let (api, worker, vhost) = (url(&pool, "portal_api"), url(&pool, "portal_worker"), Vhost::new());
    let (api_addr, api_metrics, worker_metrics) = (free_addr(), free_addr(), free_addr());
    assert_eq!(portal(&["seed"], &[("DATABASE_URL", &api)]).code, Some(0));
    sqlx::query(
        "insert into apalis.jobs (id, job_type, kind, job, status, attempts, max_attempts, run_at, priority, metadata, tenant_id)
         values ('one', 'outbox', 'nobody-knows.v1', '{}', 'Pending', 0, 6, now(), 0, '', 'demo')",
    )
    .execute(&pool)
    .await
    .unwrap();
    let serving = Program::start(
        &["api"],
        &[
            ("DATABASE_URL", api.as_str()),
            ("PORTAL_AUTH__ISSUER", &format!("http://{NOBODY}")),
            ("PORTAL_HTTP__ADDR", api_addr.as_str()),
            ("PORTAL_METRICS__API_ADDR", api_metrics.as_str()),
        ],
    );
    let working = Program::start(
        &["worker"],
        &[
            ("DATABASE_URL", worker.as_str()),
            ("AMQP_URL", vhost.url.as_str()),
            ("PORTAL_METRICS__WORKER_ADDR", worker_metrics.as_str()),
            ("PORTAL_METRICS__INTERVAL_MS", "1000"),
            // what fails is not tried again meanwhile
            ("PORTAL_QUEUES__OUTBOX__BACKOFF_BASE_MS", "3600000"),
            ("PORTAL_QUEUES__OUTBOX__BACKOFF_CAP_MS", "3600000"),
        ],
    );
    serving.wait_for_log("serving the API");
    assert_eq!(http::get(&api_addr, "/v1/customers/7", "nonsense").status, 401);
    let request =
        "portal_http_request_duration_seconds_count{method=\"GET\",route=\"/v1/customers/{id}\",status=\"4xx\"} 1\n";
    let of_api = scrape_until(&api_metrics, &[request, "portal_queue_depth{queue=\"outbox\"}"]);
    let of_worker = scrape_until(
        &worker_metrics,
        &[
            "portal_job_attempts_total{outcome=\"failed\",queue=\"outbox\"} 1\n",
            "portal_job_failures_total{class=\"unknown_kind\",queue=\"outbox\"} 1\n",
            "portal_job_run_duration_seconds_count{kind=\"unknown\",queue=\"outbox\"} 1\n",
            "portal_job_wait_duration_seconds_count{kind=\"handle-event.v1\",queue=\"stock\"}",
            "portal_event_publish_duration_seconds_count{outcome=\"confirmed\"}",
            "portal_queue_jobs{queue=\"outbox\",state=\"retrying\"} 1\n",
            "portal_queue_tenant_depth{queue=\"outbox\",tenant=\"demo\"} 0\n",
            "portal_dead_letters{class=\"connection\",queue=\"demo\"} 4\n",
            "portal_broker_up 1\n",
            "portal_broker_queue_messages{queue=\"stock\"}",
            "portal_database_up 1\n",
        ],
    );
    let mut both = exposed(&of_api);
    both.extend(exposed(&of_worker));
    assert_eq!(both, documented());
    check(&of_api);
    check(&of_worker);
    assert!(!of_api.contains("portal_broker_up"), "the API has no broker");
    for program in [serving, working] {
        let ended = program.stop("TERM");
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }
}

#[sqlx::test(migrations = false)]
async fn a_database_that_does_not_answer_holds_up_no_scrape(pool: PgPool) {
    domain::kernel::schema::migrate(&pool).await.unwrap();
    let (api, addr) = (url(&pool, "portal_api"), free_addr());
    let (http_addr, issuer) = (free_addr(), format!("http://{NOBODY}"));
    let variables = [
        ("DATABASE_URL", api.as_str()),
        ("PORTAL_AUTH__ISSUER", &issuer),
        ("PORTAL_HTTP__ADDR", &http_addr),
        ("PORTAL_METRICS__API_ADDR", &addr),
        ("PORTAL_METRICS__INTERVAL_MS", "1000"),
    ];
    sqlx::query("insert into jobs.queues (name) values ('stock')").execute(&pool).await.unwrap();
    let program = Program::start(&["api"], &variables);
    program.wait_for_log("serving the API");
    let queue = "portal_queue_depth{queue=\"stock\"} 0\n";
    scrape_until(&addr, &["portal_database_up 1\n", queue]);
    assert_eq!(http::send(&addr, "GET /v1/customers", &[], "").status, 404, "nothing else is there");

    let mut locked = pool.begin().await.unwrap();
    sqlx::query("lock table jobs.queues in access exclusive mode").execute(&mut *locked).await.unwrap();
    let begun = Instant::now();
    let text = scrape_until(&addr, &["portal_database_up 0\n"]);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert!(!text.contains("portal_queue_") && text.contains("portal_database_connections{"), "{text}");
    locked.rollback().await.unwrap();
    scrape_until(&addr, &["portal_database_up 1\n", queue]);

    let other = free_addr();
    let taken = portal(&["api"], &[&variables[..], &[("PORTAL_HTTP__ADDR", other.as_str())]].concat());
    let complaint = taken.complaint();
    assert!(complaint.starts_with(&format!("cannot listen on {addr}: Address already in use")), "{complaint}");
    assert!(complaint.contains("; choose another with PORTAL_METRICS__API_ADDR, for example"), "{complaint}");
}
