//! Collects what is wrong with an input.

use std::fmt::Display;

use domain::{FieldError, Rejection};
use serde_path_to_error::{Error, Path, Segment};

/// What is wrong so far; at most one error per field.
#[derive(Debug, Default)]
pub(crate) struct Wrong(Vec<FieldError>);

impl Wrong {
    /// The value, or none with its error noted.
    pub(crate) fn take<T>(&mut self, result: Result<T, FieldError>) -> Option<T> {
        result.map_err(|error| self.note(error)).ok()
    }

    /// As [`take`](Self::take), for a field that need not be there.
    pub(crate) fn take_optional<T>(&mut self, result: Option<Result<T, FieldError>>) -> Option<Option<T>> {
        match result {
            None => Some(None),
            Some(result) => self.take(result).map(Some),
        }
    }

    /// As [`take`](Self::take), for checks that refuse with fields.
    pub(crate) fn take_checked<T>(&mut self, result: Result<T, Rejection>) -> Option<T> {
        result.map_err(|rejection| rejection.fields.into_iter().for_each(|error| self.note(error))).ok()
    }

    /// Notes an error, unless its field, or one around it, has one already: what stands in for a
    /// wrong field is not to be complained about.
    pub(crate) fn note(&mut self, error: FieldError) {
        if !self.knows(&error.pointer) {
            self.0.push(error);
        }
    }

    /// Whether the field, or one around it, has an error.
    pub(crate) fn knows(&self, pointer: &str) -> bool {
        self.0
            .iter()
            .any(|e| pointer.strip_prefix(&e.pointer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
    }

    /// Whether nothing is wrong.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many fields are wrong.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// In the order in which they were noted.
    pub(crate) fn into_errors(self) -> Vec<FieldError> {
        self.0
    }
}

/// What serde found: codes `unknown_field`, `field_missing`, `field_repeated`, `wrong_type`.
pub(crate) fn shape_error<E: Display>(error: &Error<E>) -> FieldError {
    let (pointer, message) = (pointer(error.path()), error.inner().to_string());
    let message = message.split(" at line ").next().unwrap_or(&message);
    let named = |prefix: &str| message.strip_prefix(prefix).and_then(|rest| rest.split_once('`')).map(|(name, _)| name);
    if let Some(name) = named("unknown field `") {
        let allowed = message.split_once(", ").map_or("there are none here", |(_, allowed)| allowed);
        let detail = format!("{name} is not known here; {allowed}");
        return FieldError { pointer: child(&pointer, name), code: "unknown_field", detail };
    }
    if let Some(name) = named("missing field `") {
        let detail = format!("{name} is required");
        return FieldError { pointer: child(&pointer, name), code: "field_missing", detail };
    }
    if let Some(name) = named("duplicate field `") {
        let detail = format!("{name} is given more than once");
        return FieldError { pointer: child(&pointer, name), code: "field_repeated", detail };
    }
    FieldError { pointer, code: "wrong_type", detail: message.to_owned() }
}

/// The name of an unknown or missing field ends the pointer, whether or not serde's path has it.
fn child(pointer: &str, name: &str) -> String {
    let last = format!("/{}", escape(name));
    if pointer.ends_with(&last) { pointer.to_owned() } else { format!("{pointer}{last}") }
}

/// RFC 6901.
fn pointer(path: &Path) -> String {
    path.iter().fold(String::new(), |pointer, segment| match segment {
        Segment::Map { key } | Segment::Enum { variant: key } => format!("{pointer}/{}", escape(key)),
        Segment::Seq { index } => format!("{pointer}/{index}"),
        Segment::Unknown => pointer,
    })
}

fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The other way round.
pub(super) fn unescape(name: &str) -> String {
    name.replace("~1", "/").replace("~0", "~")
}
