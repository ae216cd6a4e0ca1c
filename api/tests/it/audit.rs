//! `/v1/audit` on the wire. What the queries find is tested in `domain`.

use serde_json::{Value, json};
use sqlx::PgPool;

use crate::app::{ADMIN, Answer, App, CUSTOMER_TEAM, STAFF, VIEWER};

async fn get(app: &App, path: &str) -> Answer {
    app.get(&format!("/v1/audit/{path}")).role(STAFF).send().await
}

/// The last part of each event's type.
fn types(answer: &Answer) -> Vec<&str> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let events = answer.json["data"].as_array().unwrap();
    events.iter().map(|event| event["type"].as_str().unwrap().rsplit('.').next().unwrap()).collect()
}

/// A customer that was created and suspended; the document of its first version is kept.
async fn suspended_customer(app: &App) -> String {
    let created = app.customer("ada@example.com").await;
    let path = created.header("location");
    let keep = "insert into audit.documents (tenant_id, entity, id, version, document, changed_at)
                select tenant_id, module, aggregate_id, sequence, data->'customer', occurred_at from kernel.events";
    sqlx::query(keep).execute(&app.owner).await.unwrap();
    let suspend = app.post(&format!("{path}/suspend"), &json!({"reason": "unpaid"})).role(CUSTOMER_TEAM);
    assert_eq!(suspend.header("x-correlation-id", "suspension-7").send().await.status, 200);
    created.id().to_owned()
}

#[sqlx::test(migrations = false)]
async fn events_are_filtered_and_paged(pool: PgPool) {
    let app = App::new(pool).await;
    let id = suspended_customer(&app).await;
    let all = get(&app, "events").await;
    assert_eq!(types(&all), ["customer-suspended", "customer-created"]);
    for (query, expected) in [
        ("stream=customers", 2),
        ("stream=products", 0),
        ("type=com.offgrid.portal.customers.customer-created", 1),
        (&format!("aggregate={id}"), 2),
        ("aggregate=01941f29-7c00-7000-8000-00000000ffff", 0),
        ("actor=portal-customer-team@demo", 2),
        ("actor=somebody", 0),
        ("correlationId=suspension-7", 1),
        ("from=2020-01-01T00:00:00Z", 2),
        ("from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00%2B02:00", 0),
    ] {
        assert_eq!(types(&get(&app, &format!("events?{query}")).await).len(), expected, "{query}");
    }
    for list in ["events", &format!("streams/{id}")] {
        let first = get(&app, &format!("{list}?limit=1")).await;
        let next = first.json["next"].as_str().unwrap();
        let second = get(&app, &format!("{list}?limit=1&cursor={next}")).await;
        assert_eq!(second.json["next"], Value::Null, "{list}");
        let paged = [first.json["data"][0].clone(), second.json["data"][0].clone()];
        assert_eq!(json!(paged), get(&app, list).await.json["data"], "{list}");
    }
    let mut event = all.json["data"][0].clone();
    assert_eq!(
        (&event["correlationId"], &event["subject"]),
        (&json!("suspension-7"), &json!(format!("customers/{id}")))
    );
    let customer = event["data"]["customer"].as_object_mut().unwrap();
    for name in ["id", "createdAt", "updatedAt", "suspendedAt"] {
        customer[name] = json!(format!("[{name}]"));
    }
    for name in ["id", "time", "subject", "causationId"] {
        event[name] = json!(format!("[{name}]"));
    }
    insta::assert_json_snapshot!(event);
}

#[sqlx::test(migrations = false)]
async fn an_admin_chooses_the_tenant(pool: PgPool) {
    let app = App::new(pool).await;
    suspended_customer(&app).await;
    let list = |tenant: &str| app.get("/v1/audit/events").user(ADMIN, "globex").header("x-tenant", tenant);
    assert_eq!(types(&list("demo").send().await).len(), 2);
    assert_eq!(types(&list("globex").send().await).len(), 0);
}

#[sqlx::test(migrations = false)]
async fn a_stream_is_in_order_or_not_there(pool: PgPool) {
    let app = App::new(pool).await;
    let id = suspended_customer(&app).await;
    assert_eq!(types(&get(&app, &format!("streams/{id}")).await), ["customer-created", "customer-suspended"]);
    let missing = get(&app, "streams/01941f29-7c00-7000-8000-00000000ffff").await;
    assert_eq!(missing.outcome(), (404, "stream_not_found"));
    assert_eq!(get(&app, "streams/7").await.outcome(), (400, "path_invalid"));
}

#[sqlx::test(migrations = false)]
async fn a_document_is_shown_as_it_is_and_was(pool: PgPool) {
    let app = App::new(pool).await;
    let id = suspended_customer(&app).await;
    let document = async |query: &str| {
        let answer = app.get(&format!("/v1/audit/documents/customers/{id}{query}")).role(VIEWER).send().await;
        (answer.outcome().0, answer.code().to_owned(), answer.json)
    };
    let (_, _, kept) = document("").await;
    assert_eq!((&kept["entity"], &kept["id"], &kept["version"]), (&json!("customers"), &json!(id), &json!(1)));
    assert_eq!((&kept["comparedWith"], &kept["changes"]), (&Value::Null, &Value::Null));
    let list = app.get("/v1/audit/documents/customers").role(VIEWER).send().await;
    let mut listed = kept.clone();
    listed.as_object_mut().unwrap().retain(|name, _| !["comparedWith", "changes"].contains(&name.as_str()));
    assert_eq!(list.json, json!({"data": [listed], "next": null}));

    let (_, _, second) = document("?version=2").await;
    assert_eq!((&second["version"], &second["document"]["status"]), (&json!(2), &json!("suspended")));
    let at = second["changedAt"].as_str().unwrap();
    assert_eq!(document(&format!("?asOf={at}")).await.2, second);
    let (_, _, compared) = document("?version=2&compareWith=1").await;
    assert_eq!(compared["comparedWith"], 1);
    assert_eq!(compared["changes"][0], json!({"pointer": "/status", "before": "active", "after": "suspended"}));
    assert_eq!(compared["changes"][1], json!({"pointer": "/suspendReason", "before": null, "after": "unpaid"}));

    for query in ["?version=3", "?compareWith=3", "?asOf=2020-01-01T00:00:00Z"] {
        let (status, code, _) = document(query).await;
        assert_eq!((status, code.as_str()), (404, "document_not_found"), "{query}");
    }
    for path in ["people", &format!("people/{id}"), "customers%00"] {
        assert_eq!(get(&app, &format!("documents/{path}")).await.outcome(), (404, "entity_unknown"), "{path}");
    }
}

#[sqlx::test(migrations = false)]
async fn wrong_parameters_are_all_named(pool: PgPool) {
    let app = App::new(pool).await;
    let errors = async |path: &str| {
        let answer = get(&app, path).await;
        assert_eq!(answer.status, 422, "{path}: {}", answer.text);
        answer.errors()
    };
    let all = "events?stream=&type=%00&aggregate=7&actor=%0A&correlationId=a%20b&from=yesterday&to=1&limit=0";
    let expected = [
        "actor malformed",
        "aggregate wrong_type",
        "correlationId malformed",
        "from wrong_type",
        "limit limit_invalid",
        "stream required",
        "to wrong_type",
        "type control_character",
    ];
    assert_eq!(errors(all).await, expected);
    assert_eq!(errors("events?tenant=globex").await, ["tenant unknown_parameter"]);
    let id = "01941f29-7c00-7000-8000-00000000ffff";
    let document = format!("documents/customers/{id}");
    assert_eq!(
        errors(&format!("{document}?asOf=now&version=0&compareWith=x")).await,
        ["asOf wrong_type", "compareWith wrong_type", "version wrong_type"]
    );
    assert_eq!(errors(&format!("{document}?asOf=2026-01-01T00:00:00Z&version=1")).await, ["version as_of_or_version"]);
    for list in ["events", "documents/customers", &format!("streams/{id}")] {
        assert_eq!(errors(&format!("{list}?cursor=x")).await, ["cursor cursor_invalid"], "{list}");
        assert_eq!(errors(&format!("{list}?limit=many")).await, ["limit limit_invalid"], "{list}");
    }
}
