//! Finds everything that is wrong with a body's shape. Serde stops at the first error; so repair
//! what it found and look again, until it finds nothing more.

use domain::FieldError;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::wrong::{Wrong, shape_error, unescape};

/// More wrong fields than this are not looked for.
const MOST: usize = 50;

/// Notes what is wrong; gives the DTO with something that fits in place of what did not.
pub(super) fn repair<T: DeserializeOwned>(mut tree: Value, wrong: &mut Wrong) -> Option<T> {
    // Repairs inside of a field that was filled in are not noted, so they are counted apart.
    for _ in 0..4 * MOST {
        let error = match look(&tree) {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        let repaired = match error.code {
            "unknown_field" => take_out(&mut tree, &error.pointer),
            _ => fill_in::<T>(&mut tree, &error.pointer),
        };
        wrong.note(error);
        if !repaired || wrong.len() >= MOST {
            return None;
        }
    }
    None
}

fn look<T: DeserializeOwned>(tree: &Value) -> Result<T, FieldError> {
    serde_path_to_error::deserialize(tree).map_err(|error| shape_error(&error))
}

fn take_out(tree: &mut Value, pointer: &str) -> bool {
    let Some((parent, name)) = pointer.rsplit_once('/') else { return false };
    let fields = tree.pointer_mut(parent).and_then(Value::as_object_mut);
    fields.is_some_and(|fields| fields.remove(&unescape(name)).is_some())
}

/// Puts something there that serde accepts; an object may still lack fields inside.
fn fill_in<T: DeserializeOwned>(tree: &mut Value, pointer: &str) -> bool {
    let uuid = "00000000-0000-0000-0000-000000000000";
    let candidates = [
        json!(null),
        json!(""),
        json!(0),
        json!(false),
        json!({}),
        json!([]),
        json!(uuid),
        json!("1970-01-01T00:00:00Z"),
    ];
    candidates.into_iter().any(|candidate| {
        set(tree, pointer, candidate) && look::<T>(tree).err().is_none_or(|next| next.pointer != pointer)
    })
}

fn set(tree: &mut Value, pointer: &str, value: Value) -> bool {
    let Some((parent, name)) = pointer.rsplit_once('/') else { return false };
    match tree.pointer_mut(parent) {
        Some(Value::Object(fields)) => {
            fields.insert(unescape(name), value);
            true
        }
        Some(Value::Array(items)) => match name.parse::<usize>().ok().and_then(|index| items.get_mut(index)) {
            Some(item) => {
                *item = value;
                true
            }
            None => false,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use uuid::Uuid;

    use super::super::Object;
    use super::*;

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    #[allow(dead_code)]
    struct Order {
        name: String,
        group_id: Option<Uuid>,
        price: Object<Price>,
        #[serde(default)]
        lines: Vec<Object<Price>>,
        count: u8,
        at: Uuid,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Price {
        amount: i64,
    }

    fn found(body: Value) -> Vec<String> {
        let mut wrong = Wrong::default();
        let repaired: Option<Object<Order>> = repair(body, &mut wrong);
        let errors = wrong.into_errors();
        assert!(repaired.is_some() || errors[0].pointer.is_empty(), "{errors:?}");
        let mut found: Vec<_> = errors.into_iter().map(|e| format!("{} {}", e.pointer, e.code)).collect();
        found.sort();
        found
    }

    #[test]
    fn everything_wrong_is_found_at_once() {
        let body = json!({
            "name": 5, "nmae": "x", "groupId": "no", "price": {"amount": "1", "x/y": 1},
            "lines": [{"amount": 1}, [7], {"amount": null}]
        });
        assert_eq!(
            found(body),
            [
                "/at field_missing",
                "/count field_missing",
                "/groupId wrong_type",
                "/lines/1 wrong_type",
                "/lines/2/amount wrong_type",
                "/name wrong_type",
                "/nmae unknown_field",
                "/price/amount wrong_type",
                "/price/x~1y unknown_field",
            ]
        );
    }

    #[test]
    fn a_missing_object_is_one_error_not_one_per_field() {
        let body = json!({"name": "a", "count": 1, "at": Uuid::nil()});
        assert_eq!(found(body), ["/price field_missing"]);
    }

    #[test]
    fn a_body_that_is_no_object_is_one_error_at_its_root() {
        assert_eq!(found(json!([])), [" wrong_type"]);
        assert_eq!(found(json!(5)), [" wrong_type"]);
    }
}
