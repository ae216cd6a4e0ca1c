//! What failures are grouped by.

use crate::kernel::error::FieldError;
use crate::kernel::input;

/// What failures that are alike have in common: their queue, kind and class, and their error without its ids,
/// numbers and quoted values. 16 hexadecimal digits; PostgreSQL computes it: `jobs.fingerprint`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// # Errors
    /// Names `pointer` and says what is allowed; code `malformed`.
    pub fn parse(text: &str, pointer: &str) -> Result<Self, FieldError> {
        let lower_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() == 16 && text.bytes().all(lower_hex) {
            Ok(Self(text.to_owned()))
        } else {
            let detail = "must be the fingerprint of a group or a failure: 16 digits from 0 to 9 and a to f";
            Err(input::wrong(pointer, "malformed", detail))
        }
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_has_one_form() {
        assert_eq!(Fingerprint::parse("0123456789abcdef", "").unwrap().as_str(), "0123456789abcdef");
        for bad in ["", "0123456789abcde", "0123456789ABCDEF", "0123456789abcdefa", "0123456789abcdeg", "éééééééé"]
        {
            let error = Fingerprint::parse(bad, "/filter/fingerprint").unwrap_err();
            assert_eq!((error.pointer.as_str(), error.code), ("/filter/fingerprint", "malformed"), "{bad}");
        }
    }
}
