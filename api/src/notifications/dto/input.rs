//! As callers write them.

use domain::Rejection;
use domain::kernel::input;
use domain::notifications::{Draft, ListNotifications, NotificationStatus};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::output::State;
use crate::body::{Input, Wrong};
use crate::list::{self, TimeOrder};
use crate::parameters;
use crate::problem::Problem;

/// The text of a template.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NotificationTemplateText, example = json!({
    "subject": "Order {{ order.id }}", "body": "Dear {{ customer.name }},\n\nyour order over {{ order.total }} {{ order.currency }} is confirmed."
}))]
pub(in super::super) struct TemplateDraft {
    /// Becomes one line.
    #[schema(min_length = 1, max_length = 500)]
    subject: String,
    /// Becomes plain text.
    #[schema(min_length = 1, max_length = 10000)]
    body: String,
}

/// The text to show; the present one if it is left out.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NotificationPreviewText, example = json!({}))]
pub(in super::super) struct PreviewDraft {
    /// With `body`, or neither of them.
    #[schema(min_length = 1, max_length = 500)]
    subject: Option<String>,
    #[schema(min_length = 1, max_length = 10000)]
    body: Option<String>,
}

impl Input for TemplateDraft {
    type Parsed = Draft;

    fn parse(self, wrong: &mut Wrong) -> Option<Draft> {
        draft(&self.subject, &self.body, wrong)
    }
}

impl Input for PreviewDraft {
    type Parsed = Option<Draft>;

    fn parse(self, wrong: &mut Wrong) -> Option<Option<Draft>> {
        match (self.subject, self.body) {
            (None, None) => Some(None),
            (Some(subject), Some(body)) => draft(&subject, &body, wrong).map(Some),
            (subject, _) => {
                let missing = if subject.is_none() { "/subject" } else { "/body" };
                wrong.note(input::wrong(missing, "subject_and_body", "give subject and body, or neither"));
                None
            }
        }
    }
}

fn draft(subject: &str, body: &str, wrong: &mut Wrong) -> Option<Draft> {
    let (longest_subject, longest_body) = Draft::LONGEST;
    let subject = wrong.take(input::line(subject, "/subject", longest_subject));
    let body = wrong.take(input::lines(body, "/body", longest_body)).filter(|body| {
        let blank = body.is_empty();
        if blank {
            wrong.note(input::wrong(
                "/body",
                "required",
                format!("must not be blank; give 1 to {longest_body} characters"),
            ));
        }
        !blank
    });
    Some(Draft { subject: subject?, body: body? })
}

/// Which version of a template.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in super::super) struct VersionParameter {
    /// One of its versions; the present one if it is left out.
    #[param(value_type = Option<i64>, minimum = 1)]
    version: Option<String>,
}

impl VersionParameter {
    /// # Errors
    /// 422 if it is no number.
    pub(in super::super) fn version(self) -> Result<Option<i64>, Problem> {
        let number = |text: String| {
            let number = text.parse().ok().filter(|number| *number > 0);
            number.ok_or_else(|| input::wrong("version", "wrong_type", "must be a number, 1 or more"))
        };
        self.version.map(number).transpose().map_err(|wrong| Rejection::invalid(vec![wrong]).into())
    }
}

/// Filters, order and page of a list of notifications.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in super::super) struct ListParameters {
    /// Only notifications about this order.
    #[param(value_type = Option<Uuid>)]
    order_id: Option<String>,
    /// Only notifications with this status.
    #[param(value_type = Option<State>, inline)]
    status: Option<String>,
    /// `-` is descending; the default is `-created_at`.
    #[param(value_type = Option<TimeOrder>, inline)]
    sort: Option<String>,
    /// `next` of the page before.
    #[param(min_length = 1)]
    cursor: Option<String>,
    /// Notifications per page.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 200, default = 50)]
    limit: Option<String>,
}

impl ListParameters {
    /// # Errors
    /// 422 with one entry per wrong parameter.
    pub(in super::super) fn query(self) -> Result<ListNotifications, Problem> {
        let mut wrong = Wrong::default();
        let order = wrong.take_optional(self.order_id.map(|id| parameters::uuid(&id, "orderId")));
        let status = wrong.take_optional(self.status.map(|status| NotificationStatus::parse(&status, "status")));
        let (sort, cursor, limit) = (self.sort.as_deref(), self.cursor.as_deref(), self.limit.as_deref());
        let page = list::listing_by_time(sort, cursor, limit, &mut wrong);
        match (order, status, page) {
            (Some(order_id), Some(status), Some(page)) => Ok(ListNotifications { order_id, status, page }),
            _ => Err(Rejection::invalid(wrong.into_errors()).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz;

    #[test]
    fn fuzz_notification_bodies() {
        ::fuzz::target(env!("CARGO_MANIFEST_DIR"), "notification_bodies", |bytes| {
            fuzz::body::<TemplateDraft>(bytes);
            fuzz::body::<PreviewDraft>(bytes);
        });
    }
}
