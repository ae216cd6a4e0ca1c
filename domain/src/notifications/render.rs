//! Makes text of a template, with limits: a template comes from outside.

use std::io;

use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value, filters};

use super::facts::Facts;
use super::model::Draft;

/// Steps that rendering may take; a list of 100 lines takes about 1,500.
const FUEL: u64 = 20_000;
/// Blocks within blocks.
const DEPTH: usize = 20;
/// The longest text, in bytes.
const LONGEST_BODY: usize = 65_536;
/// The longest subject, in bytes: a line of a mail's head has at most 998.
const LONGEST_SUBJECT: usize = 900;

/// A notification's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// One line.
    pub subject: String,
    /// Plain text.
    pub body: String,
}

/// Why a template gives no text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the template's {field}, line {line}: {message}")]
pub struct TemplateError {
    /// `subject` or `body`.
    pub field: &'static str,
    /// From 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

/// Fills in the facts.
///
/// # Errors
/// What the template names and there is not, or a limit it goes beyond.
pub(super) fn render(draft: &Draft, facts: &Facts) -> Result<Rendered, TemplateError> {
    let facts = Value::from(Serde(facts));
    let subject = text("subject", &draft.subject, &facts, LONGEST_SUBJECT)?;
    let subject = subject.split_whitespace().collect::<Vec<_>>().join(" ");
    let unprintable = subject.is_empty() || subject.chars().any(char::is_control);
    if unprintable {
        let message = "must become one line of text".to_owned();
        return Err(TemplateError { field: "subject", line: 1, message });
    }
    Ok(Rendered { subject, body: text("body", &draft.body, &facts, LONGEST_BODY)? })
}

/// The names that a template looks up, `order.total`; those that it makes itself are not among them.
pub(super) fn names(field: &'static str, source: &str) -> Result<Vec<String>, TemplateError> {
    let environment = environment();
    let template = environment.template_from_str(source).map_err(|error| wrong(field, &error))?;
    let mut names: Vec<String> = template.undeclared_variables(true).into_iter().collect();
    names.sort();
    Ok(names)
}

fn text(field: &'static str, source: &str, facts: &Value, longest: usize) -> Result<String, TemplateError> {
    let environment = environment();
    let template = environment.template_from_str(source).map_err(|error| wrong(field, &error))?;
    let mut written = Limited { bytes: Vec::new(), longest };
    template.render_captured_to(facts.clone(), &mut written).map_err(|error| wrong(field, &error))?;
    let message = "gives text that is no UTF-8".to_owned();
    String::from_utf8(written.bytes).map_err(|_| TemplateError { field, line: 1, message })
}

/// Has no more than these filters, none of which makes much of little, and no functions or tests.
fn environment() -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(DEPTH);
    environment.add_filter("upper", filters::upper);
    environment.add_filter("lower", filters::lower);
    environment.add_filter("title", filters::title);
    environment.add_filter("trim", filters::trim);
    environment.add_filter("length", filters::length);
    environment.add_filter("first", filters::first);
    environment.add_filter("last", filters::last);
    environment
}

fn wrong(field: &'static str, error: &minijinja::Error) -> TemplateError {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    let message = causes.fold(message(error), |text, cause| format!("{text}: {cause}"));
    TemplateError { field, line: error.line().unwrap_or(1), message }
}

fn message(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}

/// Takes so many bytes and no more.
struct Limited {
    bytes: Vec<u8>,
    longest: usize,
}

impl io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.longest {
            return Err(io::Error::other(format!("the text is longer than {} bytes", self.longest)));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::NotificationEvent;
    use super::*;

    fn body(body: &str) -> Result<String, TemplateError> {
        let draft = Draft { subject: "x".to_owned(), body: body.to_owned() };
        render(&draft, &Facts::sample(NotificationEvent::OrderConfirmed)).map(|rendered| rendered.body)
    }

    #[test]
    fn facts_are_filled_in_as_they_are() {
        assert_eq!(body("{{ order.total }} {{ customer.name|upper }}").unwrap(), "308.80 ADA LOVELACE");
        assert_eq!(body("{{ '<b> & \"' }}").unwrap(), "<b> & \"", "it is text, not HTML");
    }

    #[test]
    fn what_there_is_not_is_an_error_with_its_line() {
        let error = body("a\nb {{ order.totl }}").unwrap_err();
        assert_eq!((error.field, error.line), ("body", 2), "{error}");
        assert!(body("{{ order.lines[7].name }}").is_err());
        assert!(body("{% if nothing %}x{% endif %}").is_err());
        assert!(body("{{ order.total|nosuch }}").is_err());
        assert!(body("{{ range(3) }}").is_err());
    }

    #[test]
    fn rendering_ends() {
        let nested = "{% for a in order.lines %}".repeat(15) + "x" + &"{% endfor %}".repeat(15);
        assert!(body(&nested).unwrap_err().message.contains("fuel"), "{:?}", body(&nested));
        let long = "y".repeat(LONGEST_BODY + 1);
        assert!(body(&long).unwrap_err().message.contains("longer than"), "{:?}", body(&long));
        assert_eq!(body(&long[1..]).unwrap().len(), LONGEST_BODY);
    }

    #[test]
    fn a_subject_becomes_one_line() {
        let subject = |subject: &str| {
            let draft = Draft { subject: subject.to_owned(), body: "x".to_owned() };
            render(&draft, &Facts::sample(NotificationEvent::OrderConfirmed)).map(|rendered| rendered.subject)
        };
        assert_eq!(subject(" a\r\nBcc:  b {{ order.currency }}").unwrap(), "a Bcc: b EUR");
        assert_eq!(subject("{% if false %}x{% endif %}").unwrap_err().field, "subject");
        assert!(subject(&"x".repeat(LONGEST_SUBJECT + 1)).is_err());
    }
}
