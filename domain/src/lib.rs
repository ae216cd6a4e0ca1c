//! What the business allows, and the one transaction it happens in.
//!
//! `api` parses HTTP into a command, [`run`] opens a transaction, the command loads and locks its
//! aggregate, asks a pure rule, saves and emits. The commit makes state, event and outbox job
//! durable together; the doorbell then wakes the workers in `jobs`.
//!
//! A module has only the files it needs, always with these names: `mod` (doc and public surface),
//! `model`, `rules`, `events`, `jobs` (arguments), `commands`, `store` (SQL that writes or locks),
//! `queries` (SQL that only reads).

pub mod audit;
pub mod customers;
#[cfg(test)]
mod fuzz;
pub mod kernel;
pub mod messaging;
pub mod notifications;
pub mod operations;
pub mod orders;
pub mod products;
pub mod schedules;
pub mod stock;
pub mod webhooks;

pub use kernel::command::{Command, Query, fetch, run};
pub use kernel::ctx::{Actor, CorrelationId, Ctx, Scope, TenantId};
pub use kernel::db::Db;
pub use kernel::error::{Error, FieldError, Rejection, RejectionKind};
pub use kernel::idempotency::{Answer, IdempotencyKey, Outcome, run_once};
pub use kernel::tx::Tx;
