//! Customers as callers see and write them.

use chrono::{DateTime, Utc};
use domain::Rejection;
use domain::customers::{CreateCustomer, Customer, Email, ListCustomers, Name, Phone, Reason, Status};
use domain::kernel::page::SearchText;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::body::{Input, Wrong};
use crate::list::{self, SortOrder};
use crate::parameters;
use crate::patch;
use crate::problem::Problem;

/// A customer of the tenant.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Customer)]
pub(super) struct CustomerBody {
    /// Never changes.
    #[schema(example = "01941f29-7c00-7000-8000-000000000001")]
    id: Uuid,
    #[schema(example = "Ada Lovelace")]
    name: String,
    /// In lower case; unique within the tenant.
    #[schema(example = "ada@example.com")]
    email: String,
    /// Null if not known.
    #[schema(example = "+31 20 555 0123", required = true)]
    phone: Option<String>,
    status: CustomerStatus,
    /// Null unless suspended.
    #[schema(example = json!(null), required = true)]
    suspend_reason: Option<String>,
    /// Null unless suspended.
    #[schema(example = json!(null), required = true)]
    suspended_at: Option<DateTime<Utc>>,
    /// Null if in no group.
    #[schema(example = "01941f29-7c00-7000-8000-000000000101", required = true)]
    group_id: Option<Uuid>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    /// 1 when created, one more with every change. In quotes it is the `ETag`.
    #[schema(example = 1)]
    version: i64,
}

/// Whether a customer may do business.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum CustomerStatus {
    Active,
    Suspended,
}

impl From<Customer> for CustomerBody {
    fn from(customer: Customer) -> Self {
        let suspension = customer.suspension.as_ref();
        Self {
            id: customer.id,
            name: customer.name.as_str().to_owned(),
            email: customer.email.as_str().to_owned(),
            phone: customer.phone.as_ref().map(|phone| phone.as_str().to_owned()),
            status: match customer.status() {
                Status::Active => CustomerStatus::Active,
                Status::Suspended => CustomerStatus::Suspended,
            },
            suspend_reason: suspension.map(|s| s.reason.as_str().to_owned()),
            suspended_at: suspension.map(|s| s.since),
            group_id: customer.group_id,
            created_at: customer.created_at,
            updated_at: customer.updated_at,
            version: customer.version,
        }
    }
}

/// A customer to create.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "name": "Grace Hopper", "email": "grace@example.com", "phone": "+1 212 555 0199",
    "groupId": "01941f29-7c00-7000-8000-000000000101"
}))]
pub(super) struct NewCustomer {
    /// One line.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// Not that of another customer of the tenant; stored in lower case.
    #[schema(format = Email, max_length = 254)]
    email: String,
    /// With at least three digits; spaces, dots, hyphens, slashes and parentheses are kept.
    #[schema(min_length = 3, max_length = 32, pattern = "^[+]?([ ./()-]*[0-9]){3}[0-9 ./()-]*$")]
    phone: Option<String>,
    /// A customer group of the tenant.
    group_id: Option<Uuid>,
}

impl Input for NewCustomer {
    type Parsed = CreateCustomer;

    fn parse(self, wrong: &mut Wrong) -> Option<CreateCustomer> {
        let name = wrong.take(Name::parse(&self.name, "/name"));
        let email = wrong.take(Email::parse(&self.email, "/email"));
        let phone = wrong.take_optional(self.phone.map(|phone| Phone::parse(&phone, "/phone")));
        Some(CreateCustomer { name: name?, email: email?, phone: phone?, group_id: self.group_id })
    }
}

/// What to change of a customer; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"name": "Ada King", "phone": "+44 20 7946 0958"}))]
pub(super) struct CustomerPatch {
    /// Another name; cannot be removed.
    #[serde(default, deserialize_with = "patch::required")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 200)]
    name: Option<String>,
    /// Another address; cannot be removed.
    #[serde(default, deserialize_with = "patch::required")]
    #[schema(value_type = String, required = false, format = Email, max_length = 254)]
    email: Option<String>,
    /// Another number; null removes it.
    #[serde(default, deserialize_with = "patch::nullable")]
    #[schema(value_type = Option<String>, min_length = 3, max_length = 32, pattern = "^[+]?([ ./()-]*[0-9]){3}[0-9 ./()-]*$")]
    phone: Option<Option<String>>,
}

impl Input for CustomerPatch {
    type Parsed = (Option<Name>, Option<Email>, Option<Option<Phone>>);

    fn parse(self, wrong: &mut Wrong) -> Option<Self::Parsed> {
        let name = wrong.take_optional(self.name.map(|name| Name::parse(&name, "/name")));
        let email = wrong.take_optional(self.email.map(|email| Email::parse(&email, "/email")));
        let phone = match self.phone {
            Some(phone) => wrong.take_optional(phone.map(|phone| Phone::parse(&phone, "/phone"))).map(Some),
            None => Some(None),
        };
        Some((name?, email?, phone?))
    }
}

/// Why a customer is suspended.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "Two invoices are unpaid"}))]
pub(super) struct SuspensionReason {
    /// One line.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

impl Input for SuspensionReason {
    type Parsed = Reason;

    fn parse(self, wrong: &mut Wrong) -> Option<Reason> {
        wrong.take(Reason::parse(&self.reason, "/reason"))
    }
}

/// The group a customer is to be in.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"groupId": "01941f29-7c00-7000-8000-000000000101"}))]
pub(super) struct GroupChoice {
    /// A customer group of the tenant; null takes the customer out of its group.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(required = true)]
    group_id: Option<Uuid>,
}

impl Input for GroupChoice {
    type Parsed = Option<Uuid>;

    fn parse(self, _: &mut Wrong) -> Option<Option<Uuid>> {
        Some(self.group_id)
    }
}

/// Filters, order and page of a list of customers.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParameters {
    /// Only customers with this status.
    #[param(value_type = Option<CustomerStatus>, inline)]
    status: Option<String>,
    /// Only customers in this group.
    #[param(value_type = Option<Uuid>)]
    group_id: Option<String>,
    /// Only customers with this in name or e-mail address, ignoring case.
    #[param(min_length = 1, max_length = 100)]
    text: Option<String>,
    /// `-` is descending; the default is `-created_at`.
    #[param(value_type = Option<SortOrder>, inline)]
    sort: Option<String>,
    /// `next` of the page before.
    #[param(min_length = 1)]
    cursor: Option<String>,
    /// Customers per page.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 200, default = 50)]
    limit: Option<String>,
}

impl ListParameters {
    /// # Errors
    /// 422 with one entry per wrong parameter.
    pub(super) fn query(self) -> Result<ListCustomers, Problem> {
        let mut wrong = Wrong::default();
        let status = wrong.take_optional(self.status.map(|status| Status::parse(&status, "status")));
        let text = wrong.take_optional(self.text.map(|text| SearchText::parse(&text, "text")));
        let group = wrong.take_optional(self.group_id.map(|id| parameters::uuid(&id, "groupId")));
        let page = list::listing(self.sort.as_deref(), self.cursor.as_deref(), self.limit.as_deref(), &mut wrong);
        match (status, text, group, page) {
            (Some(status), Some(text), Some(group_id), Some(page)) => {
                Ok(ListCustomers { status, group_id, text, page })
            }
            _ => Err(Rejection::invalid(wrong.into_errors()).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz;

    #[test]
    fn fuzz_customer_bodies() {
        ::fuzz::target(env!("CARGO_MANIFEST_DIR"), "customer_bodies", |bytes| {
            fuzz::body::<NewCustomer>(bytes);
            fuzz::body::<CustomerPatch>(bytes);
            fuzz::body::<SuspensionReason>(bytes);
            fuzz::body::<GroupChoice>(bytes);
        });
    }
}
