//! Whether a job's kind can read its payload, as it is or after a patch.

use serde_json::Value;

use crate::kernel::decode::Misfit;
use crate::messaging::HandleEvent;
use crate::operations::model::{Carries, EventKind, JobKind};
use crate::operations::rules;

/// What of the payload its kind cannot read. None of a kind that this release does not know: another one may.
pub(super) fn misfit(kind: &str, payload: &[u8]) -> Option<Misfit> {
    let kind = JobKind::named(kind)?;
    if let Err(misfit) = kind.read(payload) {
        return Some(misfit);
    }
    if kind.carries != Carries::Received {
        return None;
    }
    // its handler reads the data of the event, too
    let job: HandleEvent = serde_json::from_slice(payload).ok()?;
    let event = EventKind::named(&job.event.event_type, i64::from(job.event.data_version))?;
    let Misfit { pointer, problem } = event.read(job.event.data.get().as_bytes()).err()?;
    Some(Misfit { pointer: format!("/event/data{pointer}"), problem })
}

/// The payload after a merge patch, if it may be patched like that and its kind takes the result.
pub(super) fn edited(kind: &str, payload: &[u8], patch: &Value) -> Result<Vec<u8>, Misfit> {
    let misfit = |pointer: &str, problem: &str| Misfit { pointer: pointer.to_owned(), problem: problem.to_owned() };
    let Value::Object(patch) = patch else { return Err(misfit("/patch", "it is no object")) };
    let edited = rules::edited(kind, payload, patch).map_err(|no| match no.fields.first() {
        Some(field) => misfit(&field.pointer, &field.detail),
        None => misfit("", &no.detail),
    })?;
    if edited.carries == Carries::Committed {
        return Err(misfit("", "it publishes a committed event, which is corrected by another: edit it by itself"));
    }
    serde_json::to_vec(&edited.payload).map_err(|error| misfit("", &error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointer(kind: &str, payload: &str) -> Option<String> {
        misfit(kind, payload.as_bytes()).map(|misfit| misfit.pointer)
    }

    /// An event that arrived, with these data.
    fn handler(event_type: &str, data: &str) -> String {
        format!(
            r#"{{"consumer": "stock", "event": {{"id": "1", "source": "s", "type": "{event_type}", "subject": "a/b",
                "time": "2026-01-01T00:00:00Z", "sequence": 1, "tenant_id": "demo", "correlation_id": "c",
                "traceparent": null, "data": {data}}}}}"#
        )
    }

    #[test]
    fn what_a_kind_can_read_is_no_misfit() {
        assert_eq!(pointer("demo.v1", r#"{"hello": "operator"}"#), None);
        assert_eq!(pointer("demo.v1", r#"{"hello": "operator", "of": "an earlier release"}"#), None);
        assert_eq!(pointer("handle-event.v1", &handler("com.example.unknown", "1")), None);
    }

    #[test]
    fn what_it_cannot_read_is_named_with_its_place() {
        assert_eq!(pointer("demo.v1", r#"{"hello": 5}"#).as_deref(), Some("/hello"));
        assert_eq!(pointer("demo.v1", "{}").as_deref(), Some("/hello"));
        assert_eq!(pointer("demo.v1", "no JSON").as_deref(), Some(""));
        assert_eq!(pointer("handle-event.v1", r#"{"consumer": "stock"}"#).as_deref(), Some("/event"));
        let wrong = handler("com.offgrid.portal.stock.stock-received", r#"{"quantity": "many"}"#);
        assert_eq!(pointer("handle-event.v1", &wrong).as_deref(), Some("/event/data/quantity"));
    }

    #[test]
    fn a_patch_must_fit_and_a_committed_event_stays_what_it_is() {
        let edit = |kind: &str, payload: &str, patch: Value| edited(kind, payload.as_bytes(), &patch);
        let world = edit("demo.v1", r#"{"hello": 5}"#, serde_json::json!({"hello": "world"})).unwrap();
        assert_eq!(world, br#"{"hello":"world"}"#);
        let wrong = edit("demo.v1", r#"{"hello": "a"}"#, serde_json::json!({"hello": 5})).unwrap_err();
        assert_eq!(wrong.pointer, "/patch/hello");
        assert_eq!(edit("demo.v1", "{}", serde_json::json!(5)).unwrap_err().pointer, "/patch");
        assert!(edit("of-another-release.v7", "{}", serde_json::json!({})).is_err());
    }

    #[test]
    fn what_is_not_known_here_may_be_known_elsewhere() {
        assert_eq!(pointer("of-another-release.v7", "no JSON"), None);
    }
}
