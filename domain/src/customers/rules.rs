//! Who may do what to a customer: pure decisions, one sentence each.
//!
//! A suspension stops a customer's business, not the work of those who keep its data: details and
//! group of a suspended customer may be changed, and the e-mail address stays taken.

use crate::kernel::error::Rejection;

use super::model::Customer;

/// Only an active customer can be suspended.
pub(super) fn can_be_suspended(customer: &Customer) -> Result<(), Rejection> {
    match &customer.suspension {
        None => Ok(()),
        Some(suspension) => Err(Rejection::conflict(
            "customer_already_suspended",
            format!("this customer is suspended since {}; reinstate it first", suspension.since.format("%FT%TZ")),
        )),
    }
}

/// Only a suspended customer can be reinstated.
pub(super) fn can_be_reinstated(customer: &Customer) -> Result<(), Rejection> {
    match customer.suspension {
        Some(_) => Ok(()),
        None => {
            Err(Rejection::conflict("customer_not_suspended", "this customer is active; there is nothing to reinstate"))
        }
    }
}

/// What a reader asks for must exist in its tenant.
pub(super) fn customer_not_found() -> Rejection {
    Rejection::not_found("customer_not_found", "there is no customer with this id")
}

/// As [`customer_not_found`], for groups.
pub(super) fn group_not_found() -> Rejection {
    Rejection::not_found("customer_group_not_found", "there is no customer group with this id")
}

/// Two customers of a tenant never share an e-mail address.
pub(super) fn email_taken() -> Rejection {
    Rejection::conflict(
        "customer_email_taken",
        "another customer has this e-mail address; use that one or another address",
    )
}

/// Two groups of a tenant never share a name.
pub(super) fn group_name_taken() -> Rejection {
    Rejection::conflict(
        "customer_group_name_taken",
        "another customer group has this name; use that one or another name",
    )
}

/// A customer can only be in a group of its own tenant.
pub(super) fn group_unknown() -> Rejection {
    Rejection::invalid_field(
        "customer_group_unknown",
        "/groupId",
        "there is no customer group with this id; create it first",
    )
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use uuid::Uuid;

    use super::super::model::{Email, Name, Reason, Suspension};
    use super::*;

    fn customer(suspension: Option<Suspension>) -> Customer {
        Customer {
            id: Uuid::nil(),
            name: Name::parse("Ada", "").unwrap(),
            email: Email::parse("ada@example.com", "").unwrap(),
            phone: None,
            suspension,
            group_id: None,
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
            version: 1,
        }
    }

    fn suspended() -> Customer {
        let since: DateTime<Utc> = "2026-03-01T09:30:00Z".parse().unwrap();
        customer(Some(Suspension { reason: Reason::parse("unpaid invoices", "").unwrap(), since }))
    }

    #[test]
    fn a_suspended_customer_cannot_be_suspended() {
        assert_eq!(can_be_suspended(&customer(None)), Ok(()));
        let rejection = can_be_suspended(&suspended()).unwrap_err();
        assert_eq!(rejection.code, "customer_already_suspended");
        assert_eq!(rejection.detail, "this customer is suspended since 2026-03-01T09:30:00Z; reinstate it first");
    }

    #[test]
    fn an_active_customer_cannot_be_reinstated() {
        assert_eq!(can_be_reinstated(&suspended()), Ok(()));
        assert_eq!(can_be_reinstated(&customer(None)).unwrap_err().code, "customer_not_suspended");
    }

    #[test]
    fn each_no_has_its_code_and_kind() {
        use crate::kernel::error::RejectionKind::{Conflict, Invalid, NotFound};
        let expected = [
            (customer_not_found(), "customer_not_found", NotFound),
            (group_not_found(), "customer_group_not_found", NotFound),
            (email_taken(), "customer_email_taken", Conflict),
            (group_name_taken(), "customer_group_name_taken", Conflict),
            (group_unknown(), "customer_group_unknown", Invalid),
        ];
        for (rejection, code, kind) in expected {
            assert_eq!((rejection.code, rejection.kind), (code, kind));
        }
        assert_eq!(group_unknown().fields[0].pointer, "/groupId");
    }
}
