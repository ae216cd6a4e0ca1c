//! What happened, and what things look like: read models of the event log.
//!
//! Every event carries its entity as it is afterwards, under the entity's name in the singular
//! (`customer` in an event of `customers`). That part is the document.
//!
//! | code | kind | when |
//! |---|---|---|
//! | `entity_unknown` | not found | asking for documents of no module that emits events |
//! | `document_not_found` | not found | no such document in this tenant, or not then, or no such version |
//! | `stream_not_found` | not found | no events of such an aggregate in this tenant |

mod commands;
mod difference;
mod jobs;
mod model;
mod queries;
mod rules;
mod store;

pub use commands::{RebuildWindow, Rebuilt, WINDOW};
pub use difference::Change;
pub use jobs::{Entity, RebuildDocuments};
pub use model::{Compared, Comparison, Document, ENTITIES, EventFilter, Moment};
pub use queries::{GetDocument, ListDocuments, ListEvents, ListStreamEvents};

use serde_json::value::RawValue;

use crate::kernel::error::Error;
use crate::kernel::event::Event;
use crate::kernel::tx::Tx;

/// Keeps the document of an event's entity; an older event than the one it holds changes nothing.
///
/// # Errors
/// [`Error::Internal`] when the event carries no document; [`Error::Database`].
pub async fn keep_document<E: Event>(event: &E, tx: &mut Tx) -> Result<(), Error> {
    let entity = E::MODULE;
    let data = serde_json::to_string(event).map_err(|e| Error::Internal(format!("{}: {e}", E::TYPE)))?;
    let document =
        document(entity, &data).ok_or_else(|| Error::Internal(format!("{} carries no {entity}", E::TYPE)))?;
    store::put_document(tx, entity, event.aggregate_id(), event.sequence(), document).await
}

/// The part of an event's data that is its entity.
fn document<'a>(entity: &str, data: &'a str) -> Option<&'a RawValue> {
    let members: std::collections::BTreeMap<&str, &RawValue> = serde_json::from_str(data).ok()?;
    members.get(entity.strip_suffix('s').unwrap_or(entity)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_the_member_with_the_entitys_name() {
        let data = r#"{"changed":["name"],"customer":{"id":1},"reason":"x"}"#;
        assert_eq!(document("customers", data).map(RawValue::get), Some(r#"{"id":1}"#));
        assert_eq!(document("stock", r#"{"stock":{}}"#).map(RawValue::get), Some("{}"));
        assert!(document("orders", data).is_none());
    }
}
