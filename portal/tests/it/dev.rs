//! `portal dev`: everything at once, over a database that nobody prepared.

use std::time::Duration;

use serde_json::json;
use sqlx::{AssertSqlSafe, PgPool};

use crate::http;
use crate::places::{NOBODY, Vhost, superuser_url, url};
use crate::program::{Ended, Program};

/// What a developer copies from the screen.
pub(crate) struct Banner {
    text: String,
    pub(crate) addr: String,
}

impl Banner {
    pub(crate) fn of(program: &Program) -> Self {
        let text = program.wait_for("Try it:");
        let (_, rest) = text.split_once("API          http://").unwrap();
        Self { addr: rest.split_once("/v1").unwrap().0.to_owned(), text }
    }

    pub(crate) fn token(&self, role: &str) -> String {
        let (_, rest) = self.text.split_once(&format!("({role}): ")).unwrap();
        rest.lines().nth(1).unwrap().trim().to_owned()
    }
}

pub(crate) fn start(url: &str, more: &[(&str, &str)]) -> Program {
    let variables = [("DATABASE_URL", url), ("PORTAL_HTTP__ADDR", "127.0.0.1:0")];
    Program::start(&["dev"], &[&variables[..], more].concat())
}

fn assert_clean(ended: &Ended) {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.took < Duration::from_secs(10), "{ended:?}");
}

/// Creates a customer with a token from the screen and waits for its event on it.
fn create_and_see_the_event(program: &Program, banner: &Banner, name: &str) {
    let body = json!({"name": name, "email": format!("{}@example.com", name.to_lowercase())});
    let token = banner.token("portal-customer-team");
    let refused = http::post(&banner.addr, "/v1/customers", &banner.token("portal-viewer"), &body);
    assert_eq!(refused.status, 403, "{refused:?}");
    let created = http::post(&banner.addr, "/v1/customers", &token, &body);
    assert_eq!(created.status, 201, "{created:?}");
    let id = created.body["id"].as_str().unwrap();
    let shown = program.wait_for(&format!("customers/{id}"));
    assert!(shown.contains("com.offgrid.portal.customers.customer-created"), "{shown}");
}

/// Places an order with a token from the screen and waits until stock has answered.
fn order_and_see_it_confirmed(banner: &Banner) {
    let token = banner.token("portal-staff");
    let body =
        json!({"customerId": api::examples::ORDERING_CUSTOMER, "lines": [{"sku": api::examples::SKU, "quantity": 2}]});
    let placed = http::post(&banner.addr, "/v1/orders", &token, &body);
    assert_eq!((placed.status, &placed.body["status"]), (201, &"pending".into()), "{placed:?}");
    let path = format!("/v1/orders/{}", placed.body["id"].as_str().unwrap());
    for _ in 0..200 {
        let order = http::get(&banner.addr, &path, &token).body;
        if order["status"] != "pending" {
            assert_eq!(order["status"], "confirmed", "{order}");
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{path} stays pending");
}

#[sqlx::test(migrations = false)]
async fn from_an_empty_database_to_a_printed_event(pool: PgPool) {
    let url = superuser_url(&pool);
    let program = start(&url, &[]);
    let banner = Banner::of(&program);
    let events = banner.text.matches("com.offgrid.portal").count();
    assert_eq!(events, 0, "the events of the demo data scroll the tokens away");
    for role in ["portal-viewer", "portal-customer-team", "portal-staff", "portal-admin"] {
        let listed = http::get(&banner.addr, "/v1/customers", &banner.token(role));
        assert_eq!(listed.status, 200, "{role}: {listed:?}");
        assert!(!listed.body["data"].as_array().unwrap().is_empty());
    }
    let ready = http::get(&banner.addr, "/health/ready", "");
    assert_eq!((ready.status, &ready.body["checks"]["broker"]), (200, &"embedded".into()), "{ready:?}");
    create_and_see_the_event(&program, &banner, "Ada");
    order_and_see_it_confirmed(&banner);
    let acting: Vec<String> = sqlx::query_scalar(
        "select distinct application_name from pg_stat_activity
         where datname = current_database() and application_name like 'portal %' order by 1",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(acting, ["portal api", "portal worker"]);
    assert_clean(&program.stop("INT"));

    // The next one finds the same data, and loads nothing again.
    let again = start(&url, &[]);
    let banner = Banner::of(&again);
    let found = http::get(&banner.addr, "/v1/customers?text=ada@example.com", &banner.token("portal-viewer"));
    assert_eq!(found.body["data"][0]["name"], "Ada", "{found:?}");
    assert_clean(&again.stop("TERM"));
}

/// The least that `portal dev` promises to do with: may create roles, and owns the database.
#[sqlx::test(migrations = false)]
async fn a_superuser_is_not_needed(pool: PgPool) {
    let superuser = PgPool::connect(&superuser_url(&pool)).await.unwrap();
    let name = format!("portal_dev_{}", uuid::Uuid::now_v7().simple());
    let sql = async |text: String| sqlx::raw_sql(AssertSqlSafe(text)).execute(&superuser).await.unwrap();
    sql(format!("create role {name} login createrole password 'portal-test'")).await;
    // From version 16 on, the right to create roles is no right over those that exist.
    sql(format!(
        "do $$ begin if current_setting('server_version_num')::int >= 160000 then
             grant portal_owner, portal_api, portal_worker to {name} with admin option;
         end if; end $$"
    ))
    .await;
    sql(format!("create database {name} owner {name}")).await;

    let login = url(&pool, &name);
    let (server, _) = login.rsplit_once('/').unwrap();
    let program = start(&format!("{server}/{name}"), &[]);
    let banner = Banner::of(&program);
    create_and_see_the_event(&program, &banner, "Barbara");
    assert_clean(&program.stop("INT"));

    sql(format!("drop database {name} with (force)")).await;
    sql(format!("drop role {name}")).await;
}

#[sqlx::test(migrations = false)]
async fn a_user_that_may_not_act_as_our_roles_is_told(pool: PgPool) {
    let ended = start(&url(&pool, "portal_api"), &[]).end();
    let complaint = ended.complaint();
    assert!(
        complaint.ends_with(
            ": permission denied to set role \"portal_owner\"; log in as portal_owner, or as a role that may act as it"
        ),
        "{complaint}"
    );
}

#[sqlx::test(migrations = false)]
async fn with_a_broker_events_go_through_it(pool: PgPool) {
    let (url, vhost) = (superuser_url(&pool), Vhost::new());
    let program = start(&url, &[("AMQP_URL", &vhost.url)]);
    let banner = Banner::of(&program);
    assert!(banner.text.contains("shown here, from exchange offgrid.portal at amqp://guest:***@"), "{}", banner.text);
    program.wait_for_log("showing events");
    create_and_see_the_event(&program, &banner, "Grace");
    assert_clean(&program.stop("INT"));
}

#[sqlx::test(migrations = false)]
async fn without_the_broker_it_says_so_once_and_goes_on(pool: PgPool) {
    let (url, amqp) = (superuser_url(&pool), format!("amqp://guest:s3cret@{NOBODY}"));
    let program = start(&url, &[("AMQP_URL", &amqp)]);
    let banner = Banner::of(&program);
    let body = json!({"name": "Edsger", "email": "edsger@example.com"});
    let created = http::post(&banner.addr, "/v1/customers", &banner.token("portal-staff"), &body);
    assert_eq!(created.status, 201, "{created:?}");
    let ended = program.stop("INT");
    assert_clean(&ended);
    let warnings = ended.stderr.lines().filter(|line| line.starts_with("portal: warning: ")).count();
    assert_eq!(warnings, 1, "{}", ended.stderr);
    assert!(ended.stderr.contains(&format!("RabbitMQ at amqp://guest:***@{NOBODY} cannot be reached, events wait")));
    assert!(!format!("{ended:?}").contains("s3cret"));
}

#[sqlx::test(migrations = false)]
async fn the_second_ctrl_c_ends_it_at_once(pool: PgPool) {
    let program = start(&superuser_url(&pool), &[]);
    let banner = Banner::of(&program);
    // A request whose body never comes holds up the stop.
    let mut stream = std::net::TcpStream::connect(&banner.addr).unwrap();
    let head = format!(
        "POST /v1/customers HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\nauthorization: Bearer {}\r\n\r\n{{",
        banner.token("portal-staff")
    );
    std::io::Write::write_all(&mut stream, head.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    program.signal("INT");
    program.wait_for_log("once more to stop at once");
    std::thread::sleep(Duration::from_millis(100));
    let ended = program.stop("INT");
    assert_eq!(ended.code, Some(130), "{ended:?}");
    // the request would hold it up for 8 s
    assert!(ended.took < Duration::from_secs(6), "{ended:?}");
}
