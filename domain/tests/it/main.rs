//! The domain on a real PostgreSQL, as the database role the API uses.
//!
//! Each test has a database of its own. Commands and queries run as `portal_api`; the owner only
//! migrates, and looks at what became of it.
#![allow(clippy::unwrap_used, reason = "a test may fail")]
#![allow(clippy::disallowed_types, reason = "tests look at the database directly")]

mod audit;
mod collapse;
mod connections;
mod customers;
mod idempotency;
mod lists;
mod notifications;
mod operations;
mod orders;
mod outbox_view;
mod products;
mod schedules;
mod stock;
mod stock_orders;
mod support;
mod test_events;
mod transaction;
mod webhooks;
