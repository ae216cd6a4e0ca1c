//! `/v1/admin/operations` on the wire. What operations do is tested in `domain`, and with real workers in `jobs`.

use std::time::Duration;

use domain::kernel::policy::QueuePolicies;
use domain::operations::bulk::{RunOperation, run_operation};
use domain::{Ctx, Db, Scope};
use serde_json::{Value, json};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::app::{ADMIN, Answer, App, STAFF, VIEWER};

const OPERATIONS: &str = "/v1/admin/operations";

/// The API, and this many dead letters of the queue `q`.
async fn app(owner: PgPool, dead: i32) -> App {
    let app = App::new(owner).await;
    sqlx::query(
        "insert into jobs.dead_letters (id, queue, kind, seq, reason, error, error_class, payload, metadata, attempts,
             max_attempts, crashes, redrives, priority, created_at, holds_key)
         select 'J' || lpad(n::text, 6, '0'), 'q', 'task.v1', 1000 + n, 'permanent', 'boom', 'test', '{}', '{}', 1, 6, 0,
             0, 0, now(), false
         from generate_series(1, $1) n",
    )
    .bind(dead)
    .execute(&app.owner)
    .await
    .unwrap();
    app
}

async fn post(app: &App, path: &str, body: Value) -> Answer {
    app.post(&format!("{OPERATIONS}{path}"), &body).role(ADMIN).send().await
}

async fn get(app: &App, path: &str) -> Answer {
    app.get(&format!("{OPERATIONS}{path}")).role(ADMIN).send().await
}

fn discard() -> Value {
    json!({"action": "discard", "filter": {"queue": "q"}, "reason": "duplicates"})
}

async fn started(app: &App, body: Value) -> String {
    let answer = post(app, "", body).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    answer.id().to_owned()
}

/// Takes the operation's next turn, as a worker does.
async fn take_turn(app: &App, id: &str) {
    let options = (*app.owner.connect_options()).clone().username("portal_worker").password("portal-test");
    let pool = PgPoolOptions::new().max_connections(2).connect_with(options).await.unwrap();
    let select = "select id, turn from operations.operations where id::text = $1";
    let (operation, turn) = sqlx::query_as(select).bind(id).fetch_one(&app.owner).await.unwrap();
    let ctx = Ctx { scope: Scope::Process, ..crate::app::admin_ctx() };
    run_operation(&Db::new(pool, QueuePolicies::default()), &ctx, &RunOperation { operation, turn }).await.unwrap();
}

#[sqlx::test(migrations = false)]
async fn a_dry_run_says_what_would_happen_and_changes_nothing(pool: PgPool) {
    let app = app(pool, 3).await;
    let mut body = discard();
    body["dryRun"] = json!(true);
    body["limit"] = json!(2);
    let preview = post(&app, "", body.clone()).await;
    assert_eq!(preview.status, 200, "{}", preview.text);
    let totals = &preview.json["totals"];
    assert_eq!((&totals["selected"], &totals["ready"], &totals["tooMany"]), (&json!(3), &json!(3), &json!(false)));
    let item = json!({"jobId": "J000001", "verdict": "ready", "queue": "q", "kind": "task.v1", "tenant": null,
        "blockedBy": null, "pointer": null, "detail": null});
    assert_eq!(preview.json["data"][0], item);
    body["cursor"] = preview.json["next"].clone();
    let rest = post(&app, "", body).await.json;
    assert_eq!(
        (&rest["totals"], &rest["data"][0]["jobId"], &rest["next"]),
        (&Value::Null, &json!("J000003"), &Value::Null)
    );
    assert_eq!(app.count("operations.operations").await, 0);
    assert_eq!(app.count("jobs.dead_letters where discarded_at is not null").await, 0);
}

#[sqlx::test(migrations = false)]
async fn an_operation_is_ordered_shown_and_listed(pool: PgPool) {
    let app = app(pool, 2).await;
    let id = started(&app, discard()).await;
    let begun = get(&app, &format!("/{id}")).await.json;
    assert_eq!(
        (&begun["state"], &begun["action"], &begun["filter"]),
        (&json!("running"), &json!("discard"), &json!({"queue": "q"}))
    );
    assert_eq!((&begun["progress"]["total"], &begun["progress"]["waiting"]), (&json!(2), &json!(2)));
    assert_eq!((&begun["reason"], &begun["explanation"]), (&json!("duplicates"), &Value::Null));
    take_turn(&app, &id).await;
    take_turn(&app, &id).await;
    let done = get(&app, &format!("/{id}")).await.json;
    assert_eq!((&done["state"], &done["progress"]["done"]), (&json!("completed"), &json!(2)));
    assert_eq!(get(&app, "").await.json["data"][0], done);
    let items = get(&app, &format!("/{id}/items?result=done&limit=1")).await.json;
    assert_eq!((&items["data"][0]["jobId"], &items["data"][0]["result"]), (&json!("J000001"), &json!("done")));
    let next = items["next"].as_str().unwrap();
    let items = get(&app, &format!("/{id}/items?result=done&limit=1&cursor={next}")).await.json;
    assert_eq!((&items["data"][0]["jobId"], &items["next"]), (&json!("J000002"), &Value::Null));
    let history = app.get("/v1/admin/dead-letters/J000001").role(ADMIN).send().await.json["history"][0].clone();
    assert_eq!(
        (&history["outcome"], &history["reason"]),
        (&json!("discarded"), &json!(format!("duplicates (operation {id})")))
    );
}

#[sqlx::test(migrations = false)]
async fn the_same_key_orders_one_operation(pool: PgPool) {
    let app = app(pool, 1).await;
    let send = async || app.post(OPERATIONS, &discard()).role(ADMIN).header("idempotency-key", "o-1").send().await;
    let (first, again) = (send().await, send().await);
    assert_eq!((first.status.as_u16(), first.text == again.text), (202, true));
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(app.count("operations.operations").await, 1);
}

#[sqlx::test(migrations = false)]
async fn it_is_paused_resumed_and_cancelled(pool: PgPool) {
    let app = app(pool, 1).await;
    let id = started(&app, discard()).await;
    let change = async |word: &str| post(&app, &format!("/{id}/{word}"), json!({"reason": "wait"})).await;
    assert_eq!(change("resume").await.outcome(), (409, "operation_not_paused"));
    let paused = change("pause").await.json;
    assert_eq!((&paused["state"], &paused["changeReason"]), (&json!("paused"), &json!("wait")));
    assert_eq!(change("pause").await.outcome(), (409, "operation_not_running"));
    assert_eq!(change("resume").await.json["state"], "running");
    assert_eq!(change("cancel").await.json["state"], "cancelled");
    assert_eq!(change("cancel").await.outcome(), (409, "operation_ended"));
    let unknown = "/01941f29-7c00-7000-8000-00000000ffff";
    for path in ["", "/items", "/events"] {
        assert_eq!(get(&app, &format!("{unknown}{path}")).await.outcome(), (404, "operation_not_found"), "{path}");
    }
    assert_eq!(
        post(&app, &format!("{unknown}/pause"), json!({"reason": "x"})).await.outcome(),
        (404, "operation_not_found")
    );
}

#[sqlx::test(migrations = false)]
async fn wrong_inputs_are_all_named(pool: PgPool) {
    let app = app(pool, 1).await;
    for (change, errors) in [
        (json!({"action": "erase", "reason": ""}), vec!["/action unknown_action", "/reason required"]),
        (json!({"filter": {}}), vec!["/filter filter_empty"]),
        (json!({"filter": null}), vec!["/ids ids_or_filter"]),
        (json!({"ids": ["a"]}), vec!["/ids ids_or_filter"]),
        (json!({"filter": null, "ids": []}), vec!["/ids ids_empty"]),
        (
            json!({"filter": {"tenant": "A", "fingerprint": "x"}}),
            vec!["/filter/fingerprint malformed", "/filter/tenant malformed"],
        ),
        (json!({"filter": {"state": "dead"}}), vec!["/filter/state unknown_field"]),
        (json!({"cursor": "x", "limit": 5}), vec!["/cursor dry_run_only", "/limit dry_run_only"]),
        (json!({"dryRun": true, "limit": 201}), vec!["/limit limit_invalid"]),
        (json!({"dryRun": true, "cursor": "x"}), vec!["/cursor cursor_invalid"]),
        (json!({"gradual": {}}), vec!["/gradual gradual_without_jobs"]),
        (
            json!({"action": "retry", "gradual": {"steps": [1, 0], "ratePerSecond": 0, "waitSeconds": 0,
                "stopWhen": {"share": 1.5}}}),
            vec![
                "/gradual/ratePerSecond rate_invalid",
                "/gradual/steps/1 step_invalid",
                "/gradual/stopWhen/share share_invalid",
                "/gradual/waitSeconds wait_invalid",
            ],
        ),
        (json!({"action": "retry", "gradual": {"step": 1}}), vec!["/gradual/step unknown_field"]),
    ] {
        let mut body = discard();
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        let refused = post(&app, "", body).await;
        assert_eq!(refused.status, 422, "{change}: {}", refused.text);
        assert_eq!(refused.errors(), errors, "{change}");
    }
    let id = started(&app, discard()).await;
    let wrong = get(&app, &format!("/{id}/items?result=dead&limit=0")).await;
    assert_eq!(wrong.errors(), ["limit limit_invalid", "result unknown_result"]);
    assert_eq!(get(&app, "?state=running").await.errors(), ["state unknown_parameter"]);
    assert_eq!(app.count("operations.operations").await, 1);
}

#[sqlx::test(migrations = false)]
async fn only_an_admin_may(pool: PgPool) {
    let app = app(pool, 1).await;
    let id = started(&app, discard()).await;
    for role in [VIEWER, STAFF] {
        assert_eq!(app.post(OPERATIONS, &discard()).role(role).send().await.outcome(), (403, "role_missing"));
        for path in [String::new(), format!("/{id}"), format!("/{id}/items"), format!("/{id}/events")] {
            let refused = app.get(&format!("{OPERATIONS}{path}")).role(role).send().await;
            assert_eq!(refused.outcome(), (403, "role_missing"), "{path}");
        }
    }
}

/// A server with a socket.
struct Server {
    address: std::net::SocketAddr,
    stop: oneshot::Sender<()>,
    stopped: tokio::task::JoinHandle<std::io::Result<()>>,
}

async fn serve(app: &App) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopping) = oneshot::channel::<()>();
    let stopped = tokio::spawn(api::serve(listener, app.state.clone(), async move {
        let _ = stopping.await;
    }));
    Server { address, stop, stopped }
}

/// Who reads a stream of events.
struct Reader(BufReader<TcpStream>);

impl Reader {
    async fn open(app: &App, server: &Server, id: &str) -> Self {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let request = format!(
            "GET {OPERATIONS}/{id}/events HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {}\r\n\r\n",
            app.token(ADMIN, "demo")
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        Self(BufReader::new(stream))
    }

    /// The next line; none at the end.
    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read =
            timeout(Duration::from_secs(20), self.0.read_line(&mut line)).await.expect("a line in time").unwrap();
        (read > 0).then(|| line.trim_end().to_owned())
    }

    /// What follows this prefix on the next line that has it.
    async fn after(&mut self, prefix: &str) -> Option<String> {
        while let Some(line) = self.line().await {
            if let Some(rest) = line.strip_prefix(prefix) {
                return Some(rest.to_owned());
            }
        }
        None
    }

    async fn event(&mut self) -> Option<(String, Value)> {
        let name = self.after("event: ").await?;
        let data = self.after("data: ").await.unwrap();
        Some((name, serde_json::from_str(&data).unwrap()))
    }
}

#[sqlx::test(migrations = false)]
async fn progress_is_streamed_until_the_end(pool: PgPool) {
    let app = app(pool, 2).await;
    let server = serve(&app).await;
    let id = started(&app, discard()).await;
    let mut reader = Reader::open(&app, &server, &id).await;
    assert_eq!(reader.line().await.unwrap(), "HTTP/1.1 200 OK");
    assert_eq!(reader.after("content-type: ").await.unwrap(), "text/event-stream");
    let (name, first) = reader.event().await.unwrap();
    assert_eq!((name.as_str(), &first["progress"]["done"]), ("progress", &json!(0)));
    assert_eq!(first, get(&app, &format!("/{id}")).await.json, "as it is shown");
    take_turn(&app, &id).await;
    let (name, more) = reader.event().await.unwrap();
    assert_eq!((name.as_str(), &more["progress"]["done"]), ("progress", &json!(2)));
    take_turn(&app, &id).await;
    let (name, last) = reader.event().await.unwrap();
    assert_eq!((name.as_str(), &last["state"]), ("end", &json!("completed")));
    assert_eq!(reader.event().await, None);
    // of one that is over there is the last event only
    let mut late = Reader::open(&app, &server, &id).await;
    assert_eq!(late.event().await.unwrap(), ("end".to_owned(), last));
    server.stop.send(()).unwrap();
    timeout(Duration::from_secs(20), server.stopped).await.unwrap().unwrap().unwrap();
}

#[sqlx::test(migrations = false)]
async fn a_stop_of_the_server_ends_streams_at_once(pool: PgPool) {
    let app = app(pool, 1).await;
    let server = serve(&app).await;
    let id = started(&app, discard()).await;
    let mut reader = Reader::open(&app, &server, &id).await;
    assert_eq!(reader.event().await.unwrap().0, "progress");
    let begun = std::time::Instant::now();
    server.stop.send(()).unwrap();
    assert_eq!(reader.event().await, None, "no event says that it ended");
    timeout(Duration::from_secs(20), server.stopped).await.unwrap().unwrap().unwrap();
    let drain = api::Settings::default().drain_timeout;
    assert!(begun.elapsed() < drain, "it took {:?}: streams are not waited for", begun.elapsed());
}

#[sqlx::test(migrations = false)]
async fn there_is_room_for_so_many_streams(pool: PgPool) {
    let app = app(pool, 1).await;
    let server = serve(&app).await;
    let id = started(&app, discard()).await;
    let mut readers = Vec::new();
    for _ in 0..100 {
        let mut reader = Reader::open(&app, &server, &id).await;
        assert_eq!(reader.line().await.unwrap(), "HTTP/1.1 200 OK");
        readers.push(reader);
    }
    let mut refused = Reader::open(&app, &server, &id).await;
    assert_eq!(refused.line().await.unwrap(), "HTTP/1.1 503 Service Unavailable");
    assert_eq!(refused.after("retry-after: ").await.unwrap(), "5");
    assert!(refused.after("{").await.unwrap().contains("too_many_streams"));
}
