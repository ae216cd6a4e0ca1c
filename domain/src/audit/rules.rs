//! Every "no" an auditor can get.

use super::model::ENTITIES;
use crate::kernel::error::Rejection;

/// Only of what is known by name there are documents.
pub(super) fn entity(name: &str) -> Result<&'static str, Rejection> {
    let known = ENTITIES.into_iter().find(|entity| *entity == name);
    known.ok_or_else(|| {
        Rejection::not_found("entity_unknown", format!("there is no such entity; there are {}", ENTITIES.join(", ")))
    })
}

/// What a reader asks for must exist in its tenant.
pub(super) fn stream_not_found() -> Rejection {
    Rejection::not_found("stream_not_found", "there are no events of an aggregate with this id")
}

/// As [`stream_not_found`]; also before its first event and after its last.
pub(super) fn document_not_found() -> Rejection {
    Rejection::not_found("document_not_found", "there is no document with this id, or there was none then")
}

/// As [`document_not_found`], for the version to compare with.
pub(super) fn version_not_found(version: i64) -> Rejection {
    Rejection::not_found("document_not_found", format!("this document has no version {version} to compare with"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_known_entity_has_documents() {
        assert_eq!(entity("customers"), Ok("customers"));
        for unknown in ["customer", "", "Customers", "customers\0"] {
            let refused = entity(unknown).unwrap_err();
            assert_eq!(refused.code, "entity_unknown");
            assert!(refused.detail.ends_with("customers, orders, products, stock, webhooks"), "{}", refused.detail);
        }
    }

    #[test]
    fn the_version_that_is_missing_is_named() {
        let refused = version_not_found(7);
        assert_eq!((refused.code, refused.kind), (document_not_found().code, stream_not_found().kind));
        assert!(refused.detail.contains('7'));
    }
}
