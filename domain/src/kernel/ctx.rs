//! Who asks, for which tenant, and as part of what: travels with every command, event and job.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The isolation boundary: 1–63 characters of `a-z`, `0-9` and `-`, not starting with `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TenantId(String);

/// Who did it: the subject of the caller's token, at most 200 characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Actor(String);

/// One per originating request, on everything it causes: 1–128 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CorrelationId(String);

/// A value that is not what its type asks for; says what is.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct Malformed(pub &'static str);

/// What a transaction may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The rows of one tenant.
    Tenant(TenantId),
    /// The installation: queues, jobs and dead letters of every tenant. Admin routes only.
    Installation,
    /// Nobody's data: only what the database role of the process may by itself. Jobs without a tenant.
    Process,
}

/// The circumstances of a command or query.
#[derive(Clone, Debug)]
pub struct Ctx {
    /// What the transaction may see.
    pub scope: Scope,
    /// Who asks.
    pub actor: Actor,
    /// The names of the roles that the caller's token has; none of a program.
    pub roles: Vec<&'static str>,
    /// Shared by everything the originating request causes.
    pub correlation_id: CorrelationId,
    /// The direct parent: the request's id, or the id of the event or job being handled.
    pub causation_id: String,
    /// W3C trace context of the caller, if there is one.
    pub traceparent: Option<String>,
}

impl FromStr for TenantId {
    type Err = Malformed;

    fn from_str(s: &str) -> Result<Self, Malformed> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if (1..=63).contains(&s.len()) && s.chars().all(allowed) && !s.starts_with('-') {
            Ok(Self(s.to_owned()))
        } else {
            Err(Malformed("a tenant is 1 to 63 characters of a-z, 0-9 and -, not starting with -"))
        }
    }
}

impl FromStr for Actor {
    type Err = Malformed;

    fn from_str(s: &str) -> Result<Self, Malformed> {
        if (1..=200).contains(&s.chars().count()) && !s.chars().any(char::is_control) {
            Ok(Self(s.to_owned()))
        } else {
            Err(Malformed("an actor is 1 to 200 characters without control characters"))
        }
    }
}

impl FromStr for CorrelationId {
    type Err = Malformed;

    fn from_str(s: &str) -> Result<Self, Malformed> {
        if (1..=128).contains(&s.len()) && s.chars().all(|c| c.is_ascii_graphic()) {
            Ok(Self(s.to_owned()))
        } else {
            Err(Malformed("a correlation id is 1 to 128 visible ASCII characters"))
        }
    }
}

impl CorrelationId {
    /// A new one, for a request that brought none.
    pub fn generate() -> Self {
        Self(uuid::Uuid::now_v7().to_string())
    }
}

/// The text conversions the three share.
macro_rules! text {
    ($($name:ident),*) => {$(
        impl $name {
            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl TryFrom<String> for $name {
            type Error = Malformed;
            fn try_from(s: String) -> Result<Self, Malformed> {
                s.parse()
            }
        }
        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}
text!(TenantId, Actor, CorrelationId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_cannot_carry_sql_or_spaces() {
        for bad in ["", "-a", "A", "a b", "a'; drop", "é", &"a".repeat(64)] {
            assert!(bad.parse::<TenantId>().is_err(), "{bad:?}");
        }
        assert!("acme-2".parse::<TenantId>().is_ok());
    }

    #[test]
    fn a_correlation_id_cannot_break_a_header() {
        assert!("a\r\nb".parse::<CorrelationId>().is_err());
        assert!("".parse::<CorrelationId>().is_err());
        assert!(CorrelationId::generate().as_str().parse::<CorrelationId>().is_ok());
    }
}
