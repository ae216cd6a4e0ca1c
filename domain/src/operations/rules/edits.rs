//! What may become of a payload.

use serde_json::{Map, Value};

use crate::kernel::decode::{Misfit, escape};
use crate::kernel::error::{FieldError, Rejection};
use crate::kernel::patch;

use crate::operations::model::{Carries, EventKind, JobKind};

/// A payload that an operator changed.
#[derive(Debug)]
pub(in crate::operations) struct Edited {
    pub(in crate::operations) carries: Carries,
    pub(in crate::operations) payload: Value,
}

/// A job's payload after a merge patch: still one of its kind, and changed only where it may be.
pub(in crate::operations) fn edited(
    kind: &str,
    payload: &[u8],
    patch: &Map<String, Value>,
) -> Result<Edited, Rejection> {
    let kind = JobKind::named(kind).ok_or_else(|| kind_unknown(kind))?;
    let before: Map<String, Value> = serde_json::from_slice(payload).map_err(|_| not_json())?;
    let mut after = before.clone();
    patch::merge(&mut after, patch.clone());
    let (before, after) = (Value::Object(before), Value::Object(after));
    if before == after {
        let detail = "it changes nothing; to send the dead letter as it is, retry it";
        return Err(Rejection::invalid_field("patch_changes_nothing", "/patch", detail));
    }
    storable(&after, "/patch").map_err(|wrong| Rejection::invalid(vec![wrong]))?;
    let fixed = fixed_fields(&kind, &before, &after);
    if !fixed.is_empty() {
        return Err(Rejection::invalid(fixed));
    }
    kind.check(&after).map_err(|misfit| invalid("", misfit))?;
    if kind.carries != Carries::NoEvent {
        same_event(&before["event"], &after["event"])?;
    }
    Ok(Edited { carries: kind.carries, payload: after })
}

/// The data fit the type of their event, and are of the aggregate and version they were of: both stand among the
/// attributes, too, which nobody changes.
fn same_event(before: &Value, after: &Value) -> Result<(), Rejection> {
    let (name, version) = (after["type"].as_str().unwrap_or_default(), after["data_version"].as_i64().unwrap_or(1));
    let kind = EventKind::named(name, version).ok_or_else(|| event_type_unknown(name, version))?;
    let (aggregate, sequence) = kind.identify(&after["data"]).map_err(|misfit| invalid("/event/data", misfit))?;
    let subject = before["subject"].as_str().unwrap_or_default();
    if subject.rsplit('/').next() == Some(aggregate.to_string().as_str())
        && before["sequence"].as_i64() == Some(sequence)
    {
        return Ok(());
    }
    let detail = format!("it must stay about {subject} in version {}", before["sequence"]);
    Err(Rejection::invalid(vec![field("/patch/event/data", "field_fixed", detail)]))
}

/// Changes of what an operator may not change.
fn fixed_fields(kind: &JobKind, before: &Value, after: &Value) -> Vec<FieldError> {
    let mut changed = Vec::new();
    changes(before, after, "", &mut changed);
    changed.retain(|pointer| !kind.may_change(pointer));
    let allowed = match kind.editable {
        [] => format!("nothing of a {} can be edited", kind.name),
        parts => format!("of a {} only {} can be edited", kind.name, parts.join(", ")),
    };
    changed.iter().map(|pointer| field(&format!("/patch{pointer}"), "field_fixed", allowed.clone())).collect()
}

/// Pointers to everything that is different, as deep as objects go.
fn changes(before: &Value, after: &Value, at: &str, found: &mut Vec<String>) {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            let gone = before.keys().filter(|name| !after.contains_key(*name));
            found.extend(gone.map(|name| format!("{at}/{}", escape(name))));
            for (name, value) in after {
                let at = format!("{at}/{}", escape(name));
                match before.get(name) {
                    Some(before) => changes(before, value, &at, found),
                    None => found.push(at),
                }
            }
        }
        _ if before == after => {}
        _ => found.push(at.to_owned()),
    }
}

/// PostgreSQL takes no NUL in what it stores as JSON.
fn storable(value: &Value, at: &str) -> Result<(), FieldError> {
    let nul = |text: &str| text.contains('\0');
    let refused = |at: &str| field(at, "control_character", "must not contain the character NUL".to_owned());
    match value {
        Value::String(text) if nul(text) => Err(refused(at)),
        Value::Array(items) => {
            items.iter().enumerate().try_for_each(|(index, item)| storable(item, &format!("{at}/{index}")))
        }
        Value::Object(fields) => fields.iter().try_for_each(|(name, value)| match nul(name) {
            true => Err(refused(at)),
            false => storable(value, &format!("{at}/{}", escape(name))),
        }),
        _ => Ok(()),
    }
}

fn invalid(at: &str, misfit: Misfit) -> Rejection {
    Rejection::invalid(vec![field(&format!("/patch{at}{}", misfit.pointer), "payload_invalid", misfit.problem)])
}

fn field(pointer: &str, code: &'static str, detail: String) -> FieldError {
    FieldError { pointer: pointer.to_owned(), code, detail }
}

fn not_json() -> Rejection {
    Rejection::conflict("payload_not_json", "its payload is no JSON object, so there is nothing to patch")
}

fn kind_unknown(kind: &str) -> Rejection {
    let detail = format!("this release does not know what a {kind} looks like, and edits none");
    Rejection::conflict("job_kind_unknown", detail)
}

fn event_type_unknown(name: &str, version: i64) -> Rejection {
    let detail = format!("this release does not know what a {name} in version {version} looks like, and edits none");
    Rejection::conflict("event_type_unknown", detail)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const AGGREGATE: &str = "01980000-0000-7000-8000-00000000000a";

    fn payload() -> Value {
        json!({"consumer": "portal", "event": {
            "id": "e1", "source": "urn:offgrid:stock:outboxworker", "type": "com.offgrid.portal.stock.stock-received",
            "subject": format!("stock/{AGGREGATE}"), "time": "2026-03-01T09:30:00Z", "sequence": 1, "tenant_id": "acme",
            "correlation_id": "c", "traceparent": null, "data_version": 1,
            "data": {"quantity": 3, "stock": {"id": AGGREGATE, "sku": "EMBER", "onHand": 3, "reserved": 0,
                "available": 3, "createdAt": "2026-03-01T09:30:00Z", "updatedAt": "2026-03-01T09:30:00Z",
                "version": 1, "sequence": 1}}}})
    }

    fn edit(patch: Value) -> Result<Value, Rejection> {
        let payload = serde_json::to_vec(&payload()).unwrap();
        edited("handle-event.v1", &payload, patch.as_object().unwrap()).map(|edited| edited.payload)
    }

    /// Pointers and codes of a refusal.
    fn refused(patch: Value) -> Vec<(String, &'static str)> {
        edit(patch).unwrap_err().fields.into_iter().map(|field| (field.pointer, field.code)).collect()
    }

    fn data(patch: Value) -> Value {
        json!({"event": {"data": patch}})
    }

    #[test]
    fn the_data_of_an_event_change_and_nothing_else() {
        let after = edit(data(json!({"quantity": 5}))).unwrap();
        let mut expected = payload();
        expected["event"]["data"]["quantity"] = json!(5);
        assert_eq!(after, expected);
    }

    #[test]
    fn what_does_not_fit_is_named_with_its_place() {
        let at = |pointer: &str| vec![(format!("/patch/event/data{pointer}"), "payload_invalid")];
        assert_eq!(refused(data(json!({"quantity": "five"}))), at("/quantity"));
        assert_eq!(refused(data(json!({"stock": {"sku": null}}))), at("/stock/sku"));
        assert_eq!(refused(data(json!({"stock": {"skuu": "X"}}))), at("/stock/skuu"));
        assert_eq!(refused(json!({"event": {"data": 5}})), at(""));
    }

    #[test]
    fn attributes_are_fixed_and_all_of_them_are_named() {
        let patch =
            json!({"consumer": "other", "event": {"id": "e2", "tenant_id": null, "more": 1, "data": {"quantity": 4}}});
        let mut pointers: Vec<String> = refused(patch).into_iter().map(|(pointer, _)| pointer).collect();
        pointers.sort();
        assert_eq!(pointers, ["/patch/consumer", "/patch/event/id", "/patch/event/more", "/patch/event/tenant_id"]);
        assert_eq!(refused(json!({"event": null})), [("/patch/event".to_owned(), "field_fixed")]);
    }

    #[test]
    fn an_event_stays_about_its_aggregate_and_version() {
        for stock in [json!({"id": "01980000-0000-7000-8000-00000000000b"}), json!({"sequence": 2, "version": 2})] {
            assert_eq!(refused(data(json!({"stock": stock}))), [("/patch/event/data".to_owned(), "field_fixed")]);
        }
    }

    #[test]
    fn a_patch_changes_something_that_can_be_stored() {
        for patch in [json!({}), data(json!({"quantity": 3})), data(json!({"nothing": null}))] {
            assert_eq!(edit(patch).unwrap_err().code, "patch_changes_nothing");
        }
        let nul = data(json!({"stock": {"sku": "A\0"}}));
        assert_eq!(refused(nul), [("/patch/event/data/stock/sku".to_owned(), "control_character")]);
    }

    #[test]
    fn what_nobody_can_check_is_not_edited() {
        let patch = json!({"a": 1});
        let patch = patch.as_object().unwrap();
        assert_eq!(edited("sync.v9", b"{}", patch).unwrap_err().code, "job_kind_unknown");
        for raw in [&b"\xff\x00"[..], b"[1]", b"", b"null"] {
            assert_eq!(edited("demo.v1", raw, patch).unwrap_err().code, "payload_not_json");
        }
        let mut foreign = payload();
        foreign["event"]["type"] = json!("com.example.other");
        let foreign = serde_json::to_vec(&foreign).unwrap();
        let patch = data(json!({"x": 1}));
        let refused = edited("handle-event.v1", &foreign, patch.as_object().unwrap()).unwrap_err();
        assert_eq!(refused.code, "event_type_unknown");
        let step = br#"{"replay": "01980000-0000-7000-8000-00000000000a", "step": 3}"#;
        let patch = json!({"step": 4});
        let refused = edited("replay-events.v1", step, patch.as_object().unwrap()).unwrap_err();
        assert_eq!(refused.fields[0].detail, "nothing of a replay-events.v1 can be edited");
    }
}
