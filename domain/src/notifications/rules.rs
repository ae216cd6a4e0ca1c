//! What a template may be: pure decisions.

use crate::kernel::error::{FieldError, Rejection};
use crate::kernel::input;

use super::allowed;
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
    allowed::check(source).map_err(|(line, message)| TemplateError { field, line, message })?;
    let unknown = render::names(field, source)?.into_iter().find(|name| !facts.knows(name));
    match unknown {
        Some(name) => {
            let before = source.split(&name).next().unwrap_or_default();
            let line = 1 + before.matches('\n').count();
            Err(TemplateError { field, line, message: format!("{name} is not known here") })
        }
        None => Ok(()),
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
            "{% include 'x' %}",
            "{% for x in [order.id ~ order.id] %}{% endfor %}",
            "{% for x in order.lines recursive %}{% endfor %}",
            "{{ 'x' * 99999999 }}",
            "{{ '}}' * 99999999 }}",
            "{{ \"\\\"}}\" * 99999999 }}",
            "{% if 'x' * 99999999 %}{% endif %}",
            "{{ 'x' ** 9 }}",
            // braces in braces: what ends first is not the tag
            "{{ {'a':{'b':'x'}}['a']['b'] * 99999999 }}",
            "{{ {'a':{'b':1}}['a']['b'] ~ '{#' }}{% set x='yyyyyyyyyy' %}{% set x = x ~ x %}{{ '#}' }}",
            "{{ [[order.id]] }}",
            "{{ order.id|default('x' * 9) }}",
            "{% filter upper %}x{% endfilter %}",
            &format!("{{{{ order.id{} }}}}", "~order.id".repeat(30)),
        ] {
            refused(bad);
        }
    }

    #[test]
    fn what_only_looks_like_it_passes() {
        for good in [
            "2 * 3 {# {% set x = 1 %} #} { {",
            "{{ '*' }} {{ '{% set x %}' }}",
            "{% raw %}{{ }}{% endraw %}",
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
