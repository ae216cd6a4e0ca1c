//! What all modules share. Small on purpose: a module's own needs stay in the module.

pub mod command;
pub mod connection;
pub mod ctx;
pub mod db;
pub mod decode;
mod doorbell;
pub mod error;
pub mod event;
pub mod fail_point;
pub mod idempotency;
pub mod inbox;
pub mod input;
pub mod job;
pub mod lag;
pub mod outbox;
pub mod page;
pub(crate) mod patch;
pub mod policy;
pub mod queue;
pub mod reason;
pub mod record;
pub mod schema;
pub mod tx;

pub use doorbell::CHANNEL as DOORBELL_CHANNEL;
