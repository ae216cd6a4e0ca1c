//! The one error split. **Rejected** is an expected "no" with a stable code: a 4xx for a caller, a
//! permanent failure for a job. Everything else is a **fault**: a 500 that reveals nothing for a
//! caller, a retry for a job.

use std::borrow::Cow;

/// Why a command or query did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An expected "no". Nothing was changed.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The database failed, or is not reachable.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// Something that must hold does not: a bug or damaged data.
    #[error("internal: {0}")]
    Internal(String),
}

impl Error {
    /// Whether the database is away or overloaded, or chose this transaction to give way: trying
    /// again shortly may well work, and nothing is wrong with the request.
    pub fn is_unavailable(&self) -> bool {
        // serialization failure, deadlock, lock timeout, statement timeout, a transaction that was given
        // up because nothing was heard of it
        let gave_way = ["40001", "40P01", "55P03", "57014", "25P03"];
        self.is_unreachable() || self.database_code().is_some_and(|code| gave_way.contains(&&*code))
    }

    /// Whether the database could not be reached, or broke off: whatever was asked is not to blame.
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Database(sqlx::Error::Database(_)) => self.database_code().is_some_and(|code| {
                // connection lost, server shutting down or starting, too many connections
                code.starts_with("08") || ["57P01", "57P02", "57P03", "53300"].contains(&&*code)
            }),
            Self::Database(error) => matches!(
                error,
                // a protocol error: the other side broke off, or is no PostgreSQL that could serve anybody
                sqlx::Error::Io(_)
                    | sqlx::Error::Tls(_)
                    | sqlx::Error::Protocol(_)
                    | sqlx::Error::PoolTimedOut
                    | sqlx::Error::PoolClosed
            ),
            Self::Rejected(_) | Self::Internal(_) => false,
        }
    }

    fn database_code(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Database(sqlx::Error::Database(error)) => error.code(),
            _ => None,
        }
    }
}

/// An expected "no".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct Rejection {
    /// Decides the HTTP status.
    pub kind: RejectionKind,
    /// Stable, `snake_case`; part of the contract with callers.
    pub code: &'static str,
    /// One sentence for a person: what is wrong and what to do.
    pub detail: Cow<'static, str>,
    /// The fields that are wrong, if it is about input.
    pub fields: Vec<FieldError>,
}

/// What sort of "no" it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectionKind {
    /// The input does not make sense (422).
    Invalid,
    /// There is no such thing, or not for this caller (404).
    NotFound,
    /// It contradicts the present state (409).
    Conflict,
    /// The caller's version is not the current one (412).
    PreconditionFailed,
}

/// One wrong field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// JSON pointer into the request body (`/email`), or the name of a parameter.
    pub pointer: String,
    /// Stable, `snake_case`.
    pub code: &'static str,
    /// What is wrong and what would be right.
    pub detail: String,
}

impl Rejection {
    /// The present state forbids it.
    pub fn conflict(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(RejectionKind::Conflict, code, detail)
    }

    /// There is no such thing.
    pub fn not_found(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(RejectionKind::NotFound, code, detail)
    }

    /// The caller's version is stale.
    pub fn stale(current: i64) -> Self {
        Self::new(
            RejectionKind::PreconditionFailed,
            "version_conflict",
            format!("it has changed since: its version is {current}; load it again and repeat the change"),
        )
    }

    /// Refuses a change made for another version than the current one. Without an expectation any
    /// version will do.
    ///
    /// # Errors
    /// [`Rejection::stale`].
    pub fn unless_current(current: i64, expected: Option<i64>) -> Result<(), Self> {
        match expected {
            Some(expected) if expected != current => Err(Self::stale(current)),
            _ => Ok(()),
        }
    }

    /// Fields of the input are wrong; `fields` is not empty.
    pub fn invalid(fields: Vec<FieldError>) -> Self {
        Self { fields, ..Self::new(RejectionKind::Invalid, "validation_failed", "the input is not valid; see errors") }
    }

    /// A single wrong field under a code of its own.
    pub fn invalid_field(code: &'static str, pointer: &str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let field = FieldError { pointer: pointer.to_owned(), code, detail: detail.clone() };
        Self { fields: vec![field], ..Self::new(RejectionKind::Invalid, code, detail) }
    }

    fn new(kind: RejectionKind, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, code, detail: detail.into(), fields: Vec::new() }
    }
}

/// Turns the violation of a named constraint into the rejection it stands for.
///
/// The names are part of the contract: see the migrations.
pub fn on_constraint(error: sqlx::Error, name: &str, rejection: impl FnOnce() -> Rejection) -> Error {
    match error.as_database_error().and_then(|e| e.constraint()) {
        Some(violated) if violated == name => Error::Rejected(rejection()),
        _ => Error::Database(error),
    }
}
