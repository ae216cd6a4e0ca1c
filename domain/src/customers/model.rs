//! What a customer is, and the types its fields are parsed into.
//!
//! Each `parse` takes the JSON pointer of the field it reads (`/email`), so that a caller can
//! collect what is wrong with all fields of a body before refusing it.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::kernel::error::FieldError;
use crate::kernel::input;
pub use crate::kernel::reason::Reason;

/// A customer of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// Never changes.
    pub id: Uuid,
    /// As a person writes it.
    pub name: Name,
    /// Unique within the tenant.
    pub email: Email,
    /// None if not known.
    pub phone: Option<Phone>,
    /// None while the customer is active.
    pub suspension: Option<Suspension>,
    /// The customer group, if it is in one.
    pub group_id: Option<Uuid>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// 1 when created, one more with every change; the sequence of its last event.
    pub version: i64,
}

/// Why and since when a customer is suspended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspension {
    /// As given with the suspension.
    pub reason: Reason,
    /// When.
    pub since: DateTime<Utc>,
}

/// A list of customers that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerGroup {
    /// Never changes.
    pub id: Uuid,
    /// Unique within the tenant.
    pub name: GroupName,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// 1 as long as groups cannot be changed.
    pub version: i64,
}

/// Whether a customer may do business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// May do business.
    Active,
    /// May not, until it is reinstated.
    Suspended,
}

/// A customer's name: one line of 1–200 characters.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::Type)]
#[sqlx(transparent)]
pub struct Name(String);

/// An e-mail address in lower case, at most 254 ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::Type)]
#[sqlx(transparent)]
pub struct Email(String);

/// A telephone number as a person writes it: 3–32 characters, at least three of them digits.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::Type)]
#[sqlx(transparent)]
pub struct Phone(String);

/// A customer group's name: one line of 1–100 characters.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::Type)]
#[sqlx(transparent)]
pub struct GroupName(String);

impl Customer {
    /// Active unless there is a suspension.
    pub fn status(&self) -> Status {
        match self.suspension {
            None => Status::Active,
            Some(_) => Status::Suspended,
        }
    }
}

impl Status {
    /// Reads `active` or `suspended`.
    ///
    /// # Errors
    /// Names `pointer`; code `unknown_status`.
    pub fn parse(text: &str, pointer: &str) -> Result<Self, FieldError> {
        match text {
            "active" => Ok(Self::Active),
            "suspended" => Ok(Self::Suspended),
            _ => Err(input::wrong(pointer, "unknown_status", "must be active or suspended")),
        }
    }

    /// As it is written in JSON and stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }
}

impl Name {
    /// # Errors
    /// Names `pointer`; codes `required`, `too_long`, `control_character`.
    pub fn parse(text: &str, pointer: &str) -> Result<Self, FieldError> {
        input::line(text, pointer, 200).map(Self)
    }
}

impl GroupName {
    /// # Errors
    /// As [`Name::parse`].
    pub fn parse(text: &str, pointer: &str) -> Result<Self, FieldError> {
        input::line(text, pointer, 100).map(Self)
    }
}

impl Email {
    /// Checks the form only: whether it receives mail, only mail can tell.
    ///
    /// # Errors
    /// Names `pointer`; codes as [`Name::parse`], and `email_malformed`.
    pub fn parse(text: &str, pointer: &str) -> Result<Self, FieldError> {
        let text = input::line(text, pointer, 254)?;
        if !is_mailbox(&text) {
            return Err(input::wrong(pointer, "email_malformed", "must be an e-mail address such as ada@example.com"));
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

/// `local@host.domain`, all ASCII: an internationalised domain is written in its `xn--` form.
fn is_mailbox(text: &str) -> bool {
    let local_ok = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+/=?^_`{|}~.-".contains(c);
    let label_ok = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.split_once('@').is_some_and(|(local, domain)| {
        (1..=64).contains(&local.len())
            && local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(local_ok))
            && domain.contains('.')
            && domain.split('.').all(label_ok)
    })
}

impl Phone {
    /// # Errors
    /// Names `pointer`; codes as [`Name::parse`], and `phone_malformed`.
    pub fn parse(text: &str, pointer: &str) -> Result<Self, FieldError> {
        let text = input::line(text, pointer, 32)?;
        let rest = text.strip_prefix('+').unwrap_or(&text);
        let digits = rest.chars().filter(char::is_ascii_digit).count();
        if digits < 3 || !rest.chars().all(|c| c.is_ascii_digit() || " -./()".contains(c)) {
            let detail = "must be a telephone number such as +31 20 555 0123";
            return Err(input::wrong(pointer, "phone_malformed", detail));
        }
        Ok(Self(text))
    }
}

/// The text conversions these types share.
macro_rules! text {
    ($($name:ident),*) => {$(
        impl $name {
            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
    )*};
}
text!(Name, Email, Phone, GroupName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_email_is_stored_in_lower_case() {
        assert_eq!(
            Email::parse(" Ada.Lovelace+x@Example.COM ", "/email").unwrap().as_str(),
            "ada.lovelace+x@example.com"
        );
    }

    #[test]
    fn what_is_no_mailbox_is_refused() {
        let long = format!("{}@example.com", "a".repeat(65));
        for bad in [
            "ada",
            "@example.com",
            "ada@",
            "ada@localhost",
            "a b@example.com",
            "a@b@c.de",
            "a..b@example.com",
            "a@-b.de",
            &long,
        ] {
            let error = Email::parse(bad, "/email").unwrap_err();
            assert_eq!((error.pointer.as_str(), error.code), ("/email", "email_malformed"), "{bad}");
        }
        assert_eq!(Email::parse(&format!("a@{}.de", "b".repeat(260)), "/email").unwrap_err().code, "too_long");
    }

    #[test]
    fn a_phone_number_has_digits_and_a_few_signs() {
        for good in ["+31 20 555 0123", "020-555.0123", "(020) 555 / 01", "112"] {
            assert!(Phone::parse(good, "/phone").is_ok(), "{good}");
        }
        for bad in ["call me", "12", "1+2345", "555 0123 ext 4"] {
            assert_eq!(Phone::parse(bad, "/phone").unwrap_err().code, "phone_malformed", "{bad}");
        }
    }

    #[test]
    fn a_status_is_one_of_two() {
        for status in [Status::Active, Status::Suspended] {
            assert_eq!(Status::parse(status.as_str(), "status").unwrap(), status);
        }
        assert_eq!(Status::parse("gone", "status").unwrap_err().code, "unknown_status");
    }
}
