//! Checks of text from outside, shared by the modules' types for names, reasons and the like.
//!
//! What passes is safe to store: PostgreSQL refuses the character NUL, in text and in JSON.

use super::error::FieldError;

/// One line of 1 to `longest` characters, trimmed.
///
/// # Errors
/// Names `pointer` and says what would be right; codes `required`, `too_long`, `control_character`.
pub fn line(text: &str, pointer: &str, longest: usize) -> Result<String, FieldError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(wrong(pointer, "required", format!("must not be blank; give 1 to {longest} characters")));
    }
    if text.chars().any(char::is_control) {
        return Err(wrong(pointer, "control_character", "must be one line without control characters"));
    }
    within(text, pointer, longest)
}

/// Any number of lines, 0 to `longest` characters, trimmed.
///
/// # Errors
/// As [`line()`], but blank is right.
pub fn lines(text: &str, pointer: &str, longest: usize) -> Result<String, FieldError> {
    let text = text.trim();
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err(wrong(
            pointer,
            "control_character",
            "must not contain control characters other than line ends and tabs",
        ));
    }
    within(text, pointer, longest)
}

/// A wrong field.
pub fn wrong(pointer: &str, code: &'static str, detail: impl Into<String>) -> FieldError {
    FieldError { pointer: pointer.to_owned(), code, detail: detail.into() }
}

fn within(text: &str, pointer: &str, longest: usize) -> Result<String, FieldError> {
    match text.chars().count() {
        length if length > longest => {
            Err(wrong(pointer, "too_long", format!("has {length} characters; at most {longest} are allowed")))
        }
        _ => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code<T: std::fmt::Debug>(result: Result<T, FieldError>) -> &'static str {
        let error = result.unwrap_err();
        assert_eq!(error.pointer, "/x");
        error.code
    }

    #[test]
    fn a_line_is_trimmed_and_counted_in_characters() {
        assert_eq!(line("  Zoë ", "/x", 3).unwrap(), "Zoë");
        assert_eq!(code(line("Zoë!", "/x", 3)), "too_long");
    }

    #[test]
    fn a_line_is_neither_blank_nor_broken() {
        assert_eq!(code(line(" \t", "/x", 3)), "required");
        assert_eq!(code(line("a\nb", "/x", 3)), "control_character");
    }

    #[test]
    fn lines_may_be_blank_but_never_hold_nul() {
        assert_eq!(lines(" ", "/x", 3).unwrap(), "");
        assert_eq!(lines("a\nb", "/x", 3).unwrap(), "a\nb");
        assert_eq!(code(lines("a\0", "/x", 3)), "control_character");
        assert_eq!(code(lines("abcd", "/x", 3)), "too_long");
    }
}
