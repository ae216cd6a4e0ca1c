//! What a template may be: pure decisions.
//!
//! Texts are joined and repeated by neither operators nor variables of a template's own, so that none is
//! much longer than template and facts: only `if`, and `for` over what is named, may be used, and no `*`.

use crate::kernel::error::{FieldError, Rejection};
use crate::kernel::input;

use super::facts::Facts;
use super::model::{Draft, NotificationEvent};
use super::render::{self, TemplateError};

/// A template compiles, does nothing that it may not, names only what there is, and gives a text.
pub(super) fn can_be_saved(event: NotificationEvent, draft: &Draft) -> Result<(), Rejection> {
    let facts = Facts::sample(event);
    let fields = [("subject", &draft.subject), ("body", &draft.body)];
    let mut wrong: Vec<TemplateError> =
        fields.into_iter().filter_map(|(field, source)| looks_right(field, source, &facts).err()).collect();
    if wrong.is_empty() {
        wrong.extend(render::render(draft, &facts).err());
    }
    if wrong.is_empty() { Ok(()) } else { Err(Rejection::invalid(wrong.iter().map(field_error).collect())) }
}

/// What a reader asks for must exist in its tenant.
pub(super) fn notification_not_found() -> Rejection {
    Rejection::not_found("notification_not_found", "there is no notification with this id")
}

/// As [`notification_not_found`], for templates.
pub(super) fn template_not_found() -> Rejection {
    let detail = "there is no template for this event, channel and language, or no such version of it";
    Rejection::not_found("notification_template_not_found", detail)
}

/// The refusal of a template.
pub(super) fn field_error(error: &TemplateError) -> FieldError {
    let detail = format!("line {}: {}", error.line, error.message);
    input::wrong(&format!("/{}", error.field), "template_invalid", detail)
}

fn looks_right(field: &'static str, source: &str, facts: &Facts) -> Result<(), TemplateError> {
    only_known_tags(source).map_err(|(at, message)| error(field, source, at, message))?;
    let unknown = render::names(field, source)?.into_iter().find(|name| !facts.knows(name));
    match unknown {
        Some(name) => {
            let at = source.find(&name).unwrap_or_default();
            Err(error(field, source, at, format!("{name} is not known here")))
        }
        None => Ok(()),
    }
}

fn error(field: &'static str, source: &str, at: usize, message: String) -> TemplateError {
    TemplateError { field, line: 1 + source.as_bytes()[..at].iter().filter(|b| **b == b'\n').count(), message }
}

/// Where a tag stands that may not, and why.
type Forbidden = (usize, String);

/// Looks at every `{% … %}` and `{{ … }}`.
fn only_known_tags(source: &str) -> Result<(), Forbidden> {
    let mut at = 0;
    while let Some(found) = source[at..].find('{') {
        let start = at + found;
        let rest = &source[start..];
        let end = if rest.starts_with("{#") {
            rest.find("#}")
        } else if rest.starts_with("{{") || rest.starts_with("{%") {
            let length = tag_length(rest);
            let inside = &rest[2..length];
            if outside_of_quotes(inside).any(|(_, c)| c == '*') {
                return Err((start, "* is not allowed here".to_owned()));
            }
            if rest.starts_with("{%") {
                statement(inside.trim_matches(['-', '+'])).map_err(|message| (start, message))?;
            }
            Some(length)
        } else {
            Some(1)
        };
        // what does not end does not compile either
        at = start + end.unwrap_or(rest.len());
    }
    Ok(())
}

/// Up to the end of the tag, or of everything.
fn tag_length(tag: &str) -> usize {
    let end = if tag.starts_with("{{") { "}}" } else { "%}" };
    let inside = &tag[2..];
    outside_of_quotes(inside).find(|(at, _)| inside[*at..].starts_with(end)).map_or(tag.len(), |(at, _)| at + 2)
}

/// The characters that are not part of a text in quotes, with their places.
fn outside_of_quotes(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut quote = None;
    let mut escaped = false;
    text.char_indices().filter(move |(_, c)| match quote {
        Some(open) => {
            match (escaped, *c) {
                (true, _) => escaped = false,
                (false, '\\') => escaped = true,
                (false, c) if c == open => quote = None,
                _ => {}
            }
            false
        }
        None if matches!(c, '"' | '\'') => {
            quote = Some(*c);
            false
        }
        None => true,
    })
}

fn statement(text: &str) -> Result<(), String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let is_name = |word: &str| word.chars().all(|c| c.is_ascii_alphanumeric() || "_.".contains(c));
    match words.as_slice() {
        ["if" | "elif", ..] | ["else" | "endif" | "endfor"] => Ok(()),
        ["for", one, "in", all] if is_name(one) && is_name(all) => Ok(()),
        ["for", ..] => Err("a loop is written {% for line in order.lines %}".to_owned()),
        [word, ..] => Err(format!("{word} is not allowed; there are if and for")),
        [] => Err("the tag is empty".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::error::RejectionKind::NotFound;

    fn refused(body: &str) -> FieldError {
        let draft = Draft { subject: "x".to_owned(), body: body.to_owned() };
        let rejection = can_be_saved(NotificationEvent::OrderConfirmed, &draft).expect_err(body);
        assert_eq!((rejection.code, rejection.fields.len()), ("validation_failed", 1));
        let error = rejection.fields.into_iter().next().unwrap();
        assert_eq!((error.pointer.as_str(), error.code), ("/body", "template_invalid"));
        error
    }

    #[test]
    fn what_does_not_compile_is_refused_with_its_line() {
        for bad in ["a\n{{ order.id", "a\n{% if order.id %}", "a\n{% endfor %}", "a\n{{ order.id | }}", "a\n{{ }}"] {
            let detail = refused(bad).detail;
            assert!(detail.starts_with("line 2: "), "{bad}: {detail}");
        }
    }

    #[test]
    fn an_unknown_name_is_refused_wherever_it_stands() {
        assert_eq!(refused("a\n\n{{ order.totl }}").detail, "line 3: order.totl is not known here");
        assert_eq!(refused("{{ user }}").detail, "line 1: user is not known here");
        refused("{% if false %}{{ order.totl }}{% endif %}");
        refused("{% for line in order.lines %}{{ line.colour }}{% endfor %}");
        refused("{{ order.cancellation.reason }}");
        let draft = Draft { subject: "x".to_owned(), body: "{{ order.cancellation.reason }}".to_owned() };
        assert_eq!(can_be_saved(NotificationEvent::OrderCancelled, &draft), Ok(()));
    }

    #[test]
    fn what_could_grow_without_end_is_refused() {
        for bad in [
            "{% set x = order.id %}",
            "{%- with x = order.id %}{% endwith %}",
            "{% macro x() %}{% endmacro %}",
            "{% raw %}{{ }}{% endraw %}",
            "{% include 'x' %}",
            "{% for x in [order.id ~ order.id] %}{% endfor %}",
            "{% for x in order.lines recursive %}{% endfor %}",
            "{{ 'x' * 99999999 }}",
            "{{ '}}' * 99999999 }}",
            "{{ \"\\\"}}\" * 99999999 }}",
            "{% if 'x' * 99999999 %}{% endif %}",
        ] {
            refused(bad);
        }
    }

    #[test]
    fn what_only_looks_like_it_passes() {
        for good in [
            "2 * 3 {# {% set x = 1 %} #} { {",
            "{{ '*' }} {{ '{% set x %}' }}",
            "{% for l in order.lines -%}{% if loop.first %}{{ l.name }}{% else %}, {{ l.name }}{% endif %}{% endfor %}",
        ] {
            let draft = Draft { subject: "x".to_owned(), body: good.to_owned() };
            assert_eq!(can_be_saved(NotificationEvent::OrderConfirmed, &draft), Ok(()), "{good}");
        }
    }

    #[test]
    fn subject_and_body_are_complained_about_together() {
        let draft = Draft { subject: "{{ a }}".to_owned(), body: "{{ b }}".to_owned() };
        let rejection = can_be_saved(NotificationEvent::OrderConfirmed, &draft).unwrap_err();
        assert_eq!(rejection.fields.iter().map(|f| f.pointer.as_str()).collect::<Vec<_>>(), ["/subject", "/body"]);
    }

    /// A template gives a text within the limits, or is refused with its place.
    #[test]
    fn fuzz_templates() {
        ::fuzz::target(env!("CARGO_MANIFEST_DIR"), "templates", |bytes| {
            let body = String::from_utf8_lossy(bytes).into_owned();
            let draft = Draft { subject: "x".to_owned(), body };
            for event in [NotificationEvent::OrderConfirmed, NotificationEvent::OrderCancelled] {
                match can_be_saved(event, &draft) {
                    Ok(()) => assert!(render::render(&draft, &Facts::sample(event)).is_ok()),
                    Err(rejection) => assert_eq!(rejection.fields[0].pointer, "/body"),
                }
            }
        });
    }

    #[test]
    fn each_no_has_its_code_and_kind() {
        for (rejection, code) in [
            (notification_not_found(), "notification_not_found"),
            (template_not_found(), "notification_template_not_found"),
        ] {
            assert_eq!((rejection.code, rejection.kind), (code, NotFound));
        }
    }
}
