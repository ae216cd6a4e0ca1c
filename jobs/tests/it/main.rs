//! The job runtime and the bus, on real PostgreSQL and RabbitMQ.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bus;
mod consumers;
mod delivery;
mod model;
mod operations;
mod operators;
mod outbox;
mod registry;
mod runtime;
mod servers;
mod started;
mod support;
