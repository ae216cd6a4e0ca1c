//! Why somebody did something, in their own words.

use super::error::FieldError;
use super::input;

/// One line of 1–500 characters.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::Type)]
#[sqlx(transparent)]
pub struct Reason(String);

impl Reason {
    /// # Errors
    /// Names `pointer`; codes `required`, `too_long`, `control_character`.
    pub fn parse(text: &str, pointer: &str) -> Result<Self, FieldError> {
        input::line(text, pointer, 500).map(Self)
    }

    /// In the program's words.
    pub(crate) fn said(text: String) -> Self {
        Self(text)
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
