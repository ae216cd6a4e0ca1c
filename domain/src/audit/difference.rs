//! How two states of a document differ.

use std::collections::BTreeSet;

use serde_json::Value;

/// One value that is not what it was.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Where in the document: RFC 6901.
    pub pointer: String,
    /// None if it was not there.
    pub before: Option<Value>,
    /// None if it is not there any more.
    pub after: Option<Value>,
}

/// Every difference, in the order of the names; members of objects one by one, and elements of arrays
/// by their place.
pub(super) fn between(before: &Value, after: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    compare("", Some(before), Some(after), &mut changes);
    changes
}

fn compare(pointer: &str, before: Option<&Value>, after: Option<&Value>, changes: &mut Vec<Change>) {
    match (before, after) {
        (Some(Value::Object(before)), Some(Value::Object(after))) => {
            let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            for name in names {
                let pointer = format!("{pointer}/{}", escape(name));
                compare(&pointer, before.get(name), after.get(name), changes);
            }
        }
        (Some(Value::Array(before)), Some(Value::Array(after))) => {
            for place in 0..before.len().max(after.len()) {
                compare(&format!("{pointer}/{place}"), before.get(place), after.get(place), changes);
            }
        }
        (before, after) if before == after => {}
        (before, after) => {
            changes.push(Change { pointer: pointer.to_owned(), before: before.cloned(), after: after.cloned() });
        }
    }
}

fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn changes(before: &Value, after: &Value) -> Vec<String> {
        let text = |value: Option<Value>| value.map_or("-".to_owned(), |value| value.to_string());
        let line = |change: Change| format!("{} {} {}", change.pointer, text(change.before), text(change.after));
        between(before, after).into_iter().map(line).collect()
    }

    #[test]
    fn what_is_alike_is_not_named() {
        let one = json!({"a": [1, {"b": null}], "c": "x"});
        assert!(between(&one, &one).is_empty());
    }

    #[test]
    fn each_changed_value_is_named_where_it_stands() {
        let before =
            json!({"name": "Ada", "phone": null, "tags": ["x", "y"], "price": {"amount": 1, "currency": "EUR"}});
        let after =
            json!({"name": "Bob", "tags": ["x", "z", "n"], "price": {"amount": 2, "currency": "EUR"}, "new": null});
        let expected = [
            r#"/name "Ada" "Bob""#,
            "/new - null",
            "/phone null -",
            "/price/amount 1 2",
            r#"/tags/1 "y" "z""#,
            r#"/tags/2 - "n""#,
        ];
        assert_eq!(changes(&before, &after), expected);
        assert_eq!(changes(&after, &before).len(), expected.len());
    }

    #[test]
    fn another_kind_of_value_replaces_the_whole() {
        assert_eq!(changes(&json!({"a": {"b": 1}}), &json!({"a": [1]})), [r#"/a {"b":1} [1]"#]);
        assert_eq!(changes(&json!(1), &json!({})), [" 1 {}"]);
    }

    #[test]
    fn a_name_with_a_slash_is_one_step() {
        assert_eq!(changes(&json!({"a/b": 1, "~": 1}), &json!({"a/b": 2, "~": 2})), ["/a~1b 1 2", "/~0 1 2"]);
    }
}
