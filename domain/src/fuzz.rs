//! Fuzz targets: text from outside that ends in a query, a row or a header. See the crate `fuzz`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fuzz::target;
use serde_json::{Map, Value};

use crate::kernel::idempotency::IdempotencyKey;
use crate::kernel::page::{Listing, PageSize, SearchText, Sort};
use crate::kernel::{input, patch};
use crate::{Actor, CorrelationId, FieldError, TenantId, customers, products};

const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// A cursor is read or refused by name; what is read can be stored, and written again it is the same.
#[test]
fn fuzz_cursors() {
    target(HERE, "cursors", |bytes| {
        let as_sent = String::from_utf8_lossy(bytes).into_owned();
        for cursor in [as_sent, URL_SAFE_NO_PAD.encode(bytes)] {
            for sort in Sort::NAMES {
                cursor_of(Sort::parse(sort).unwrap(), &cursor);
            }
        }
    });
}

fn cursor_of(sort: Sort, cursor: &str) {
    let size = PageSize::new(1).unwrap();
    let listing = match Listing::new(sort, Some(cursor), size) {
        Ok(listing) => listing,
        Err(rejection) => return assert_eq!(rejection.fields[0].pointer, "cursor"),
    };
    let after = &listing.after;
    assert!(after.name.as_ref().is_none_or(|name| !name.contains('\0')), "PostgreSQL takes no NUL");
    let id = after.id.unwrap();
    let row = (after.created_at.unwrap_or_default(), after.name.as_deref().unwrap_or_default(), id);
    let again = listing.page(vec![row, row], |row| *row).next.unwrap();
    let read = Listing::new(sort, Some(&again), size).unwrap().after;
    assert_eq!((read.id, read.created_at, &read.name), (after.id, after.created_at, &after.name));
}

/// What passes has no NUL, passes again unchanged, and what does not names its field.
#[test]
fn fuzz_texts() {
    target(HERE, "texts", |bytes| {
        let text = String::from_utf8_lossy(bytes);
        settles(&text, |text| input::line(text, "/x", 200));
        settles(&text, |text| input::lines(text, "/x", 5000));
        settles(&text, |text| SearchText::parse(text, "/x").map(|t| t.as_str().to_owned()));
        settles(&text, |text| customers::Name::parse(text, "/x").map(|t| t.as_str().to_owned()));
        settles(&text, |text| customers::Email::parse(text, "/x").map(|t| t.as_str().to_owned()));
        settles(&text, |text| customers::Phone::parse(text, "/x").map(|t| t.as_str().to_owned()));
        settles(&text, |text| customers::GroupName::parse(text, "/x").map(|t| t.as_str().to_owned()));
        settles(&text, |text| products::ProductName::parse(text, "/x").map(|t| t.as_str().to_owned()));
        settles(&text, |text| products::Description::parse(text, "/x").map(|t| t.as_str().to_owned()));
        settles(&text, |text| products::Sku::parse(text, "/x").map(|t| t.as_str().to_owned()));
        settles(&text, |text| products::Currency::parse(text, "/x").map(|t| t.as_str().to_owned()));
    });
}

fn settles(text: &str, parse: impl Fn(&str) -> Result<String, FieldError>) {
    match parse(text) {
        Ok(passed) => {
            assert!(!passed.contains('\0'), "PostgreSQL takes no NUL");
            assert_eq!(parse(&passed).unwrap(), passed, "what passed once does not pass unchanged");
        }
        Err(wrong) => assert_eq!(wrong.pointer, "/x"),
    }
}

/// What goes into headers, log lines and `set local portal.tenant = '…'`.
#[test]
fn fuzz_ids() {
    target(HERE, "ids", |bytes| {
        let text = String::from_utf8_lossy(bytes);
        if let Ok(tenant) = text.parse::<TenantId>() {
            assert!(tenant.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'), "{tenant}");
        }
        if let Ok(actor) = text.parse::<Actor>() {
            assert!(!actor.as_str().chars().any(char::is_control), "{actor:?}");
        }
        if let Ok(id) = text.parse::<CorrelationId>() {
            assert!(id.as_str().bytes().all(|b| (b'!'..=b'~').contains(&b)), "{id:?}");
        }
        if let Err(rejection) = IdempotencyKey::new(&text, "POST /v1/customers", bytes) {
            assert_eq!(rejection.fields[0].pointer, "Idempotency-Key");
        } else {
            assert!((1..=255).contains(&text.len()) && text.bytes().all(|b| (b' '..=b'~').contains(&b)), "{text}");
        }
    });
}

/// RFC 7396 on two lines, the object and the patch: patched twice is patched once, nothing that the
/// patch removes is left, and an empty patch changes nothing.
#[test]
fn fuzz_patches() {
    target(HERE, "patches", |bytes| {
        let mut lines = bytes.splitn(2, |byte| *byte == b'\n');
        let mut object = || lines.next().and_then(|line| serde_json::from_slice::<Map<String, Value>>(line).ok());
        let (Some(object), Some(change)) = (object(), object()) else { return };
        let mut once = object.clone();
        patch::merge(&mut once, change.clone());
        let mut twice = once.clone();
        patch::merge(&mut twice, change.clone());
        assert_eq!(twice, once);
        as_said(&object, &change, &once);
        let mut same = object.clone();
        patch::merge(&mut same, Map::new());
        assert_eq!(same, object);
    });
}

/// What is not named stays, null is gone, the rest is there.
fn as_said(before: &Map<String, Value>, change: &Map<String, Value>, after: &Map<String, Value>) {
    for (name, value) in before.iter().filter(|(name, _)| !change.contains_key(*name)) {
        assert_eq!(after.get(name), Some(value), "{name} should stay");
    }
    for (name, value) in change {
        match value {
            Value::Null => assert!(!after.contains_key(name), "{name} should be gone"),
            Value::Object(inner) => {
                let before = before.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
                as_said(&before, inner, after[name].as_object().unwrap());
            }
            value => assert_eq!(&after[name], value),
        }
    }
}
