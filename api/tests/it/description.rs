//! The OpenAPI description is complete, consistent, and its examples work.

use serde_json::Value;
use sqlx::PgPool;

use crate::app::{ADMIN, App};
use crate::seed::seed;

/// One operation of the description, as a test needs it.
pub(crate) struct Operation {
    pub(crate) method: String,
    pub(crate) path: String,
    /// The role it says it needs; none for open ones.
    pub(crate) role: Option<String>,
    /// The path with its parameters' examples.
    pub(crate) example_path: String,
    /// The body's example.
    pub(crate) example_body: Option<Value>,
    pub(crate) raw: Value,
}

pub(crate) fn document() -> Value {
    serde_json::to_value(api::openapi()).unwrap()
}

pub(crate) fn operations() -> Vec<Operation> {
    let document = document();
    let paths = document["paths"].as_object().unwrap().clone();
    let all = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.filter(|(method, _)| ["get", "put", "post", "patch", "delete"].contains(&method.as_str())).map(
            |(method, raw)| Operation {
                method: method.clone(),
                path: path.clone(),
                role: raw["security"][0]["bearer"][0].as_str().map(str::to_owned),
                example_path: example_path(path, raw),
                example_body: example_body(&document, raw),
                raw: raw.clone(),
            },
        )
    });
    all.collect()
}

fn example_path(path: &str, operation: &Value) -> String {
    let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
    parameters.iter().filter(|p| p["in"] == "path").fold(path.to_owned(), |path, parameter| {
        let name = format!("{{{}}}", parameter["name"].as_str().unwrap());
        let example = parameter["example"].as_str().unwrap_or("01941f29-7c00-7000-8000-00000000ffff");
        path.replace(&name, example)
    })
}

fn example_body(document: &Value, operation: &Value) -> Option<Value> {
    let content = operation["requestBody"]["content"].as_object()?;
    let (_, media) = content.iter().next()?;
    if let Some(example) = media.get("example") {
        return Some(example.clone());
    }
    let name = media["schema"]["$ref"].as_str()?.rsplit('/').next()?;
    document["components"]["schemas"][name].get("example").cloned()
}

#[test]
fn it_is_openapi_3_1_with_ids_named_verb_and_resource() {
    let document = document();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    assert_eq!(document["servers"][0]["url"], "/");
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["bearerFormat"], "JWT");
    let mut seen = std::collections::BTreeSet::new();
    for operation in operations() {
        let id = operation.raw["operationId"].as_str().unwrap().to_owned();
        let (verb, resource) = id.split_once('_').unwrap();
        assert!(verb.chars().chain(resource.chars()).all(|c| c.is_ascii_lowercase() || c == '_'), "{id}");
        assert!(seen.insert(id.clone()), "{id} is used twice");
        assert!(operation.raw["summary"].is_string(), "{id} has no summary");
        let tag = operation.raw["tags"][0].as_str().unwrap_or_default();
        assert!(
            document["tags"].as_array().unwrap().iter().any(|t| t["name"] == tag),
            "{id}: the tag {tag} is not described"
        );
        let open = ["/", "/health/live", "/health/ready"].contains(&operation.path.as_str());
        assert_eq!(operation.role.is_none(), open, "{id}: everything else needs a role");
    }
    assert!(seen.len() >= 26, "{seen:?}");
}

#[test]
fn every_problem_is_described_as_one() {
    let document = document();
    for operation in operations() {
        let responses = operation.raw["responses"].as_object().unwrap();
        for (status, response) in responses.iter().filter(|(status, _)| status.as_str() >= "400") {
            let at = format!("{} {} {status}", operation.method, operation.path);
            let shared = response["$ref"].as_str().and_then(|to| document.pointer(to.trim_start_matches('#')));
            let response = shared.unwrap_or(response);
            let content = &response["content"]["application/problem+json"];
            assert_eq!(content["schema"]["$ref"], "#/components/schemas/Problem", "{at}");
            let description = response["description"].as_str().unwrap();
            assert!(description.contains(content["example"]["code"].as_str().unwrap()), "{at}: {description}");
        }
        let expected: &[&str] =
            if operation.role.is_some() { &["400", "401", "403", "500", "503"] } else { &["400", "500"] };
        for status in expected {
            assert!(responses.contains_key(*status), "{} {} lacks {status}", operation.method, operation.path);
        }
        let post = operation.method == "post" && operation.role.is_some();
        let parameters = operation.raw["parameters"].to_string();
        assert_eq!(parameters.contains("Idempotency-Key"), post, "{} {}", operation.method, operation.path);
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        let pointer = reference.trim_start_matches('#');
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[test]
fn what_has_a_form_is_described_with_it_wherever_it_is_sent() {
    let pattern_of = |name: &str| {
        let all = operations().into_iter().flat_map(|o| o.raw["parameters"].as_array().cloned().unwrap_or_default());
        let patterns = all.filter(|p| p["name"] == name).map(|p| p["schema"]["pattern"].clone());
        let patterns: std::collections::BTreeSet<String> =
            patterns.map(|p| p.as_str().unwrap_or_default().to_owned()).collect();
        assert_eq!(patterns.len(), 1, "{name}: {patterns:?}");
        patterns.into_iter().next().unwrap()
    };
    let filter = &document()["components"]["schemas"]["DeadLetterFilter"]["properties"];
    for (header, field) in [("X-Tenant", "tenant"), ("X-Correlation-Id", "correlationId")] {
        assert!(!pattern_of(header).is_empty(), "{header}");
        assert_eq!(pattern_of(header), pattern_of(field));
        assert_eq!(pattern_of(header), filter[field]["pattern"], "{field} of a filter");
    }
    let schemas = &document()["components"]["schemas"];
    let phone = |schema: &str| schemas[schema]["properties"]["phone"]["pattern"].as_str().unwrap().to_owned();
    assert_eq!(phone("NewCustomer"), phone("CustomerPatch"));
    assert!(phone("NewCustomer").contains("{3}"), "three digits at least");
}

#[sqlx::test(migrations = false)]
async fn every_example_below_admin_works_as_it_stands(pool: PgPool) {
    let app = App::new(pool).await;
    seed(&app.owner).await;
    for operation in operations().into_iter().filter(|o| !o.path.starts_with("/v1/admin")) {
        let mut call = app.call(&operation.method, &operation.example_path);
        if let Some(role) = &operation.role {
            call = call.role(role);
        }
        if let Some(body) = &operation.example_body {
            call = call.json(body);
        }
        let answer = call.send().await;
        assert!(answer.status.is_success(), "{} {}: {}", operation.method, operation.path, answer.text);
        let documented = &operation.raw["responses"][answer.status.as_str()];
        assert!(documented.is_object(), "{} {} answers {}", operation.method, operation.path, answer.status);
        if answer.headers.contains_key("etag") {
            assert!(documented["headers"]["ETag"].is_object(), "{} {}: ETag", operation.method, operation.path);
        }
    }
}

#[sqlx::test(migrations = false)]
async fn it_is_served_with_a_page_to_try_it(pool: PgPool) {
    let app = App::new(pool).await;
    assert_eq!(app.get("/openapi.json").send().await.json, document());
    let page = app.get("/swagger-ui/").send().await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("swagger-ui"));
    let missing = app.get("/swagger-ui/nothing.js").send().await;
    assert_eq!(missing.outcome(), (404, "route_not_found"));
    let root = app.get("/").send().await;
    for link in root.json["links"].as_object().unwrap().values() {
        let status = app.get(link.as_str().unwrap()).role(ADMIN).send().await.status;
        assert_eq!(status, 200, "{link}");
    }
}
