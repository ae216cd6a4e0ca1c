//! Merge patch (RFC 7396): a field that is absent stays, `null` removes it, a value replaces it.

use serde::{Deserialize, Deserializer};

/// For a field that may be removed: `Option<Option<T>>`, where the outer one is whether it was sent.
///
/// # Errors
/// As the field's type.
pub(crate) fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    value: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(value).map(Some)
}

/// For a field that may be replaced but not removed: `null` is of the wrong type.
///
/// # Errors
/// As the field's type.
pub(crate) fn required<'de, D: Deserializer<'de>, T: Deserialize<'de>>(value: D) -> Result<Option<T>, D::Error> {
    T::deserialize(value).map(Some)
}
