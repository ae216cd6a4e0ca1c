//! What belongs to one tenant does not exist for another, on every endpoint below admin.

use serde_json::{Value, json};
use sqlx::PgPool;

use crate::app::{App, STAFF, VIEWER};
use crate::description::operations;
use crate::seed::seed;

/// What a tenant's callers can see of the database.
const TABLES: [&str; 11] = [
    "customers.customers",
    "customers.customer_groups",
    "products.products",
    "products.variants",
    "stock.items",
    "orders.orders",
    "notifications.notifications",
    "webhooks.endpoints",
    "webhooks.deliveries",
    "kernel.events",
    "audit.documents",
];

#[sqlx::test(migrations = false)]
async fn another_tenant_finds_nothing_and_changes_nothing(pool: PgPool) {
    let app = App::new(pool).await;
    seed(&app.owner).await;
    let before = everything_of_demo(&app).await;
    for operation in operations().iter().filter(|o| o.role.is_some() && !o.path.starts_with("/v1/admin")) {
        let at = format!("{} {}", operation.method, operation.path);
        let mut call = app.call(&operation.method, &operation.example_path).user(STAFF, "globex");
        if let Some(body) = &operation.example_body {
            call = call.json(body);
        }
        let answer = call.send().await;
        if operation.path.contains("/templates") {
            // the program's own are there for everybody; that of a tenant is no other's
            assert_eq!(answer.status, 200, "{at}: {}", answer.text);
            continue;
        }
        // customers as such are there for everybody, only none of another tenant's
        if operation.path.contains('{') && operation.path != "/v1/audit/documents/{entity}" {
            assert_eq!(answer.status, 404, "{at}: {}", answer.text);
        } else if operation.method == "get" {
            let own = answer.json["data"].as_array().unwrap();
            let name = |row: &Value| row["id"].as_str().or(row["sku"].as_str()).unwrap().to_owned();
            assert!(own.iter().all(|row| !before.contains(&name(row))), "{at}: {}", answer.text);
        } else if operation.path == "/v1/customers" {
            // its example is in a group of demo's
            assert_eq!(answer.outcome(), (422, "customer_group_unknown"), "{at}");
        } else if operation.path == "/v1/orders" {
            assert_eq!(
                answer.errors(),
                ["/customerId order_customer_unknown", "/lines/0/sku order_sku_unknown"],
                "{at}"
            );
        } else {
            assert_eq!(answer.status, 201, "{at}: {}", answer.text);
        }
    }
    assert_eq!(everything_of_demo(&app).await, before);
}

#[sqlx::test(migrations = false)]
async fn the_same_values_in_two_tenants_are_no_conflict(pool: PgPool) {
    let app = App::new(pool).await;
    let body = json!({"name": "Ada", "email": "ada@example.com"});
    for tenant in ["demo", "globex"] {
        let answer = app.post("/v1/customers", &body).user(STAFF, tenant).send().await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        let list = app.get("/v1/customers").user(VIEWER, tenant).send().await;
        assert_eq!(list.json["data"], json!([answer.json]), "only its own");
    }
}

#[sqlx::test(migrations = false)]
async fn without_a_tenant_the_role_of_the_api_sees_nothing(pool: PgPool) {
    let app = App::new(pool).await;
    seed(&app.owner).await;
    let options = (*app.owner.connect_options()).clone().username("portal_api").password("portal-test");
    let api = PgPool::connect_with(options).await.unwrap();
    let (superuser, bypass): (bool, bool) =
        sqlx::query_as("select rolsuper, rolbypassrls from pg_roles where rolname = current_user")
            .fetch_one(&api)
            .await
            .unwrap();
    assert!(!superuser && !bypass);
    for table in TABLES {
        let count = format!("select count(*) from {table}");
        let seen: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(count)).fetch_one(&api).await.unwrap();
        assert_eq!(seen, 0, "{table}");
    }
}

/// All rows of demo's, as text.
async fn everything_of_demo(app: &App) -> String {
    let mut all = Vec::new();
    for table in TABLES {
        let rows = format!(
            "select coalesce(jsonb_agg(to_jsonb(t) order by id), '[]') from {table} t where tenant_id = 'demo'"
        );
        let rows: Value = sqlx::query_scalar(sqlx::AssertSqlSafe(rows)).fetch_one(&app.owner).await.unwrap();
        assert_ne!(rows, json!([]), "{table}");
        all.push(rows.to_string());
    }
    all.join("\n")
}
