//! What callers can do with customers.

use serde_json::{Value, json};
use sqlx::{PgPool, Row};

use crate::app::{Answer, App, CUSTOMER_TEAM, VIEWER};

async fn list(app: &App, query: &str) -> Answer {
    let answer = app.get(&format!("/v1/customers?{query}")).role(VIEWER).send().await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.text);
    answer
}

fn names(answer: &Answer) -> Vec<&str> {
    answer.json["data"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect()
}

/// Creates a customer with this name.
async fn named(app: &App, name: &str, group: Option<&str>) -> Answer {
    let body = json!({"name": name, "email": format!("{}@example.com", name.to_lowercase()), "groupId": group});
    let answer = app.post("/v1/customers", &body).role(CUSTOMER_TEAM).send().await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer
}

#[sqlx::test(migrations = false)]
async fn a_customer_lives(pool: PgPool) {
    let app = App::new(pool).await;
    let group = app.post("/v1/customer-groups", &json!({"name": "Wholesale"})).role(CUSTOMER_TEAM).send().await;
    let body = json!({"name": " Ada ", "email": "Ada@Example.com", "phone": "+31 20 555 0123", "groupId": null});
    let created = app.post("/v1/customers", &body).role(CUSTOMER_TEAM).send().await;
    let path = created.header("location").to_owned();
    let mut shown = created.json.clone();
    for name in ["id", "createdAt", "updatedAt"] {
        shown[name] = json!(format!("[{name}]"));
    }
    insta::assert_json_snapshot!(shown);
    assert_eq!(app.get(&path).role(VIEWER).send().await.json, created.json);

    let patch = json!({"name": "Ada King", "phone": null});
    let patched =
        app.call("patch", &path).raw(&patch.to_string()).header("content-type", "application/merge-patch+json");
    let patched = patched.role(CUSTOMER_TEAM).send().await;
    assert_eq!(patched.json["name"], "Ada King");
    assert_eq!(patched.json["phone"], Value::Null);
    assert_eq!((patched.json["email"].clone(), patched.json["version"].clone()), (json!("ada@example.com"), json!(2)));

    let group_id = group.id();
    let assigned = app.call("put", &format!("{path}/group")).json(&json!({"groupId": group_id}));
    assert_eq!(assigned.role(CUSTOMER_TEAM).send().await.json["groupId"], group_id);
    let absent = app.call("put", &format!("{path}/group")).json(&json!({})).role(CUSTOMER_TEAM).send().await;
    assert_eq!(absent.errors(), ["/groupId field_missing"], "leaving it out must not mean null");

    let suspended = app.post(&format!("{path}/suspend"), &json!({"reason": "unpaid"})).role(CUSTOMER_TEAM).send().await;
    assert_eq!(
        (suspended.json["status"].clone(), suspended.json["suspendReason"].clone()),
        (json!("suspended"), json!("unpaid"))
    );
    let again = app.post(&format!("{path}/suspend"), &json!({"reason": "unpaid"})).role(CUSTOMER_TEAM).send().await;
    assert_eq!(again.outcome(), (409, "customer_already_suspended"));
    let active = app.post(&format!("{path}/reinstate"), &json!({})).role(CUSTOMER_TEAM).send().await;
    assert_eq!((active.json["status"].clone(), active.json["suspendedAt"].clone()), (json!("active"), Value::Null));
    assert_eq!(active.header("etag"), "\"5\"");
}

#[sqlx::test(migrations = false)]
async fn lists_filter_sort_and_page(pool: PgPool) {
    let app = App::new(pool).await;
    let group = app.post("/v1/customer-groups", &json!({"name": "Wholesale"})).role(CUSTOMER_TEAM).send().await;
    let group = group.id();
    for name in ["Carol", "Ada", "Dora", "Bob"] {
        let created = named(&app, name, (name != "Bob").then_some(group)).await;
        if name == "Ada" {
            let suspend = format!("{}/suspend", created.header("location"));
            app.post(&suspend, &json!({"reason": "unpaid"})).role(CUSTOMER_TEAM).send().await;
        }
    }
    assert_eq!(names(&list(&app, "").await), ["Bob", "Dora", "Ada", "Carol"], "newest first");
    assert_eq!(names(&list(&app, "sort=name").await), ["Ada", "Bob", "Carol", "Dora"]);
    assert_eq!(names(&list(&app, "status=suspended").await), ["Ada"]);
    assert_eq!(names(&list(&app, &format!("sort=-name&status=active&groupId={group}")).await), ["Dora", "Carol"]);
    assert_eq!(names(&list(&app, "text=DO").await), ["Dora"]);
    assert_eq!(names(&list(&app, "text=%25").await), [""; 0], "a wildcard is text");

    for sort in ["created_at", "-created_at", "name", "-name"] {
        let whole = list(&app, &format!("sort={sort}")).await;
        let (mut paged, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = list(&app, &format!("sort={sort}&limit=3{cursor}")).await;
            paged.extend(page.json["data"].as_array().unwrap().clone());
            match page.json["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(json!(paged), whole.json["data"], "{sort}");
    }
}

#[sqlx::test(migrations = false)]
async fn the_event_carries_where_it_comes_from(pool: PgPool) {
    let app = App::new(pool).await;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let body = json!({"name": "Ada", "email": "ada@example.com"});
    let call = app.post("/v1/customers", &body).user(CUSTOMER_TEAM, "demo");
    let created = call.header("x-correlation-id", "order-7").header("traceparent", trace).send().await;
    let event =
        sqlx::query("select correlation_id, causation_id, traceparent, actor, tenant_id, subject from kernel.events")
            .fetch_one(&app.owner)
            .await
            .unwrap();
    let stored: Vec<String> = (0..6).map(|column| event.get(column)).collect();
    let subject = format!("customers/{}", created.id());
    let request = created.header("x-request-id");
    assert_eq!(stored, ["order-7", request, trace, "portal-customer-team@demo", "demo", &subject]);

    // a broken trace context is not passed on, and harms nobody
    let broken = app.post("/v1/customers", &json!({"name": "Bob", "email": "bob@example.com"})).role(CUSTOMER_TEAM);
    assert_eq!(broken.header("traceparent", "00-xyz").send().await.status, 201);
    let traces: Vec<Option<String>> = sqlx::query_scalar("select traceparent from kernel.events order by position")
        .fetch_all(&app.owner)
        .await
        .unwrap();
    assert_eq!(traces, [Some(trace.to_owned()), None]);
}
