//! The program's own templates: version 1 of each, in English.

use super::model::{Channel, Draft, Language, NotificationEvent, Template, TemplateKey};

/// The version of all of them.
const VERSION: i64 = 1;

/// The program's template for this; none in other languages than English.
pub(super) fn template(key: &TemplateKey) -> Option<Template> {
    if key.language != Language::english() {
        return None;
    }
    let Channel::Email = key.channel;
    let (subject, body) = match key.event {
        NotificationEvent::OrderConfirmed => (CONFIRMED_SUBJECT, CONFIRMED_BODY),
        NotificationEvent::OrderCancelled => (CANCELLED_SUBJECT, CANCELLED_BODY),
    };
    let draft = Draft { subject: subject.to_owned(), body: body.to_owned() };
    Some(Template { key: key.clone(), version: VERSION, draft, written: None })
}

const CONFIRMED_SUBJECT: &str = "Your order {{ order.id }} is confirmed";
const CONFIRMED_BODY: &str = "\
Dear {{ customer.name }},

we have everything you ordered, and prepare it for you:

{% for line in order.lines -%}
{{ line.quantity }} x {{ line.name }} ({{ line.sku }}): {{ line.total }} {{ order.currency }}
{% endfor %}
Total: {{ order.total }} {{ order.currency }}

Your order has the number {{ order.id }}.
";

const CANCELLED_SUBJECT: &str = "Your order {{ order.id }} is cancelled";
/// Without the reason: staff may have written it for staff.
const CANCELLED_BODY: &str = "\
Dear {{ customer.name }},

your order {{ order.id }} over {{ order.total }} {{ order.currency }} is cancelled.

It was about:

{% for line in order.lines -%}
{{ line.quantity }} x {{ line.name }} ({{ line.sku }})
{% endfor %}
You will not be charged for it.
";

#[cfg(test)]
mod tests {
    use super::super::facts::Facts;
    use super::super::{render, rules};
    use super::*;

    #[test]
    fn each_event_has_one_that_is_as_it_must_be() {
        for event in [NotificationEvent::OrderConfirmed, NotificationEvent::OrderCancelled] {
            let key = TemplateKey { event, channel: Channel::Email, language: Language::english() };
            let template = template(&key).unwrap();
            rules::can_be_saved(event, &template.draft).unwrap();
            let rendered = render::render(&template.draft, &Facts::sample(event)).unwrap();
            insta::assert_snapshot!(event.as_str(), format!("{}\n\n{}", rendered.subject, rendered.body));
        }
    }
}
