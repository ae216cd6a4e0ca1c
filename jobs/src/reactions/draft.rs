//! Events that a person writes as JSON, read as the types that handlers take.

use domain::kernel::decode::{self, Misfit};
use domain::kernel::event::{Draft, Event};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Why JSON is no event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    /// Nothing reacts to such a type.
    #[error("there is no event type \"{name}\"; there are: {known}")]
    UnknownType {
        /// As given.
        name: String,
        /// All of them.
        known: String,
    },
    /// The data are not what the type says.
    #[error("the data of {event_type} are wrong at {field}: {problem}")]
    Data {
        /// The type.
        event_type: &'static str,
        /// A JSON pointer: `/order/lines/0/quantity`; `/` is all of it.
        field: String,
        /// What is wrong there.
        problem: String,
    },
}

/// Reads the data of an event. What the type does not know is refused: it would be lost without a word.
pub(super) fn read<E: Event + DeserializeOwned>(json: &str) -> Result<Draft, DraftError> {
    let wrong = |field: String, problem: String| DraftError::Data { event_type: E::TYPE, field, problem };
    let whole = |error: serde_json::Error| wrong("/".to_owned(), error.to_string());
    let given: Value = serde_json::from_str(json).map_err(whole)?;
    let event: E = decode::exactly(&given).map_err(|Misfit { pointer, problem }| match pointer.as_str() {
        "" => wrong("/".to_owned(), problem),
        _ => wrong(pointer, problem),
    })?;
    Draft::of(&event).map_err(whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry;

    const RECEIVED: &str = "com.offgrid.portal.stock.stock-received";

    fn data(more: &str) -> String {
        format!(
            r#"{{"quantity": 3, "stock": {{"id": "01980000-0000-7000-8000-00000000000A", "sku": "EMBER", "onHand": 3,
                "reserved": 0, "available": 3, "createdAt": "2026-03-01T09:30:00Z",
                "updatedAt": "2026-03-01T09:30:00Z", "version": 1, "sequence": 1{more}}}}}"#
        )
    }

    fn refused(json: &str) -> String {
        registry::reactions().draft(RECEIVED, json).unwrap_err().to_string()
    }

    #[test]
    fn data_become_the_event_that_they_describe() {
        let draft = registry::reactions().draft(RECEIVED, &data("")).unwrap();
        assert_eq!((draft.event_type, draft.module, draft.sequence), (RECEIVED, "stock", 1));
        assert_eq!(draft.aggregate_id.to_string(), "01980000-0000-7000-8000-00000000000a");
        let written: Value = serde_json::from_str(draft.data.get()).unwrap();
        assert_eq!((&written["quantity"], &written["stock"]["sku"]), (&3.into(), &"EMBER".into()));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let of = format!("the data of {RECEIVED} are wrong at ");
        assert!(refused("{").starts_with(&format!("{of}/: EOF while parsing")), "{}", refused("{"));
        assert_eq!(refused("{}"), format!("{of}/quantity: missing field `quantity`"));
        let text = data("").replace("\"onHand\": 3", "\"onHand\": \"three\"");
        assert_eq!(refused(&text), format!("{of}/stock/onHand: invalid type: string \"three\", expected i64"));
        assert_eq!(refused(&data(r#", "onHnd": 4"#)), format!("{of}/stock/onHnd: there is no such field"));
    }

    #[test]
    fn an_unknown_type_is_answered_with_the_known_ones() {
        let error = registry::reactions().draft("com.offgrid.portal.stock.stock-recieved", "{}").unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("there is no event type \"com.offgrid.portal.stock.stock-recieved\"; there are: com.")
        );
        assert_eq!(text.matches(RECEIVED).count(), 1, "each once: {text}");
    }

    /// A type on the first line, data on the others. What is taken is taken again as it was written, and what is
    /// not is told with its place.
    #[test]
    fn fuzz_drafts() {
        let reactions = registry::reactions();
        fuzz::target(env!("CARGO_MANIFEST_DIR"), "drafts", |bytes| {
            let text = String::from_utf8_lossy(bytes);
            let (event_type, json) = text.split_once('\n').unwrap_or((RECEIVED, &text));
            match reactions.draft(event_type, json) {
                Ok(draft) => {
                    let again = reactions.draft(event_type, draft.data.get()).unwrap();
                    assert_eq!((again.aggregate_id, again.sequence), (draft.aggregate_id, draft.sequence));
                    assert_eq!(again.data.get(), draft.data.get());
                }
                Err(DraftError::Data { field, problem, .. }) => assert!(field.starts_with('/') && !problem.is_empty()),
                Err(DraftError::UnknownType { name, .. }) => assert_eq!(name, event_type),
            }
        });
    }
}
