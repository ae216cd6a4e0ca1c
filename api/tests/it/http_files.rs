//! `swagger/http/*.http` has a ready request for every operation.

use std::path::Path;

use crate::description::operations;

/// `(method, path)` of every request, without host and query.
fn requests() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../swagger/http");
    let mut requests = Vec::new();
    for file in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if file.extension().is_none_or(|extension| extension != "http") {
            continue;
        }
        for line in std::fs::read_to_string(&file).unwrap().lines() {
            let Some((method, url)) = line.split_once(" {{host}}") else { continue };
            let path = url.split(['?', ' ']).next().unwrap_or_default();
            requests.push((method.to_lowercase(), if path.is_empty() { "/".to_owned() } else { path.to_owned() }));
        }
    }
    requests
}

/// Whether a path with variables is one of the template's.
fn fits(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template
            .iter()
            .zip(&path)
            .all(|(part, text)| part == text || (part.starts_with('{') && text.starts_with("{{")))
}

#[test]
fn every_operation_has_a_request() {
    let requests = requests();
    let missing: Vec<_> = operations()
        .into_iter()
        .filter(|o| !requests.iter().any(|(method, path)| *method == o.method && fits(&o.path, path)))
        .map(|o| format!("{} {}", o.method, o.path))
        .collect();
    assert!(missing.is_empty(), "swagger/http/*.http lacks {missing:?}");
}

#[test]
fn every_request_is_an_operation() {
    let operations = operations();
    for (method, path) in requests() {
        let known = operations.iter().any(|o| o.method == method && fits(&o.path, &path));
        assert!(known || path == "/openapi.json", "{method} {path} does not exist");
    }
}
