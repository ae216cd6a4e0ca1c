//! `dataschema`: which version of its type's form an event's data has.

use cloudevents::{AttributesReader as _, Event};
use domain::kernel::event::FIRST_VERSION;

const PREFIX: &str = "urn:offgrid:portal:schema:";

/// `urn:offgrid:portal:schema:com.offgrid.portal.customers.customer-changed:1`.
pub(crate) fn data_schema(event_type: &str, version: i16) -> String {
    format!("{PREFIX}{event_type}:{version}")
}

/// The version of an event's data; the first where nothing is said.
///
/// # Errors
/// The schema, when it is none of ours.
pub fn data_version(attributes: &Event) -> Result<i16, String> {
    let Some(schema) = attributes.dataschema() else { return Ok(FIRST_VERSION) };
    let ours = schema.as_str().strip_prefix(PREFIX).and_then(|rest| rest.rsplit_once(':'));
    ours.and_then(|(_, version)| version.parse().ok()).ok_or_else(|| schema.to_string())
}
