//! JSON that a person wrote, read as one of the program's types, with the place of what is wrong.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

/// What keeps JSON from being of a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// A JSON pointer (RFC 6901): `/order/lines/0/quantity`; empty for all of it.
    pub pointer: String,
    /// What is wrong there.
    pub problem: String,
}

/// Reads a value of the type. What the type does not know is refused: it would be lost without a word.
///
/// # Errors
/// The first misfit.
pub fn exactly<T: Serialize + DeserializeOwned>(given: &Value) -> Result<T, Misfit> {
    let read: T = serde_path_to_error::deserialize(given)
        .map_err(|error| missing(pointer(error.path()), error.inner().to_string()))?;
    let kept =
        serde_json::to_value(&read).map_err(|error| Misfit { pointer: String::new(), problem: error.to_string() })?;
    match lost(given, &kept) {
        Some(pointer) => Err(Misfit { pointer, problem: "there is no such field".to_owned() }),
        None => Ok(read),
    }
}

/// Whether the bytes can be read as the type; what it does not know it leaves out.
///
/// # Errors
/// The first misfit.
pub fn roughly<T: DeserializeOwned>(given: &[u8]) -> Result<(), Misfit> {
    let mut text = serde_json::Deserializer::from_slice(given);
    let read: Result<T, _> = serde_path_to_error::deserialize(&mut text);
    let misfit = |error: serde_path_to_error::Error<serde_json::Error>| {
        missing(pointer(error.path()), error.inner().to_string())
    };
    read.map_err(misfit)?;
    text.end().map_err(|error| Misfit { pointer: String::new(), problem: error.to_string() })
}

/// Serde's path of a missing field ends above it.
fn missing(at: String, problem: String) -> Misfit {
    let name = problem.strip_prefix("missing field `").and_then(|rest| rest.split_once('`')).map(|(name, _)| name);
    match name {
        Some(name) if !at.ends_with(&format!("/{}", escape(name))) => {
            Misfit { pointer: format!("{at}/{}", escape(name)), problem }
        }
        _ => Misfit { pointer: at, problem },
    }
}

fn pointer(path: &Path) -> String {
    let step = |step: &Segment| match step {
        Segment::Map { key } | Segment::Enum { variant: key } => format!("/{}", escape(key)),
        Segment::Seq { index } => format!("/{index}"),
        Segment::Unknown => String::new(),
    };
    path.iter().map(step).collect()
}

/// A name as a step of a pointer.
pub(crate) fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The first field that reading and writing lost.
fn lost(given: &Value, kept: &Value) -> Option<String> {
    match (given, kept) {
        (Value::Object(given), Value::Object(kept)) => given.iter().find_map(|(name, value)| {
            let step = format!("/{}", escape(name));
            match kept.get(name) {
                Some(kept) => lost(value, kept).map(|field| format!("{step}{field}")),
                None => Some(step),
            }
        }),
        (Value::Array(given), Value::Array(kept)) => given
            .iter()
            .zip(kept)
            .enumerate()
            .find_map(|(index, (given, kept))| lost(given, kept).map(|field| format!("/{index}{field}"))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;
    use serde_json::value::RawValue;

    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Order {
        lines: Vec<Line>,
        data: Box<RawValue>,
    }

    #[derive(Serialize, Deserialize)]
    struct Line {
        quantity: i64,
    }

    fn misfit(given: Value) -> (String, String) {
        let Misfit { pointer, problem } = exactly::<Order>(&given).err().unwrap();
        (pointer, problem)
    }

    #[test]
    fn what_fits_is_read() {
        let read: Order = exactly(&json!({"lines": [{"quantity": 2}], "data": {"any": ["thing", 1.5]}})).unwrap();
        assert_eq!((read.lines[0].quantity, read.data.get()), (2, r#"{"any":["thing",1.5]}"#));
    }

    #[test]
    fn what_does_not_is_named_with_its_place() {
        assert_eq!(misfit(json!({"lines": []})).0, "/data");
        assert_eq!(misfit(json!(5)).0, "");
        let wrong = misfit(json!({"lines": [{"quantity": 1}, {"quantity": "2"}], "data": 1}));
        assert_eq!(wrong, ("/lines/1/quantity".to_owned(), "invalid type: string \"2\", expected i64".to_owned()));
        let odd = misfit(json!({"lines": [{"quantity": 1}, {"quantity": 1, "a/b": 2}], "data": 1}));
        assert_eq!(odd, ("/lines/1/a~1b".to_owned(), "there is no such field".to_owned()));
    }
}
