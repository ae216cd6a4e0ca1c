//! What a merge patch makes of a document, to be seen before it is sent.

use serde::Serialize;
use serde_json::{Map, Value};

/// One difference.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Difference {
    /// A JSON pointer.
    pointer: String,
    /// Null if it was not there, too.
    before: Option<Value>,
    after: Option<Value>,
}

/// RFC 7396: what is given replaces what was there, null removes it.
pub(super) fn merge(object: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (name, value) in patch {
        match value {
            Value::Null => {
                object.remove(name);
            }
            Value::Object(inner) => {
                let target = object.entry(name).or_insert_with(|| Value::Object(Map::new()));
                match target {
                    Value::Object(target) => merge(target, inner),
                    other => {
                        let mut fresh = Map::new();
                        merge(&mut fresh, inner);
                        *other = Value::Object(fresh);
                    }
                }
            }
            value => {
                object.insert(name.clone(), value.clone());
            }
        }
    }
}

/// What is different, as deep as objects go.
pub(super) fn differences(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<Difference> {
    let mut found = Vec::new();
    collect(before, after, "", &mut found);
    found
}

fn collect(before: &Map<String, Value>, after: &Map<String, Value>, at: &str, found: &mut Vec<Difference>) {
    let added = after.keys().filter(|name| !before.contains_key(*name));
    for name in before.keys().chain(added) {
        let pointer = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        match (before.get(name), after.get(name)) {
            (Some(Value::Object(before)), Some(Value::Object(after))) => collect(before, after, &pointer, found),
            (before, after) if before != after => {
                found.push(Difference { pointer, before: before.cloned(), after: after.cloned() });
            }
            _ => {}
        }
    }
}

impl Difference {
    /// `/hello: "operator" → "world"`.
    pub(super) fn line(&self) -> String {
        let shown = |value: &Option<Value>| value.as_ref().map_or("(nothing)".to_owned(), Value::to_string);
        format!("{}: {} → {}", self.pointer, shown(&self.before), shown(&self.after))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn a_patch_replaces_adds_and_removes() {
        let before = object(json!({"a": {"b": 1, "c": 2}, "d": 3, "e": "x", "f": [1]}));
        let mut after = before.clone();
        merge(&mut after, &object(json!({"a": {"b": null, "g/h": {"i": null}}, "d": 3, "e": {"j": 1}, "f": [2]})));
        assert_eq!(Value::Object(after.clone()), json!({"a": {"c": 2, "g/h": {}}, "d": 3, "e": {"j": 1}, "f": [2]}));
        let lines: Vec<String> = differences(&before, &after).iter().map(Difference::line).collect();
        assert_eq!(lines, ["/a/b: 1 → (nothing)", "/a/g~1h: (nothing) → {}", r#"/e: "x" → {"j":1}"#, "/f: [1] → [2]"]);
    }
}
