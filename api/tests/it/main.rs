//! The whole API in-process, over a real PostgreSQL as role `portal_api`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod app;
mod audit;
mod auth;
mod bulk;
mod customers;
mod description;
mod groups;
mod health;
mod http_files;
mod idempotency;
mod isolation;
mod issuer;
mod limits;
mod logging;
mod notifications;
mod operations;
mod orders;
mod preconditions;
mod problems;
mod products;
mod roles;
mod seed;
mod serving;
mod stock;
mod tokens;
mod webhooks;
