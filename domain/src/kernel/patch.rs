//! Merge patches (RFC 7396): what is given is set, the rest stays.

use serde_json::{Map, Value};

/// Sets `field` if a value is given; says whether that changed it.
pub(crate) fn replace<T: PartialEq>(field: &mut T, value: Option<T>) -> bool {
    match value {
        Some(value) if value != *field => {
            *field = value;
            true
        }
        _ => false,
    }
}

/// Merges `patch` into `object`: null removes a member, an object is merged into an object,
/// anything else replaces what was there.
pub(crate) fn merge(object: &mut Map<String, Value>, patch: Map<String, Value>) {
    for (name, value) in patch {
        match value {
            Value::Null => {
                object.remove(&name);
            }
            Value::Object(patch) => {
                let member = object.entry(name).or_insert(Value::Null);
                let mut inner = member.as_object().cloned().unwrap_or_default();
                merge(&mut inner, patch);
                *member = Value::Object(inner);
            }
            value => {
                object.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn merged(mut target: Value, patch: Value) -> Value {
        merge(target.as_object_mut().unwrap(), patch.as_object().unwrap().clone());
        target
    }

    #[test]
    fn the_examples_of_the_rfc_hold() {
        assert_eq!(merged(json!({"a": "b"}), json!({"a": "c"})), json!({"a": "c"}));
        assert_eq!(merged(json!({"a": "b"}), json!({"b": "c"})), json!({"a": "b", "b": "c"}));
        assert_eq!(merged(json!({"a": "b", "b": "c"}), json!({"a": null})), json!({"b": "c"}));
        assert_eq!(merged(json!({"a": ["b"]}), json!({"a": "c"})), json!({"a": "c"}));
        assert_eq!(merged(json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}})), json!({"a": {"b": "d"}}));
        assert_eq!(merged(json!({"e": null}), json!({"a": 1})), json!({"e": null, "a": 1}));
        assert_eq!(merged(json!({}), json!({"a": {"bb": {"ccc": null}}})), json!({"a": {"bb": {}}}));
    }

    #[test]
    fn a_field_counts_as_changed_only_by_another_value() {
        let mut field = 1;
        assert!(!replace(&mut field, None));
        assert!(!replace(&mut field, Some(1)));
        assert!(replace(&mut field, Some(2)));
        assert_eq!(field, 2);
    }
}
