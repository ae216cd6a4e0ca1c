//! What happened to customers. Each event carries the whole customer as it is afterwards, so that
//! a reader looks nothing up; its `version` is the event's sequence.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::kernel::event::{CollapsingEvent, Event, fields_together};

use super::model::{Customer, Status};

/// A customer was created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CustomerCreated {
    /// As it is now.
    pub customer: CustomerSnapshot,
}

/// Details of a customer, or its group, were changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CustomerChanged {
    /// The fields that have another value now; at least one.
    pub changed: Vec<CustomerField>,
    /// As it is now.
    pub customer: CustomerSnapshot,
}

/// A customer was suspended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CustomerSuspended {
    /// Why.
    pub reason: String,
    /// As it is now.
    pub customer: CustomerSnapshot,
}

/// A suspended customer is active again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CustomerReinstated {
    /// As it is now.
    pub customer: CustomerSnapshot,
}

/// A field that can be among `changed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum CustomerField {
    /// `name`
    Name,
    /// `email`
    Email,
    /// `phone`
    Phone,
    /// `groupId`
    GroupId,
}

/// A customer right after an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CustomerSnapshot {
    /// Never changes.
    pub id: Uuid,
    /// 1–200 characters.
    pub name: String,
    /// Lower case.
    pub email: String,
    /// Null if not known.
    pub phone: Option<String>,
    /// `active` or `suspended`.
    pub status: Status,
    /// Null unless suspended.
    pub suspend_reason: Option<String>,
    /// Null unless suspended.
    pub suspended_at: Option<DateTime<Utc>>,
    /// Null if in no group.
    pub group_id: Option<Uuid>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed: by this event.
    pub updated_at: DateTime<Utc>,
    /// 1 when created, one more with every event.
    pub version: i64,
}

impl From<&Customer> for CustomerSnapshot {
    fn from(customer: &Customer) -> Self {
        let suspension = customer.suspension.as_ref();
        Self {
            id: customer.id,
            name: customer.name.as_str().to_owned(),
            email: customer.email.as_str().to_owned(),
            phone: customer.phone.as_ref().map(|phone| phone.as_str().to_owned()),
            status: customer.status(),
            suspend_reason: suspension.map(|s| s.reason.as_str().to_owned()),
            suspended_at: suspension.map(|s| s.since),
            group_id: customer.group_id,
            created_at: customer.created_at,
            updated_at: customer.updated_at,
            version: customer.version,
        }
    }
}

impl CollapsingEvent for CustomerChanged {
    fn collapse(self, later: Self) -> Self {
        Self { changed: fields_together(self.changed, later.changed), customer: later.customer }
    }
}

/// Type and aggregate of each event.
macro_rules! event {
    ($($event:ident = $name:literal),* $(,)?) => {$(
        impl Event for $event {
            const MODULE: &'static str = "customers";
            const TYPE: &'static str = concat!("com.offgrid.portal.customers.", $name);

            fn aggregate_id(&self) -> Uuid {
                self.customer.id
            }

            fn sequence(&self) -> i64 {
                self.customer.version
            }
        }
    )*};
}
event!(
    CustomerCreated = "customer-created",
    CustomerChanged = "customer-changed",
    CustomerSuspended = "customer-suspended",
    CustomerReinstated = "customer-reinstated",
);

#[cfg(test)]
mod tests {
    use super::super::model::{Email, Name, Phone, Reason, Suspension};
    use super::*;

    fn customer() -> Customer {
        Customer {
            id: "01980000-0000-7000-8000-000000000001".parse().unwrap(),
            name: Name::parse("Ada Lovelace", "").unwrap(),
            email: Email::parse("ada@example.com", "").unwrap(),
            phone: Some(Phone::parse("+31 20 555 0123", "").unwrap()),
            suspension: None,
            group_id: Some("01980000-0000-7000-8000-000000000002".parse().unwrap()),
            created_at: "2026-03-01T09:30:00.123456Z".parse().unwrap(),
            updated_at: "2026-03-02T10:00:00Z".parse().unwrap(),
            version: 2,
        }
    }

    /// The wire format is a contract: its schema and an example of each event are pinned.
    fn pin<E: Event>(example: &E) {
        let name = E::TYPE.rsplit('.').next().unwrap();
        assert_eq!(example.aggregate_id(), customer().id);
        assert_eq!(example.sequence(), 2);
        insta::assert_json_snapshot!(format!("{name}-example"), example);
        insta::assert_json_snapshot!(format!("{name}-schema"), schemars::schema_for!(E));
    }

    #[test]
    fn created() {
        pin(&CustomerCreated { customer: (&customer()).into() });
    }

    #[test]
    fn changed() {
        let changed = vec![CustomerField::Name, CustomerField::GroupId];
        pin(&CustomerChanged { changed, customer: (&customer()).into() });
    }

    #[test]
    fn suspended() {
        let reason = Reason::parse("unpaid invoices", "").unwrap();
        let suspension = Suspension { reason, since: "2026-03-02T10:00:00Z".parse().unwrap() };
        let customer = Customer { suspension: Some(suspension), phone: None, group_id: None, ..customer() };
        pin(&CustomerSuspended { reason: "unpaid invoices".to_owned(), customer: (&customer).into() });
    }

    #[test]
    fn reinstated() {
        pin(&CustomerReinstated { customer: (&customer()).into() });
    }
}
