//! Which events an endpoint wants.

use crate::kernel::error::FieldError;
use crate::kernel::input;

/// A CloudEvents type such as `com.offgrid.portal.orders.order-created`, or the beginning of some: `…orders.*`, `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPattern(String);

/// 1 to 50 of these, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPatterns(Vec<EventPattern>);

impl EventPattern {
    /// # Errors
    /// Names `pointer`; code `event_type_malformed`.
    pub fn parse(text: &str, pointer: &str) -> Result<Self, FieldError> {
        let (wild, types) = match text.strip_suffix('*') {
            Some("") => (true, None),
            Some(before) => (true, before.strip_suffix('.').or(Some(""))),
            None => (false, Some(text)),
        };
        let word = |word: &str| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        let right = text.len() <= 200 && types.map_or(wild, |types| types.split('.').all(word));
        match right {
            true => Ok(Self(text.to_owned())),
            false => Err(input::wrong(
                pointer,
                "event_type_malformed",
                "must be a type such as com.offgrid.portal.orders.order-created, the beginning of some such as \
                 com.offgrid.portal.orders.*, or *, at most 200 characters",
            )),
        }
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn matches(&self, event_type: &str) -> bool {
        match self.0.strip_suffix('*') {
            // the dot before the star belongs to it: orders.* are not those of ordersets
            Some(beginning) => event_type.strip_prefix(beginning).is_some_and(|rest| !rest.is_empty()),
            None => self.0 == event_type,
        }
    }
}

impl EventPatterns {
    /// # Errors
    /// Names what is below `pointer`; codes `event_type_malformed`, `event_types_count`, `event_type_repeated`.
    pub fn parse(texts: &[String], pointer: &str) -> Result<Self, FieldError> {
        if !(1..=50).contains(&texts.len()) {
            return Err(input::wrong(pointer, "event_types_count", "give 1 to 50 types; * stands for all"));
        }
        let mut patterns = Vec::with_capacity(texts.len());
        for (place, text) in texts.iter().enumerate() {
            let pointer = format!("{pointer}/{place}");
            let pattern = EventPattern::parse(text, &pointer)?;
            if patterns.contains(&pattern) {
                return Err(input::wrong(&pointer, "event_type_repeated", "is given twice; once is enough"));
            }
            patterns.push(pattern);
        }
        Ok(Self(patterns))
    }

    /// Those of a row, which were parsed before they were written.
    pub(super) fn stored(texts: Vec<String>) -> Self {
        Self(texts.into_iter().map(EventPattern).collect())
    }

    /// The texts themselves.
    pub fn texts(&self) -> Vec<String> {
        self.0.iter().map(|pattern| pattern.0.clone()).collect()
    }

    /// Whether one of them is for this type.
    pub fn match_type(&self, event_type: &str) -> bool {
        self.0.iter().any(|pattern| pattern.matches(event_type))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, event_type: &str) -> bool {
        EventPatterns::parse(&[pattern.to_owned()], "").unwrap().match_type(event_type)
    }

    #[test]
    fn a_star_stands_for_whole_words_at_the_end() {
        assert!(matches("com.offgrid.portal.orders.order-created", "com.offgrid.portal.orders.order-created"));
        assert!(!matches("com.offgrid.portal.orders.order-created", "com.offgrid.portal.orders.order-created2"));
        assert!(matches("com.offgrid.portal.orders.*", "com.offgrid.portal.orders.order-created"));
        assert!(matches("com.offgrid.*", "com.offgrid.portal.orders.order-created"));
        assert!(!matches("com.offgrid.portal.orders.*", "com.offgrid.portal.ordersets.made"));
        assert!(!matches("com.offgrid.portal.orders.*", "com.offgrid.portal.orders."));
        assert!(!matches("com.offgrid.portal.orders.*", "com.offgrid.portal.orders"));
        assert!(matches("*", "anything"));
    }

    #[test]
    fn anything_else_is_refused_with_its_place() {
        for bad in
            ["", "**", "orders*", "*.orders", "a.*.b", "a..b", ".a", "a.", "A.b", "a b", "a.*.", "é", &"a".repeat(201)]
        {
            let error = EventPatterns::parse(&["a".to_owned(), bad.to_owned()], "/eventTypes").unwrap_err();
            assert_eq!((error.pointer.as_str(), error.code), ("/eventTypes/1", "event_type_malformed"), "{bad}");
        }
        let code = |texts: &[String]| EventPatterns::parse(texts, "/eventTypes").unwrap_err().code;
        assert_eq!(code(&[]), "event_types_count");
        assert_eq!(code(&vec!["a".to_owned(); 51]), "event_types_count");
        assert_eq!(code(&vec!["a".to_owned(); 2]), "event_type_repeated");
    }

    /// What is taken is written as it was, and matches itself with something in the place of its star.
    #[test]
    fn fuzz_event_patterns() {
        ::fuzz::target(env!("CARGO_MANIFEST_DIR"), "event_patterns", |bytes| {
            let text = String::from_utf8_lossy(bytes);
            match EventPattern::parse(&text, "/eventTypes/0") {
                Ok(pattern) => {
                    assert_eq!(pattern.as_str(), text);
                    assert!(pattern.matches(&text.replace('*', "x")), "{text}");
                    assert!(!pattern.matches(""));
                }
                Err(error) => assert_eq!(error.pointer, "/eventTypes/0"),
            }
        });
    }
}
